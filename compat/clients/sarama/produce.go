package main

import (
	"errors"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"walser/compat/bridge"
)

var codecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

// writing is the configuration of a producer.
func writing(options bridge.ProducerOptions) *sarama.Config {
	all := config()
	all.Metadata.AllowAutoTopicCreation = true
	all.Producer.Return.Successes = true
	all.Producer.RequiredAcks = sarama.WaitForAll
	all.Producer.MaxMessageBytes = bridge.BytesMax
	all.Producer.Compression = codecs[options.Codec]
	all.Producer.Retry.Max = 1000
	all.Producer.Retry.Backoff = 100 * time.Millisecond
	if options.Idempotent {
		all.Producer.Idempotent = true
		all.Net.MaxOpenRequests = 1
	}
	if options.Partition != nil {
		all.Producer.Partitioner = sarama.NewManualPartitioner
	}
	return all
}

// message is a record as sarama takes it: no encoder is null.
func message(topic string, partition *int32, record bridge.Record) *sarama.ProducerMessage {
	written := &sarama.ProducerMessage{Topic: topic}
	if record.Key != nil {
		written.Key = sarama.ByteEncoder(record.Key)
	}
	if record.Value != nil {
		written.Value = sarama.ByteEncoder(record.Value)
	}
	if partition != nil {
		written.Partition = *partition
	}
	if record.Time != nil {
		written.Timestamp = time.UnixMilli(*record.Time)
	}
	for _, header := range record.Headers {
		written.Headers = append(written.Headers, sarama.RecordHeader{Key: []byte(header.Name), Value: header.Value})
	}
	return written
}

type producer struct {
	writer    sarama.SyncProducer
	topic     string
	partition *int32
}

func (c *client) OpenProducer(options bridge.ProducerOptions) (bridge.Producer, error) {
	writer, err := sarama.NewSyncProducer(c.bootstrap, writing(options))
	return &producer{writer, options.Topic, options.Partition}, err
}

func (p *producer) Send(records []bridge.Record) error {
	messages := make([]*sarama.ProducerMessage, len(records))
	for n, record := range records {
		messages[n] = message(p.topic, p.partition, record)
	}
	return p.writer.SendMessages(messages)
}

func (p *producer) Close() error {
	return p.writer.Close()
}

// pump has one request in flight: sarama allows an idempotent producer no more.
type pump struct {
	writer sarama.AsyncProducer
	topic  string
	over   sync.WaitGroup
	// Guards what follows.
	lock         sync.Mutex
	acknowledged int
	failed       error
}

func (c *client) OpenPump(topic string) (bridge.Pump, error) {
	zero := int32(0)
	all := writing(bridge.ProducerOptions{Topic: topic, Partition: &zero, Codec: "none", Idempotent: true})
	all.Producer.Flush.MaxMessages = bridge.PumpBatch
	writer, err := sarama.NewAsyncProducer(c.bootstrap, all)
	if err != nil {
		return nil, err
	}
	p := &pump{writer: writer, topic: topic}
	p.over.Go(func() {
		for range writer.Successes() {
			p.lock.Lock()
			p.acknowledged++
			p.lock.Unlock()
		}
	})
	p.over.Go(func() {
		for err := range writer.Errors() {
			p.lock.Lock()
			p.failed = errors.Join(p.failed, err)
			p.lock.Unlock()
		}
	})
	return p, nil
}

func (p *pump) Put(record bridge.Record) error {
	zero := int32(0)
	p.writer.Input() <- message(p.topic, &zero, record)
	return nil
}

func (p *pump) Acknowledged() int {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.acknowledged
}

func (p *pump) Finish() error {
	p.writer.AsyncClose()
	p.over.Wait()
	return p.failed
}
