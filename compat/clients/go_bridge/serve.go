package bridge

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

const (
	linesPerSend = 5000
	aloneBytes   = 500_000
)

type server struct {
	client Client

	out     sync.Mutex
	encoder *json.Encoder

	// Guards what follows.
	open      sync.Mutex
	serial    int
	producers map[int]Producer
	members   map[int]Member
	pumps     map[int]*pumping
}

// Serve answers the calls on standard input until it ends.
func Serve(open func(bootstrap string) (Client, error)) {
	bootstrap := os.Args[len(os.Args)-1]
	client, err := open(bootstrap)
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot open the client:", err)
		os.Exit(1)
	}
	s := &server{
		client: client, encoder: json.NewEncoder(os.Stdout), producers: map[int]Producer{}, members: map[int]Member{},
		pumps: map[int]*pumping{},
	}
	calls := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20))
	for {
		call := &Call{}
		err := calls.Decode(call)
		if errors.Is(err, io.EOF) {
			os.Exit(0)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "not a call:", err)
			os.Exit(1)
		}
		go s.answer(call)
	}
}

func (s *server) say(line any) {
	s.out.Lock()
	defer s.out.Unlock()
	if err := s.encoder.Encode(line); err != nil {
		os.Exit(1)
	}
}

func (s *server) answer(call *Call) {
	result, err := s.do(call)
	if err != nil {
		s.say(answer{ID: call.ID, Error: &failure{Code: s.client.Code(err), Text: err.Error()}})
		return
	}
	s.say(answer{ID: call.ID, Result: result})
}

func (s *server) number() int {
	s.open.Lock()
	defer s.open.Unlock()
	s.serial++
	return s.serial
}

func (s *server) do(call *Call) (any, error) {
	c := s.client
	switch call.Op {
	case "version":
		return c.Version(), nil
	case "create_topic":
		return nil, c.CreateTopic(call.Topic, call.Partitions, call.Configs)
	case "partition_counts":
		return c.PartitionCounts()
	case "add_partitions":
		return nil, c.AddPartitions(call.Topic, call.Count)
	case "topic_config":
		return c.TopicConfig(call.Topic, call.Key)
	case "set_topic_config":
		return nil, c.SetTopicConfig(call.Topic, call.Key, call.Value)
	case "delete_topic":
		return nil, c.DeleteTopic(call.Topic)

	case "produce":
		return nil, s.produce(ProducerOptions{call.Topic, call.Partition, call.Codec, call.Idempotent}, call.Records)
	case "open_producer":
		return s.openProducer(call)
	case "send":
		producer, err := held(s, s.producers, call.Producer)
		if err != nil {
			return nil, err
		}
		return nil, producer.Send(call.Records)
	case "close_producer":
		producer, err := held(s, s.producers, call.Producer)
		if err != nil {
			return nil, err
		}
		return nil, producer.Close()
	case "open_pump":
		return s.openPump(call)
	case "pump_acknowledged":
		pump, err := held(s, s.pumps, call.Pump)
		if err != nil {
			return nil, err
		}
		return pump.pump.Acknowledged(), nil
	case "stop_pump":
		pump, err := held(s, s.pumps, call.Pump)
		if err != nil {
			return nil, err
		}
		return pump.stop()
	case "read":
		return s.read(call)
	case "write_lines":
		return nil, s.writeLines(call)
	case "read_lines":
		return nil, s.readLines(call)

	case "ends":
		first, last, err := c.Ends(call.Topic)
		return [2]int64{first, last}, err
	case "offset_at":
		return c.OffsetAt(call.Topic, *call.Time)
	case "delete_records":
		return nil, c.DeleteRecords(call.Topic, *call.Offset)
	case "log_size":
		return c.LogSize(call.Topic)

	case "member":
		return s.openMember(call)
	case "pause", "resume":
		member, err := held(s, s.members, call.Member)
		if err != nil {
			return nil, err
		}
		if call.Op == "pause" {
			return nil, member.Pause()
		}
		return nil, member.Resume()
	case "leave":
		s.open.Lock()
		member := s.members[call.Member]
		delete(s.members, call.Member)
		s.open.Unlock()
		if member == nil {
			// It has left already.
			return nil, nil
		}
		return nil, member.Close()
	case "group_read":
		return c.GroupRead(call.Group, call.Topic, call.Count)
	case "groups":
		return c.Groups()
	case "group_state":
		state, members, err := c.GroupState(call.Group)
		return [2]any{state, members}, err
	case "group_offsets":
		offsets, err := c.GroupOffsets(call.Group)
		listed := [][3]any{}
		for place, offset := range offsets {
			listed = append(listed, [3]any{place.Topic, place.Partition, offset})
		}
		return listed, err
	case "reset_group":
		offsets := map[int32]int64{}
		for _, pair := range call.Offsets {
			offsets[int32(pair[0])] = pair[1]
		}
		return nil, c.ResetGroup(call.Group, call.Topic, offsets)
	case "delete_group":
		return nil, c.DeleteGroup(call.Group)
	case "fenced":
		// Only for a client whose members cannot be static but that has the calls.
		other, ok := c.(interface {
			Fenced(group, topic string) error
		})
		if !ok {
			return nil, &CodedError{"NO_SUCH_OP", call.Op}
		}
		return nil, other.Fenced(call.Group, call.Topic)
	case "unknown_topic":
		codes := map[string]*string{}
		for way, err := range c.UnknownTopic(call.Topic) {
			codes[way] = nil
			if err != nil {
				code := c.Code(err)
				codes[way] = &code
			}
		}
		return codes, nil
	}
	return nil, &CodedError{"NO_SUCH_OP", call.Op}
}

