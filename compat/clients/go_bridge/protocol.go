// Package bridge is the Go side of compat/clients/bridge.py, whose head describes the lines.
//
// Owns: reading calls, writing answers and events, and what is alike for all Go clients. Does not: know any client;
// each has a main of its own that implements Client.
//
// protocol.go: what is on the lines. client.go: what a client implements. serve.go: from one to the other.
package bridge

import (
	"encoding/json"
	"fmt"
)

// Call is one line of standard input; an operation looks only at the fields that are its own.
type Call struct {
	ID         int64             `json:"id"`
	Op         string            `json:"op"`
	Topic      string            `json:"topic"`
	Topics     []string          `json:"topics"`
	Partition  *int32            `json:"partition"`
	Partitions int               `json:"partitions"`
	Configs    map[string]string `json:"configs"`
	Count      int               `json:"count"`
	Key        string            `json:"key"`
	Value      string            `json:"value"`
	Codec      string            `json:"codec"`
	Idempotent bool              `json:"idempotent"`
	Records    []Record          `json:"records"`
	Producer   int               `json:"producer"`
	Member     int               `json:"member"`
	Offset     *int64            `json:"offset"`
	Time       *int64            `json:"time"`
	Path       string            `json:"path"`
	Group      string            `json:"group"`
	Assignor   string            `json:"assignor"`
	Instance   string            `json:"instance"`
	Session    int               `json:"session"`
	Heartbeat  int               `json:"heartbeat"`
	Reset      string            `json:"reset"`
	Rack       string            `json:"rack"`
	ClientID   string            `json:"client_id"`
	Pump       int               `json:"pump"`
	Offsets    [][2]int64        `json:"offsets"`
}

// Record is a record, to write or as read. A nil key or value is null, an empty one is not.
type Record struct {
	Topic     string   `json:"topic"`
	Partition int32    `json:"p"`
	Offset    int64    `json:"o"`
	Time      *int64   `json:"t"`
	Key       []byte   `json:"k"`
	Value     []byte   `json:"v"`
	Headers   []Header `json:"h"`
}

// Header is one header, `[name, value]` on the line.
type Header struct {
	Name  string
	Value []byte
}

// MarshalJSON writes the pair.
func (h Header) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]any{h.Name, h.Value})
}

// UnmarshalJSON reads the pair.
func (h *Header) UnmarshalJSON(line []byte) error {
	return json.Unmarshal(line, &[2]any{&h.Name, &h.Value})
}

// Place is a partition, `[topic, partition]` on the line.
type Place struct {
	Topic     string
	Partition int32
}

// MarshalJSON writes the pair.
func (p Place) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]any{p.Topic, p.Partition})
}

type failure struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

type answer struct {
	ID     int64    `json:"id"`
	Result any      `json:"result"`
	Error  *failure `json:"error,omitempty"`
}

type event struct {
	Event    string   `json:"event"`
	Member   int      `json:"member"`
	Records  []Record `json:"records,omitempty"`
	Assigned []Place  `json:"assigned"`
	Code     string   `json:"code,omitempty"`
}

// CodedError is an error whose protocol name is known.
type CodedError struct {
	Code string
	Text string
}

func (e *CodedError) Error() string {
	return fmt.Sprintf("%s: %s", e.Code, e.Text)
}
