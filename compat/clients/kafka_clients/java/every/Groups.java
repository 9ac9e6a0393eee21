import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupListing;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.common.TopicPartition;

/** Members that stay, and groups as an administrator sees them. */
final class Groups {
    /** Arguments of a member that may be null -> the client's settings. */
    private static final Map<String, String> MAY_BE_GIVEN = Map.of(
        "instance", "group.instance.id", "reset", "auto.offset.reset", "rack", "client.rack", "client_id", "client.id");

    private final String bootstrap;
    private final Admin admin;
    private final Map<Integer, GroupMember> members = new ConcurrentHashMap<>();
    private final AtomicInteger serial = new AtomicInteger();

    private Groups(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Topics.admin(bootstrap, 50_000);
    }

    static void register(Map<String, Bridge.Op> ops, String bootstrap) {
        Groups groups = new Groups(bootstrap);
        ops.put("member", groups::member);
        ops.put("leave", groups::leave);
        ops.put("pause", call -> groups.hold(call, true));
        ops.put("resume", call -> groups.hold(call, false));
        ops.put("groups", call -> groups.list());
        ops.put("group_state", groups::state);
        ops.put("group_offsets", groups::offsets);
        ops.put("reset_group", groups::reset);
        ops.put("delete_group", groups::delete);
    }

    private Object member(JsonNode call) {
        List<String> topics = new ArrayList<>();
        call.get("topics").forEach(topic -> topics.add(topic.asText()));
        List<String> settings = new ArrayList<>(List.of(
            "group.id", Bridge.text(call, "group"),
            "enable.auto.commit", "true",
            "auto.commit.interval.ms", "200",
            "session.timeout.ms", Bridge.text(call, "session"),
            "heartbeat.interval.ms", Bridge.text(call, "heartbeat"),
            "partition.assignment.strategy", "cooperative".equals(Bridge.text(call, "assignor"))
                ? CooperativeStickyAssignor.class.getName() : RangeAssignor.class.getName()));
        MAY_BE_GIVEN.forEach((argument, setting) -> {
            String given = Bridge.text(call, argument);
            if (given != null) {
                settings.addAll(List.of(setting, given));
            }
        });
        int number = serial.incrementAndGet();
        members.put(number, new GroupMember(
            number, Reading.consumer(bootstrap, settings.toArray(new String[0])), topics));
        return number;
    }

    private Object hold(JsonNode call, boolean on) throws Exception {
        members.get(call.get("member").asInt()).hold(on);
        return null;
    }

    private Object leave(JsonNode call) throws Exception {
        GroupMember member = members.remove(call.get("member").asInt());
        if (member != null) {
            member.leave();
        }
        return null;
    }

    private Object list() throws Exception {
        List<String> names = new ArrayList<>();
        for (ConsumerGroupListing group : Failures.await(admin.listConsumerGroups().all())) {
            names.add(group.groupId());
        }
        return names;
    }

    private Object state(JsonNode call) throws Exception {
        String group = Bridge.text(call, "group");
        ConsumerGroupDescription found = Failures.await(
            admin.describeConsumerGroups(Collections.singleton(group)).describedGroups().get(group));
        return List.of(found.state().toString(), found.members().size());
    }

    private Object offsets(JsonNode call) throws Exception {
        List<Object> places = new ArrayList<>();
        Failures.await(admin.listConsumerGroupOffsets(Bridge.text(call, "group")).partitionsToOffsetAndMetadata())
            .forEach((place, offset) -> places.add(List.of(place.topic(), place.partition(), offset.offset())));
        return places;
    }

    private Object reset(JsonNode call) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> offsets = new TreeMap<>(
            (one, other) -> Integer.compare(one.partition(), other.partition()));
        for (JsonNode pair : call.get("offsets")) {
            offsets.put(new TopicPartition(Bridge.text(call, "topic"), pair.get(0).asInt()),
                new OffsetAndMetadata(pair.get(1).asLong()));
        }
        Failures.await(admin.alterConsumerGroupOffsets(Bridge.text(call, "group"), offsets).all());
        return null;
    }

    private Object delete(JsonNode call) throws Exception {
        Failures.await(admin.deleteConsumerGroups(Collections.singleton(Bridge.text(call, "group"))).all());
        return null;
    }
}
