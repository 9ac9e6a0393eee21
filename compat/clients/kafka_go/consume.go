package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"walser/compat/bridge"
)

const (
	fetchWait = 100 * time.Millisecond
	timeout   = 10 * time.Second
)

func read(message kafka.Message) bridge.Record {
	ms := message.Time.UnixMilli()
	headers := []bridge.Header{}
	for _, header := range message.Headers {
		headers = append(headers, bridge.Header{Name: header.Key, Value: header.Value})
	}
	return bridge.Record{Topic: message.Topic, Partition: int32(message.Partition), Offset: message.Offset, Time: &ms,
		Key: message.Key, Value: message.Value, Headers: headers}
}

func (c *client) reader(topic string, partition int, dialer *kafka.Dialer) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{c.bootstrap}, Topic: topic, Partition: partition, Dialer: dialer, MaxWait: fetchWait,
		MinBytes: 1, MaxBytes: bridge.BytesMax, ReadLagInterval: -1, ReadBackoffMin: 10 * time.Millisecond,
		ReadBackoffMax: fetchWait, OffsetOutOfRangeError: true, MaxAttempts: 100,
		ErrorLogger: kafka.LoggerFunc(func(what string, values ...any) { fmt.Fprintf(os.Stderr, what+"\n", values...) }),
	})
}

// Read fetches with Client where it starts at the start: a Reader takes empty keys and values for null. It seeks with
// a Reader.
func (c *client) Read(topic string, from bridge.Start, each func(bridge.Record) bool) error {
	ctx, done := soon()
	defer done()
	first, last, err := c.Ends(topic)
	if err != nil {
		return err
	}
	if from.Offset == nil && from.TimeMs == nil {
		return c.fetch(ctx, topic, first, last, each)
	}
	reader := c.reader(topic, 0, nil)
	defer reader.Close()
	if from.Offset != nil {
		err = reader.SetOffset(*from.Offset)
	} else if from.TimeMs != nil {
		err = reader.SetOffsetAt(ctx, time.UnixMilli(*from.TimeMs))
	}
	if err != nil {
		return err
	}
	for {
		message, err := reader.ReadMessage(ctx)
		if err != nil {
			return err
		}
		if !each(read(message)) || message.Offset+1 >= last {
			return nil
		}
	}
}

// passing tells whether to ask again, which Client leaves to its user.
func passing(err error) bool {
	var code kafka.Error
	if errors.As(err, &code) && bridge.Passing(int(code)) {
		time.Sleep(fetchWait)
		return true
	}
	return false
}

func (c *client) fetch(ctx context.Context, topic string, from, last int64, each func(bridge.Record) bool) error {
	for from < last {
		fetched, err := c.plain.Fetch(ctx, &kafka.FetchRequest{
			Topic: topic, Offset: from, MinBytes: 1, MaxBytes: bridge.BytesMax, MaxWait: fetchWait,
		})
		if err == nil {
			err = fetched.Error
		}
		if passing(err) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return err
		}
		for {
			record, err := fetched.Records.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			key, err := kafka.ReadAll(record.Key)
			if err != nil {
				return err
			}
			value, err := kafka.ReadAll(record.Value)
			if err != nil {
				return err
			}
			if record.Offset < from {
				continue
			}
			from = record.Offset + 1
			if !each(read(kafka.Message{
				Topic: topic, Offset: record.Offset, Time: record.Time, Key: key, Value: value, Headers: record.Headers,
			})) {
				return nil
			}
		}
	}
	return nil
}

// GroupRead uses a Reader with a group, which shows its user nothing of the group.
func (c *client) GroupRead(group, topic string, count int) ([]bridge.Record, error) {
	ctx, done := soon()
	defer done()
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{c.bootstrap}, GroupID: group, GroupTopics: []string{topic}, MaxWait: fetchWait,
		MaxBytes: bridge.BytesMax, StartOffset: kafka.FirstOffset, JoinGroupBackoff: fetchWait,
	})
	records := []bridge.Record{}
	for {
		message, err := reader.FetchMessage(ctx)
		if err != nil {
			return nil, errors.Join(err, reader.Close())
		}
		records = append(records, read(message))
		if len(records) == count {
			return records, errors.Join(reader.CommitMessages(ctx, message), reader.Close())
		}
	}
}

// member is a ConsumerGroup: each generation has its partitions, each partition a Reader.
type member struct {
	client  *client
	group   *kafka.ConsumerGroup
	options bridge.MemberOptions
	dialer  *kafka.Dialer
	events  *bridge.Events
	closing context.CancelFunc
	over    sync.WaitGroup
	// kafka-go cannot pause a Reader: its user takes nothing, heartbeats go on by themselves.
	paused sync.RWMutex
}

func (c *client) OpenMember(options bridge.MemberOptions, events *bridge.Events) (bridge.Member, error) {
	dialer := &kafka.Dialer{Timeout: timeout, DualStack: true, ClientID: options.ClientID}
	start := kafka.FirstOffset
	if options.Latest {
		start = kafka.LastOffset
	}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: options.Group, Brokers: []string{c.bootstrap}, Dialer: dialer, Topics: options.Topics,
		GroupBalancers:    []kafka.GroupBalancer{kafka.RangeGroupBalancer{}},
		HeartbeatInterval: options.Heartbeat, SessionTimeout: options.Session, RebalanceTimeout: timeout,
		JoinGroupBackoff: fetchWait, StartOffset: start, Timeout: timeout,
		ErrorLogger: kafka.LoggerFunc(func(what string, values ...any) { fmt.Fprintf(os.Stderr, what+"\n", values...) }),
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &member{client: c, group: group, options: options, dialer: dialer, events: events, closing: cancel}
	m.over.Go(func() { m.run(ctx) })
	return m, nil
}

