package bridge

import (
	"fmt"
	"sync"
	"time"
)

const (
	// PumpBatch is how many records a pump may put into one batch, so that several requests are soon in flight.
	PumpBatch = 2

	pumpInterval = 100 * time.Millisecond
	pumpBurst    = 30
)

// pumping hands records to a pump until it is stopped.
type pumping struct {
	pump     Pump
	stopping chan struct{}
	over     sync.WaitGroup
	// Written by the pumping goroutine, read once it is over.
	sent int
	err  error
}

func (s *server) openPump(call *Call) (int, error) {
	pump, err := s.client.OpenPump(call.Topic)
	if err != nil {
		return 0, err
	}
	p := &pumping{pump: pump, stopping: make(chan struct{})}
	p.over.Go(p.run)
	number := s.number()
	s.open.Lock()
	defer s.open.Unlock()
	s.pumps[number] = p
	return number, nil
}

func (p *pumping) run() {
	tick := time.NewTicker(pumpInterval)
	defer tick.Stop()
	for p.err == nil {
		select {
		case <-p.stopping:
			return
		case <-tick.C:
			for n := 0; n < pumpBurst && p.err == nil; n++ {
				// As `numbered` of flows/context.py makes them.
				p.err = p.pump.Put(Record{
					Key: fmt.Appendf(nil, "key-%06d", p.sent), Value: fmt.Appendf(nil, "record number %06d", p.sent),
				})
				p.sent++
			}
		}
	}
}

func (p *pumping) stop() (int, error) {
	close(p.stopping)
	p.over.Wait()
	if p.err != nil {
		return 0, p.err
	}
	return p.sent, p.pump.Finish()
}
