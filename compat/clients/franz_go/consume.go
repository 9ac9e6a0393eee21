package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"walser/compat/bridge"
)

const fetchWait = 100 * time.Millisecond

func read(record *kgo.Record) bridge.Record {
	ms := record.Timestamp.UnixMilli()
	headers := []bridge.Header{}
	for _, header := range record.Headers {
		headers = append(headers, bridge.Header{Name: header.Key, Value: header.Value})
	}
	return bridge.Record{Topic: record.Topic, Partition: record.Partition, Offset: record.Offset, Time: &ms,
		Key: record.Key, Value: record.Value, Headers: headers}
}

func (c *client) Read(topic string, from bridge.Start, each func(bridge.Record) bool) error {
	_, last, err := c.Ends(topic)
	if err != nil {
		return err
	}
	start := kgo.NewOffset().AtStart()
	if from.Offset != nil {
		start = kgo.NewOffset().At(*from.Offset)
	} else if from.TimeMs != nil {
		start = kgo.NewOffset().AfterMilli(*from.TimeMs)
	}
	consumer, err := kgo.NewClient(c.options(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: start}}), kgo.FetchMaxWait(fetchWait),
	)...)
	if err != nil {
		return err
	}
	defer consumer.Close()
	ctx, done := soon()
	defer done()
	for {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		for _, record := range fetches.Records() {
			if !each(read(record)) || record.Offset+1 >= last {
				return nil
			}
		}
	}
}

func (c *client) GroupRead(group, topic string, count int) ([]bridge.Record, error) {
	consumer, err := kgo.NewClient(c.options(
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.FetchMaxWait(fetchWait),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)...)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	ctx, done := soon()
	defer done()
	records := []bridge.Record{}
	for len(records) < count {
		fetches := consumer.PollRecords(ctx, count-len(records))
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		for _, record := range fetches.Records() {
			records = append(records, read(record))
		}
	}
	return records, consumer.CommitUncommittedOffsets(ctx)
}

// member polls on its own. Its rebalances wait until what a poll brought is reported and marked for the commit.
type member struct {
	client  *kgo.Client
	topics  []string
	events  *bridge.Events
	closing context.CancelFunc
	over    sync.WaitGroup
	// The callbacks of a client never run at once, but not on the polling goroutine either.
	lock     sync.Mutex
	assigned map[bridge.Place]bool
}

func (c *client) OpenMember(options bridge.MemberOptions, events *bridge.Events) (bridge.Member, error) {
	m := &member{events: events, assigned: map[bridge.Place]bool{}}
	start := kgo.NewOffset().AtStart()
	if options.Latest {
		start = kgo.NewOffset().AtEnd()
	}
	balancer := kgo.RangeBalancer()
	if options.Cooperative {
		balancer = kgo.CooperativeStickyBalancer()
	}
	more := []kgo.Opt{
		kgo.ConsumerGroup(options.Group), kgo.ConsumeTopics(options.Topics...), kgo.Balancers(balancer),
		kgo.SessionTimeout(options.Session), kgo.HeartbeatInterval(options.Heartbeat), kgo.FetchMaxWait(fetchWait),
		kgo.RebalanceTimeout(10 * time.Second), kgo.BlockRebalanceOnPoll(),
		kgo.AutoCommitMarks(), kgo.AutoCommitInterval(bridge.CommitInterval), kgo.ConsumeResetOffset(start),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, places map[string][]int32) {
			m.change(places, true)
		}),
		kgo.OnPartitionsRevoked(func(ctx context.Context, client *kgo.Client, places map[string][]int32) {
			if err := client.CommitMarkedOffsets(ctx); err != nil {
				m.events.Failed(err)
			}
			m.change(places, false)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, places map[string][]int32) {
			m.change(places, false)
		}),
	}
	if options.Instance != "" {
		more = append(more, kgo.InstanceID(options.Instance))
	}
	if options.Rack != "" {
		more = append(more, kgo.Rack(options.Rack))
	}
	if options.ClientID != "" {
		more = append(more, kgo.ClientID(options.ClientID))
	}
	opened, err := kgo.NewClient(c.options(more...)...)
	if err != nil {
		return nil, err
	}
	m.client, m.topics = opened, options.Topics
	ctx, cancel := context.WithCancel(context.Background())
	m.closing = cancel
	m.over.Go(func() { m.run(ctx) })
	return m, nil
}

func (m *member) change(places map[string][]int32, held bool) {
	m.lock.Lock()
	defer m.lock.Unlock()
	for topic, partitions := range places {
		for _, partition := range partitions {
			if held {
				m.assigned[bridge.Place{Topic: topic, Partition: partition}] = true
			} else {
				delete(m.assigned, bridge.Place{Topic: topic, Partition: partition})
			}
		}
	}
	all := []bridge.Place{}
	for place := range m.assigned {
		all = append(all, place)
	}
	m.events.Assigned(all)
}

func (m *member) run(ctx context.Context) {
	for {
		fetches := m.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		for _, failed := range fetches.Errors() {
			// Lost connections are the client's to mend; what the broker says is final.
			var coded *kerr.Error
			if errors.As(failed.Err, &coded) && !coded.Retriable {
				m.events.Failed(failed.Err)
				return
			}
		}
		got := fetches.Records()
		records := make([]bridge.Record, len(got))
		for n, record := range got {
			records[n] = read(record)
		}
		m.events.Records(records)
		m.client.MarkCommitRecords(got...)
		m.client.AllowRebalance()
	}
}

func (m *member) Pause() error {
	m.client.PauseFetchTopics(m.topics...)
	return nil
}

func (m *member) Resume() error {
	m.client.ResumeFetchTopics(m.topics...)
	return nil
}

func (m *member) Close() error {
	m.closing()
	m.over.Wait()
	// Leaves the group, unless it is a static member, and commits first: the revocation does.
	m.client.CloseAllowingRebalance()
	return nil
}
