import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** An idempotent producer that writes numbered records without waiting, through restarts of the broker. */
final class Pump {
    // As `PUMP_SECONDS_MAX` and `PUMP_RECORDS_PER_SECOND` of `flows/adapter.py`.
    private static final String GIVE_UP_MS = "120000";
    private static final int PAUSE_MS = 10;

    private static final Map<Integer, Pump> RUNNING = new ConcurrentHashMap<>();
    private static final AtomicInteger SERIAL = new AtomicInteger();

    private final String topic;
    private final KafkaProducer<byte[], byte[]> producer;
    private final Thread thread = new Thread(this::run, "pump");
    private final AtomicInteger acknowledged = new AtomicInteger();
    private final AtomicReference<Exception> failure = new AtomicReference<>();
    private volatile boolean stopping;
    private int sent;

    private Pump(String bootstrap, String topic) {
        this.topic = topic;
        // A batch holds a record or two, so that five requests are soon under way.
        this.producer = Writing.producer(bootstrap, "none", true, "max.in.flight.requests.per.connection", "5",
            "linger.ms", "0", "batch.size", "200", "delivery.timeout.ms", GIVE_UP_MS, "max.block.ms", GIVE_UP_MS);
        thread.setDaemon(true);
        thread.start();
    }

    static void register(Map<String, Bridge.Op> ops, String bootstrap) {
        ops.put("open_pump", call -> {
            int number = SERIAL.incrementAndGet();
            RUNNING.put(number, new Pump(bootstrap, Bridge.text(call, "topic")));
            return number;
        });
        ops.put("pump_acknowledged", call -> RUNNING.get(number(call)).acknowledged.get());
        ops.put("stop_pump", call -> RUNNING.remove(number(call)).stop());
    }

    private static int number(JsonNode call) {
        return call.get("pump").asInt();
    }

    /** As `flows.context.numbered` writes it. */
    private static byte[] text(String start, int number) {
        return String.format("%s%06d", start, number).getBytes(StandardCharsets.UTF_8);
    }

    private void run() {
        try {
            while (!stopping) {
                producer.send(new ProducerRecord<>(topic, 0, text("key-", sent), text("record number ", sent)),
                    (where, error) -> {
                        if (error == null) {
                            acknowledged.incrementAndGet();
                        } else {
                            failure.compareAndSet(null, error);
                        }
                    });
                sent += 1;
                Thread.sleep(PAUSE_MS);
            }
        } catch (Exception error) {
            failure.compareAndSet(null, error);
        }
    }

    private Object stop() throws Exception {
        stopping = true;
        thread.join();
        // Waits until all is acknowledged or given up.
        producer.close();
        if (failure.get() != null) {
            throw failure.get();
        }
        return sent;
    }
}
