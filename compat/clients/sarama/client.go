package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"walser/compat/bridge"
)

type client struct {
	bootstrap []string
	plain     sarama.Client
	admin     sarama.ClusterAdmin
}

func open(bootstrap string) (bridge.Client, error) {
	c := &client{bootstrap: []string{bootstrap}}
	var err error
	if c.plain, err = sarama.NewClient(c.bootstrap, config()); err != nil {
		return nil, err
	}
	c.admin, err = sarama.NewClusterAdmin(c.bootstrap, config())
	return c, err
}

// config is what all connections share: patient enough for a restart of the broker.
func config() *sarama.Config {
	all := sarama.NewConfig()
	all.ClientID = "walser-compat"
	all.Version = sarama.MaxVersion
	all.Metadata.Retry.Max = 100
	all.Metadata.Retry.Backoff = 100 * time.Millisecond
	all.Metadata.AllowAutoTopicCreation = false
	all.Consumer.MaxWaitTime = fetchWait
	all.Consumer.Return.Errors = true
	all.Consumer.Offsets.Initial = sarama.OffsetOldest
	all.Admin.Retry.Max = 2
	return all
}

func (c *client) Code(err error) string {
	var several sarama.ProducerErrors
	if errors.As(err, &several) && len(several) > 0 {
		err = several[0]
	}
	var code sarama.KError
	if errors.As(err, &code) {
		return bridge.CodeName(int(code))
	}
	return err.Error()
}

func (c *client) Version() string {
	return bridge.ModuleVersion("github.com/IBM/sarama")
}

// none is nil for the code that says that there was no error.
func none(code sarama.KError) error {
	if code == sarama.ErrNoError {
		return nil
	}
	return code
}

// Topics.

func (c *client) CreateTopic(topic string, partitions int, configs map[string]string) error {
	entries := map[string]*string{}
	for key, value := range configs {
		entries[key] = &value
	}
	return c.admin.CreateTopic(topic, &sarama.TopicDetail{
		NumPartitions: int32(partitions), ReplicationFactor: 1, ConfigEntries: entries,
	}, false)
}

func (c *client) PartitionCounts() (map[string]int, error) {
	listed, err := c.admin.ListTopics()
	counts := map[string]int{}
	for topic, detail := range listed {
		counts[topic] = int(detail.NumPartitions)
	}
	return counts, err
}

func (c *client) AddPartitions(topic string, count int) error {
	return c.admin.CreatePartitions(topic, int32(count), nil, false)
}

func (c *client) TopicConfig(topic, key string) (string, error) {
	entries, err := c.admin.DescribeConfig(sarama.ConfigResource{
		Type: sarama.TopicResource, Name: topic, ConfigNames: []string{key},
	})
	if err != nil {
		return "", err
	}
	for _, entry := range entries {
		if entry.Name == key {
			return entry.Value, nil
		}
	}
	return "", fmt.Errorf("no setting %s", key)
}

func (c *client) SetTopicConfig(topic, key, value string) error {
	return c.admin.IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{
		key: {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value},
	}, false)
}

func (c *client) DeleteTopic(topic string) error {
	return c.admin.DeleteTopic(topic)
}

// Places.

func (c *client) offset(topic string, at int64) (int64, error) {
	results, err := c.admin.ListOffsets(map[string]map[int32]int64{topic: {0: at}}, nil)
	if err != nil {
		return 0, err
	}
	found := results[topic][0]
	if found == nil {
		return 0, fmt.Errorf("no answer for %s", topic)
	}
	if found.Err != nil && !errors.Is(found.Err, sarama.ErrNoError) {
		return 0, found.Err
	}
	// The plain client asks in its own way, and must hear the same.
	again, err := c.plain.GetOffset(topic, 0, at)
	if err == nil && again != found.Offset {
		err = &bridge.CodedError{Code: "TWO_ANSWERS", Text: fmt.Sprintf("%d and %d", found.Offset, again)}
	}
	return found.Offset, err
}

