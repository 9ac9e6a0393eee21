import java.io.BufferedWriter;
import java.io.OutputStreamWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Supplier;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.ConsumerProtocolAssignment;
import org.apache.kafka.common.message.ConsumerProtocolSubscription;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.Struct;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Kafka's own codec, for {@code tests/kafka.rs}: lines in, lines out. Written against the jar of
 * kafka-clients and nothing else.
 *
 * <p>Prints what Kafka's tables say of each API ({@code api}, {@code header}), a few messages of
 * every kind in every stable version ({@code sample}) with the values in them ({@code fact}), and for
 * each line of the file it is given, a message in hexadecimal, what Kafka reads from it and writes
 * again ({@code again}, or {@code refused} with the reason).
 *
 * <p>Samples follow the schemas that Kafka's generated classes carry, so that nothing here knows
 * any message. The bytes that go out are those of the generated classes; where a sample has every
 * field, the bytes of the schema must be the same, or this program ends with an error.
 */
public final class Codec {
    /** The first has every field, the second none that can be left out, the others are random. */
    private static final int SAMPLES = 12;
    private static final int ROOM = 1 << 20;
    private static final HexFormat HEX = HexFormat.of();

    private record Kind(String name, int min, int max, Schema[] schemas, Supplier<Message> empty) {
    }

    private enum Fill { EVERYTHING, NOTHING, RANDOM }

    private Codec() {
    }

    public static void main(String[] arguments) throws Exception {
        try (BufferedWriter out = new BufferedWriter(
                new OutputStreamWriter(System.out, StandardCharsets.US_ASCII), 1 << 16)) {
            Map<String, Kind> kinds = new TreeMap<>();
            for (ApiMessageType api : ApiMessageType.values()) {
                short min = api.lowestSupportedVersion();
                short max = api.highestSupportedVersion(false);
                out.write("api " + api.apiKey() + " " + api.name + " " + min + " " + max + "\n");
                for (int version = min; version <= max; version++) {
                    out.write("header " + api.apiKey() + " " + version
                        + " " + api.requestHeaderVersion((short) version)
                        + " " + api.responseHeaderVersion((short) version) + "\n");
                }
                add(kinds, new Kind(api.name + "Request", min, max, api.requestSchemas(), api::newRequest));
                add(kinds, new Kind(api.name + "Response", min, max, api.responseSchemas(), api::newResponse));
            }
            add(kinds, new Kind("ConsumerProtocolSubscription",
                ConsumerProtocolSubscription.LOWEST_SUPPORTED_VERSION,
                ConsumerProtocolSubscription.HIGHEST_SUPPORTED_VERSION,
                ConsumerProtocolSubscription.SCHEMAS, ConsumerProtocolSubscription::new));
            add(kinds, new Kind("ConsumerProtocolAssignment",
                ConsumerProtocolAssignment.LOWEST_SUPPORTED_VERSION,
                ConsumerProtocolAssignment.HIGHEST_SUPPORTED_VERSION,
                ConsumerProtocolAssignment.SCHEMAS, ConsumerProtocolAssignment::new));

            for (Kind kind : kinds.values()) {
                for (int version = kind.min(); version <= kind.max(); version++) {
                    for (int round = 0; round < SAMPLES; round++) {
                        List<String> facts = new ArrayList<>();
                        byte[] bytes = sample(kind, (short) version, round, facts);
                        out.write("sample " + kind.name() + " " + version + " " + HEX.formatHex(bytes) + "\n");
                        for (String fact : facts) {
                            out.write("fact " + fact + "\n");
                        }
                    }
                }
            }
            for (String line : Files.readAllLines(Path.of(arguments[0]))) {
                out.write(again(kinds, line) + "\n");
            }
        }
    }

    private static void add(Map<String, Kind> kinds, Kind kind) {
        kinds.put(kind.name(), kind);
    }

