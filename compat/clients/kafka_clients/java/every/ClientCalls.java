import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.OffsetMetadataTooLarge;
import org.apache.kafka.common.errors.UnsupportedVersionException;

/** What programs ask of the consumer and the producer that the flows for all clients do not. */
final class ClientCalls {
    private static final Duration POLL = Duration.ofMillis(50);

    private ClientCalls() {}

    static void register(AdminTable table) {
        table.client("subscribe to a pattern", admin -> pattern(admin, table, table.prefix + "pattern"));
        table.client("commit", admin -> commit(admin, table, table.prefix + "commit"));
        table.client("offsets", admin -> offsets(admin, table, table.prefix + "places"));
        table.client("no reset", admin -> noReset(admin, table, table.prefix + "no-reset"));
        table.client("enforce a rebalance", admin -> enforce(admin, table, table.prefix + "enforced"));
        table.client("acknowledgements", admin -> acknowledgements(admin, table, table.prefix + "acks"));
        table.clientUnserved("transactions", admin -> {
            try (KafkaProducer<byte[], byte[]> producer = Writing.producer(table.bootstrap, "none", true,
                    "transactional.id", table.prefix + "txn", "max.block.ms", "20000")) {
                producer.initTransactions();
            } catch (KafkaException error) {
                // The producer puts the refusal of its coordinator into a sentence, with the broker's own words.
                if (String.valueOf(error.getMessage()).endsWith("not served by this broker yet.")) {
                    throw new UnsupportedVersionException(error.getMessage());
                }
                throw error;
            }
            return KafkaFuture.completedFuture(null);
        });
    }

    /** Polls until the member holds exactly these. */
    private static void hold(KafkaConsumer<byte[], byte[]> consumer, Set<TopicPartition> places) throws Exception {
        AdminTable.soon("the member holds", () -> {
            consumer.poll(POLL);
            return consumer.assignment();
        }, places);
    }

