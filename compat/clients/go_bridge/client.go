package bridge

import "time"

const (
	// BytesMax is every client's own limit of a record or a request, so that the broker decides.
	BytesMax = 10_000_000
	// CallTime is a little less than what the other side waits for an answer.
	CallTime = 55 * time.Second
	// PumpTime is how long a pump must retry.
	PumpTime = 110 * time.Second
	// CommitInterval is how soon a member commits what it reported.
	CommitInterval = 200 * time.Millisecond
)

// Client is one Kafka client. Errors are returned as the client gave them; Code names them.
type Client interface {
	// Code is the protocol's name of an error.
	Code(err error) string
	Version() string

	CreateTopic(topic string, partitions int, configs map[string]string) error
	PartitionCounts() (map[string]int, error)
	AddPartitions(topic string, count int) error
	TopicConfig(topic, key string) (string, error)
	SetTopicConfig(topic, key, value string) error
	DeleteTopic(topic string) error

	OpenProducer(options ProducerOptions) (Producer, error)
	// OpenPump opens an idempotent producer to partition 0 that keeps up to five requests in flight and retries
	// for PumpTime.
	OpenPump(topic string) (Pump, error)
	// Read hands partition 0 to `each`, from a place on, until `each` wants no more or the end is reached.
	Read(topic string, from Start, each func(Record) bool) error

	Ends(topic string) (first, last int64, err error)
	// OffsetAt is the first offset at or after a time, nil if there is none.
	OffsetAt(topic string, ms int64) (*int64, error)
	DeleteRecords(topic string, offset int64) error
	LogSize(topic string) (int64, error)

	OpenMember(options MemberOptions, events *Events) (Member, error)
	// GroupRead joins, reads exactly `count` records, commits and leaves.
	GroupRead(group, topic string, count int) ([]Record, error)
	Groups() ([]string, error)
	GroupState(group string) (state string, members int, err error)
	GroupOffsets(group string) (map[Place]int64, error)
	ResetGroup(group, topic string, offsets map[int32]int64) error
	DeleteGroup(group string) error

	// UnknownTopic asks for a topic that does not exist in every way the client has; way -> error.
	UnknownTopic(topic string) map[string]error
}

// ProducerOptions say how to write.
type ProducerOptions struct {
	Topic string
	// Partition nil leaves the choice to the client.
	Partition  *int32
	Codec      string
	Idempotent bool
}

// Producer writes to one topic.
type Producer interface {
	// Send returns once all are acknowledged.
	Send(records []Record) error
	Close() error
}

// Start is where to read from: an offset, or a time, or else the first record.
type Start struct {
	Offset *int64
	TimeMs *int64
}

// MemberOptions say how to join.
type MemberOptions struct {
	Group  string
	Topics []string
	// Cooperative asks for the cooperative assignor, else an eager one.
	Cooperative bool
	// Instance is empty for a dynamic member.
	Instance  string
	Session   time.Duration
	Heartbeat time.Duration
	// Latest starts at the end where nothing is committed, else at the beginning.
	Latest bool
	// Rack is empty for none, ClientID for the client's own.
	Rack     string
	ClientID string
}

// Member reads on its own until it is closed.
type Member interface {
	// Pause: no more records, but it stays in the group.
	Pause() error
	Resume() error
	// Close leaves the group, unless it is a static member.
	Close() error
}

// Pump takes records without waiting for acknowledgements.
type Pump interface {
	Put(record Record) error
	Acknowledged() int
	// Finish waits until all are acknowledged and closes; the first error of any record.
	Finish() error
}

// Events is where a member reports.
type Events struct {
	server *server
	number int
}

// Records reports what was read, before it is committed.
func (e *Events) Records(records []Record) {
	if len(records) > 0 {
		e.server.say(event{Event: "records", Member: e.number, Records: records})
	}
}

// Assigned reports all that the member holds now.
func (e *Events) Assigned(places []Place) {
	if places == nil {
		places = []Place{}
	}
	e.server.say(event{Event: "assigned", Member: e.number, Assigned: places})
}

// Failed reports the error that ended the member.
func (e *Events) Failed(err error) {
	e.server.say(event{Event: "error", Member: e.number, Code: e.server.client.Code(err)})
}
