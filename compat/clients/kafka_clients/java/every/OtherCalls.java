import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.DescribeReplicaLogDirsResult.ReplicaLogDirInfo;
import org.apache.kafka.clients.admin.FeatureMetadata;
import org.apache.kafka.clients.admin.ListPartitionReassignmentsOptions;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.ReplicaInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialDeletion;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** Calls about the cluster and its folders, and those the broker does not serve, that every version has. */
final class OtherCalls {
    private OtherCalls() {}

    static void register(AdminTable table) {
        table.served("describeCluster", OtherCalls::cluster);
        table.served("describeFeatures", admin -> features(admin, table.complete));
        table.served("describeLogDirs", admin -> logDirs(admin, table, table.prefix + "dirs"));
        table.served("describeReplicaLogDirs", admin -> replicaLogDirs(admin, table, table.prefix + "replica-dirs"));
        table.served("metrics", admin -> AdminTable.holds("no metric of requests", admin.metrics().keySet().stream()
            .anyMatch(name -> name.name().equals("request-total"))));

        // Nothing of what these would change exists, so that they harm no broker that serves them.
        TopicPartition nowhere = new TopicPartition(table.prefix + "nowhere", 0);
        table.unserved("alterReplicaLogDirs", admin -> admin.alterReplicaLogDirs(
            Map.of(new TopicPartitionReplica(nowhere.topic(), 0, TopicCalls.node(admin)), "/nowhere")).all());
        AclBinding acl = new AclBinding(
            new ResourcePattern(ResourceType.TOPIC, nowhere.topic(), PatternType.LITERAL),
            new AccessControlEntry("User:nobody", "*", AclOperation.READ, AclPermissionType.ALLOW));
        table.unserved("describeAcls", admin -> admin.describeAcls(AclBindingFilter.ANY).values());
        table.unserved("createAcls", admin -> admin.createAcls(Set.of(acl)).all());
        table.unserved("deleteAcls", admin -> admin.deleteAcls(Set.of(acl.toFilter())).all());
        table.unserved("createDelegationToken", admin -> admin.createDelegationToken().delegationToken());
        table.unserved("renewDelegationToken", admin -> admin.renewDelegationToken(new byte[4]).expiryTimestamp());
        table.unserved("expireDelegationToken", admin -> admin.expireDelegationToken(new byte[4]).expiryTimestamp());
        table.unserved("describeDelegationToken", admin -> admin.describeDelegationToken().delegationTokens());
        table.unserved("electLeaders", admin ->
            admin.electLeaders(ElectionType.PREFERRED, Set.of(nowhere)).partitions());
        table.unserved("alterPartitionReassignments", admin -> admin.alterPartitionReassignments(
            Map.of(nowhere, Optional.of(new NewPartitionReassignment(List.of(TopicCalls.node(admin)))))).all());
        table.unserved("listPartitionReassignments", admin -> admin.listPartitionReassignments().reassignments());
        table.unserved("listPartitionReassignments", admin ->
            admin.listPartitionReassignments(Set.of(nowhere)).reassignments());
        table.unserved("listPartitionReassignments", admin -> admin.listPartitionReassignments(
            Optional.of(Set.of(nowhere)), new ListPartitionReassignmentsOptions()).reassignments());
        table.unserved("describeClientQuotas", admin ->
            admin.describeClientQuotas(ClientQuotaFilter.all()).entities());
        table.unserved("alterClientQuotas", admin -> admin.alterClientQuotas(Set.of(new ClientQuotaAlteration(
            new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, "nobody")),
            Set.of(new ClientQuotaAlteration.Op("producer_byte_rate", null))))).all());
        table.unserved("describeUserScramCredentials", admin -> admin.describeUserScramCredentials().all());
        table.unserved("describeUserScramCredentials", admin ->
            admin.describeUserScramCredentials(List.of("nobody")).all());
        table.unserved("alterUserScramCredentials", admin -> admin.alterUserScramCredentials(
            List.of(new UserScramCredentialDeletion("nobody", ScramMechanism.SCRAM_SHA_256))).all());
        table.unserved("unregisterBroker", admin -> admin.unregisterBroker(4711).all());
    }

    private static void cluster(Admin admin) throws Exception {
        DescribeClusterResult found = admin.describeCluster();
        AdminTable.equal("length of the cluster's id", Failures.await(found.clusterId()).length(), 22);
        AdminTable.equal("brokers", Failures.await(found.nodes()).size(), 1);
        AdminTable.equal("controller", Failures.await(found.controller()),
            Failures.await(found.nodes()).iterator().next());
        AdminTable.equal("operations that were not asked for", Failures.await(found.authorizedOperations()), null);
        AdminTable.equal("operations", TopicCalls.names(Failures.await(admin.describeCluster(
            new DescribeClusterOptions().includeAuthorizedOperations(true)).authorizedOperations())),
            "ALTER ALTER_CONFIGS CLUSTER_ACTION CREATE DESCRIBE DESCRIBE_CONFIGS IDEMPOTENT_WRITE");
    }

    private static void features(Admin admin, boolean complete) throws Exception {
        FeatureMetadata found = Failures.await(admin.describeFeatures().featureMetadata());
        // A broker names only features of what it serves, and old clients are not told of all it supports.
        AdminTable.holds("no feature of a broker that serves all", !complete || !found.finalizedFeatures().isEmpty());
        found.finalizedFeatures().forEach((name, level) -> AdminTable.holds(name + " is at a level not supported",
            !found.supportedFeatures().containsKey(name)
                || level.maxVersionLevel() <= found.supportedFeatures().get(name).maxVersion()));
    }

    private static void logDirs(Admin admin, AdminTable table, String topic) throws Exception {
        TopicCalls.make(admin, topic, 2);
        TopicCalls.fill(table, topic, 10);
        int node = TopicCalls.node(admin);
        Map<String, LogDirDescription> dirs =
            Failures.await(admin.describeLogDirs(Set.of(node)).descriptions().get(node));
        AdminTable.equal("folders", dirs.size(), 1);
        LogDirDescription dir = dirs.values().iterator().next();
        AdminTable.equal("its error", dir.error(), null);
        ReplicaInfo replica = dir.replicaInfos().get(new TopicPartition(topic, 0));
        AdminTable.holds("size " + replica.size(), replica.size() > 1000 && replica.size() < 10_000);
        AdminTable.equal("lag", replica.offsetLag(), 0L);
        AdminTable.equal("future", replica.isFuture(), false);
        AdminTable.equal("size of an empty one", dir.replicaInfos().get(new TopicPartition(topic, 1)).size(), 0L);
    }

    private static void replicaLogDirs(Admin admin, AdminTable table, String topic) throws Exception {
        TopicCalls.make(admin, topic, 1);
        TopicCalls.fill(table, topic, 1);
        int node = TopicCalls.node(admin);
        TopicPartitionReplica replica = new TopicPartitionReplica(topic, 0, node);
        TopicPartitionReplica nowhere = new TopicPartitionReplica(topic + ".nowhere", 0, node);
        Map<TopicPartitionReplica, ReplicaLogDirInfo> found =
            Failures.await(admin.describeReplicaLogDirs(Set.of(replica, nowhere)).all());
        String dir = Failures.await(admin.describeLogDirs(Set.of(node)).descriptions().get(node))
            .keySet().iterator().next();
        AdminTable.equal("folder", found.get(replica).getCurrentReplicaLogDir(), dir);
        AdminTable.equal("lag", found.get(replica).getCurrentReplicaOffsetLag(), 0L);
        AdminTable.equal("future folder", found.get(replica).getFutureReplicaLogDir(), null);
        AdminTable.equal("folder of what is not there", found.get(nowhere).getCurrentReplicaLogDir(), null);
    }
}
