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

// pass has the devices publish with 50 in flight each; one subscriber counts what arrives.
func pass(o options) result {
	const window = 50
	var arrived, closed atomic.Int64
	subscriber, err := dial(o.address, o.prefix+"pass")
	if err != nil {
		fail(err)
	}
	subscriber.onPublish = func(string, []byte) { arrived.Add(1) }
	go subscriber.run()
	if err := subscriber.subscribe("pass/+"); err != nil {
		fail(err)
	}
	payload := []byte(strings.Repeat("x", 210))
	for i := range o.devices {
		c, err := dial(o.address, fmt.Sprintf("%sp%06d", o.prefix, i))
		if err != nil {
			fail(err)
		}
		topic := "pass/" + c.id
		publishOne := func() {
			if err := c.send(topic, payload); err != nil {
				closed.Add(1)
			}
		}
		c.onPuback = publishOne
		go c.run()
		for range window {
			publishOne()
		}
	}
	time.Sleep(o.warm)
	before, started, cpu := arrived.Load(), time.Now(), cpuSeconds()
	time.Sleep(o.duration)
	seconds := time.Since(started).Seconds()
	return result{Mode: "pass", Devices: o.devices, Rate: float64(arrived.Load()-before) / seconds,
		Closed: closed.Load(), CPU: cpuSeconds() - cpu}
}
