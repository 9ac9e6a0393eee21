import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupListing;
import org.apache.kafka.clients.admin.DescribeConsumerGroupsOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupsOptions;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupResult;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.ConsumerGroupState;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.UnknownMemberIdException;

/** Calls about groups that every version has, each on a group of its own. */
final class GroupCalls {
    private GroupCalls() {}

    static void register(AdminTable table) {
        table.served("listConsumerGroups", admin -> list(admin, table, table.prefix + "listed"));
        table.served("describeConsumerGroups", admin -> describe(admin, table, table.prefix + "described"));
        table.served("listConsumerGroupOffsets", admin -> offsets(admin, table.prefix + "offsets-read"));
        table.served("alterConsumerGroupOffsets", admin -> alter(admin, table, table.prefix + "altered"));
        table.served("deleteConsumerGroupOffsets", admin -> forget(admin, table, table.prefix + "forgotten"));
        table.served("deleteConsumerGroups", admin -> delete(admin, table, table.prefix + "deleted"));
        table.served("removeMembersFromConsumerGroup", admin -> remove(admin, table, table.prefix + "removed"));
    }

    /** A member that holds partition 0 of the topic, in a group of the same name; it stays by its heartbeats. */
    static KafkaConsumer<byte[], byte[]> member(AdminTable table, String name, String... more) {
        String[] settings = new String[more.length + 6];
        System.arraycopy(more, 0, settings, 6, more.length);
        settings[0] = "group.id";
        settings[1] = name;
        settings[2] = "client.id";
        settings[3] = "the-client";
        settings[4] = "session.timeout.ms";
        settings[5] = "20000";
        KafkaConsumer<byte[], byte[]> consumer = Reading.consumer(table.bootstrap, settings);
        consumer.subscribe(Set.of(name));
        long ends = System.nanoTime() + Failures.CALL_SECONDS_MAX * 1_000_000_000;
        while (consumer.assignment().isEmpty() && System.nanoTime() < ends) {
            consumer.poll(Duration.ofMillis(50));
        }
        AdminTable.equal("the member holds", consumer.assignment(), Set.of(new TopicPartition(name, 0)));
        return consumer;
    }

    /** Gives an empty group an offset for partition 0 of the topic of the same name. */
    static void commit(Admin admin, String name, long offset) throws Exception {
        Failures.await(admin.alterConsumerGroupOffsets(name,
            Map.of(new TopicPartition(name, 0), new OffsetAndMetadata(offset, Optional.of(0), "noted"))).all());
    }

    private static Optional<ConsumerGroupListing> find(Collection<ConsumerGroupListing> groups, String name) {
        return groups.stream().filter(group -> group.groupId().equals(name)).findAny();
    }

    private static void list(Admin admin, AdminTable table, String name) throws Exception {
        TopicCalls.make(admin, name, 1);
        try (KafkaConsumer<byte[], byte[]> member = member(table, name)) {
            ConsumerGroupListing found = find(Failures.await(admin.listConsumerGroups().all()), name).get();
            AdminTable.equal("simple", found.isSimpleConsumerGroup(), false);
            AdminTable.equal("state", found.state(), Optional.of(ConsumerGroupState.STABLE));
            AdminTable.holds("not among the stable", find(Failures.await(admin.listConsumerGroups(
                new ListConsumerGroupsOptions().inStates(Set.of(ConsumerGroupState.STABLE))).valid()), name)
                .isPresent());
            AdminTable.holds("among the empty", find(Failures.await(admin.listConsumerGroups(
                new ListConsumerGroupsOptions().inStates(Set.of(ConsumerGroupState.EMPTY))).valid()), name)
                .isEmpty());
            AdminTable.equal("errors", Failures.await(admin.listConsumerGroups().errors()).size(), 0);
        }
        String simple = name + ".simple";
        TopicCalls.make(admin, simple, 1);
        commit(admin, simple, 1);
        ConsumerGroupListing found = find(Failures.await(admin.listConsumerGroups().all()), simple).get();
        AdminTable.equal("simple", found.isSimpleConsumerGroup(), true);
        AdminTable.equal("state", found.state(), Optional.of(ConsumerGroupState.EMPTY));
    }

    private static void describe(Admin admin, AdminTable table, String name) throws Exception {
        TopicCalls.make(admin, name, 1);
        try (KafkaConsumer<byte[], byte[]> member = member(table, name, "group.instance.id", "one")) {
            ConsumerGroupDescription found =
                Failures.await(admin.describeConsumerGroups(Set.of(name)).describedGroups().get(name));
            AdminTable.equal("group", found.groupId(), name);
            AdminTable.equal("simple", found.isSimpleConsumerGroup(), false);
            AdminTable.equal("state", found.state(), ConsumerGroupState.STABLE);
            AdminTable.equal("assignor", found.partitionAssignor(), "range");
            AdminTable.equal("coordinator", found.coordinator().id(), TopicCalls.node(admin));
            AdminTable.equal("members", found.members().size(), 1);
            MemberDescription one = found.members().iterator().next();
            AdminTable.equal("instance", one.groupInstanceId(), Optional.of("one"));
            AdminTable.equal("client", one.clientId(), "the-client");
            AdminTable.holds("member id " + one.consumerId(), one.consumerId().startsWith("one-"));
            AdminTable.equal("host", one.host(), "/127.0.0.1");
            AdminTable.equal("holds", one.assignment().topicPartitions(), Set.of(new TopicPartition(name, 0)));
            ConsumerGroupDescription full = Failures.await(admin.describeConsumerGroups(Set.of(name),
                new DescribeConsumerGroupsOptions().includeAuthorizedOperations(true)).all()).get(name);
            Set<String> operations = Set.of(TopicCalls.names(full.authorizedOperations()).split(" "));
            AdminTable.holds("operations: " + operations, operations.containsAll(Set.of("READ", "DELETE", "DESCRIBE")));
        }
    }

