package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// echo answers each update with the whole of it as `accepted`, until SIGTERM.
func echo(o options) {
	c, err := dial(o.address, o.prefix+"echo")
	if err != nil {
		fail(err)
	}
	c.onPublish = func(topic string, payload []byte) {
		if err := c.send(topic+"/accepted", payload); err != nil {
			fail(err)
		}
	}
	c.onClose = func() { fail(fmt.Errorf("the broker closed the connection")) }
	go c.run()
	if err := c.subscribe("devices/+/shadow/update"); err != nil {
		fail(err)
	}
	fmt.Println("READY")
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
}

// pass has the devices publish with 50 in flight each; one subscriber counts what arrives. What arrived makes room for the next, not
// what the broker acknowledged: it reads one packet of each connection in turn, and would starve the one subscriber.
func pass(o options) result {
	const window = 50
	var arrived, closed atomic.Int64
	payload := []byte(strings.Repeat("x", 210))
	publishers := make(map[string]*client, o.devices)
	publish := func(topic string) {
		if err := publishers[topic].send(topic, payload); err != nil {
			closed.Add(1)
		}
	}
	for i := range o.devices {
		c, err := dial(o.address, fmt.Sprintf("%sp%06d", o.prefix, i))
		if err != nil {
			fail(err)
		}
		publishers["pass/"+c.id] = c
		go c.run()
	}
	subscriber, err := dial(o.address, o.prefix+"pass")
	if err != nil {
		fail(err)
	}
	subscriber.onPublish = func(topic string, _ []byte) {
		arrived.Add(1)
		publish(topic)
	}
	go subscriber.run()
	if err := subscriber.subscribe("pass/+"); err != nil {
		fail(err)
	}
	for topic := range publishers {
		for range window {
			publish(topic)
		}
	}
	time.Sleep(o.warm)
	fmt.Println("COUNTING")
	before, started, cpu := arrived.Load(), time.Now(), cpuSeconds()
	time.Sleep(o.duration)
	seconds := time.Since(started).Seconds()
	return result{Mode: "pass", Devices: o.devices, Rate: float64(arrived.Load()-before) / seconds,
		Closed: closed.Load(), CPU: cpuSeconds() - cpu}
}
