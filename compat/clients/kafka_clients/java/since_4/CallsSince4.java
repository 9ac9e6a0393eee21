import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ClassicGroupDescription;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListConfigResourcesOptions;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListStreamsGroupOffsetsSpec;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.ClassicGroupState;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.metrics.KafkaMetric;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Calls that came with 4.0 to 4.3. */
final class CallsSince4 {
    private CallsSince4() {}

    static void register(AdminTable table) {
        table.served("listGroups", admin -> groups(admin, table, table.prefix + "groups"));
        table.served("describeClassicGroups", admin -> classic(admin, table, table.prefix + "classic"));
        table.served("describeConsumerGroups", admin -> AdminTable.fails("a group that is not there",
            GroupIdNotFoundException.class, admin.describeConsumerGroups(Set.of(table.prefix + "nobody")).all()));
        table.served("describeCluster", admin -> AdminTable.equal("brokers, fenced ones too", Failures.await(
            admin.describeCluster(new DescribeClusterOptions().includeFencedBrokers(true)).nodes()).size(), 1));
        table.served("listOffsets", admin -> offsets(admin, table.prefix + "offsets-4"));
        table.served("registerMetricForSubscription", CallsSince4::registered);
        table.served("unregisterMetricFromSubscription", CallsSince4::registered);
        // These speak the protocol of ordinary groups.
        table.served("alterStreamsGroupOffsets", admin -> streams(admin, table.prefix + "streams"));
        table.served("listStreamsGroupOffsets", admin -> streams(admin, table.prefix + "streams-list"));
        table.served("deleteStreamsGroupOffsets", admin -> streams(admin, table.prefix + "streams-forget"));
        table.served("deleteStreamsGroups", admin -> streams(admin, table.prefix + "streams-delete"));
        table.served("deleteShareGroups", admin -> AdminTable.fails("a group that is not there",
            GroupIdNotFoundException.class, admin.deleteShareGroups(Set.of(table.prefix + "nobody")).all()));

        String nobody = table.prefix + "nobody";
        TopicPartition nowhere = new TopicPartition(table.prefix + "nowhere", 0);
        table.unserved("updateFeatures", admin -> admin.updateFeatures(Map.of("no.such.feature",
            new FeatureUpdate((short) 1, FeatureUpdate.UpgradeType.UPGRADE))).all());
        table.unserved("listConfigResources", admin -> admin.listConfigResources().all());
        table.unserved("listConfigResources", admin -> admin.listConfigResources(
            Set.of(ConfigResource.Type.TOPIC), new ListConfigResourcesOptions()).all());
        table.unserved("forceTerminateTransaction", admin -> admin.forceTerminateTransaction(nobody).result());
        table.unserved("describeShareGroups", admin -> admin.describeShareGroups(Set.of(nobody)).all());
        table.unserved("alterShareGroupOffsets", admin ->
            admin.alterShareGroupOffsets(nobody, Map.of(nowhere, 1L)).all());
        table.unserved("listShareGroupOffsets", admin ->
            admin.listShareGroupOffsets(Map.of(nobody, new ListShareGroupOffsetsSpec())).all());
        table.unserved("deleteShareGroupOffsets", admin ->
            admin.deleteShareGroupOffsets(nobody, Set.of(nowhere.topic())).all());
        table.clientUnserved("share group", admin -> {
            TopicCalls.make(admin, table.prefix + "shared", 1);
            Map<String, Object> settings =
                Map.of("bootstrap.servers", table.bootstrap, "group.id", table.prefix + "shared");
            try (KafkaShareConsumer<byte[], byte[]> consumer = new KafkaShareConsumer<>(
                    settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
                consumer.subscribe(Set.of(table.prefix + "shared"));
                AdminTable.soon("polls until it fails", () -> consumer.poll(Duration.ofMillis(100)).count(), -1);
            }
            return KafkaFuture.completedFuture(null);
        });
        table.unserved("describeStreamsGroups", admin -> admin.describeStreamsGroups(Set.of(nobody)).all());
    }

    private static Optional<GroupListing> find(Admin admin, ListGroupsOptions options, String name) throws Exception {
        Collection<GroupListing> groups = Failures.await(admin.listGroups(options).all());
        return groups.stream().filter(group -> group.groupId().equals(name)).findAny();
    }

    private static void groups(Admin admin, AdminTable table, String name) throws Exception {
        TopicCalls.make(admin, name, 1);
        try (KafkaConsumer<byte[], byte[]> member = GroupCalls.member(table, name)) {
            GroupListing found = find(admin, new ListGroupsOptions(), name).get();
            AdminTable.equal("type", found.type(), Optional.of(GroupType.CLASSIC));
            AdminTable.equal("protocol", found.protocol(), "consumer");
            AdminTable.equal("state", found.groupState(), Optional.of(GroupState.STABLE));
            AdminTable.holds("not among the classic",
                find(admin, new ListGroupsOptions().withTypes(Set.of(GroupType.CLASSIC)), name).isPresent());
            AdminTable.holds("among share groups",
                find(admin, new ListGroupsOptions().withTypes(Set.of(GroupType.SHARE)), name).isEmpty());
            AdminTable.holds("not among the stable",
                find(admin, new ListGroupsOptions().inGroupStates(Set.of(GroupState.STABLE)), name).isPresent());
            AdminTable.holds("among connectors",
                find(admin, new ListGroupsOptions().withProtocolTypes(Set.of("connect")), name).isEmpty());
            AdminTable.holds("not among consumer groups",
                find(admin, ListGroupsOptions.forConsumerGroups(), name).isPresent());
        }
    }

    private static void classic(Admin admin, AdminTable table, String name) throws Exception {
        TopicCalls.make(admin, name, 1);
        try (KafkaConsumer<byte[], byte[]> member = GroupCalls.member(table, name)) {
            ClassicGroupDescription found =
                Failures.await(admin.describeClassicGroups(Set.of(name)).describedGroups().get(name));
            AdminTable.equal("state", found.state(), ClassicGroupState.STABLE);
            AdminTable.equal("protocol", found.protocol(), "consumer");
            AdminTable.equal("assignor", found.protocolData(), "range");
            AdminTable.equal("members", found.members().size(), 1);
            AdminTable.equal("holds", found.members().iterator().next().assignment().topicPartitions(),
                Set.of(new TopicPartition(name, 0)));
        }
        AdminTable.fails("a group that is not there", GroupIdNotFoundException.class,
            admin.describeClassicGroups(Set.of(name + ".nobody")).all());
    }

    private static void offsets(Admin admin, String topic) throws Exception {
        TopicCalls.make(admin, topic, 1);
        AdminTable.equal("earliest that is yet to be tiered", TopicCalls.offset(
            admin, new TopicPartition(topic, 0), OffsetSpec.earliestPendingUpload()), -1L);
    }

    /** Both are the client's own affair; without telemetry nothing is to be seen of them. */
    private static void registered(Admin admin) {
        KafkaMetric metric = (KafkaMetric) admin.metrics().values().iterator().next();
        admin.registerMetricForSubscription(metric);
        admin.unregisterMetricFromSubscription(metric);
    }

    private static void streams(Admin admin, String name) throws Exception {
        TopicCalls.make(admin, name, 1);
        TopicPartition place = new TopicPartition(name, 0);
        Failures.await(admin.alterStreamsGroupOffsets(name, Map.of(place, new OffsetAndMetadata(5))).all());
        AdminTable.equal("offset", Failures.await(admin.listStreamsGroupOffsets(
            Map.of(name, new ListStreamsGroupOffsetsSpec())).partitionsToOffsetAndMetadata(name)).get(place).offset(),
            5L);
        Failures.await(admin.deleteStreamsGroupOffsets(name, Set.of(place)).all());
        AdminTable.equal("offsets", Failures.await(admin.listStreamsGroupOffsets(
            Map.of(name, new ListStreamsGroupOffsetsSpec())).partitionsToOffsetAndMetadata(name)).get(place), null);
        Failures.await(admin.alterStreamsGroupOffsets(name, Map.of(place, new OffsetAndMetadata(6))).all());
        Failures.await(admin.deleteStreamsGroups(Set.of(name)).all());
        AdminTable.fails("deleting it twice", GroupIdNotFoundException.class,
            admin.deleteStreamsGroups(Set.of(name)).all());
    }
}
