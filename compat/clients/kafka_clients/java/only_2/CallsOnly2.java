import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.ConsumerGroupState;
import org.apache.kafka.common.TopicPartition;

/** Calls that only version 2 has, or answers in its own way. */
final class CallsOnly2 {
    private CallsOnly2() {}

    static void register(AdminTable table) {
        table.unserved("electPreferredLeaders", admin ->
            admin.electPreferredLeaders(Set.of(new TopicPartition(table.prefix + "nowhere", 0))).partitions());
        table.served("describeConsumerGroups", admin -> unknownGroup(admin, table.prefix + "nobody"));
    }

    private static void unknownGroup(Admin admin, String name) throws Exception {
        AdminTable.equal("state of a group that is not there", Failures.await(
            admin.describeConsumerGroups(Set.of(name)).all()).get(name).state(), ConsumerGroupState.DEAD);
    }
}