    private static List<Long> read(KafkaConsumer<byte[], byte[]> consumer, int count) throws Exception {
        List<Long> offsets = new ArrayList<>();
        AdminTable.soon("records read", () -> {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                offsets.add(record.offset());
            }
            return offsets.size();
        }, count);
        return offsets;
    }

    /** Topics that match are found, also one that comes later. */
    private static void pattern(Admin admin, AdminTable table, String name) throws Exception {
        TopicCalls.make(admin, name + ".one", 1);
        TopicCalls.make(admin, name + "-other", 1);
        TopicPartition one = new TopicPartition(name + ".one", 0);
        try (KafkaConsumer<byte[], byte[]> consumer = Reading.consumer(
                table.bootstrap, "group.id", name, "metadata.max.age.ms", "300")) {
            consumer.subscribe(Pattern.compile(Pattern.quote(name + ".") + ".*"));
            hold(consumer, Set.of(one));
            TopicCalls.make(admin, name + ".two", 1);
            hold(consumer, Set.of(one, new TopicPartition(name + ".two", 0)));
        }
    }

    private static void commit(Admin admin, AdminTable table, String name) throws Exception {
        TopicCalls.make(admin, name, 1);
        TopicCalls.fill(table, name, 5);
        TopicPartition place = new TopicPartition(name, 0);
        try (KafkaConsumer<byte[], byte[]> consumer = Reading.consumer(table.bootstrap, "group.id", name)) {
            consumer.assign(Set.of(place));
            AdminTable.equal("committed before", consumer.committed(Set.of(place)).get(place), null);
            AdminTable.equal("read", read(consumer, 5), List.of(0L, 1L, 2L, 3L, 4L));
            consumer.commitSync();
            AdminTable.equal("committed", consumer.committed(Set.of(place)).get(place).offset(), 5L);
            AtomicReference<Object> told = new AtomicReference<>("nothing");
            OffsetAndMetadata noted = new OffsetAndMetadata(3, Optional.of(0), "noted");
            consumer.commitAsync(Map.of(place, noted), (offsets, error) -> told.set(error == null ? "done" : error));
            AdminTable.soon("told of the commit", () -> {
                consumer.poll(POLL);
                return told.get();
            }, "done");
            AdminTable.equal("committed later", consumer.committed(Set.of(place)).get(place), noted);
            try {
                consumer.commitSync(Map.of(place, new OffsetAndMetadata(3, "x".repeat(5000))));
                throw new AssertionError("a note of 5,000 characters was taken");
            } catch (OffsetMetadataTooLarge expected) {
                // As from Kafka.
            }
        }
    }

    private static void offsets(Admin admin, AdminTable table, String name) throws Exception {
        TopicCalls.make(admin, name, 2);
        TopicCalls.fill(table, name, 5);
        TopicPartition place = new TopicPartition(name, 0);
        TopicPartition empty = new TopicPartition(name, 1);
        try (KafkaConsumer<byte[], byte[]> consumer = Reading.consumer(
                table.bootstrap, "isolation.level", "read_committed")) {
            AdminTable.equal("partitions", consumer.partitionsFor(name).size(), 2);
            AdminTable.equal("partitions in the list", consumer.listTopics().get(name).size(), 2);
            AdminTable.equal("first", consumer.beginningOffsets(Set.of(place, empty)), Map.of(place, 0L, empty, 0L));
            AdminTable.equal("last", consumer.endOffsets(Set.of(place, empty)), Map.of(place, 5L, empty, 0L));
            Map<TopicPartition, Long> times = new HashMap<>();
            times.put(place, TopicCalls.BASE_MS + 2500);
            times.put(empty, TopicCalls.BASE_MS);
            Map<TopicPartition, OffsetAndTimestamp> found = consumer.offsetsForTimes(times);
            AdminTable.equal("of a time", found.get(place).offset(), 3L);
            AdminTable.equal("of a time in an empty one", found.get(empty), null);
            consumer.assign(Set.of(place));
            consumer.seekToEnd(Set.of(place));
            AdminTable.equal("at the end", consumer.position(place), 5L);
            consumer.seek(place, new OffsetAndMetadata(2, Optional.of(0), ""));
            AdminTable.equal("read", read(consumer, 3), List.of(2L, 3L, 4L));
        }
    }

    private static void noReset(Admin admin, AdminTable table, String name) throws Exception {
        TopicCalls.make(admin, name, 1);
        TopicCalls.fill(table, name, 2);
        TopicPartition place = new TopicPartition(name, 0);
        try (KafkaConsumer<byte[], byte[]> consumer = Reading.consumer(
                table.bootstrap, "group.id", name, "auto.offset.reset", "none")) {
            consumer.assign(Set.of(place));
            AdminTable.throwsSoon("nothing committed", NoOffsetForPartitionException.class,
                () -> consumer.poll(POLL));
            consumer.seek(place, 99);
            AdminTable.throwsSoon("out of range", OffsetOutOfRangeException.class, () -> consumer.poll(POLL));
        }
    }

    private static void enforce(Admin admin, AdminTable table, String name) throws Exception {
        TopicCalls.make(admin, name, 1);
        try (KafkaConsumer<byte[], byte[]> consumer = GroupCalls.member(table, name)) {
            int before = consumer.groupMetadata().generationId();
            AdminTable.holds("no generation", before > 0);
            consumer.enforceRebalance();
            AdminTable.soon("a later generation", () -> {
                consumer.poll(POLL);
                return consumer.groupMetadata().generationId() > before;
            }, true);
        }
    }

    private static void acknowledgements(Admin admin, AdminTable table, String name) throws Exception {
        TopicCalls.make(admin, name, 1);
        String[] acks = {"0", "1", "all"};
        for (int n = 0; n < acks.length; n++) {
            try (KafkaProducer<byte[], byte[]> producer = Writing.producer(
                    table.bootstrap, "none", false, "acks", acks[n])) {
                AdminTable.equal("partitions", producer.partitionsFor(name).size(), 1);
                RecordMetadata told = producer.send(new ProducerRecord<>(name, 0, null, new byte[10])).get();
                producer.flush();
                AdminTable.equal("offset, acks=" + acks[n], told.offset(), acks[n].equals("0") ? -1L : (long) n);
                long last = n + 1;
                AdminTable.soon("end, acks=" + acks[n], () -> TopicCalls.offset(admin, new TopicPartition(name, 0),
                    OffsetSpec.latest()), last);
            }
        }
    }
}
