import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Producers: one for each call that writes, and those that stay open. */
final class Writing {
    private static final int SIZE_MAX = 10_000_000;

    /** A producer that stays open, for one topic. */
    private static final class Open {
        final String topic;
        final KafkaProducer<byte[], byte[]> producer;

        Open(String topic, KafkaProducer<byte[], byte[]> producer) {
            this.topic = topic;
            this.producer = producer;
        }
    }

    private final String bootstrap;
    private final Map<Integer, Open> open = new ConcurrentHashMap<>();
    private final AtomicInteger serial = new AtomicInteger();

    private Writing(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    static void register(Map<String, Bridge.Op> ops, String bootstrap) {
        Writing writing = new Writing(bootstrap);
        ops.put("produce", writing::produce);
        ops.put("open_producer", writing::openProducer);
        ops.put("send", writing::send);
        ops.put("close_producer", writing::closeProducer);
        ops.put("write_lines", writing::writeLines);
    }

    /** A producer; `more` are settings in turn: key, value. */
    static KafkaProducer<byte[], byte[]> producer(String bootstrap, String codec, boolean idempotent, String... more) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("acks", "all");
        settings.put("linger.ms", "5");
        settings.put("compression.type", codec);
        settings.put("enable.idempotence", String.valueOf(idempotent));
        settings.put("max.request.size", String.valueOf(SIZE_MAX));
        settings.put("reconnect.backoff.max.ms", "500");
        settings.put("delivery.timeout.ms", "55000");
        for (int at = 0; at < more.length; at += 2) {
            settings.put(more[at], more[at + 1]);
        }
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static byte[] bytes(JsonNode given) throws IOException {
        return given.isNull() ? null : given.binaryValue();
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, Integer partition, JsonNode given)
            throws IOException {
        List<Header> headers = new ArrayList<>();
        for (JsonNode pair : given.get("h")) {
            headers.add(new RecordHeader(pair.get(0).asText(), bytes(pair.get(1))));
        }
        return new ProducerRecord<>(
            topic, partition, Bridge.number(given, "t"), bytes(given.get("k")), bytes(given.get("v")), headers);
    }

    /** Writes records in order and waits until all are acknowledged. */
    private static void write(
            KafkaProducer<byte[], byte[]> producer, String topic, Integer partition, JsonNode records)
            throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (JsonNode given : records) {
            sent.add(producer.send(record(topic, partition, given)));
        }
        for (Future<RecordMetadata> one : sent) {
            one.get(Failures.CALL_SECONDS_MAX, TimeUnit.SECONDS);
        }
    }

    private Object produce(JsonNode call) throws Exception {
        Long partition = Bridge.number(call, "partition");
        try (KafkaProducer<byte[], byte[]> producer = producer(
                bootstrap, Bridge.text(call, "codec"), call.get("idempotent").asBoolean())) {
            write(producer, Bridge.text(call, "topic"), partition == null ? null : partition.intValue(),
                call.get("records"));
        }
        return null;
    }

    private Object openProducer(JsonNode call) {
        int number = serial.incrementAndGet();
        open.put(number, new Open(Bridge.text(call, "topic"), producer(bootstrap, "none", true)));
        return number;
    }

    private Object send(JsonNode call) throws Exception {
        Open one = open.get(call.get("producer").asInt());
        write(one.producer, one.topic, 0, call.get("records"));
        return null;
    }

    private Object closeProducer(JsonNode call) {
        open.remove(call.get("producer").asInt()).producer.close();
        return null;
    }

    private Object writeLines(JsonNode call) throws Exception {
        String topic = Bridge.text(call, "topic");
        AtomicReference<Exception> failure = new AtomicReference<>();
        try (KafkaProducer<byte[], byte[]> producer = producer(bootstrap, Bridge.text(call, "codec"), true);
                InputStream lines = new BufferedInputStream(
                    Files.newInputStream(Paths.get(Bridge.text(call, "path"))), 1 << 16)) {
            ByteArrayOutputStream line = new ByteArrayOutputStream();
            for (int next = lines.read(); next >= 0; next = lines.read()) {
                if (next != '\n') {
                    line.write(next);
                    continue;
                }
                producer.send(new ProducerRecord<>(topic, 0, null, line.toByteArray()), (where, error) -> {
                    if (error != null) {
                        failure.compareAndSet(null, error);
                    }
                });
                line.reset();
            }
            producer.flush();
        }
        if (failure.get() != null) {
            throw failure.get();
        }
        return null;
    }

    /** Writes to a topic that is not there; how that ends is the answer. */
    static Object toNowhere(String bootstrap, String topic) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = producer(bootstrap, "none", true, "max.block.ms", "1500")) {
            producer.send(new ProducerRecord<>(topic, new byte[] {1})).get();
            return null;
        } catch (ExecutionException error) {
            throw (Exception) error.getCause();
        }
    }
}
