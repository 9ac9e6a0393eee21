import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Consumers that read so much and end: by assignment, or in a group with a commit. */
final class Reading {
    private static final Duration POLL = Duration.ofMillis(100);
    private static final String SIZE_MAX = "10000000";

    /** Takes a record; may fail while writing it out. */
    private interface Taker {
        void take(ConsumerRecord<byte[], byte[]> record) throws IOException;
    }

    private final String bootstrap;

    private Reading(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    static void register(Map<String, Bridge.Op> ops, String bootstrap) {
        Reading reading = new Reading(bootstrap);
        ops.put("read", reading::read);
        ops.put("read_lines", reading::readLines);
        ops.put("group_read", reading::groupRead);
    }

    /** A consumer; `more` are settings in turn: key, value. */
    static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, String... more) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        settings.put("allow.auto.create.topics", "false");
        settings.put("fetch.max.wait.ms", "100");
        settings.put("max.partition.fetch.bytes", SIZE_MAX);
        settings.put("reconnect.backoff.max.ms", "500");
        for (int at = 0; at < more.length; at += 2) {
            settings.put(more[at], more[at + 1]);
        }
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    /** A record as the bridge says it. */
    static Map<String, Object> record(ConsumerRecord<byte[], byte[]> record) {
        List<Object> headers = new ArrayList<>();
        for (Header header : record.headers()) {
            List<Object> pair = new ArrayList<>();
            pair.add(header.key());
            pair.add(header.value());
            headers.add(pair);
        }
        Map<String, Object> said = new LinkedHashMap<>();
        said.put("topic", record.topic());
        said.put("p", record.partition());
        said.put("o", record.offset());
        said.put("t", record.timestamp());
        said.put("k", record.key());
        said.put("v", record.value());
        said.put("h", headers);
        return said;
    }

    /** Polls until `count` records came; with `end`, at most up to that offset of partition 0. */
    private static int poll(KafkaConsumer<byte[], byte[]> consumer, int count, TopicPartition until, Taker taker)
            throws IOException {
        long ends = System.nanoTime() + Failures.CALL_SECONDS_MAX * 1_000_000_000;
        long end = until == null ? Long.MAX_VALUE : consumer.endOffsets(Collections.singleton(until)).get(until);
        int read = 0;
        while (read < count && (until == null || consumer.position(until) < end)) {
            if (System.nanoTime() > ends) {
                throw new TimeoutException(read + " of " + count + " records");
            }
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                if (read < count) {
                    taker.take(record);
                    read += 1;
                }
            }
        }
        return read;
    }

    private Object read(JsonNode call) throws Exception {
        TopicPartition place = new TopicPartition(Bridge.text(call, "topic"), 0);
        Long offset = Bridge.number(call, "offset");
        Long time = Bridge.number(call, "time");
        List<Object> records = new ArrayList<>();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap)) {
            consumer.assign(Collections.singleton(place));
            if (offset != null) {
                consumer.seek(place, offset);
            } else if (time != null) {
                OffsetAndTimestamp found = consumer.offsetsForTimes(Collections.singletonMap(place, time)).get(place);
                if (found == null) {
                    return records;
                }
                consumer.seek(place, found.offset());
            } else {
                consumer.seekToBeginning(Collections.singleton(place));
            }
            poll(consumer, call.get("count").asInt(), place, record -> records.add(record(record)));
        }
        return records;
    }

    private Object readLines(JsonNode call) throws Exception {
        TopicPartition place = new TopicPartition(Bridge.text(call, "topic"), 0);
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, "max.poll.records", "5000");
                OutputStream lines = new BufferedOutputStream(
                    Files.newOutputStream(Paths.get(Bridge.text(call, "path"))), 1 << 16)) {
            consumer.assign(Collections.singleton(place));
            consumer.seekToBeginning(Collections.singleton(place));
            poll(consumer, call.get("count").asInt(), place, record -> {
                lines.write(record.value());
                lines.write('\n');
            });
        }
        return null;
    }

    private Object groupRead(JsonNode call) throws Exception {
        String topic = Bridge.text(call, "topic");
        List<Object> records = new ArrayList<>();
        Map<TopicPartition, OffsetAndMetadata> places = new LinkedHashMap<>();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, "group.id", Bridge.text(call, "group"))) {
            consumer.subscribe(Collections.singleton(topic));
            poll(consumer, call.get("count").asInt(), null, record -> {
                records.add(record(record));
                places.put(new TopicPartition(record.topic(), record.partition()),
                    new OffsetAndMetadata(record.offset() + 1));
            });
            consumer.commitSync(places);
            Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(places.keySet());
            if (!committed.equals(places)) {
                throw new IllegalStateException("committed " + places + ", read back " + committed);
            }
        }
        return records;
    }
}