func (s *server) openProducer(call *Call) (int, error) {
	zero := int32(0)
	producer, err := s.client.OpenProducer(ProducerOptions{call.Topic, &zero, "none", true})
	if err != nil {
		return 0, err
	}
	number := s.number()
	s.open.Lock()
	defer s.open.Unlock()
	s.producers[number] = producer
	return number, nil
}

// held looks up what an earlier call opened.
func held[T any](s *server, all map[int]T, number int) (T, error) {
	s.open.Lock()
	defer s.open.Unlock()
	if found, ok := all[number]; ok {
		return found, nil
	}
	var none T
	return none, &CodedError{"NOT_OPEN", fmt.Sprint(number)}
}

func (s *server) openMember(call *Call) (int, error) {
	number := s.number()
	member, err := s.client.OpenMember(MemberOptions{
		Group: call.Group, Topics: call.Topics, Cooperative: call.Assignor == "cooperative", Instance: call.Instance,
		Session:   time.Duration(call.Session) * time.Millisecond,
		Heartbeat: time.Duration(call.Heartbeat) * time.Millisecond,
		Latest:    call.Reset == "latest", Rack: call.Rack, ClientID: call.ClientID,
	}, &Events{s, number})
	if err != nil {
		return 0, err
	}
	s.open.Lock()
	defer s.open.Unlock()
	s.members[number] = member
	return number, nil
}

func (s *server) produce(options ProducerOptions, records []Record) error {
	producer, err := s.client.OpenProducer(options)
	if err != nil {
		return err
	}
	// A large record goes alone: in a batch with others it would decide whether that batch shrinks, and with that
	// whether the client compresses it.
	from := 0
	for n := range records {
		if n+1 == len(records) || len(records[n].Value) > aloneBytes || len(records[n+1].Value) > aloneBytes {
			err = errors.Join(err, producer.Send(records[from:n+1]))
			from = n + 1
		}
	}
	return errors.Join(err, producer.Close())
}

func (s *server) read(call *Call) ([]Record, error) {
	records := []Record{}
	err := s.client.Read(call.Topic, Start{call.Offset, call.Time}, func(record Record) bool {
		records = append(records, record)
		return len(records) < call.Count
	})
	return records, err
}

func (s *server) writeLines(call *Call) error {
	file, err := os.Open(call.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	zero := int32(0)
	producer, err := s.client.OpenProducer(ProducerOptions{call.Topic, &zero, call.Codec, false})
	if err != nil {
		return err
	}
	records := []Record{}
	for lines := bufio.NewScanner(file); ; {
		more := lines.Scan()
		if more {
			records = append(records, Record{Value: append([]byte{}, lines.Bytes()...)})
		}
		if len(records) == linesPerSend || !more {
			if err := producer.Send(records); err != nil {
				return errors.Join(err, producer.Close())
			}
			records = records[:0]
		}
		if !more {
			return errors.Join(lines.Err(), producer.Close())
		}
	}
}

func (s *server) readLines(call *Call) error {
	file, err := os.Create(call.Path)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	read := 0
	err = s.client.Read(call.Topic, Start{}, func(record Record) bool {
		out.Write(record.Value)
		out.WriteByte('\n')
		read++
		return read < call.Count
	})
	return errors.Join(err, out.Flush(), file.Close())
}

// ModuleVersion is the version of a module this program was built with.
func ModuleVersion(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == path {
				return strings.TrimPrefix(module.Version, "v")
			}
		}
	}
	return "unknown"
}
