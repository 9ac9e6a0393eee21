package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"walser/compat/bridge"
)

const fetchWait = 100 * time.Millisecond

func read(message *sarama.ConsumerMessage) bridge.Record {
	ms := message.Timestamp.UnixMilli()
	headers := []bridge.Header{}
	for _, header := range message.Headers {
		headers = append(headers, bridge.Header{Name: string(header.Key), Value: header.Value})
	}
	return bridge.Record{Topic: message.Topic, Partition: message.Partition, Offset: message.Offset, Time: &ms,
		Key: message.Key, Value: message.Value, Headers: headers}
}

func (c *client) Read(topic string, from bridge.Start, each func(bridge.Record) bool) error {
	first, last, err := c.Ends(topic)
	if err != nil {
		return err
	}
	if from.Offset != nil {
		first = *from.Offset
	} else if from.TimeMs != nil {
		if first, err = c.plain.GetOffset(topic, 0, *from.TimeMs); err != nil {
			return err
		}
	}
	consumer, err := sarama.NewConsumer(c.bootstrap, config())
	if err != nil {
		return err
	}
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(topic, 0, first)
	if err != nil {
		return err
	}
	defer partition.Close()
	late := time.After(bridge.CallTime)
	for {
		select {
		case message := <-partition.Messages():
			if !each(read(message)) || message.Offset+1 >= last {
				return nil
			}
		case err := <-partition.Errors():
			return err
		case <-late:
			return fmt.Errorf("not at the end after %s", bridge.CallTime)
		}
	}
}

// joining is the configuration of a group member.
func joining(session, heartbeat time.Duration) *sarama.Config {
	all := config()
	all.Consumer.Group.Session.Timeout = session
	all.Consumer.Group.Heartbeat.Interval = heartbeat
	all.Consumer.Group.Rebalance.Timeout = 10 * time.Second
	all.Consumer.Group.Rebalance.Retry.Backoff = 200 * time.Millisecond
	all.Consumer.Offsets.AutoCommit.Interval = bridge.CommitInterval
	return all
}

// someRecords reads a number of records as a group member.
type someRecords struct {
	count   int
	done    context.CancelFunc
	records []bridge.Record
}

func (s *someRecords) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (s *someRecords) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (s *someRecords) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		s.records = append(s.records, read(message))
		session.MarkMessage(message, "")
		if len(s.records) == s.count {
			session.Commit()
			s.done()
			return nil
		}
	}
	return nil
}

func (c *client) GroupRead(group, topic string, count int) ([]bridge.Record, error) {
	all := joining(6*time.Second, 500*time.Millisecond)
	all.Consumer.Offsets.AutoCommit.Enable = false
	member, err := sarama.NewConsumerGroup(c.bootstrap, group, all)
	if err != nil {
		return nil, err
	}
	ctx, done := context.WithTimeout(context.Background(), bridge.CallTime)
	handler := &someRecords{count: count, done: done}
	for ctx.Err() == nil && err == nil {
		err = member.Consume(ctx, []string{topic}, handler)
		var code sarama.KError
		if errors.As(err, &code) && bridge.Passing(int(code)) {
			err = nil
			time.Sleep(fetchWait)
		}
	}
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	err = errors.Join(err, member.Close())
	if err == nil && len(handler.records) != count {
		err = fmt.Errorf("%d of %d records after %s", len(handler.records), count, bridge.CallTime)
	}
	return handler.records, err
}

// member is a consumer group's handler. With the eager strategies each rebalance is a session of its own, with the
// cooperative one claims come and go within a session.
type member struct {
	group   sarama.ConsumerGroup
	events  *bridge.Events
	closing context.CancelFunc
	over    sync.WaitGroup
	// Claims run side by side.
	lock     sync.Mutex
	assigned map[bridge.Place]bool
}

func (c *client) OpenMember(options bridge.MemberOptions, events *bridge.Events) (bridge.Member, error) {
	all := joining(options.Session, options.Heartbeat)
	if options.Cooperative {
		all.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyCooperativeSticky()}
	}
	all.Consumer.Group.InstanceId = options.Instance
	all.RackID = options.Rack
	if options.ClientID != "" {
		all.ClientID = options.ClientID
	}
	if options.Latest {
		all.Consumer.Offsets.Initial = sarama.OffsetNewest
	}
	group, err := sarama.NewConsumerGroup(c.bootstrap, options.Group, all)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &member{group: group, events: events, closing: cancel, assigned: map[bridge.Place]bool{}}
	m.over.Go(func() {
		for err := range group.Errors() {
			fmt.Fprintln(os.Stderr, "group", options.Group, err)
		}
	})
	m.over.Go(func() { m.run(ctx, options.Topics) })
	return m, nil
}

func (m *member) run(ctx context.Context, topics []string) {
	for ctx.Err() == nil {
		err := m.group.Consume(ctx, topics, m)
		if err == nil || ctx.Err() != nil {
			continue
		}
		fmt.Fprintln(os.Stderr, "consuming", topics, err)
		// Lost connections are to be retried; what the broker says of this member or its topics is final.
		var code sarama.KError
		if errors.As(err, &code) && !bridge.Passing(int(code)) {
			m.events.Failed(err)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.assigned = map[bridge.Place]bool{}
	for topic, partitions := range session.Claims() {
		for _, partition := range partitions {
			m.assigned[bridge.Place{Topic: topic, Partition: partition}] = true
		}
	}
	m.tell()
	return nil
}

func (m *member) Cleanup(sarama.ConsumerGroupSession) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.assigned = map[bridge.Place]bool{}
	m.tell()
	return nil
}

func (m *member) tell() {
	all := []bridge.Place{}
	for place := range m.assigned {
		all = append(all, place)
	}
	m.events.Assigned(all)
}

// hold notes a change within a session.
func (m *member) hold(place bridge.Place, held bool) {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.assigned[place] == held {
		return
	}
	if held {
		m.assigned[place] = true
	} else {
		delete(m.assigned, place)
	}
	m.tell()
}

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	place := bridge.Place{Topic: claim.Topic(), Partition: claim.Partition()}
	m.hold(place, true)
	for message := range claim.Messages() {
		m.events.Records([]bridge.Record{read(message)})
		session.MarkMessage(message, "")
	}
	if session.Context().Err() == nil {
		// Taken in a cooperative rebalance; the end of a session is told by Cleanup.
		m.hold(place, false)
	}
	return nil
}

func (m *member) Pause() error {
	m.group.PauseAll()
	// A fetch that is under way still brings what it finds.
	time.Sleep(3 * fetchWait)
	return nil
}

func (m *member) Resume() error {
	m.group.ResumeAll()
	return nil
}

func (m *member) Close() error {
	m.closing()
	err := m.group.Close()
	m.over.Wait()
	return err
}
