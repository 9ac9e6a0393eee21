import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreatePartitionsOptions;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicaAssignmentException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.utils.AppInfoParser;

/** Calls about topics, their settings and their offsets that every version has. */
final class TopicCalls {
    /** Of the first record written; near, or retention would cut it off. */
    static final long BASE_MS = System.currentTimeMillis() - 60_000;

    private TopicCalls() {}

    static void register(AdminTable table) {
        table.served("createTopics", admin -> create(admin, table.prefix + "create"));
        table.served("deleteTopics", admin -> delete(admin, table.prefix + "delete"));
        table.served("listTopics", admin -> list(admin, table.prefix + "list"));
        table.served("describeTopics", admin -> describe(admin, table.prefix + "describe"));
        table.served("createPartitions", admin -> grow(admin, table.prefix + "grow"));
        table.served("describeConfigs", admin -> configs(admin, table.prefix + "configs"));
        table.served("incrementalAlterConfigs", admin -> alter(admin, table.prefix + "alter"));
        table.served("incrementalAlterConfigs", admin -> alterBroker(admin, table.complete));
        table.served("listOffsets", admin -> offsets(admin, table, table.prefix + "offsets"));
        table.served("deleteRecords", admin -> deleteRecords(admin, table, table.prefix + "records"));
    }

    static int node(Admin admin) throws Exception {
        return Failures.await(admin.describeCluster().nodes()).iterator().next().id();
    }

    static void make(Admin admin, String topic, int partitions) throws Exception {
        Failures.await(admin.createTopics(Set.of(new NewTopic(topic, partitions, (short) 1))).all());
        soonOfSize(admin, topic, partitions);
    }

    private static void soonOfSize(Admin admin, String topic, int partitions) throws Exception {
        AdminTable.soon("partitions of " + topic, () ->
            Failures.await(Topics.describe(admin, Set.of(topic)).get(topic)).partitions().size(), partitions);
    }

    /** It has gone from the list, soon. */
    static void soonGone(Admin admin, String topic) throws Exception {
        AdminTable.soon("still listed", () -> Failures.await(admin.listTopics().names()).contains(topic), false);
    }

    static void soonSet(Admin admin, ConfigResource resource, String key, String value) throws Exception {
        AdminTable.soon(key, () -> String.valueOf(value(admin, resource, key)), value);
    }

    private static String value(Admin admin, ConfigResource resource, String key) throws Exception {
        ConfigEntry entry = describe(admin, resource).get(key);
        return entry == null ? null : entry.value();
    }

