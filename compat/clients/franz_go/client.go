package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"walser/compat/bridge"
)

type client struct {
	bootstrap string
	admin     *kadm.Client
}

func open(bootstrap string) (bridge.Client, error) {
	c := &client{bootstrap: bootstrap}
	plain, err := kgo.NewClient(c.options()...)
	if err != nil {
		return nil, err
	}
	c.admin = kadm.NewClient(plain)
	return c, nil
}

// options are what all connections share.
func (c *client) options(more ...kgo.Opt) []kgo.Opt {
	return append([]kgo.Opt{
		kgo.SeedBrokers(c.bootstrap), kgo.ClientID("walser-compat"), kgo.MetadataMinAge(100 * time.Millisecond),
	}, more...)
}

func soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), bridge.CallTime)
}

func (c *client) Code(err error) string {
	var coded *kerr.Error
	if errors.As(err, &coded) {
		return coded.Message
	}
	return err.Error()
}

func (c *client) Version() string {
	return fmt.Sprintf("%s (kadm %s)", bridge.ModuleVersion("github.com/twmb/franz-go"),
		bridge.ModuleVersion("github.com/twmb/franz-go/pkg/kadm"))
}

// Topics.

func (c *client) CreateTopic(topic string, partitions int, configs map[string]string) error {
	ctx, done := soon()
	defer done()
	entries := map[string]*string{}
	for key, value := range configs {
		entries[key] = &value
	}
	_, err := c.admin.CreateTopic(ctx, int32(partitions), 1, entries, topic)
	return err
}

func (c *client) PartitionCounts() (map[string]int, error) {
	ctx, done := soon()
	defer done()
	listed, err := c.admin.ListTopics(ctx)
	counts := map[string]int{}
	for topic, detail := range listed {
		counts[topic] = len(detail.Partitions)
	}
	return counts, err
}

func (c *client) AddPartitions(topic string, count int) error {
	ctx, done := soon()
	defer done()
	responses, err := c.admin.UpdatePartitions(ctx, count, topic)
	return errors.Join(err, responses.Error())
}

func (c *client) TopicConfig(topic, key string) (string, error) {
	ctx, done := soon()
	defer done()
	described, err := c.admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return "", err
	}
	resource, err := described.On(topic, nil)
	if err := errors.Join(err, resource.Err); err != nil {
		return "", err
	}
	for _, config := range resource.Configs {
		if config.Key == key {
			return config.MaybeValue(), nil
		}
	}
	return "", fmt.Errorf("no setting %s", key)
}

func (c *client) SetTopicConfig(topic, key, value string) error {
	ctx, done := soon()
	defer done()
	altered, err := c.admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &value}}, topic)
	if err != nil {
		return err
	}
	resource, err := altered.On(topic, nil)
	return errors.Join(err, resource.Err)
}

func (c *client) DeleteTopic(topic string) error {
	ctx, done := soon()
	defer done()
	_, err := c.admin.DeleteTopic(ctx, topic)
	return err
}

// Writing.

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

type producer struct {
	client    *kgo.Client
	topic     string
	partition *int32
}

func (c *client) OpenProducer(options bridge.ProducerOptions) (bridge.Producer, error) {
	return c.producer(options)
}

