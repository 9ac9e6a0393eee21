import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * kafka-clients driven by lines of JSON; the lines are described at the head of `clients/bridge.py`.
 *
 * Owns: reading calls, running each on a thread of its own, writing answers and events. Does not: know what an
 * operation does (see Topics, Writing, Pump, Reading, GroupMember, Groups, AdminTable).
 */
public final class Bridge {
    /** One operation: arguments in, a result that Jackson can write out. */
    interface Op {
        Object call(JsonNode arguments) throws Exception;
    }

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final OutputStream OUT = new FileOutputStream(FileDescriptor.out);

    private Bridge() {}

    /** Writes one line. */
    static void say(Map<String, Object> line) {
        try {
            byte[] text = JSON.writeValueAsBytes(line);
            synchronized (OUT) {
                OUT.write(text);
                OUT.write('\n');
                OUT.flush();
            }
        } catch (java.io.IOException error) {
            throw new java.io.UncheckedIOException(error);
        }
    }

    /** An argument that may be absent or null. */
    static String text(JsonNode arguments, String name) {
        JsonNode given = arguments.get(name);
        return given == null || given.isNull() ? null : given.asText();
    }

    /** A number that may be absent or null. */
    static Long number(JsonNode arguments, String name) {
        JsonNode given = arguments.get(name);
        return given == null || given.isNull() ? null : given.asLong();
    }

    private static void run(Op op, JsonNode call) {
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("id", call.get("id").asLong());
        try {
            if (op == null) {
                throw new IllegalArgumentException("no operation " + call.get("op"));
            }
            answer.put("result", op.call(call));
        } catch (Throwable error) {
            error.printStackTrace();
            Map<String, Object> said = new LinkedHashMap<>();
            said.put("code", Failures.code(error));
            said.put("text", String.valueOf(Failures.cause(error).getMessage()));
            answer.put("error", said);
        }
        say(answer);
    }

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[arguments.length - 1];
        // What anything else prints goes to the log.
        System.setOut(System.err);
        Map<String, Op> ops = new HashMap<>();
        ops.put("version", call -> AppInfoParser.getVersion());
        Topics.register(ops, bootstrap);
        Writing.register(ops, bootstrap);
        Pump.register(ops, bootstrap);
        Reading.register(ops, bootstrap);
        Groups.register(ops, bootstrap);
        ops.put("admin_calls", call -> AdminTable.run(
            bootstrap, text(call, "prefix"), call.get("complete").asBoolean()));

        ExecutorService threads = Executors.newCachedThreadPool();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonNode call = JSON.readTree(line);
            threads.execute(() -> run(ops.get(call.get("op").asText()), call));
        }
        // Whatever is still open ends with the process.
        System.exit(0);
    }
}