    /** Writes records 0, 1, ... to partition 0, a second apart from BASE_MS on. */
    static void fill(AdminTable table, String topic, int count) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = Writing.producer(table.bootstrap, "none", false)) {
            for (int n = 0; n < count; n++) {
                producer.send(new ProducerRecord<>(topic, 0, BASE_MS + n * 1000L, null, new byte[100])).get();
            }
        }
    }

    private static KafkaFuture<Void> creating(Admin admin, NewTopic topic) {
        return admin.createTopics(Set.of(topic)).values().get(topic.name());
    }

    private static void create(Admin admin, String topic) throws Exception {
        CreateTopicsResult made = admin.createTopics(Set.of(
            new NewTopic(topic, 3, (short) 1).configs(Map.of("retention.ms", "3600000")),
            new NewTopic(topic + ".defaults", Optional.empty(), Optional.empty())));
        Failures.await(made.all());
        AdminTable.equal("partitions", Failures.await(made.numPartitions(topic)), 3);
        AdminTable.equal("replicas", Failures.await(made.replicationFactor(topic)), 1);
        AdminTable.holds("no topic id", !Failures.await(made.topicId(topic)).equals(Uuid.ZERO_UUID));
        ConfigEntry retention = Failures.await(made.config(topic)).get("retention.ms");
        AdminTable.equal("the setting asked for", retention.value(), "3600000");
        AdminTable.equal("its source", retention.source(), ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG);
        AdminTable.equal("partitions by default", Failures.await(made.numPartitions(topic + ".defaults")), 1);

        int node = node(admin);
        String assigned = topic + ".assigned";
        Failures.await(creating(admin, new NewTopic(assigned, Map.of(0, List.of(node), 1, List.of(node)))));
        soonOfSize(admin, assigned, 2);

        CreateTopicsResult tried = admin.createTopics(
            Set.of(new NewTopic(topic + ".tried", 4, (short) 1), new NewTopic(topic, 1, (short) 1)),
            new CreateTopicsOptions().validateOnly(true));
        Failures.await(tried.values().get(topic + ".tried"));
        AdminTable.equal("partitions if it were made", Failures.await(tried.numPartitions(topic + ".tried")), 4);
        AdminTable.fails("trying what is there", TopicExistsException.class, tried.values().get(topic));
        AdminTable.holds("validateOnly made a topic",
            !Failures.await(admin.listTopics().names()).contains(topic + ".tried"));

        CreateTopicsResult mixed = admin.createTopics(Set.of(
            new NewTopic(topic, 1, (short) 1), new NewTopic(topic + ".beside", 1, (short) 1)));
        AdminTable.fails("what is there", TopicExistsException.class, mixed.values().get(topic));
        Failures.await(mixed.values().get(topic + ".beside"));

        String bad = topic + ".bad";
        AdminTable.fails("three replicas on one broker", InvalidReplicationFactorException.class,
            creating(admin, new NewTopic(bad, 1, (short) 3)));
        AdminTable.fails("no partitions", InvalidPartitionsException.class,
            creating(admin, new NewTopic(bad, 0, (short) 1)));
        AdminTable.fails("a name with a space", InvalidTopicException.class,
            creating(admin, new NewTopic("a name", 1, (short) 1)));
        AdminTable.fails("a setting that is no number", InvalidConfigurationException.class,
            creating(admin, new NewTopic(bad, 1, (short) 1).configs(Map.of("retention.ms", "long"))));
        AdminTable.fails("an unknown setting", InvalidConfigurationException.class,
            creating(admin, new NewTopic(bad, 1, (short) 1).configs(Map.of("colour", "blue"))));
        AdminTable.fails("a broker that is not there", InvalidReplicaAssignmentException.class,
            creating(admin, new NewTopic(bad, Map.of(0, List.of(4711)))));
        AdminTable.fails("a gap in the assignment", InvalidReplicaAssignmentException.class,
            creating(admin, new NewTopic(bad, Map.of(0, List.of(node), 2, List.of(node)))));
    }

    private static void delete(Admin admin, String topic) throws Exception {
        make(admin, topic, 2);
        Failures.await(admin.deleteTopics(Set.of(topic)).all());
        soonGone(admin, topic);
        AdminTable.fails("deleting it twice", UnknownTopicOrPartitionException.class,
            admin.deleteTopics(Set.of(topic)).all());
    }

    private static void list(Admin admin, String topic) throws Exception {
        make(admin, topic, 1);
        AdminTable.holds("it is not listed", Failures.await(admin.listTopics().names()).contains(topic));
        AdminTable.equal("its name", Failures.await(admin.listTopics().namesToListings()).get(topic).name(), topic);
        AdminTable.equal("internal", Failures.await(admin.listTopics().namesToListings()).get(topic).isInternal(),
            false);
        String offsets = "__consumer_offsets";
        AdminTable.holds("an internal topic in the ordinary list",
            !Failures.await(admin.listTopics().names()).contains(offsets));
        if (Failures.await(admin.listTopics(new ListTopicsOptions().listInternal(true)).names()).contains(offsets)) {
            AdminTable.equal("internal", Failures.await(admin.listTopics(
                new ListTopicsOptions().listInternal(true)).namesToListings()).get(offsets).isInternal(), true);
        }
    }

    private static void describe(Admin admin, String topic) throws Exception {
        make(admin, topic, 3);
        int node = node(admin);
        TopicDescription found = Failures.await(Topics.describe(admin, Set.of(topic)).get(topic));
        AdminTable.equal("its name", found.name(), topic);
        AdminTable.equal("internal", found.isInternal(), false);
        AdminTable.holds("no topic id", !found.topicId().equals(Uuid.ZERO_UUID));
        AdminTable.equal("operations that were not asked for", found.authorizedOperations(), null);
        for (int n = 0; n < 3; n++) {
            TopicPartitionInfo partition = found.partitions().get(n);
            AdminTable.equal("partition", partition.partition(), n);
            AdminTable.equal("leader", partition.leader().id(), node);
            AdminTable.equal("replicas", partition.replicas().size(), 1);
            AdminTable.equal("in sync", partition.isr(), partition.replicas());
        }
        DescribeTopicsOptions options = new DescribeTopicsOptions().includeAuthorizedOperations(true);
        AdminTable.equal("operations", names(Failures.await(
            Topics.byName(admin.describeTopics(Set.of(topic), options)).get(topic)).authorizedOperations()),
            "ALTER ALTER_CONFIGS CREATE DELETE DESCRIBE DESCRIBE_CONFIGS READ WRITE");
        Map<String, KafkaFuture<TopicDescription>> both =
            Topics.describe(admin, List.of(topic, topic + ".nowhere"));
        Failures.await(both.get(topic));
        AdminTable.fails("what is not there", UnknownTopicOrPartitionException.class, both.get(topic + ".nowhere"));
        AdminTable.fails("a name with a space", InvalidTopicException.class,
            Topics.describe(admin, Set.of("a name")).get("a name"));
    }

    /** Names in order, for comparing sets of enums. */
    static String names(Collection<?> set) {
        return set == null ? null
            : String.join(" ", set.stream().map(Object::toString).sorted().toArray(String[]::new));
    }

    private static KafkaFuture<Void> growing(Admin admin, String topic, NewPartitions partitions) {
        return admin.createPartitions(Map.of(topic, partitions)).values().get(topic);
    }

    private static void grow(Admin admin, String topic) throws Exception {
        make(admin, topic, 1);
        Failures.await(growing(admin, topic, NewPartitions.increaseTo(2)));
        soonOfSize(admin, topic, 2);
        Failures.await(admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(9)),
            new CreatePartitionsOptions().validateOnly(true)).all());
        soonOfSize(admin, topic, 2);
        int node = node(admin);
        Failures.await(growing(admin, topic, NewPartitions.increaseTo(4, List.of(List.of(node), List.of(node)))));
        soonOfSize(admin, topic, 4);
        AdminTable.fails("fewer", InvalidPartitionsException.class,
            growing(admin, topic, NewPartitions.increaseTo(3)));
        AdminTable.fails("as many", InvalidPartitionsException.class,
            growing(admin, topic, NewPartitions.increaseTo(4)));
        AdminTable.fails("a broker that is not there", InvalidReplicaAssignmentException.class,
            growing(admin, topic, NewPartitions.increaseTo(5, List.of(List.of(4711)))));
        AdminTable.fails("fewer assignments than partitions", InvalidReplicaAssignmentException.class,
            growing(admin, topic, NewPartitions.increaseTo(6, List.of(List.of(node)))));
        AdminTable.fails("what is not there", UnknownTopicOrPartitionException.class,
            growing(admin, topic + ".nowhere", NewPartitions.increaseTo(2)));
    }

    static Config describe(Admin admin, ConfigResource resource) throws Exception {
        return Failures.await(admin.describeConfigs(Set.of(resource)).all()).get(resource);
    }

    private static void configs(Admin admin, String topic) throws Exception {
        Failures.await(creating(admin, new NewTopic(topic, 1, (short) 1).configs(
            Map.of("max.message.bytes", "123456"))));
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, String.valueOf(node(admin)));
        ConfigResource all = new ConfigResource(ConfigResource.Type.BROKER, "");
        soonSet(admin, resource, "max.message.bytes", "123456");
        ConfigEntry changed = describe(admin, resource).get("max.message.bytes");
        AdminTable.equal("value", changed.value(), "123456");
        AdminTable.equal("default", changed.isDefault(), false);
        AdminTable.equal("read-only", changed.isReadOnly(), false);
        AdminTable.equal("sensitive", changed.isSensitive(), false);
        ConfigEntry kept = describe(admin, resource).get("segment.index.bytes");
        AdminTable.equal("value", kept.value(), "10485760");
        AdminTable.equal("source", kept.source(), ConfigEntry.ConfigSource.DEFAULT_CONFIG);
        AdminTable.equal("synonyms that were not asked for", changed.synonyms(), List.of());
        Config full = Failures.await(admin.describeConfigs(Set.of(resource),
            new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true)).all()).get(resource);
        List<ConfigEntry.ConfigSynonym> synonyms = full.get("max.message.bytes").synonyms();
        AdminTable.equal("first synonym", synonyms.get(0).name() + "=" + synonyms.get(0).value(),
            "max.message.bytes=123456");
        AdminTable.equal("last synonym", synonyms.get(synonyms.size() - 1).name(), "message.max.bytes");
        AdminTable.equal("type", full.get("max.message.bytes").type(), ConfigEntry.ConfigType.INT);
        AdminTable.equal("type", full.get("cleanup.policy").type(), ConfigEntry.ConfigType.LIST);
        AdminTable.holds("no documentation", full.get("max.message.bytes").documentation().length() > 20);

        Config ofBroker = describe(admin, broker);
        AdminTable.equal("node id", ofBroker.get("node.id").value(), broker.name());
        AdminTable.equal("node id read-only", ofBroker.get("node.id").isReadOnly(), true);
        AdminTable.equal("source of what was given at the start", ofBroker.get("group.min.session.timeout.ms").source(),
            ConfigEntry.ConfigSource.STATIC_BROKER_CONFIG);
        describe(admin, all);
        AdminTable.fails("a topic that is not there", UnknownTopicOrPartitionException.class, admin.describeConfigs(
            Set.of(new ConfigResource(ConfigResource.Type.TOPIC, topic + ".nowhere"))).all());
        // Loggers have no settings here; asked for properly the answer is a list all the same.
        ConfigResource loggers = new ConfigResource(ConfigResource.Type.BROKER_LOGGER, broker.name());
        AdminTable.holds("no list of loggers", describe(admin, loggers).entries() != null);
        AdminTable.equal("several at once", Failures.await(
            admin.describeConfigs(List.of(resource, broker, loggers)).all()).size(), 3);
    }

    static KafkaFuture<Void> altering(
            Admin admin, ConfigResource resource, String key, String value, AlterConfigOp.OpType type) {
        return admin.incrementalAlterConfigs(Collections.singletonMap(resource, Set.of(
            new AlterConfigOp(new ConfigEntry(key, value), type)))).values().get(resource);
    }

    private static void alter(Admin admin, String topic) throws Exception {
        make(admin, topic, 1);
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        Failures.await(altering(admin, resource, "retention.ms", "1000000", AlterConfigOp.OpType.SET));
        Failures.await(altering(admin, resource, "cleanup.policy", "compact", AlterConfigOp.OpType.APPEND));
        soonSet(admin, resource, "retention.ms", "1000000");
        soonSet(admin, resource, "cleanup.policy", "delete,compact");
        Failures.await(altering(admin, resource, "cleanup.policy", "delete", AlterConfigOp.OpType.SUBTRACT));
        soonSet(admin, resource, "cleanup.policy", "compact");
        Failures.await(altering(admin, resource, "cleanup.policy", "", AlterConfigOp.OpType.DELETE));
        soonSet(admin, resource, "cleanup.policy", "delete");
        AdminTable.equal("deleted", describe(admin, resource).get("cleanup.policy").isDefault(), true);
        Failures.await(admin.incrementalAlterConfigs(Map.of(resource, Set.of(new AlterConfigOp(
            new ConfigEntry("retention.ms", "7"), AlterConfigOp.OpType.SET))),
            new AlterConfigsOptions().validateOnly(true)).all());
        AdminTable.equal("validateOnly", describe(admin, resource).get("retention.ms").value(), "1000000");
        AdminTable.fails("no number", InvalidConfigurationException.class,
            altering(admin, resource, "retention.ms", "long", AlterConfigOp.OpType.SET));
        AdminTable.fails("an unknown key", InvalidConfigurationException.class,
            altering(admin, resource, "colour", "blue", AlterConfigOp.OpType.SET));
        AdminTable.fails("appending to what is no list", InvalidConfigurationException.class,
            altering(admin, resource, "retention.ms", "1", AlterConfigOp.OpType.APPEND));
        AdminTable.fails("a topic that is not there", UnknownTopicOrPartitionException.class,
            altering(admin, new ConfigResource(ConfigResource.Type.TOPIC, topic + ".nowhere"), "retention.ms", "1",
                AlterConfigOp.OpType.SET));
    }

    /** Settings of all brokers and of one, changed while it runs and put back; harmless to other flows. */
    private static void alterBroker(Admin admin, boolean complete) throws Exception {
        ConfigResource one = new ConfigResource(ConfigResource.Type.BROKER, String.valueOf(node(admin)));
        ConfigResource all = new ConfigResource(ConfigResource.Type.BROKER, "");
        // Versions run side by side against one broker: each has a setting of its own.
        String key = AppInfoParser.getVersion().startsWith("4.") ? "log.retention.ms"
            : AppInfoParser.getVersion().startsWith("3.") ? "log.roll.ms" : "log.retention.bytes";
        Failures.await(altering(admin, all, key, "604800001", AlterConfigOp.OpType.SET));
        soonSet(admin, all, key, "604800001");
        AdminTable.equal("seen by one", describe(admin, one).get(key).source(),
            ConfigEntry.ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG);
        Failures.await(altering(admin, one, key, "604800002", AlterConfigOp.OpType.SET));
        soonSet(admin, one, key, "604800002");
        AdminTable.equal("of one", describe(admin, one).get(key).source(),
            ConfigEntry.ConfigSource.DYNAMIC_BROKER_CONFIG);
        Failures.await(altering(admin, one, key, "", AlterConfigOp.OpType.DELETE));
        Failures.await(altering(admin, all, key, "", AlterConfigOp.OpType.DELETE));
        // No more in the list of what was set for all.
        soonSet(admin, all, key, "null");
        // Kafka changes log levels; a broker that does not must say so.
        KafkaFuture<Void> logger = altering(admin, new ConfigResource(ConfigResource.Type.BROKER_LOGGER, one.name()),
            "root", "INFO", AlterConfigOp.OpType.SET);
        if (!complete) {
            AdminTable.fails("a log level", InvalidRequestException.class, logger);
        }
        AdminTable.fails("what cannot be changed", InvalidRequestException.class,
            altering(admin, one, "node.id", "2", AlterConfigOp.OpType.SET));
    }

    static long offset(Admin admin, TopicPartition place, OffsetSpec spec) throws Exception {
        return Failures.await(admin.listOffsets(Map.of(place, spec)).partitionResult(place)).offset();
    }

    private static void offsets(Admin admin, AdminTable table, String topic) throws Exception {
        make(admin, topic, 2);
        fill(table, topic, 5);
        TopicPartition place = new TopicPartition(topic, 0);
        TopicPartition empty = new TopicPartition(topic, 1);
        AdminTable.equal("earliest", offset(admin, place, OffsetSpec.earliest()), 0L);
        AdminTable.equal("latest", offset(admin, place, OffsetSpec.latest()), 5L);
        AdminTable.equal("latest, committed only", Failures.await(admin.listOffsets(
            Map.of(place, OffsetSpec.latest(), empty, OffsetSpec.latest()),
            new ListOffsetsOptions(IsolationLevel.READ_COMMITTED)).all()).get(place).offset(), 5L);
        AdminTable.equal("a time", offset(admin, place, OffsetSpec.forTimestamp(BASE_MS + 2500)), 3L);
        AdminTable.equal("its timestamp", Failures.await(admin.listOffsets(
            Map.of(place, OffsetSpec.forTimestamp(BASE_MS + 2500))).partitionResult(place)).timestamp(),
            BASE_MS + 3000);
        AdminTable.equal("a time past the end", offset(admin, place, OffsetSpec.forTimestamp(BASE_MS + 9000)), -1L);
        AdminTable.equal("latest of an empty one", offset(admin, empty, OffsetSpec.latest()), 0L);
        AdminTable.equal("leader epoch", Failures.await(admin.listOffsets(
            Map.of(place, OffsetSpec.latest())).partitionResult(place)).leaderEpoch(), Optional.of(0));
    }

    private static void deleteRecords(Admin admin, AdminTable table, String topic) throws Exception {
        make(admin, topic, 2);
        fill(table, topic, 10);
        TopicPartition place = new TopicPartition(topic, 0);
        AdminTable.equal("low watermark", Failures.await(admin.deleteRecords(
            Map.of(place, RecordsToDelete.beforeOffset(4))).lowWatermarks().get(place)).lowWatermark(), 4L);
        AdminTable.equal("earliest", offset(admin, place, OffsetSpec.earliest()), 4L);
        AdminTable.equal("low watermark, lower", Failures.await(admin.deleteRecords(
            Map.of(place, RecordsToDelete.beforeOffset(2))).lowWatermarks().get(place)).lowWatermark(), 4L);
        AdminTable.fails("past the end", OffsetOutOfRangeException.class, admin.deleteRecords(
            Map.of(place, RecordsToDelete.beforeOffset(11))).all());
        AdminTable.equal("all of it", Failures.await(admin.deleteRecords(
            Map.of(place, RecordsToDelete.beforeOffset(-1))).lowWatermarks().get(place)).lowWatermark(), 10L);
    }
}
