package main

import (
	"errors"
	"fmt"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"walser/compat/bridge"
)

const module = "github.com/confluentinc/confluent-kafka-go/v2"

func (c *client) SetTopicConfig(topic, key, value string) error {
	ctx, done := soon()
	defer done()
	results, err := c.admin.IncrementalAlterConfigs(ctx, []kafka.ConfigResource{{
		Type: kafka.ResourceTopic, Name: topic,
		Config: []kafka.ConfigEntry{{Name: key, Value: value, IncrementalOperation: kafka.AlterConfigOpTypeSet}},
	}})
	if err != nil {
		return err
	}
	return none(results[0].Error)
}

// confirm asks for the ends in a second way, which must say the same.
func (c *client) confirm(topic string, first, last int64) error {
	ctx, done := soon()
	defer done()
	for spec, want := range map[kafka.OffsetSpec]int64{kafka.EarliestOffsetSpec: first, kafka.LatestOffsetSpec: last} {
		listed, err := c.admin.ListOffsets(ctx, map[kafka.TopicPartition]kafka.OffsetSpec{place(topic, 0): spec})
		if err != nil {
			return err
		}
		for _, info := range listed.ResultInfos {
			if err := none(info.Error); err != nil {
				return err
			}
			if int64(info.Offset) != want {
				return &bridge.CodedError{Code: "TWO_ANSWERS", Text: fmt.Sprintf("%d and %d", want, info.Offset)}
			}
		}
	}
	return nil
}

func (c *client) DeleteRecords(topic string, offset int64) error {
	ctx, done := soon()
	defer done()
	results, err := c.admin.DeleteRecords(ctx, []kafka.TopicPartition{place(topic, kafka.Offset(offset))})
	if err != nil {
		return err
	}
	return results.DeleteRecordsResults[0].TopicPartition.Error
}

func (c *client) Groups() ([]string, error) {
	ctx, done := soon()
	defer done()
	listed, err := c.admin.ListConsumerGroups(ctx)
	groups := []string{}
	for _, group := range listed.Valid {
		groups = append(groups, group.GroupID)
	}
	return groups, errors.Join(err, errors.Join(listed.Errors...))
}

func (c *client) GroupState(group string) (string, int, error) {
	ctx, done := soon()
	defer done()
	described, err := c.admin.DescribeConsumerGroups(ctx, []string{group})
	if err != nil {
		return "", 0, err
	}
	found := described.ConsumerGroupDescriptions[0]
	return found.State.String(), len(found.Members), none(found.Error)
}

func (c *client) GroupOffsets(group string) (map[bridge.Place]int64, error) {
	ctx, done := soon()
	defer done()
	listed, err := c.admin.ListConsumerGroupOffsets(ctx, []kafka.ConsumerGroupTopicPartitions{{Group: group}})
	if err != nil {
		return nil, err
	}
	offsets := map[bridge.Place]int64{}
	for _, place := range listed.ConsumerGroupsTopicPartitions[0].Partitions {
		err = errors.Join(err, place.Error)
		offsets[bridge.Place{Topic: *place.Topic, Partition: place.Partition}] = int64(place.Offset)
	}
	return offsets, err
}

func (c *client) ResetGroup(group, topic string, offsets map[int32]int64) error {
	ctx, done := soon()
	defer done()
	places := []kafka.TopicPartition{}
	for partition, offset := range offsets {
		places = append(places, kafka.TopicPartition{Topic: &topic, Partition: partition, Offset: kafka.Offset(offset)})
	}
	altered, err := c.admin.AlterConsumerGroupOffsets(ctx, []kafka.ConsumerGroupTopicPartitions{{Group: group, Partitions: places}})
	if err != nil {
		return err
	}
	for _, place := range altered.ConsumerGroupsTopicPartitions[0].Partitions {
		err = errors.Join(err, place.Error)
	}
	return err
}

func (c *client) DeleteGroup(group string) error {
	ctx, done := soon()
	defer done()
	deleted, err := c.admin.DeleteConsumerGroups(ctx, []string{group})
	if err != nil {
		return err
	}
	return none(deleted.ConsumerGroupResults[0].Error)
}
