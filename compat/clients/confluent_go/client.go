package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"walser/compat/bridge"
)

const callMs = int(bridge.CallTime / time.Millisecond)

type client struct {
	bootstrap string
	admin     *kafka.AdminClient
	// Asks for offsets; reads nothing.
	places *kafka.Consumer
}

func open(bootstrap string) (bridge.Client, error) {
	c := &client{bootstrap: bootstrap}
	var err error
	if c.admin, err = kafka.NewAdminClient(c.config(nil)); err != nil {
		return nil, err
	}
	c.places, err = kafka.NewConsumer(c.config(kafka.ConfigMap{"group.id": "unused"}))
	return c, err
}

// config is what all connections share, and more.
func (c *client) config(more kafka.ConfigMap) *kafka.ConfigMap {
	all := kafka.ConfigMap{
		"bootstrap.servers": c.bootstrap, "client.id": "walser-compat", "reconnect.backoff.max.ms": 500,
	}
	for key, value := range more {
		all[key] = value
	}
	return &all
}

func soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), bridge.CallTime)
}

func (c *client) Code(err error) string {
	var failed kafka.Error
	if !errors.As(err, &failed) {
		return err.Error()
	}
	switch {
	case failed.Code() == kafka.ErrUnknownTopic:
		// librdkafka's own name for the broker's answer to its metadata request.
		return "UNKNOWN_TOPIC_OR_PARTITION"
	case failed.Code() >= 0:
		return bridge.CodeName(int(failed.Code()))
	}
	return failed.Error()
}

// none is nil for librdkafka's error that says that there was none.
func none(err kafka.Error) error {
	if err.Code() == kafka.ErrNoError {
		return nil
	}
	return err
}

func (c *client) Version() string {
	_, librdkafka := kafka.LibraryVersion()
	return fmt.Sprintf("%s (librdkafka %s)", bridge.ModuleVersion(module), librdkafka)
}

// Topics.

func topicError(results []kafka.TopicResult, err error) error {
	if err != nil {
		return err
	}
	return none(results[0].Error)
}

func (c *client) CreateTopic(topic string, partitions int, configs map[string]string) error {
	ctx, done := soon()
	defer done()
	return topicError(c.admin.CreateTopics(ctx, []kafka.TopicSpecification{
		{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1, Config: configs},
	}))
}

func (c *client) PartitionCounts() (map[string]int, error) {
	listed, err := c.admin.GetMetadata(nil, true, callMs)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for name, topic := range listed.Topics {
		counts[name] = len(topic.Partitions)
	}
	return counts, nil
}

func (c *client) AddPartitions(topic string, count int) error {
	ctx, done := soon()
	defer done()
	return topicError(c.admin.CreatePartitions(ctx, []kafka.PartitionsSpecification{{Topic: topic, IncreaseTo: count}}))
}

func (c *client) TopicConfig(topic, key string) (string, error) {
	ctx, done := soon()
	defer done()
	results, err := c.admin.DescribeConfigs(ctx, []kafka.ConfigResource{{Type: kafka.ResourceTopic, Name: topic}})
	if err != nil {
		return "", err
	}
	return results[0].Config[key].Value, none(results[0].Error)
}

func (c *client) DeleteTopic(topic string) error {
	ctx, done := soon()
	defer done()
	return topicError(c.admin.DeleteTopics(ctx, []string{topic}))
}

// Places.

func place(topic string, offset kafka.Offset) kafka.TopicPartition {
	return kafka.TopicPartition{Topic: &topic, Partition: 0, Offset: offset}
}

func (c *client) Ends(topic string) (int64, int64, error) {
	first, last, err := c.places.QueryWatermarkOffsets(topic, 0, callMs)
	if err != nil {
		return 0, 0, err
	}
	return first, last, c.confirm(topic, first, last)
}

func (c *client) OffsetAt(topic string, ms int64) (*int64, error) {
	found, err := c.places.OffsetsForTimes([]kafka.TopicPartition{place(topic, kafka.Offset(ms))}, callMs)
	if err != nil {
		return nil, err
	}
	offset := int64(found[0].Offset)
	if offset < 0 {
		return nil, found[0].Error
	}
	return &offset, found[0].Error
}

func (c *client) LogSize(string) (int64, error) {
	return 0, &bridge.CodedError{Code: "LACKING", Text: "librdkafka has no DescribeLogDirs"}
}

func (c *client) UnknownTopic(topic string) map[string]error {
	ways := map[string]error{}
	listed, err := c.admin.GetMetadata(&topic, false, callMs)
	if err == nil {
		err = none(listed.Topics[topic].Error)
	}
	ways["describe"] = err
	ways["delete"] = c.DeleteTopic(topic)
	ways["add partitions"] = c.AddPartitions(topic, 3)
	zero := int32(0)
	writer, err := c.producer(bridge.ProducerOptions{Topic: topic, Partition: &zero, Codec: "none"},
		kafka.ConfigMap{"topic.metadata.propagation.max.ms": 1000})
	if err == nil {
		err = writer.Send([]bridge.Record{{Value: []byte("nobody reads this")}})
		writer.Close()
	}
	ways["produce"] = err
	_, err = c.GroupRead(topic+".group", topic, 1)
	ways["consume"] = err
	return ways
}
