package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"walser/compat/bridge"
)

const pollMs = 100

func read(message *kafka.Message) bridge.Record {
	ms := message.Timestamp.UnixMilli()
	headers := []bridge.Header{}
	for _, header := range message.Headers {
		headers = append(headers, bridge.Header{Name: header.Key, Value: header.Value})
	}
	return bridge.Record{
		Topic: *message.TopicPartition.Topic, Partition: message.TopicPartition.Partition,
		Offset: int64(message.TopicPartition.Offset), Time: &ms, Key: message.Key, Value: message.Value, Headers: headers,
	}
}

// final tells whether an error is one that the client does not mend by itself, as it does lost connections.
func final(err kafka.Error) bool {
	return err.IsFatal() || err.Code() >= 0 && !err.IsRetriable() && !bridge.Passing(int(err.Code()))
}

// seek seeks once the partition is being read: after Assign that takes librdkafka a moment.
func seek(consumer *kafka.Consumer, to kafka.TopicPartition) error {
	late := time.Now().Add(bridge.CallTime)
	for wait := 0; ; wait = pollMs {
		// What was read or refused until then is dropped.
		consumer.Poll(wait)
		var said kafka.Error
		err := consumer.Seek(to, callMs)
		if !errors.As(err, &said) || said.Code() != kafka.ErrState || time.Now().After(late) {
			return err
		}
	}
}

func (c *client) Read(topic string, from bridge.Start, each func(bridge.Record) bool) error {
	start := place(topic, kafka.OffsetBeginning)
	if from.TimeMs != nil {
		found, err := c.places.OffsetsForTimes([]kafka.TopicPartition{place(topic, kafka.Offset(*from.TimeMs))}, callMs)
		if err != nil {
			return err
		}
		start = found[0]
	}
	consumer, err := kafka.NewConsumer(c.config(kafka.ConfigMap{
		"group.id": "unused", "enable.auto.commit": false, "enable.partition.eof": true, "fetch.wait.max.ms": pollMs,
		"auto.offset.reset": "earliest",
	}))
	if err != nil {
		return err
	}
	defer consumer.Close()
	if err := consumer.Assign([]kafka.TopicPartition{start}); err != nil {
		return err
	}
	if from.Offset != nil {
		if err := seek(consumer, place(topic, kafka.Offset(*from.Offset))); err != nil {
			return err
		}
	}
	for late := time.Now().Add(bridge.CallTime); time.Now().Before(late); {
		switch event := consumer.Poll(pollMs).(type) {
		case *kafka.Message:
			if !each(read(event)) {
				return nil
			}
		case kafka.PartitionEOF:
			return nil
		case kafka.Error:
			if final(event) {
				return event
			}
		}
	}
	return fmt.Errorf("not at the end after %s", bridge.CallTime)
}

func (c *client) GroupRead(group, topic string, count int) ([]bridge.Record, error) {
	consumer, err := kafka.NewConsumer(c.config(kafka.ConfigMap{
		"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": false, "fetch.wait.max.ms": pollMs,
	}))
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	if err := consumer.SubscribeTopics([]string{topic}, nil); err != nil {
		return nil, err
	}
	records := []bridge.Record{}
	for late := time.Now().Add(bridge.CallTime); time.Now().Before(late); {
		switch event := consumer.Poll(pollMs).(type) {
		case *kafka.Message:
			records = append(records, read(event))
			if len(records) < count {
				continue
			}
			if _, err := consumer.CommitMessage(event); err != nil {
				return nil, err
			}
			committed, err := consumer.Committed([]kafka.TopicPartition{place(topic, 0)}, callMs)
			if err == nil && committed[0].Offset != event.TopicPartition.Offset+1 {
				err = &bridge.CodedError{Code: "WRONG_COMMIT", Text: committed[0].String()}
			}
			return records, err
		case kafka.Error:
			if final(event) {
				return nil, event
			}
		}
	}
	return nil, fmt.Errorf("%d of %d records after %s", len(records), count, bridge.CallTime)
}

// member polls on its own; librdkafka commits what it handed over, also when partitions are taken.
type member struct {
	consumer *kafka.Consumer
	events   *bridge.Events
	closing  chan struct{}
	over     sync.WaitGroup
	// Only the polling goroutine touches it, rebalances included.
	assigned map[bridge.Place]bool
	// Set when a fatal error ended the polling.
	failed bool
}

func (c *client) OpenMember(options bridge.MemberOptions, events *bridge.Events) (bridge.Member, error) {
	settings := kafka.ConfigMap{
		"group.id": options.Group, "auto.offset.reset": "earliest", "enable.auto.commit": true,
		"auto.commit.interval.ms": int(bridge.CommitInterval / time.Millisecond),
		"session.timeout.ms":      int(options.Session / time.Millisecond),
		"heartbeat.interval.ms":   int(options.Heartbeat / time.Millisecond),
		"fetch.wait.max.ms":       pollMs, "partition.assignment.strategy": "range", "allow.auto.create.topics": false,
	}
	if options.Cooperative {
		settings["partition.assignment.strategy"] = "cooperative-sticky"
	}
	if options.Latest {
		settings["auto.offset.reset"] = "latest"
	}
	for key, value := range map[string]string{
		"group.instance.id": options.Instance, "client.rack": options.Rack, "client.id": options.ClientID,
	} {
		if value != "" {
			settings[key] = value
		}
	}
	consumer, err := kafka.NewConsumer(c.config(settings))
	if err != nil {
		return nil, err
	}
	m := &member{consumer: consumer, events: events, closing: make(chan struct{}), assigned: map[bridge.Place]bool{}}
	if err := consumer.SubscribeTopics(options.Topics, m.rebalanced); err != nil {
		consumer.Close()
		return nil, err
	}
	m.over.Go(m.run)
	return m, nil
}

// rebalanced only notes what changed; the client does the assigning itself after it.
func (m *member) rebalanced(_ *kafka.Consumer, event kafka.Event) error {
	switch change := event.(type) {
	case kafka.AssignedPartitions:
		for _, place := range change.Partitions {
			m.assigned[bridge.Place{Topic: *place.Topic, Partition: place.Partition}] = true
		}
	case kafka.RevokedPartitions:
		for _, place := range change.Partitions {
			delete(m.assigned, bridge.Place{Topic: *place.Topic, Partition: place.Partition})
		}
	}
	all := []bridge.Place{}
	for place := range m.assigned {
		all = append(all, place)
	}
	m.events.Assigned(all)
	return nil
}

func (m *member) run() {
	for {
		select {
		case <-m.closing:
			return
		default:
		}
		switch event := m.consumer.Poll(pollMs).(type) {
		case *kafka.Message:
			m.events.Records([]bridge.Record{read(event)})
		case kafka.Error:
			// A topic made just now may not be known yet; the client asks for it again.
			if final(event) && event.Code() != kafka.ErrUnknownTopicOrPart {
				m.failed = true
				m.events.Failed(event)
				return
			}
		}
	}
}

func (m *member) Pause() error {
	held, err := m.consumer.Assignment()
	return errors.Join(err, m.consumer.Pause(held))
}

func (m *member) Resume() error {
	held, err := m.consumer.Assignment()
	return errors.Join(err, m.consumer.Resume(held))
}

func (m *member) Close() error {
	close(m.closing)
	m.over.Wait()
	if m.failed {
		// After a fatal error Close would wait without end for a close that librdkafka refused.
		return nil
	}
	return m.consumer.Close()
}