func (m *member) run(ctx context.Context) {
	for ctx.Err() == nil {
		generation, err := m.group.Next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			// Lost connections are to be retried; what the broker says of this member or its topics is final.
			var code kafka.Error
			if errors.As(err, &code) && !code.Temporary() && !bridge.Passing(int(code)) {
				m.events.Failed(err)
				return
			}
			fmt.Fprintln(os.Stderr, "joining", m.options.Group, err)
			continue
		}
		places := []bridge.Place{}
		for topic, partitions := range generation.Assignments {
			for _, partition := range partitions {
				places = append(places, bridge.Place{Topic: topic, Partition: int32(partition.ID)})
				generation.Start(func(ctx context.Context) { m.partition(ctx, generation, topic, partition) })
			}
		}
		m.events.Assigned(places)
	}
}

// partition reads one partition until the generation ends, and commits what it reported.
func (m *member) partition(ctx context.Context, generation *kafka.Generation, topic string, from kafka.PartitionAssignment) {
	reader := m.client.reader(topic, from.ID, m.dialer)
	defer func() { reader.Close() }()
	reset := kafka.FirstOffset
	if m.options.Latest {
		reset = kafka.LastOffset
	}
	if from.Offset >= 0 {
		// A Reader goes on at the first offset from one before it; where to go on is its user's choice.
		found, err := m.client.offsets(topic, kafka.FirstOffsetOf(from.ID))
		if err == nil && from.Offset < found.FirstOffset {
			from.Offset = reset
		}
	}
	if err := reader.SetOffset(from.Offset); err != nil {
		m.events.Failed(err)
		return
	}
	reported, committed := from.Offset, from.Offset
	commit := func() {
		if reported == committed {
			return
		}
		err := generation.CommitOffsets(map[string]map[int]int64{topic: {from.ID: reported}})
		if err != nil {
			fmt.Fprintln(os.Stderr, "committing", m.options.Group, topic, from.ID, err)
			return
		}
		committed = reported
	}
	defer commit()
	for ctx.Err() == nil {
		m.paused.RLock()
		soon, done := context.WithTimeout(ctx, fetchWait)
		message, err := reader.ReadMessage(soon)
		done()
		if err == nil {
			m.events.Records([]bridge.Record{read(message)})
			reported = message.Offset + 1
		}
		m.paused.RUnlock()
		switch {
		case err == nil:
		case errors.Is(err, kafka.OffsetOutOfRange):
			// Committed past the end: the Reader leaves that to its user.
			reader.Close()
			reader = m.client.reader(topic, from.ID, m.dialer)
			if err := reader.SetOffset(reset); err != nil {
				m.events.Failed(err)
				return
			}
		case errors.Is(err, context.DeadlineExceeded):
			commit()
		case ctx.Err() == nil:
			fmt.Fprintln(os.Stderr, "reading", topic, from.ID, err)
			time.Sleep(fetchWait)
		}
	}
}

func (m *member) Pause() error {
	m.paused.Lock()
	return nil
}

func (m *member) Resume() error {
	m.paused.Unlock()
	return nil
}

func (m *member) Close() error {
	m.closing()
	err := m.group.Close()
	m.over.Wait()
	return err
}

// Fenced takes over a static member with the calls of Client: neither Reader nor ConsumerGroup knows static members.
func (c *client) Fenced(group, topic string) error {
	ctx, done := soon()
	defer done()
	join := func() (*kafka.JoinGroupResponse, error) {
		response, err := c.plain.JoinGroup(ctx, &kafka.JoinGroupRequest{
			GroupID: group, SessionTimeout: 6 * time.Second, RebalanceTimeout: timeout, GroupInstanceID: "the-one",
			ProtocolType: "consumer", Protocols: []kafka.GroupProtocol{
				{Name: "range", Metadata: kafka.GroupProtocolSubscription{Topics: []string{topic}}},
			},
		})
		if err != nil {
			return nil, err
		}
		return response, response.Error
	}
	first, err := join()
	for passing(err) && ctx.Err() == nil {
		first, err = join()
	}
	if err != nil {
		return err
	}
	synced, err := c.plain.SyncGroup(ctx, &kafka.SyncGroupRequest{
		GroupID: group, GenerationID: first.GenerationID, MemberID: first.MemberID, GroupInstanceID: "the-one",
		ProtocolType: "consumer", ProtocolName: "range", Assignments: []kafka.SyncGroupRequestAssignment{
			{MemberID: first.MemberID, Assignment: kafka.GroupProtocolAssignment{
				AssignedPartitions: map[string][]int{topic: {0}},
			}},
		},
	})
	if err == nil {
		err = synced.Error
	}
	if err != nil {
		return err
	}
	second, err := join()
	if err != nil {
		return err
	}
	// Its Heartbeat would tell as well, but reads the answer's two fields in the wrong order.
	committed, err := c.plain.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: group, GenerationID: first.GenerationID, MemberID: first.MemberID, InstanceID: "the-one",
		Topics: map[string][]kafka.OffsetCommit{topic: {{Partition: 0, Offset: 1}}},
	})
	if err == nil {
		err = committed.Topics[topic][0].Error
	}
	left, leaving := c.plain.LeaveGroup(ctx, &kafka.LeaveGroupRequest{
		GroupID: group, Members: []kafka.LeaveGroupRequestMember{{ID: second.MemberID, GroupInstanceID: "the-one"}},
	})
	if leaving == nil {
		leaving = left.Error
	}
	if leaving != nil {
		return leaving
	}
	return err
}
