import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/**
 * One member of a group on a thread of its own; what it reads and holds goes out as events.
 *
 * Invariant: records are said before the next poll, and only a poll or the close commits them.
 */
final class GroupMember {
    private static final Duration POLL = Duration.ofMillis(100);

    private final int number;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Thread thread;
    private volatile boolean closing;
    private Set<TopicPartition> held = Collections.emptySet();

    GroupMember(int number, KafkaConsumer<byte[], byte[]> consumer, List<String> topics) {
        this.number = number;
        this.consumer = consumer;
        consumer.subscribe(topics);
        thread = new Thread(this::run, "member-" + number);
        thread.setDaemon(true);
        thread.start();
    }

    private void say(String event, String name, Object value) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("event", event);
        line.put("member", number);
        line.put(name, value);
        Bridge.say(line);
    }

    private void sayAssigned(Set<TopicPartition> now) {
        if (now.equals(held)) {
            return;
        }
        held = Set.copyOf(now);
        List<Object> places = new ArrayList<>();
        held.forEach(place -> places.add(List.of(place.topic(), place.partition())));
        say("assigned", "assigned", places);
    }

    private void run() {
        try {
            while (!closing) {
                List<Object> records = new ArrayList<>();
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                    records.add(Reading.record(record));
                }
                if (!records.isEmpty()) {
                    say("records", "records", records);
                }
                sayAssigned(consumer.assignment());
            }
        } catch (Exception error) {
            say("error", "code", Failures.code(error));
        }
        try {
            consumer.close();
        } catch (Exception error) {
            say("error", "code", Failures.code(error));
        }
    }

    /** Leaves the group and waits for the end. */
    void leave() throws InterruptedException {
        closing = true;
        thread.join(Failures.CALL_SECONDS_MAX * 1000);
        if (thread.isAlive()) {
            throw new IllegalStateException("the member did not end");
        }
    }
}