    private static String again(Map<String, Kind> kinds, String line) {
        // A message of no bytes has nothing after its version.
        String[] parts = line.split(" ", 3);
        short version = Short.parseShort(parts[1]);
        try {
            ByteBuffer bytes = ByteBuffer.wrap(HEX.parseHex(parts[2]));
            Message message = kinds.get(parts[0]).empty().get();
            message.read(new ByteBufferAccessor(bytes), version);
            if (bytes.hasRemaining()) {
                return "refused " + bytes.remaining() + " bytes are left";
            }
            return "again " + HEX.formatHex(write(message, version));
        } catch (RuntimeException error) {
            return "refused " + error.toString().replaceAll("[^ -~]", " ");
        }
    }

    private static byte[] write(Message message, short version) {
        ByteBuffer written = MessageUtil.toByteBufferAccessor(message, version).buffer();
        byte[] bytes = new byte[written.remaining()];
        written.get(bytes);
        return bytes;
    }

    private static byte[] sample(Kind kind, short version, int round, List<String> facts) {
        Fill fill = round == 0 ? Fill.EVERYTHING : round == 1 ? Fill.NOTHING : Fill.RANDOM;
        Random random = new Random(31L * (31L * kind.name().hashCode() + version) + round);
        Schema schema = kind.schemas()[version];
        ByteBuffer buffer = ByteBuffer.allocate(ROOM);
        Struct struct = struct(schema, fill, random);
        schema.write(buffer, struct);
        buffer.flip();
        note(struct, facts);
        Message message = kind.empty().get();
        message.read(new ByteBufferAccessor(buffer.duplicate()), version);
        byte[] bytes = write(message, version);
        if (fill == Fill.EVERYTHING && !ByteBuffer.wrap(bytes).equals(buffer)) {
            throw new IllegalStateException(kind.name() + " version " + version
                + ": the schema and the class do not agree, or a sample has a default in it");
        }
        return bytes;
    }

    /** The values by name, in Rust's words. */
    private static void note(Struct struct, List<String> facts) {
        for (BoundField field : struct.schema().fields()) {
            Object value = struct.get(field);
            if (field.def.type instanceof TaggedFields tagged) {
                ((Map<?, ?>) value).forEach((tag, one) -> note(tagged.fields().get(tag).name, one, facts));
            } else {
                note(field.def.name, value, facts);
            }
        }
    }

    private static void note(String name, Object value, List<String> facts) {
        if (value instanceof Struct struct) {
            note(struct, facts);
        } else if (value instanceof Object[] entries && entries.length > 0 && entries[0] instanceof Struct) {
            for (Object entry : entries) {
                note((Struct) entry, facts);
            }
        } else {
            String words = words(value);
            if (words != null) {
                facts.add(name + ": " + words);
            }
        }
    }

    /** As Rust shows the value; null where the two do not show it alike. */
    private static String words(Object value) {
        if (value == null) {
            return "None";
        }
        if (value instanceof Uuid id) {
            return new UUID(id.getMostSignificantBits(), id.getLeastSignificantBits()).toString();
        }
        if (value instanceof String text) {
            return text.matches("[a-z]*") ? '"' + text + '"' : null;
        }
        if (value instanceof ByteBuffer bytes) {
            String text = StandardCharsets.ISO_8859_1.decode(bytes.duplicate()).toString();
            return text.matches("[a-z]*") ? "b\"" + text + '"' : null;
        }
        if (value instanceof Object[] entries) {
            List<String> all = new ArrayList<>();
            for (Object entry : entries) {
                all.add(words(entry));
            }
            return all.contains(null) ? null : all.toString();
        }
        return value instanceof Number || value instanceof Boolean ? value.toString() : null;
    }

    private static Struct struct(Schema schema, Fill fill, Random random) {
        Struct struct = new Struct(schema);
        for (BoundField field : schema.fields()) {
            struct.set(field, value(field.def.type, fill, random));
        }
        return struct;
    }

