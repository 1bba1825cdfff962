package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// late is how long a device waits for `accepted` before it counts the update as late and goes on.
const late = 10 * time.Second

// device sends one update at a time, about 210 bytes of five leaves.
type device struct {
	*client
	mutex  sync.Mutex
	number int
	sent   time.Time
	token  string
}

func (d *device) next() {
	d.mutex.Lock()
	d.number++
	n := d.number
	d.token = fmt.Sprintf("%s-%d", d.id, n)
	d.sent = time.Now()
	payload := fmt.Sprintf(
		`{"state":{"reported":{"temp":%d.%d,"uptime":%d,"rssi":-%d,"net":{"rx":%d,"tx":%d},"seq":%d,"fw":"2.%d.0"}},"clientToken":"%s"}`,
		15+n%40, n%10, n*30, 40+n%50, n*1777, n*991, n, n%3, d.token)
	d.mutex.Unlock()
	if err := d.send("devices/"+d.id+"/shadow/update", []byte(payload)); err != nil {
		fail(err)
	}
}

// accepted reports how long the update in flight took; false for another one's answer.
func (d *device) accepted(payload []byte) (time.Duration, bool) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if !strings.Contains(string(payload), `"`+d.token+`"`) {
		return 0, false
	}
	return time.Since(d.sent), true
}

func shadow(o options) result {
	var counting atomic.Bool
	var closed, lateCount atomic.Int64
	var mutex sync.Mutex
	var took []time.Duration
	devices := connectAll(o, func(d *device) {
		d.onClose = func() { closed.Add(1) }
		d.onPublish = func(_ string, payload []byte) {
			if duration, mine := d.accepted(payload); mine {
				if counting.Load() {
					mutex.Lock()
					took = append(took, duration)
					mutex.Unlock()
				}
				d.next()
			}
		}
	})
	for _, d := range devices {
		go d.next()
	}
	time.Sleep(o.warm)
	counting.Store(true)
	fmt.Println("COUNTING")
	started, cpu := time.Now(), cpuSeconds()
	time.Sleep(o.duration)
	counting.Store(false)
	seconds, used := time.Since(started).Seconds(), cpuSeconds()-cpu
	for _, d := range devices {
		d.mutex.Lock()
		if time.Since(d.sent) > late {
			lateCount.Add(1)
		}
		d.mutex.Unlock()
	}
	mutex.Lock()
	defer mutex.Unlock()
	slices.Sort(took)
	return result{Mode: "shadow", Devices: o.devices, Rate: float64(len(took)) / seconds, P50: quantile(took, 0.5),
		P99: quantile(took, 0.99), Closed: closed.Load(), Late: lateCount.Load(), CPU: used}
}

// connectAll connects at most 100 at once; each subscribes to its own accepted topic.
func connectAll(o options, prepare func(*device)) []*device {
	devices := make([]*device, o.devices)
	slots := make(chan struct{}, 100)
	var group sync.WaitGroup
	for i := range devices {
		group.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; group.Done() }()
			c, err := dial(o.address, fmt.Sprintf("%s%06d", o.prefix, i))
			if err != nil {
				fail(err)
			}
			d := &device{client: c}
			prepare(d)
			devices[i] = d
			go d.run()
			if err := d.subscribe("devices/" + d.id + "/shadow/update/accepted"); err != nil {
				fail(err)
			}
		}()
	}
	group.Wait()
	return devices
}

func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := min(int(float64(len(sorted))*q), len(sorted)-1)
	return float64(sorted[at].Microseconds()) / 1000
}