func (c *client) producer(options bridge.ProducerOptions, more ...kgo.Opt) (*producer, error) {
	// What is given comes later, so that it counts.
	more = append([]kgo.Opt{
		kgo.ProducerBatchCompression(codecs[options.Codec]), kgo.ProducerBatchMaxBytes(bridge.BytesMax),
		kgo.AllowAutoTopicCreation(),
	}, more...)
	if !options.Idempotent {
		more = append(more, kgo.DisableIdempotentWrite())
	}
	if options.Partition != nil {
		more = append(more, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	opened, err := kgo.NewClient(c.options(more...)...)
	return &producer{opened, options.Topic, options.Partition}, err
}

func (p *producer) record(record bridge.Record) *kgo.Record {
	written := &kgo.Record{Topic: p.topic, Key: record.Key, Value: record.Value}
	if p.partition != nil {
		written.Partition = *p.partition
	}
	if record.Time != nil {
		written.Timestamp = time.UnixMilli(*record.Time)
	}
	for _, header := range record.Headers {
		written.Headers = append(written.Headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
	}
	return written
}

func (p *producer) Send(records []bridge.Record) error {
	ctx, done := soon()
	defer done()
	written := make([]*kgo.Record, len(records))
	for n, record := range records {
		written[n] = p.record(record)
	}
	return p.client.ProduceSync(ctx, written...).FirstErr()
}

func (p *producer) Close() error {
	p.client.Close()
	return nil
}

// pumpBatchBytes is the least that kgo allows.
const pumpBatchBytes = 512

// pump is a producer that does not wait.
type pump struct {
	*producer
	lock         sync.Mutex
	acknowledged int
	failed       error
}

func (c *client) OpenPump(topic string) (bridge.Pump, error) {
	zero := int32(0)
	opened, err := c.producer(bridge.ProducerOptions{Topic: topic, Partition: &zero, Codec: "none", Idempotent: true},
		kgo.ProducerLinger(0), kgo.ProducerBatchMaxBytes(pumpBatchBytes))
	if err != nil {
		return nil, err
	}
	return &pump{producer: opened}, nil
}

func (p *pump) Put(record bridge.Record) error {
	p.client.Produce(context.Background(), p.record(record), func(_ *kgo.Record, err error) {
		p.lock.Lock()
		defer p.lock.Unlock()
		if err != nil && p.failed == nil {
			p.failed = err
		} else if err == nil {
			p.acknowledged++
		}
	})
	return nil
}

func (p *pump) Acknowledged() int {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.acknowledged
}

func (p *pump) Finish() error {
	ctx, done := context.WithTimeout(context.Background(), bridge.PumpTime)
	defer done()
	err := p.client.Flush(ctx)
	p.client.Close()
	p.lock.Lock()
	defer p.lock.Unlock()
	return errors.Join(p.failed, err)
}

// Places.

func place(listed kadm.ListedOffsets, err error, topic string) (kadm.ListedOffset, error) {
	if err != nil {
		return kadm.ListedOffset{}, err
	}
	offset, found := listed.Lookup(topic, 0)
	if !found {
		return offset, fmt.Errorf("no answer for %s", topic)
	}
	return offset, offset.Err
}

func (c *client) Ends(topic string) (int64, int64, error) {
	ctx, done := soon()
	defer done()
	listed, err := c.admin.ListStartOffsets(ctx, topic)
	first, err := place(listed, err, topic)
	if err != nil {
		return 0, 0, err
	}
	listed, err = c.admin.ListEndOffsets(ctx, topic)
	last, err := place(listed, err, topic)
	return first.Offset, last.Offset, err
}

func (c *client) OffsetAt(topic string, ms int64) (*int64, error) {
	ctx, done := soon()
	defer done()
	listed, err := c.admin.ListOffsetsAfterMilli(ctx, ms, topic)
	found, err := place(listed, err, topic)
	// For a time past the end kadm answers the end, without a time.
	if err != nil || found.Timestamp < 0 {
		return nil, err
	}
	return &found.Offset, nil
}

func (c *client) DeleteRecords(topic string, offset int64) error {
	ctx, done := soon()
	defer done()
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, offset, -1)
	responses, err := c.admin.DeleteRecords(ctx, offsets)
	return errors.Join(err, responses.Error())
}

func (c *client) LogSize(topic string) (int64, error) {
	ctx, done := soon()
	defer done()
	topics := kadm.TopicsSet{}
	topics.Add(topic, 0)
	described, err := c.admin.DescribeAllLogDirs(ctx, topics)
	size := int64(0)
	described.Each(func(folder kadm.DescribedLogDir) {
		err = errors.Join(err, folder.Err)
		folder.Topics.Each(func(partition kadm.DescribedLogDirPartition) { size += partition.Size })
	})
	return size, err
}

// Groups.

func (c *client) Groups() ([]string, error) {
	ctx, done := soon()
	defer done()
	listed, err := c.admin.ListGroups(ctx)
	return listed.Groups(), err
}

func (c *client) GroupState(group string) (string, int, error) {
	ctx, done := soon()
	defer done()
	groups, err := c.admin.DescribeGroups(ctx, group)
	if err != nil {
		return "", 0, err
	}
	described, err := groups.On(group, nil)
	return described.State, len(described.Members), errors.Join(err, described.Err)
}

func (c *client) GroupOffsets(group string) (map[bridge.Place]int64, error) {
	ctx, done := soon()
	defer done()
	fetched, err := c.admin.FetchOffsets(ctx, group)
	offsets := map[bridge.Place]int64{}
	fetched.Each(func(offset kadm.OffsetResponse) {
		err = errors.Join(err, offset.Err)
		offsets[bridge.Place{Topic: offset.Topic, Partition: offset.Partition}] = offset.At
	})
	return offsets, err
}

func (c *client) ResetGroup(group, topic string, offsets map[int32]int64) error {
	ctx, done := soon()
	defer done()
	all := kadm.Offsets{}
	for partition, offset := range offsets {
		all.AddOffset(topic, partition, offset, -1)
	}
	return c.admin.CommitAllOffsets(ctx, group, all)
}

func (c *client) DeleteGroup(group string) error {
	ctx, done := soon()
	defer done()
	_, err := c.admin.DeleteGroup(ctx, group)
	return err
}

func (c *client) UnknownTopic(topic string) map[string]error {
	ctx, done := soon()
	defer done()
	zero := int32(0)
	ways := map[string]error{}
	details, err := c.admin.ListTopics(ctx, topic)
	ways["describe"] = errors.Join(err, details[topic].Err)
	ways["delete"] = c.DeleteTopic(topic)
	ways["add partitions"] = c.AddPartitions(topic, 3)
	listed, err := c.admin.ListEndOffsets(ctx, topic)
	ways["list offsets"] = errors.Join(err, listed.Error())
	writer, err := c.OpenProducer(bridge.ProducerOptions{Topic: topic, Partition: &zero, Codec: "none"})
	if err == nil {
		err = writer.Send([]bridge.Record{{Value: []byte("nobody reads this")}})
		writer.Close()
	}
	ways["produce"] = err
	return ways
}
