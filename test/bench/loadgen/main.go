// loadgen loads a broker on loopback as many devices would, prints COUNTING when the measurement begins and, when it is over, one
// JSON line of what it saw.
//
//	shadow  each device sends an update and, when its `accepted` has come, the next
//	echo    answers every update with `accepted` at once: the null backend, best possible round trip
//	pass    publishers with a window of 50 and one subscriber: what the broker alone passes through
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

type options struct {
	address  string
	devices  int
	prefix   string
	warm     time.Duration
	duration time.Duration
}

type result struct {
	Mode    string  `json:"mode"`
	Devices int     `json:"devices"`
	Rate    float64 `json:"rate"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Closed  int64   `json:"closed"`
	Late    int64   `json:"late"`
	CPU     float64 `json:"cpu_seconds"`
}

func main() {
	var o options
	mode := flag.String("mode", "shadow", "shadow, echo or pass")
	flag.StringVar(&o.address, "address", "127.0.0.1:1883", "the broker, on loopback")
	flag.IntVar(&o.devices, "devices", 100, "how many connect")
	flag.StringVar(&o.prefix, "prefix", "bench-", "device ids are PREFIX000000 and up")
	flag.DurationVar(&o.warm, "warm", 2*time.Second, "before counting")
	flag.DurationVar(&o.duration, "duration", 4*time.Second, "counted")
	flag.Parse()
	host, _, err := net.SplitHostPort(o.address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		fail(fmt.Errorf("%q is no address of loopback", o.address))
	}
	switch *mode {
	case "shadow":
		print(shadow(o))
	case "echo":
		echo(o)
	case "pass":
		print(pass(o))
	default:
		fail(fmt.Errorf("no mode %q", *mode))
	}
}

func print(r result) {
	line, err := json.Marshal(r)
	if err != nil {
		fail(err)
	}
	fmt.Println(string(line))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "loadgen:", err)
	os.Exit(1)
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}