    private static void offsets(Admin admin, String name) throws Exception {
        TopicCalls.make(admin, name, 1);
        commit(admin, name, 7);
        Map<TopicPartition, OffsetAndMetadata> found =
            Failures.await(admin.listConsumerGroupOffsets(name).partitionsToOffsetAndMetadata());
        AdminTable.equal("offsets", found, Map.of(
            new TopicPartition(name, 0), new OffsetAndMetadata(7, Optional.of(0), "noted")));
        AdminTable.equal("of a group that is not there", Failures.await(
            admin.listConsumerGroupOffsets(name + ".nobody").partitionsToOffsetAndMetadata()), Map.of());
    }

    private static KafkaFuture<Void> altering(Admin admin, String group, TopicPartition place) {
        return admin.alterConsumerGroupOffsets(group, Map.of(place, new OffsetAndMetadata(3))).partitionResult(place);
    }

    private static void alter(Admin admin, AdminTable table, String name) throws Exception {
        TopicCalls.make(admin, name, 1);
        TopicPartition place = new TopicPartition(name, 0);
        try (KafkaConsumer<byte[], byte[]> member = member(table, name)) {
            AdminTable.fails("while it has a member", UnknownMemberIdException.class, altering(admin, name, place));
        }
        Failures.await(altering(admin, name, place));
        AdminTable.equal("offset", Failures.await(
            admin.listConsumerGroupOffsets(name).partitionsToOffsetAndMetadata()).get(place).offset(), 3L);
    }

    private static void forget(Admin admin, AdminTable table, String name) throws Exception {
        TopicCalls.make(admin, name, 1);
        TopicPartition place = new TopicPartition(name, 0);
        try (KafkaConsumer<byte[], byte[]> member = member(table, name)) {
            member.commitSync(Map.of(place, new OffsetAndMetadata(2)));
            AdminTable.fails("while a member reads it", GroupSubscribedToTopicException.class,
                admin.deleteConsumerGroupOffsets(name, Set.of(place)).partitionResult(place));
        }
        Failures.await(admin.deleteConsumerGroupOffsets(name, Set.of(place)).all());
        AdminTable.equal("offsets", Failures.await(
            admin.listConsumerGroupOffsets(name).partitionsToOffsetAndMetadata()), Map.of());
        AdminTable.fails("of a group that is not there", GroupIdNotFoundException.class,
            admin.deleteConsumerGroupOffsets(name + ".nobody", Set.of(place)).all());
    }

    private static void delete(Admin admin, AdminTable table, String name) throws Exception {
        TopicCalls.make(admin, name, 1);
        try (KafkaConsumer<byte[], byte[]> member = member(table, name)) {
            AdminTable.fails("while it has a member", GroupNotEmptyException.class,
                admin.deleteConsumerGroups(Set.of(name)).deletedGroups().get(name));
        }
        Failures.await(admin.deleteConsumerGroups(Set.of(name)).all());
        AdminTable.holds("it is still listed", find(Failures.await(admin.listConsumerGroups().all()), name).isEmpty());
        AdminTable.fails("deleting it twice", GroupIdNotFoundException.class,
            admin.deleteConsumerGroups(Set.of(name)).all());
    }

    private static Set<String> instances(Admin admin, String name) throws Exception {
        return Failures.await(admin.describeConsumerGroups(Set.of(name)).all()).get(name).members().stream()
            .map(member -> member.groupInstanceId().orElse("")).collect(Collectors.toSet());
    }

    private static void remove(Admin admin, AdminTable table, String name) throws Exception {
        TopicCalls.make(admin, name, 1);
        // A static member closes without leaving: an administrator takes it out.
        member(table, name, "group.instance.id", "gone").close();
        AdminTable.equal("before", instances(admin, name), Set.of("gone"));
        MemberToRemove gone = new MemberToRemove("gone");
        MemberToRemove never = new MemberToRemove("never-there");
        RemoveMembersFromConsumerGroupResult removed = admin.removeMembersFromConsumerGroup(name,
            new RemoveMembersFromConsumerGroupOptions(List.of(gone, never)));
        Failures.await(removed.memberResult(gone));
        AdminTable.fails("an instance that is not there", UnknownMemberIdException.class, removed.memberResult(never));
        AdminTable.equal("after", instances(admin, name), Set.of());
        member(table, name, "group.instance.id", "gone-again").close();
        Failures.await(admin.removeMembersFromConsumerGroup(name, new RemoveMembersFromConsumerGroupOptions()).all());
        AdminTable.equal("after removing all", instances(admin, name), Set.of());
    }
}
