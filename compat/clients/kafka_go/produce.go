package main

import (
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"walser/compat/bridge"
)

var codecs = map[string]kafka.Compression{
	"none":   0,
	"gzip":   kafka.Gzip,
	"snappy": kafka.Snappy,
	"lz4":    kafka.Lz4,
	"zstd":   kafka.Zstd,
}

type producer struct {
	writer *kafka.Writer
}

func (c *client) writer(options bridge.ProducerOptions) *kafka.Writer {
	writer := &kafka.Writer{
		Addr: c.addr, Topic: options.Topic, Transport: transport(), RequiredAcks: kafka.RequireAll,
		BatchSize: 1000, BatchBytes: bridge.BytesMax, BatchTimeout: 5 * time.Millisecond,
		MaxAttempts: 200, WriteBackoffMax: 200 * time.Millisecond, Compression: codecs[options.Codec],
		AllowAutoTopicCreation: true,
	}
	if options.Partition != nil {
		writer.Balancer = kafka.BalancerFunc(func(kafka.Message, ...int) int { return int(*options.Partition) })
	}
	return writer
}

func (c *client) OpenProducer(options bridge.ProducerOptions) (bridge.Producer, error) {
	return &producer{c.writer(options)}, nil
}

func (p *producer) Send(records []bridge.Record) error {
	ctx, done := soon()
	defer done()
	messages := make([]kafka.Message, len(records))
	for n, record := range records {
		messages[n] = kafka.Message{Key: record.Key, Value: record.Value}
		if record.Time != nil {
			messages[n].Time = time.UnixMilli(*record.Time)
		}
		for _, header := range record.Headers {
			messages[n].Headers = append(messages[n].Headers, kafka.Header{Key: header.Name, Value: header.Value})
		}
	}
	for {
		err := p.writer.WriteMessages(ctx, messages...)
		if !leaderless(err, len(messages)) || ctx.Err() != nil {
			return err
		}
		time.Sleep(fetchWait)
	}
}

// leaderless tells whether not one message was sent, because the partition has no leader yet: a Writer does not try
// that again.
func leaderless(err error, count int) bool {
	var several kafka.WriteErrors
	if !errors.As(err, &several) || len(several) != count {
		return false
	}
	for _, one := range several {
		if !errors.Is(one, protocol.ErrNoLeader) {
			return false
		}
	}
	return true
}

func (p *producer) Close() error {
	return p.writer.Close()
}

func (c *client) OpenPump(string) (bridge.Pump, error) {
	return nil, lacking("idempotent producer")
}
