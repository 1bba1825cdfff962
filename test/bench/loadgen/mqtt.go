package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// MQTT 3.1.1 packet types, section 2.2.1.
const (
	connack   = 2
	publish   = 3
	puback    = 4
	suback    = 9
	keepAlive = 0 // no PINGREQ: a run lasts seconds
)

// client is one MQTT 3.1.1 connection by hand, so that the generator costs little beside what it measures.
type client struct {
	id        string
	conn      net.Conn
	reader    *bufio.Reader
	writing   sync.Mutex
	packetID  uint16
	onPublish func(topic string, payload []byte)
	onPuback  func()
	onClose   func()
	suback    chan struct{}
}

func dial(address, id string) (*client, error) {
	conn, err := net.DialTimeout("tcp", address, 30*time.Second)
	if err != nil {
		return nil, err
	}
	c := &client{id: id, conn: conn, reader: bufio.NewReaderSize(conn, 4096), suback: make(chan struct{}, 4)}
	const cleanSession = 2
	body := append([]byte{0, 4, 'M', 'Q', 'T', 'T', 4, cleanSession, 0, keepAlive}, text(id)...)
	if err := c.write(packet(0x10, body)); err != nil {
		return nil, err
	}
	header, payload, err := c.read()
	if err != nil {
		return nil, err
	}
	if header>>4 != connack || len(payload) < 2 || payload[1] != 0 {
		return nil, fmt.Errorf("%s: connection refused", id)
	}
	return c, nil
}

// run reads until the connection ends; callbacks are called from here.
func (c *client) run() {
	for {
		header, payload, err := c.read()
		if err != nil {
			if c.onClose != nil {
				c.onClose()
			}
			return
		}
		switch header >> 4 {
		case publish:
			c.received(header, payload)
		case puback:
			if c.onPuback != nil {
				c.onPuback()
			}
		case suback:
			c.suback <- struct{}{}
		}
	}
}

func (c *client) received(header byte, payload []byte) {
	length := int(payload[0])<<8 | int(payload[1])
	topic, rest := string(payload[2:2+length]), payload[2+length:]
	if header&6 != 0 {
		_ = c.write([]byte{puback << 4, 2, rest[0], rest[1]})
		rest = rest[2:]
	}
	if c.onPublish != nil {
		c.onPublish(topic, rest)
	}
}

// subscribe asks for the filters with QoS 1 and waits until it is granted.
func (c *client) subscribe(filters ...string) error {
	body := []byte{0, 1}
	for _, filter := range filters {
		body = append(append(body, text(filter)...), 1)
	}
	if err := c.write(packet(0x82, body)); err != nil {
		return err
	}
	select {
	case <-c.suback:
		return nil
	case <-time.After(30 * time.Second):
		return errors.New("no SUBACK in 30 s")
	}
}

// send publishes with QoS 1.
func (c *client) send(topic string, payload []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.packetID++; c.packetID == 0 {
		c.packetID = 1
	}
	body := append(text(topic), byte(c.packetID>>8), byte(c.packetID))
	_, err := c.conn.Write(packet(0x32, append(body, payload...)))
	return err
}

func (c *client) write(bytes []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := c.conn.Write(bytes)
	return err
}

func (c *client) read() (byte, []byte, error) {
	header, err := c.reader.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	length := 0
	for shift := 0; ; shift += 7 {
		next, err := c.reader.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		length |= int(next&127) << shift
		if next < 128 {
			break
		}
	}
	payload := make([]byte, length)
	_, err = io.ReadFull(c.reader, payload)
	return header, payload, err
}

func text(s string) []byte {
	return append([]byte{byte(len(s) >> 8), byte(len(s))}, s...)
}

func packet(header byte, body []byte) []byte {
	out := []byte{header}
	for length := len(body); ; {
		digit := byte(length & 127)
		if length >>= 7; length > 0 {
			out = append(out, digit|128)
			continue
		}
		return append(append(out, digit), body...)
	}
}
