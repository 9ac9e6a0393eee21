import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/**
 * One member of a group on a thread of its own; what it reads and holds goes out as events.
 *
 * Invariant: records are said before the next poll, and only a poll or the close commits them.
 */
final class GroupMember implements ConsumerRebalanceListener {
    private static final Duration POLL = Duration.ofMillis(100);

    private final int number;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Thread thread;
    private volatile boolean closing;
    /** Wanted of the thread, between two polls: to take no records, or to take them again. */
    private final BlockingQueue<Hold> holds = new LinkedBlockingQueue<>();

    /** A wish to pause or to resume, complete once it is so. */
    private static final class Hold {
        final boolean on;
        final CompletableFuture<Void> done = new CompletableFuture<>();

        Hold(boolean on) {
            this.on = on;
        }
    }

    GroupMember(int number, KafkaConsumer<byte[], byte[]> consumer, List<String> topics) {
        this.number = number;
        this.consumer = consumer;
        consumer.subscribe(topics, this);
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

    private void sayHeld(Collection<TopicPartition> without) {
        Set<TopicPartition> held = new HashSet<>(consumer.assignment());
        held.removeAll(without);
        List<Object> places = new ArrayList<>();
        held.forEach(place -> places.add(List.of(place.topic(), place.partition())));
        say("assigned", "assigned", places);
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> taken) {
        sayHeld(taken);
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> given) {
        sayHeld(List.of());
    }

    private void run() {
        boolean paused = false;
        try {
            while (!closing) {
                Hold hold = holds.poll();
                if (hold != null) {
                    paused = hold.on;
                    if (!paused) {
                        consumer.resume(consumer.assignment());
                    }
                }
                if (paused) {
                    // Again before each poll: a rebalance may have brought more.
                    consumer.pause(consumer.assignment());
                }
                if (hold != null) {
                    hold.done.complete(null);
                }
                List<Object> records = new ArrayList<>();
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                    records.add(Reading.record(record));
                }
                if (!records.isEmpty()) {
                    say("records", "records", records);
                }
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

    /** Takes no more records but stays in the group, or takes them again. */
    void hold(boolean on) throws Exception {
        Hold hold = new Hold(on);
        holds.add(hold);
        hold.done.get(Failures.CALL_SECONDS_MAX, TimeUnit.SECONDS);
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
