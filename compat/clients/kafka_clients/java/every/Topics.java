import com.fasterxml.jackson.databind.JsonNode;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeTopicsResult;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.utils.AppInfoParser;

/** Topics and places in them, through Admin. */
final class Topics {
    private final Admin admin;

    private Topics(Admin admin) {
        this.admin = admin;
    }

    /** An Admin; `more` are settings in turn: key, value. */
    static Admin admin(String bootstrap, int timeoutMs, String... more) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("reconnect.backoff.max.ms", "500");
        settings.put("request.timeout.ms", String.valueOf(timeoutMs));
        settings.put("default.api.timeout.ms", String.valueOf(timeoutMs));
        for (int at = 0; at < more.length; at += 2) {
            settings.put(more[at], more[at + 1]);
        }
        return Admin.create(settings);
    }

    static void register(Map<String, Bridge.Op> ops, String bootstrap) {
        Topics topics = new Topics(admin(bootstrap, 50_000));
        ops.put("create_topic", topics::create);
        ops.put("partition_counts", call -> topics.partitionCounts());
        ops.put("add_partitions", topics::addPartitions);
        ops.put("topic_config", topics::config);
        ops.put("set_topic_config", topics::setConfig);
        ops.put("delete_topic", topics::delete);
        ops.put("ends", topics::ends);
        ops.put("offset_at", topics::offsetAt);
        ops.put("delete_records", topics::deleteRecords);
        ops.put("log_size", topics::logSize);
        ops.put("unknown_topic", call -> topics.unknown(bootstrap, Bridge.text(call, "topic")));
    }

    private static TopicPartition place(JsonNode call) {
        return new TopicPartition(Bridge.text(call, "topic"), 0);
    }

    private Object create(JsonNode call) throws Exception {
        Map<String, String> configs = new HashMap<>();
        call.get("configs").fields().forEachRemaining(one -> configs.put(one.getKey(), one.getValue().asText()));
        NewTopic topic = new NewTopic(
            Bridge.text(call, "topic"), Optional.of(call.get("partitions").asInt()), Optional.empty());
        Failures.await(admin.createTopics(Collections.singleton(topic.configs(configs))).all());
        return null;
    }

    static Map<String, KafkaFuture<TopicDescription>> describe(Admin admin, Collection<String> names)
            throws ReflectiveOperationException {
        return byName(admin.describeTopics(names));
    }

    /** Descriptions by name: the method's name changed in 3.1, and the old one went in 4.0. */
    @SuppressWarnings("unchecked")
    static Map<String, KafkaFuture<TopicDescription>> byName(DescribeTopicsResult result)
            throws ReflectiveOperationException {
        String method;
        try {
            method = DescribeTopicsResult.class.getMethod("topicNameValues").getName();
        } catch (NoSuchMethodException older) {
            method = "values";
        }
        return (Map<String, KafkaFuture<TopicDescription>>)
            DescribeTopicsResult.class.getMethod(method).invoke(result);
    }

    private Object partitionCounts() throws Exception {
        Map<String, Integer> counts = new LinkedHashMap<>();
        for (Map.Entry<String, KafkaFuture<TopicDescription>> one
                : describe(admin, Failures.await(admin.listTopics().names())).entrySet()) {
            try {
                counts.put(one.getKey(), Failures.await(one.getValue()).partitions().size());
            } catch (UnknownTopicOrPartitionException deleted) {
                // Another client deleted it between the list and the description.
            }
        }
        return counts;
    }

    private Object addPartitions(JsonNode call) throws Exception {
        Failures.await(admin.createPartitions(Collections.singletonMap(
            Bridge.text(call, "topic"), NewPartitions.increaseTo(call.get("count").asInt()))).all());
        return null;
    }

    private static ConfigResource resource(JsonNode call) {
        return new ConfigResource(ConfigResource.Type.TOPIC, Bridge.text(call, "topic"));
    }

    private Object config(JsonNode call) throws Exception {
        ConfigResource topic = resource(call);
        return Failures.await(admin.describeConfigs(Collections.singleton(topic)).all())
            .get(topic).get(Bridge.text(call, "key")).value();
    }

    private Object setConfig(JsonNode call) throws Exception {
        AlterConfigOp op = new AlterConfigOp(
            new ConfigEntry(Bridge.text(call, "key"), Bridge.text(call, "value")), AlterConfigOp.OpType.SET);
        Failures.await(admin.incrementalAlterConfigs(
            Collections.singletonMap(resource(call), Collections.singleton(op))).all());
        return null;
    }

    private Object delete(JsonNode call) throws Exception {
        Failures.await(admin.deleteTopics(Collections.singleton(Bridge.text(call, "topic"))).all());
        return null;
    }

    private ListOffsetsResultInfo offset(TopicPartition place, OffsetSpec spec) throws Exception {
        return Failures.await(admin.listOffsets(Collections.singletonMap(place, spec)).partitionResult(place));
    }

    private Object ends(JsonNode call) throws Exception {
        TopicPartition place = place(call);
        return List.of(offset(place, OffsetSpec.earliest()).offset(), offset(place, OffsetSpec.latest()).offset());
    }

    private Object offsetAt(JsonNode call) throws Exception {
        long offset = offset(place(call), OffsetSpec.forTimestamp(Bridge.number(call, "time"))).offset();
        return offset < 0 ? null : offset;
    }

    private Object deleteRecords(JsonNode call) throws Exception {
        Failures.await(admin.deleteRecords(Collections.singletonMap(
            place(call), RecordsToDelete.beforeOffset(Bridge.number(call, "offset")))).all());
        return null;
    }

    private Object logSize(JsonNode call) throws Exception {
        TopicPartition place = place(call);
        int broker = Failures.await(admin.describeCluster().nodes()).iterator().next().id();
        long size = 0;
        for (LogDirDescription dir : Failures.await(
                admin.describeLogDirs(Collections.singleton(broker)).descriptions().get(broker)).values()) {
            if (dir.replicaInfos().containsKey(place)) {
                size += dir.replicaInfos().get(place).size();
            }
        }
        return size;
    }

    private Object unknown(String bootstrap, String topic) {
        Map<String, Bridge.Op> ways = new LinkedHashMap<>();
        Collection<String> names = Collections.singleton(topic);
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        ways.put("describe", call -> Failures.await(describe(admin, names).get(topic)));
        ways.put("delete", call -> Failures.await(admin.deleteTopics(names).all()));
        ways.put("add partitions", call -> Failures.await(
            admin.createPartitions(Collections.singletonMap(topic, NewPartitions.increaseTo(3))).all()));
        ways.put("describe configs", call -> Failures.await(
            admin.describeConfigs(Collections.singleton(resource)).all()));
        ways.put("change configs", call -> Failures.await(admin.incrementalAlterConfigs(Collections.singletonMap(
            resource, Collections.singleton(new AlterConfigOp(
                new ConfigEntry("retention.ms", "1"), AlterConfigOp.OpType.SET)))).all()));
        // In 2.8 a send to nowhere only times out, without the reason.
        if (!AppInfoParser.getVersion().startsWith("2.")) {
            ways.put("produce", call -> Writing.toNowhere(bootstrap, topic));
        }
        Map<String, String> codes = new LinkedHashMap<>();
        ways.forEach((way, ask) -> {
            try {
                ask.call(null);
                codes.put(way, null);
            } catch (Exception error) {
                codes.put(way, Failures.code(error));
            }
        });
        return codes;
    }
}
