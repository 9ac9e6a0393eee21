package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/segmentio/kafka-go"

	"walser/compat/bridge"
)

type client struct {
	bootstrap string
	addr      net.Addr
	plain     *kafka.Client
}

func open(bootstrap string) (bridge.Client, error) {
	addr := kafka.TCP(bootstrap)
	return &client{bootstrap, addr, &kafka.Client{Addr: addr, Timeout: 20 * time.Second, Transport: patient{transport()}}}, nil
}

// patient asks again on a new connection: Client does not, and finds its idle ones closed after a restart.
type patient struct {
	*kafka.Transport
}

func (p patient) RoundTrip(ctx context.Context, addr net.Addr, request kafka.Request) (kafka.Response, error) {
	for {
		response, err := p.Transport.RoundTrip(ctx, addr, request)
		if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			return response, err
		}
	}
}

func transport() *kafka.Transport {
	return &kafka.Transport{ClientID: "walser-compat", MetadataTTL: time.Second}
}

func soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), bridge.CallTime)
}

func lacking(what string) error {
	return &bridge.CodedError{Code: "LACKING", Text: "kafka-go has no " + what}
}

func (c *client) Code(err error) string {
	var several kafka.WriteErrors
	if errors.As(err, &several) {
		for _, one := range several {
			if one != nil {
				return c.Code(one)
			}
		}
	}
	var code kafka.Error
	if errors.As(err, &code) {
		return bridge.CodeName(int(code))
	}
	return err.Error()
}

func (c *client) Version() string {
	return bridge.ModuleVersion("github.com/segmentio/kafka-go")
}

// Topics.

func (c *client) CreateTopic(topic string, partitions int, configs map[string]string) error {
	ctx, done := soon()
	defer done()
	wanted := kafka.TopicConfig{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}
	for key, value := range configs {
		wanted.ConfigEntries = append(wanted.ConfigEntries, kafka.ConfigEntry{ConfigName: key, ConfigValue: value})
	}
	response, err := c.plain.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{wanted}})
	if err != nil {
		return err
	}
	return response.Errors[topic]
}

func (c *client) PartitionCounts() (map[string]int, error) {
	ctx, done := soon()
	defer done()
	response, err := c.plain.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, topic := range response.Topics {
		counts[topic.Name] = len(topic.Partitions)
	}
	return counts, nil
}

func (c *client) AddPartitions(topic string, count int) error {
	ctx, done := soon()
	defer done()
	response, err := c.plain.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: int32(count)}},
	})
	if err != nil {
		return err
	}
	return response.Errors[topic]
}

func (c *client) TopicConfig(topic, key string) (string, error) {
	ctx, done := soon()
	defer done()
	response, err := c.plain.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{
			{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{key}},
		},
	})
	if err != nil {
		return "", err
	}
	for _, resource := range response.Resources {
		if resource.Error != nil {
			return "", resource.Error
		}
		for _, entry := range resource.ConfigEntries {
			if entry.ConfigName == key {
				return entry.ConfigValue, nil
			}
		}
	}
	return "", fmt.Errorf("no setting %s", key)
}

func (c *client) SetTopicConfig(topic, key, value string) error {
	ctx, done := soon()
	defer done()
	response, err := c.plain.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{
				{Name: key, Value: value, ConfigOperation: kafka.ConfigOperationSet},
			},
		}},
	})
	if err != nil {
		return err
	}
	for _, resource := range response.Resources {
		err = errors.Join(err, resource.Error)
	}
	return err
}

func (c *client) DeleteTopic(topic string) error {
	ctx, done := soon()
	defer done()
	response, err := c.plain.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err != nil {
		return err
	}
	return response.Errors[topic]
}

// Places.

func (c *client) offsets(topic string, asked ...kafka.OffsetRequest) (kafka.PartitionOffsets, error) {
	ctx, done := soon()
	defer done()
	response, err := c.plain.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: asked},
	})
	if err != nil {
		return kafka.PartitionOffsets{}, err
	}
	if len(response.Topics[topic]) != 1 {
		return kafka.PartitionOffsets{}, fmt.Errorf("%d answers for %s", len(response.Topics[topic]), topic)
	}
	found := response.Topics[topic][0]
	return found, found.Error
}

func (c *client) Ends(topic string) (int64, int64, error) {
	found, err := c.offsets(topic, kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0))
	return found.FirstOffset, found.LastOffset, err
}

func (c *client) OffsetAt(topic string, ms int64) (*int64, error) {
	found, err := c.offsets(topic, kafka.TimeOffsetOf(0, time.UnixMilli(ms)))
	if err != nil {
		return nil, err
	}
	for offset := range found.Offsets {
		if offset >= 0 {
			return &offset, nil
		}
	}
	return nil, nil
}

func (c *client) DeleteRecords(string, int64) error {
	return lacking("DeleteRecords")
}

func (c *client) LogSize(string) (int64, error) {
	return 0, lacking("DescribeLogDirs")
}

// Groups.

func (c *client) Groups() ([]string, error) {
	ctx, done := soon()
	defer done()
	response, err := c.plain.ListGroups(ctx, &kafka.ListGroupsRequest{})
	if err != nil {
		return nil, err
	}
	groups := []string{}
	for _, group := range response.Groups {
		groups = append(groups, group.GroupID)
	}
	return groups, response.Error
}

func (c *client) GroupState(group string) (string, int, error) {
	ctx, done := soon()
	defer done()
	response, err := c.plain.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
	if err != nil {
		return "", 0, err
	}
	found := response.Groups[0]
	return found.GroupState, len(found.Members), found.Error
}

func (c *client) GroupOffsets(group string) (map[bridge.Place]int64, error) {
	ctx, done := soon()
	defer done()
	response, err := c.plain.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group})
	if err != nil {
		return nil, err
	}
	err = response.Error
	offsets := map[bridge.Place]int64{}
	for topic, partitions := range response.Topics {
		for _, partition := range partitions {
			err = errors.Join(err, partition.Error)
			offsets[bridge.Place{Topic: topic, Partition: int32(partition.Partition)}] = partition.CommittedOffset
		}
	}
	return offsets, err
}

func (c *client) ResetGroup(group, topic string, offsets map[int32]int64) error {
	ctx, done := soon()
	defer done()
	commits := []kafka.OffsetCommit{}
	for partition, offset := range offsets {
		commits = append(commits, kafka.OffsetCommit{Partition: int(partition), Offset: offset})
	}
	response, err := c.plain.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: group, GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{topic: commits},
	})
	if err != nil {
		return err
	}
	for _, partition := range response.Topics[topic] {
		err = errors.Join(err, partition.Error)
	}
	return err
}

func (c *client) DeleteGroup(group string) error {
	ctx, done := soon()
	defer done()
	response, err := c.plain.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: []string{group}})
	if err != nil {
		return err
	}
	return response.Errors[group]
}

func (c *client) UnknownTopic(topic string) map[string]error {
	ctx, done := soon()
	defer done()
	ways := map[string]error{}
	response, err := c.plain.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err == nil && len(response.Topics) == 1 {
		err = response.Topics[0].Error
	}
	ways["describe"] = err
	ways["delete"] = c.DeleteTopic(topic)
	ways["add partitions"] = c.AddPartitions(topic, 3)
	_, ways["list offsets"] = c.offsets(topic, kafka.LastOffsetOf(0))
	writer := c.writer(bridge.ProducerOptions{Topic: topic, Codec: "none"})
	writer.MaxAttempts = 2
	ways["produce"] = writer.WriteMessages(ctx, kafka.Message{Value: []byte("nobody reads this")})
	writer.Close()
	return ways
}
