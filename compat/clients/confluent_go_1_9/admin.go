// What confluent-kafka-go 1.9 has of the administration; the rest of its sources is ../confluent_go.
package main

import (
	"github.com/confluentinc/confluent-kafka-go/kafka"

	"walser/compat/bridge"
)

const module = "github.com/confluentinc/confluent-kafka-go"

var errLacking = &bridge.CodedError{Code: "LACKING", Text: "confluent-kafka-go 1.9 has no such call"}

func (c *client) SetTopicConfig(topic, key, value string) error {
	ctx, done := soon()
	defer done()
	results, err := c.admin.AlterConfigs(ctx, []kafka.ConfigResource{{
		Type: kafka.ResourceTopic, Name: topic, Config: []kafka.ConfigEntry{{Name: key, Value: value}},
	}})
	if err != nil {
		return err
	}
	return none(results[0].Error)
}

// confirm has no second way to ask for the ends.
func (c *client) confirm(string, int64, int64) error {
	return nil
}

func (c *client) DeleteRecords(string, int64) error {
	return errLacking
}

func (c *client) Groups() ([]string, error) {
	return nil, errLacking
}

func (c *client) GroupState(string) (string, int, error) {
	return "", 0, errLacking
}

func (c *client) GroupOffsets(string) (map[bridge.Place]int64, error) {
	return nil, errLacking
}

func (c *client) ResetGroup(string, string, map[int32]int64) error {
	return errLacking
}

func (c *client) DeleteGroup(string) error {
	return errLacking
}
