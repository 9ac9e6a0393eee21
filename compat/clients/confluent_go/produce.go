package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"walser/compat/bridge"
)

const queueFullWait = 50 * time.Millisecond

type producer struct {
	writer    *kafka.Producer
	topic     string
	partition int32
}

func (c *client) OpenProducer(options bridge.ProducerOptions) (bridge.Producer, error) {
	return c.producer(options, nil)
}

func (c *client) producer(options bridge.ProducerOptions, more kafka.ConfigMap) (*producer, error) {
	settings := c.config(kafka.ConfigMap{
		"linger.ms": 5, "message.timeout.ms": callMs, "message.max.bytes": bridge.BytesMax,
		"compression.type": options.Codec, "enable.idempotence": options.Idempotent,
	})
	for key, value := range more {
		(*settings)[key] = value
	}
	writer, err := kafka.NewProducer(settings)
	if err != nil {
		return nil, err
	}
	go func() {
		// Deliveries have channels of their own, what comes here is the client's complaints.
		for event := range writer.Events() {
			fmt.Fprintln(os.Stderr, event)
		}
	}()
	p := &producer{writer, options.Topic, kafka.PartitionAny}
	if options.Partition != nil {
		p.partition = *options.Partition
	}
	return p, nil
}

// put hands over one record, waiting for room in the client's queue.
func (p *producer) put(record bridge.Record, delivered chan kafka.Event) error {
	message := &kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &p.topic, Partition: p.partition},
		Key:            record.Key, Value: record.Value,
	}
	if record.Time != nil {
		message.Timestamp = time.UnixMilli(*record.Time)
	}
	for _, header := range record.Headers {
		message.Headers = append(message.Headers, kafka.Header{Key: header.Name, Value: header.Value})
	}
	for {
		err := p.writer.Produce(message, delivered)
		failed, known := err.(kafka.Error)
		if !known || failed.Code() != kafka.ErrQueueFull {
			return err
		}
		time.Sleep(queueFullWait)
	}
}

func (p *producer) Send(records []bridge.Record) error {
	delivered := make(chan kafka.Event, len(records))
	for _, record := range records {
		if err := p.put(record, delivered); err != nil {
			return err
		}
	}
	var first error
	for range records {
		if message := (<-delivered).(*kafka.Message); message.TopicPartition.Error != nil && first == nil {
			first = message.TopicPartition.Error
		}
	}
	return first
}

func (p *producer) Close() error {
	p.writer.Close()
	return nil
}

// pump is a producer that does not wait.
type pump struct {
	*producer
	delivered chan kafka.Event
	over      sync.WaitGroup
	// Guards what follows.
	lock         sync.Mutex
	acknowledged int
	failed       error
}

func (c *client) OpenPump(topic string) (bridge.Pump, error) {
	zero := int32(0)
	writer, err := c.producer(bridge.ProducerOptions{Topic: topic, Partition: &zero, Codec: "none", Idempotent: true},
		kafka.ConfigMap{
			"linger.ms": 0, "batch.num.messages": bridge.PumpBatch, "max.in.flight.requests.per.connection": 5,
			"message.timeout.ms": int(bridge.PumpTime / time.Millisecond),
		})
	if err != nil {
		return nil, err
	}
	p := &pump{producer: writer, delivered: make(chan kafka.Event, 1000)}
	p.over.Go(func() {
		for event := range p.delivered {
			p.lock.Lock()
			if message := event.(*kafka.Message); message.TopicPartition.Error == nil {
				p.acknowledged++
			} else if p.failed == nil {
				p.failed = message.TopicPartition.Error
			}
			p.lock.Unlock()
		}
	})
	return p, nil
}

func (p *pump) Put(record bridge.Record) error {
	return p.put(record, p.delivered)
}

func (p *pump) Acknowledged() int {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.acknowledged
}

func (p *pump) Finish() error {
	left := p.writer.Flush(int(bridge.PumpTime / time.Millisecond))
	p.writer.Close()
	close(p.delivered)
	p.over.Wait()
	if p.failed == nil && left > 0 {
		return fmt.Errorf("%d records not acknowledged after %s", left, bridge.PumpTime)
	}
	return p.failed
}