    private static Object value(Type type, Fill fill, Random random) {
        if (type instanceof TaggedFields tagged) {
            Map<Integer, Object> values = new TreeMap<>();
            for (Map.Entry<Integer, Field> field : tagged.fields().entrySet()) {
                if (fill == Fill.EVERYTHING || fill == Fill.RANDOM && random.nextBoolean()) {
                    values.put(field.getKey(), value(field.getValue().type, fill, random));
                }
            }
            return values;
        }
        if (type.isNullable() && (fill == Fill.NOTHING || fill == Fill.RANDOM && random.nextInt(4) == 0)) {
            return null;
        }
        if (type.isArray()) {
            Type entry = type.arrayElementType().orElseThrow();
            List<Object> entries = new ArrayList<>();
            int count = fill == Fill.EVERYTHING ? 2 : fill == Fill.NOTHING ? 0 : random.nextInt(4);
            for (int at = 0; at < count; at++) {
                entries.add(value(entry, fill, random));
            }
            return entries.toArray();
        }
        if (type instanceof Schema schema) {
            return struct(schema, fill, random);
        }
        return scalar(type, fill, random);
    }

    private static Object scalar(Type type, Fill fill, Random random) {
        switch (type.toString()) {
            case "BOOLEAN":
                // True is never the default of a field that is left out.
                return fill == Fill.EVERYTHING || fill == Fill.RANDOM && random.nextBoolean();
            case "INT8":
                return (byte) number(fill, random, 8);
            case "INT16":
                return (short) number(fill, random, 16);
            case "UINT16":
                return (int) number(fill, random, 16) & 0xffff;
            case "INT32":
                return (int) number(fill, random, 32);
            case "UINT32":
                return number(fill, random, 32) & 0xffff_ffffL;
            case "INT64":
                return number(fill, random, 64);
            case "FLOAT64":
                // With few enough digits that it looks the same in every language.
                return number(fill, random, 16) / 4.0;
            case "UUID":
                return new Uuid(number(fill, random, 64), number(fill, random, 64));
            case "STRING", "COMPACT_STRING", "NULLABLE_STRING", "COMPACT_NULLABLE_STRING":
                return text(fill, random);
            case "BYTES", "COMPACT_BYTES", "NULLABLE_BYTES", "COMPACT_NULLABLE_BYTES":
                return ByteBuffer.wrap(bytes(fill, random));
            case "RECORDS", "COMPACT_RECORDS", "NULLABLE_RECORDS", "COMPACT_NULLABLE_RECORDS":
                return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes(fill, random)));
            default:
                throw new IllegalStateException("a type this program does not know: " + type);
        }
    }

    /** A number of so many bits; a random one is often at an end of the range. */
    private static long number(Fill fill, Random random, int bits) {
        if (fill == Fill.NOTHING) {
            return 0;
        }
        switch (fill == Fill.RANDOM ? random.nextInt(8) : 0) {
            case 1:
                return Long.MIN_VALUE >> (64 - bits);
            case 2:
                return Long.MAX_VALUE >> (64 - bits);
            default:
                return random.nextLong() >> (64 - bits);
        }
    }

    /** Of text and bytes; now and then more than a length of one compact byte can say. */
    private static int length(Fill fill, Random random) {
        return switch (fill) {
            case EVERYTHING -> 5;
            case NOTHING -> 0;
            case RANDOM -> random.nextInt(16) == 0 ? 200 : random.nextInt(12);
        };
    }

    private static String text(Fill fill, Random random) {
        String[] letters = {"a", "Z", ".", "0", "\0", "\u00df", "\u8a9e", "\ud83e\udd80"};
        StringBuilder text = new StringBuilder();
        for (int left = length(fill, random); left > 0; left--) {
            text.append(fill == Fill.EVERYTHING
                ? String.valueOf((char) ('a' + random.nextInt(26))) : letters[random.nextInt(letters.length)]);
        }
        return text.toString();
    }

    private static byte[] bytes(Fill fill, Random random) {
        byte[] bytes = new byte[length(fill, random)];
        random.nextBytes(bytes);
        for (int at = 0; fill == Fill.EVERYTHING && at < bytes.length; at++) {
            bytes[at] = (byte) ('a' + random.nextInt(26));
        }
        return bytes;
    }
}
