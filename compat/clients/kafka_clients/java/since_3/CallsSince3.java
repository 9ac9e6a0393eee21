import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeProducersOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.RaftVoterEndpoint;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnsupportedVersionException;

/** Calls that came between 3.0 and 3.9. */
final class CallsSince3 {
    private CallsSince3() {}

    static void register(AdminTable table) {
        table.served("deleteTopics", admin -> deleteById(admin, table.prefix + "delete-id"));
        table.served("describeTopics", admin -> describeById(admin, table.prefix + "describe-id"));
        table.served("describeTopics", admin -> describeInParts(admin, table.prefix + "describe-parts"));
        table.served("listOffsets", admin -> offsets(admin, table, table.prefix + "offsets-3"));
        table.served("listConsumerGroupOffsets", admin -> offsetsOfGroups(admin, table.prefix + "groups-read"));
        table.served("describeProducers", admin -> producers(admin, table, table.prefix + "producers"));
        table.served("describeLogDirs", CallsSince3::logDirSizes);

        TopicPartition nowhere = new TopicPartition(table.prefix + "nowhere", 0);
        table.unserved("describeTransactions", admin -> admin.describeTransactions(Set.of("nobody")).all());
        table.unserved("listTransactions", admin -> admin.listTransactions().all());
        table.unserved("abortTransaction", admin -> {
            // The client asks for the leader first: of a topic that is there.
            String topic = table.prefix + "aborted";
            TopicCalls.make(admin, topic, 1);
            return admin.abortTransaction(
                new AbortTransactionSpec(new TopicPartition(topic, 0), 1, (short) 0, 0)).all();
        });
        table.unserved("fenceProducers", admin -> admin.fenceProducers(Set.of("nobody")).all());
        table.unserved("describeMetadataQuorum", admin -> admin.describeMetadataQuorum().quorumInfo());
        table.unserved("listClientMetricsResources", admin -> admin.listClientMetricsResources().all());
        table.unserved("addRaftVoter", admin -> admin.addRaftVoter(
            4711, Uuid.randomUuid(), Set.of(new RaftVoterEndpoint("CONTROLLER", "127.0.0.1", 1))).all());
        table.unserved("removeRaftVoter", admin -> admin.removeRaftVoter(4711, Uuid.randomUuid()).all());
        table.unserved("clientInstanceId", CallsSince3::instanceId);
        table.clientUnserved("group.protocol=consumer", admin -> {
            TopicCalls.make(admin, table.prefix + "new-protocol", 1);
            try (KafkaConsumer<byte[], byte[]> consumer = Reading.consumer(table.bootstrap,
                    "group.id", table.prefix + "new-protocol", "group.protocol", "consumer")) {
                consumer.subscribe(Set.of(table.prefix + "new-protocol"));
                AdminTable.soon("polls until it fails", () -> consumer.poll(Duration.ofMillis(100)).count(), -1);
            }
            return KafkaFuture.completedFuture(null);
        });
    }

    /** No future here: 3.9 throws with the reason inside, 4.3 waits as long as it is told and has no id. */
    private static KafkaFuture<?> instanceId(Admin admin) {
        try {
            if (admin.clientInstanceId(Duration.ofMillis(300)) != null) {
                return KafkaFuture.completedFuture(null);
            }
        } catch (KafkaException error) {
            if (!(Failures.cause(error.getCause()) instanceof UnsupportedVersionException)) {
                throw error;
            }
        }
        throw new UnsupportedVersionException("no id of this client");
    }

    private static Uuid id(Admin admin, String topic) throws Exception {
        return Failures.await(admin.describeTopics(Set.of(topic)).allTopicNames()).get(topic).topicId();
    }

    private static void deleteById(Admin admin, String topic) throws Exception {
        TopicCalls.make(admin, topic, 1);
        Uuid id = id(admin, topic);
        Failures.await(admin.deleteTopics(TopicCollection.ofTopicIds(Set.of(id))).all());
        TopicCalls.soonGone(admin, topic);
        AdminTable.fails("deleting it twice", UnknownTopicIdException.class,
            admin.deleteTopics(TopicCollection.ofTopicIds(Set.of(id))).all());
        TopicCalls.make(admin, topic, 1);
        AdminTable.holds("a new topic has the old id", !id(admin, topic).equals(id));
        Failures.await(admin.deleteTopics(TopicCollection.ofTopicNames(Set.of(topic))).all());
    }