func (c *client) Ends(topic string) (int64, int64, error) {
	first, err := c.offset(topic, sarama.OffsetOldest)
	if err != nil {
		return 0, 0, err
	}
	last, err := c.offset(topic, sarama.OffsetNewest)
	return first, last, err
}

func (c *client) OffsetAt(topic string, ms int64) (*int64, error) {
	offset, err := c.offset(topic, ms)
	if err != nil || offset < 0 {
		return nil, err
	}
	return &offset, nil
}

func (c *client) DeleteRecords(topic string, offset int64) error {
	return c.admin.DeleteRecords(topic, map[int32]int64{0: offset})
}

func (c *client) LogSize(topic string) (int64, error) {
	brokers, _, err := c.admin.DescribeCluster()
	if err != nil {
		return 0, err
	}
	ids := []int32{}
	for _, broker := range brokers {
		ids = append(ids, broker.ID())
	}
	described, err := c.admin.DescribeLogDirs(ids)
	size := int64(0)
	for _, folders := range described {
		for _, folder := range folders {
			err = errors.Join(err, none(folder.ErrorCode))
			for _, held := range folder.Topics {
				for _, partition := range held.Partitions {
					if held.Topic == topic && partition.PartitionID == 0 {
						size += partition.Size
					}
				}
			}
		}
	}
	return size, err
}

// Groups.

func (c *client) Groups() ([]string, error) {
	listed, err := c.admin.ListConsumerGroups()
	groups := []string{}
	for group := range listed {
		groups = append(groups, group)
	}
	return groups, err
}

func (c *client) GroupState(group string) (string, int, error) {
	described, err := c.admin.DescribeConsumerGroups([]string{group})
	if err != nil {
		return "", 0, err
	}
	return described[0].State, len(described[0].Members), none(described[0].Err)
}

func (c *client) GroupOffsets(group string) (map[bridge.Place]int64, error) {
	fetched, err := c.admin.ListConsumerGroupOffsets(group, nil)
	if err != nil {
		return nil, err
	}
	offsets := map[bridge.Place]int64{}
	for topic, partitions := range fetched.Blocks {
		for partition, block := range partitions {
			err = errors.Join(err, none(block.Err))
			offsets[bridge.Place{Topic: topic, Partition: partition}] = block.Offset
		}
	}
	return offsets, err
}

func (c *client) ResetGroup(group, topic string, offsets map[int32]int64) error {
	all := map[int32]sarama.OffsetAndMetadata{}
	for partition, offset := range offsets {
		all[partition] = sarama.OffsetAndMetadata{Offset: offset, LeaderEpoch: -1}
	}
	response, err := c.admin.AlterConsumerGroupOffsets(group, map[string]map[int32]sarama.OffsetAndMetadata{topic: all}, nil)
	if err != nil {
		return err
	}
	for _, code := range response.Errors[topic] {
		err = errors.Join(err, none(code))
	}
	return err
}

func (c *client) DeleteGroup(group string) error {
	return c.admin.DeleteConsumerGroup(group)
}

func (c *client) UnknownTopic(topic string) map[string]error {
	ways := map[string]error{}
	described, err := c.admin.DescribeTopics([]string{topic})
	if err == nil && len(described) == 1 {
		err = none(described[0].Err)
	}
	ways["describe"] = err
	ways["delete"] = c.DeleteTopic(topic)
	ways["add partitions"] = c.AddPartitions(topic, 3)
	impatient := config()
	impatient.Metadata.Retry.Max = 1
	impatient.Producer.Return.Successes = true
	writer, err := sarama.NewSyncProducer(c.bootstrap, impatient)
	if err == nil {
		_, _, err = writer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("nobody reads this")})
		writer.Close()
	}
	ways["produce"] = err
	reader, err := sarama.NewConsumer(c.bootstrap, impatient)
	if err == nil {
		_, err = reader.ConsumePartition(topic, 0, sarama.OffsetOldest)
		reader.Close()
	}
	ways["consume"] = err
	return ways
}