    private static void describeById(Admin admin, String topic) throws Exception {
        TopicCalls.make(admin, topic, 3);
        Uuid id = id(admin, topic);
        AdminTable.equal("id in the list",
            Failures.await(admin.listTopics().namesToListings()).get(topic).topicId(), id);
        TopicDescription found =
            Failures.await(admin.describeTopics(TopicCollection.ofTopicIds(Set.of(id))).allTopicIds()).get(id);
        AdminTable.equal("name", found.name(), topic);
        AdminTable.equal("partitions", found.partitions().size(), 3);
        // By id with Metadata and by name with DescribeTopicPartitions must tell the same.
        TopicDescription byName = Failures.await(
            admin.describeTopics(TopicCollection.ofTopicNames(Set.of(topic))).allTopicNames()).get(topic);
        AdminTable.equal("id", byName.topicId(), id);
        for (int n = 0; n < 3; n++) {
            AdminTable.equal("leader", found.partitions().get(n).leader(), byName.partitions().get(n).leader());
            AdminTable.equal("in sync", found.partitions().get(n).isr(), byName.partitions().get(n).isr());
        }
        AdminTable.fails("an id that is not there", UnknownTopicIdException.class,
            admin.describeTopics(TopicCollection.ofTopicIds(Set.of(Uuid.randomUuid()))).allTopicIds());
    }

    /** DescribeTopicPartitions in answers of two partitions each, across topics. */
    private static void describeInParts(Admin admin, String topic) throws Exception {
        List<String> topics = List.of(topic + ".a", topic + ".b", topic + ".c");
        for (String one : topics) {
            TopicCalls.make(admin, one, 5);
        }
        Map<String, TopicDescription> found = Failures.await(admin.describeTopics(
            topics, new DescribeTopicsOptions().partitionSizeLimitPerResponse(2)).allTopicNames());
        for (String one : topics) {
            AdminTable.equal("partitions", found.get(one).partitions().size(), 5);
            AdminTable.equal("last partition", found.get(one).partitions().get(4).partition(), 4);
        }
    }

    private static void offsets(Admin admin, AdminTable table, String topic) throws Exception {
        TopicCalls.make(admin, topic, 2);
        TopicCalls.fill(table, topic, 5);
        TopicPartition place = new TopicPartition(topic, 0);
        TopicPartition empty = new TopicPartition(topic, 1);
        AdminTable.equal("largest timestamp", TopicCalls.offset(admin, place, OffsetSpec.maxTimestamp()), 4L);
        AdminTable.equal("largest timestamp of an empty one",
            TopicCalls.offset(admin, empty, OffsetSpec.maxTimestamp()), -1L);
        AdminTable.equal("earliest local", TopicCalls.offset(admin, place, OffsetSpec.earliestLocal()), 0L);
        AdminTable.equal("latest tiered", TopicCalls.offset(admin, place, OffsetSpec.latestTiered()), -1L);
    }

    private static void offsetsOfGroups(Admin admin, String name) throws Exception {
        TopicPartition one = new TopicPartition(name + ".one", 0);
        TopicPartition two = new TopicPartition(name + ".two", 0);
        TopicCalls.make(admin, one.topic(), 1);
        TopicCalls.make(admin, two.topic(), 1);
        GroupCalls.commit(admin, one.topic(), 1);
        GroupCalls.commit(admin, two.topic(), 2);
        Map<String, Map<TopicPartition, OffsetAndMetadata>> found = Failures.await(admin.listConsumerGroupOffsets(
            Map.of(one.topic(), new ListConsumerGroupOffsetsSpec(),
                two.topic(), new ListConsumerGroupOffsetsSpec().topicPartitions(List.of(two, one)))).all());
        AdminTable.equal("offset of one", found.get(one.topic()).get(one).offset(), 1L);
        AdminTable.equal("offset of two", found.get(two.topic()).get(two).offset(), 2L);
        AdminTable.equal("what two did not commit", found.get(two.topic()).get(one), null);
    }

    private static void producers(Admin admin, AdminTable table, String topic) throws Exception {
        TopicCalls.make(admin, topic, 1);
        TopicPartition place = new TopicPartition(topic, 0);
        try (KafkaProducer<byte[], byte[]> producer = Writing.producer(table.bootstrap, "none", true)) {
            for (int n = 0; n < 3; n++) {
                producer.send(new ProducerRecord<>(topic, 0, null, new byte[] {1})).get();
            }
            List<ProducerState> found =
                Failures.await(admin.describeProducers(Set.of(place)).partitionResult(place)).activeProducers();
            AdminTable.equal("producers", found.size(), 1);
            AdminTable.equal("epoch", found.get(0).producerEpoch(), 0);
            AdminTable.equal("last sequence", found.get(0).lastSequence(), 2);
            AdminTable.holds("open transaction", found.get(0).currentTransactionStartOffset().isEmpty());
            AdminTable.equal("asked of a broker", Failures.await(admin.describeProducers(Set.of(place),
                new DescribeProducersOptions().brokerId(TopicCalls.node(admin))).partitionResult(place))
                .activeProducers(), found);
        }
    }

    private static void logDirSizes(Admin admin) throws Exception {
        int node = TopicCalls.node(admin);
        for (LogDirDescription dir : Failures.await(admin.describeLogDirs(Set.of(node)).allDescriptions())
                .get(node).values()) {
            AdminTable.holds("bytes of the volume", dir.totalBytes().getAsLong() > 0);
            AdminTable.holds("bytes free", dir.usableBytes().getAsLong() > 0
                && dir.usableBytes().getAsLong() <= dir.totalBytes().getAsLong());
        }
    }
}
