// Vectors for the tests `golden`: bytes that Apache Kafka's own classes write and read, and what they mean.
//
//   java -cp 'JARS/*' Vectors.java SEED DIR
//
// Messages are drawn at random along the definitions that the jars carry, as JSON, and become objects, and then bytes,
// through the classes that Kafka generates of them. A line of JSON per vector; the tests say what is in it.

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.*;
import java.io.*;
import java.io.File;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.jar.*;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.internals.Topic;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.RequestHeaderDataJsonConverter;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.message.ResponseHeaderDataJsonConverter;
import org.apache.kafka.common.protocol.*;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.common.utils.internals.ByteBufferOutputStream;
import org.apache.kafka.common.utils.internals.ByteUtils;
import org.apache.kafka.common.utils.internals.Crc32C;

public class Vectors {
    static final ObjectMapper JSON = new ObjectMapper();
    static final ObjectMapper COMMENTED = new ObjectMapper().configure(JsonParser.Feature.ALLOW_COMMENTS, true);
    static Random random;
    static Path folder;

    public static void main(String[] args) throws Exception {
        random = new Random(Long.parseLong(args[0]));
        folder = Path.of(args[1]);
        for (String kind : List.of("messages", "records", "algorithms", "tables")) Files.createDirectories(folder.resolve(kind));
        messages();
        records();
        algorithms();
        tables();
    }

    // ---- small helpers

    static class Lines implements AutoCloseable {
        final Writer to;

        Lines(String file) throws IOException {
            to = Files.newBufferedWriter(folder.resolve(file + ".jsonl"));
        }

        void add(JsonNode line) throws IOException {
            to.write(JSON.writeValueAsString(line) + "\n");
        }

        public void close() throws IOException {
            to.close();
        }
    }

    static ObjectNode line() {
        return JSON.createObjectNode();
    }

    static String hex(byte[] bytes) {
        return bytes == null ? null : HexFormat.of().formatHex(bytes);
    }

    static byte[] bytes(ByteBuffer buffer) {
        return buffer == null ? null : Utils.toArray(buffer.duplicate());
    }

    static byte[] noise(int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    static boolean oneIn(int n) {
        return random.nextInt(n) == 0;
    }

    static void check(boolean holds, String what) {
        if (!holds) throw new IllegalStateException(what);
    }

    // ---- definitions

    record Range(int from, int to) {
        static Range of(JsonNode json) {
            String text = json == null ? "none" : json.asText();
            if (text.equals("none")) return new Range(1, 0);
            if (text.endsWith("+")) return new Range(Integer.parseInt(text.substring(0, text.length() - 1)), Short.MAX_VALUE);
            String[] ends = text.split("-");
            return new Range(Integer.parseInt(ends[0]), Integer.parseInt(ends[ends.length - 1]));
        }

        boolean has(int version) {
            return from <= version && version <= to;
        }
    }

    /** A message: its definition, and the classes made of it. */
    record Schema(String name, JsonNode definition, Class<?> type, Class<?> converter) {
        String kind() {
            return definition.get("type").asText();
        }

        int key() {
            return definition.path("apiKey").asInt(-1);
        }

        Range versions() {
            return Range.of(definition.get("validVersions"));
        }

        boolean flexible(int version) {
            return Range.of(definition.get("flexibleVersions")).has(version);
        }

        JsonNode fields(JsonNode field) {
            if (field.has("fields")) return field.get("fields");
            for (JsonNode common : definition.path("commonStructs"))
                if (common.get("name").equals(new TextNode(element(field)))) return common.get("fields");
            return null;
        }

        Message make() throws Exception {
            return (Message) type.getDeclaredConstructor().newInstance();
        }

        Message from(JsonNode json, short version) throws Exception {
            return (Message) converter.getMethod("read", JsonNode.class, short.class).invoke(null, json, version);
        }

        /** As Kafka's converter has it, which leaves the bytes of records out. */
        JsonNode json(Message message, short version) throws Exception {
            JsonNode json = (JsonNode) converter.getMethod("write", type, short.class, boolean.class).invoke(null, message, version, true);
            putRecords(definition.get("fields"), message, (ObjectNode) json, version);
            return json;
        }

        void putRecords(JsonNode fields, Object object, ObjectNode json, short version) throws Exception {
            for (JsonNode field : fields) {
                String name = nameOf(field);
                boolean records = field.get("type").asText().equals("records");
                if (!Range.of(field.get("versions")).has(version) || !records && (fields(field) == null || !json.has(name))) continue;
                Object value = object.getClass().getMethod(name).invoke(object);
                if (records) json.set(name, value == null ? NullNode.instance : new BinaryNode(bytes(((MemoryRecords) value).buffer())));
                else if (value instanceof Collection<?> items) {
                    int at = 0;
                    for (Object item : items) putRecords(fields(field), item, (ObjectNode) json.get(name).get(at++), version);
                } else if (value != null) putRecords(fields(field), value, (ObjectNode) json.get(name), version);
            }
        }
    }

    static String nameOf(JsonNode field) {
        String name = field.get("name").asText();
        return name.substring(0, 1).toLowerCase(Locale.ROOT) + name.substring(1);
    }

    static String element(JsonNode field) {
        return field.get("type").asText().replace("[]", "");
    }

    static List<Schema> schemas() throws Exception {
        List<Schema> schemas = new ArrayList<>();
        for (String path : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (!path.matches(".*/kafka[^/]*\\.jar")) continue;
            try (JarFile jar = new JarFile(path)) {
                Map<String, String> converters = new HashMap<>();
                List<JarEntry> definitions = new ArrayList<>();
                for (JarEntry entry : Collections.list(jar.entries())) {
                    String name = entry.getName();
                    if (name.endsWith("JsonConverter.class")) {
                        String full = name.substring(0, name.length() - ".class".length()).replace('/', '.');
                        String simple = full.substring(full.lastIndexOf('.') + 1);
                        converters.put(simple.substring(0, simple.length() - "JsonConverter".length()), full);
                    }
                    if (name.matches("(common/)?(message|metadata)/\\w+\\.json")) definitions.add(entry);
                }
                definitions.sort(Comparator.comparing(JarEntry::getName));
                for (JarEntry entry : definitions) {
                    JsonNode definition = COMMENTED.readTree(jar.getInputStream(entry));
                    String name = definition.get("name").asText();
                    String converter = converters.getOrDefault(name + "Data", converters.get(name));
                    if (Range.of(definition.get("validVersions")).from > Range.of(definition.get("validVersions")).to) continue;
                    Class<?> type = Class.forName(converter.substring(0, converter.length() - "JsonConverter".length()));
                    schemas.add(new Schema(name, definition, type, Class.forName(converter)));
                }
            }
        }
        check(schemas.size() > 250, "only " + schemas.size() + " definitions");
        return schemas;
    }

    // ---- drawing

    enum Mode { RANDOM, NULLS, FULL, LARGE }

    static ObjectNode draw(Schema schema, JsonNode fields, short version, Mode mode, int depth) {
        ObjectNode drawn = line();
        for (JsonNode field : fields) {
            Range tagged = Range.of(field.get("taggedVersions"));
            if (!Range.of(field.has("versions") ? field.get("versions") : field.get("taggedVersions")).has(version)) continue;
            if (tagged.has(version) && mode != Mode.FULL && oneIn(2)) continue;
            boolean nullable = Range.of(field.get("nullableVersions")).has(version);
            if (nullable && (mode == Mode.NULLS || mode != Mode.FULL && oneIn(4))) {
                drawn.set(nameOf(field), NullNode.instance);
            } else if (field.get("type").asText().startsWith("[]")) {
                ArrayNode array = drawn.putArray(nameOf(field));
                int count = mode == Mode.LARGE && depth == 0 ? 150 : mode == Mode.FULL ? 2 : random.nextInt(depth > 1 ? 2 : 4);
                for (int i = 0; i < count; i++) array.add(one(schema, field, version, mode, depth + 1));
            } else {
                drawn.set(nameOf(field), one(schema, field, version, mode, depth));
            }
        }
        return drawn;
    }

    static JsonNode one(Schema schema, JsonNode field, short version, Mode mode, int depth) {
        String type = element(field);
        return switch (type) {
            case "bool" -> BooleanNode.valueOf(random.nextBoolean());
            case "int8" -> new IntNode((byte) number());
            case "int16" -> new IntNode((short) number());
            case "uint16" -> new IntNode((int) number() & 0xffff);
            case "int32" -> new IntNode((int) number());
            case "uint32" -> new LongNode(number() & 0xffffffffL);
            case "int64" -> new LongNode(number());
            case "float64" -> new DoubleNode(oneIn(4) ? Double.NaN : oneIn(4) ? Double.NEGATIVE_INFINITY : random.nextGaussian() * number());
            case "uuid" -> new TextNode((oneIn(5) ? Uuid.ZERO_UUID : new Uuid(random.nextLong(), number())).toString());
            case "string" -> new TextNode(text());
            case "bytes" -> new BinaryNode(noise(oneIn(8) ? 120 + random.nextInt(20) : random.nextInt(20)));
            case "records" -> new BinaryNode(oneIn(3) ? noise(random.nextInt(90)) : batch());
            default -> draw(schema, schema.fields(field), version, mode, depth + 1);
        };
    }

    static long number() {
        long[] edges = {0, 1, -1, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, Integer.MAX_VALUE, Integer.MIN_VALUE, Long.MAX_VALUE, Long.MIN_VALUE};
        return oneIn(2) ? edges[random.nextInt(edges.length)] : random.nextLong() >> random.nextInt(64);
    }

    static String text() {
        String[] alphabet = {"a", "Z", "0", "-", "_", ".", " ", "\"", "\\", "\n", "\u0000", "ä", "ж", "語", "\uffff", "𝄞", "😀"};
        int length = oneIn(12) ? 16_400 / (1 + random.nextInt(130)) : random.nextInt(12);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < length; i++) text.append(alphabet[random.nextInt(oneIn(3) ? alphabet.length : 5)]);
        return text.toString();
    }

    static byte[] batch() {
        return bytes(MemoryRecords.withRecords(Compression.NONE, new SimpleRecord(1_700_000_000_000L, noise(5), noise(30))).buffer());
    }

    // ---- messages

    static byte[] write(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer to = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(to), cache, version);
        check(!to.hasRemaining(), "size of " + message.getClass());
        return to.array();
    }

    static void messages() throws Exception {
        try (Lines out = new Lines("messages/messages"); Lines frames = new Lines("messages/_frames"); Lines odd = new Lines("messages/_invalid")) {
            for (Schema schema : schemas()) {
                for (short version = (short) schema.versions().from; version <= schema.versions().to; version++) {
                    vector(out, schema, version, "defaults", schema.make());
                    for (Mode mode : Mode.values()) {
                        if (mode == Mode.LARGE && version < schema.versions().to) continue;
                        for (int i = mode == Mode.RANDOM ? 0 : 2; i < 3; i++) vector(out, schema, version, mode.name().toLowerCase(Locale.ROOT), message(schema, version, mode));
                    }
                    if (schema.flexible(version)) vector(out, schema, version, "unknown-tags", message(schema, version, Mode.RANDOM));
                    if (schema.kind().equals("request") || schema.kind().equals("response")) frame(frames, schema, version);
                }
                for (int i = 0; i < 6; i++) odd(odd, schema, i);
            }
        }
    }

    static Message message(Schema schema, short version, Mode mode) throws Exception {
        return schema.from(draw(schema, schema.definition.get("fields"), version, mode, 0), version);
    }

    static ObjectNode about(Schema schema, short version) {
        return line().put("name", schema.name).put("version", version).put("flexible", schema.flexible(version));
    }

    static void vector(Lines out, Schema schema, short version, String what, Message message) throws Exception {
        ObjectNode line = about(schema, version).put("case", what);
        byte[] wire = write(message, version);
        if (what.equals("unknown-tags")) {
            line.put("hex_known", hex(wire));
            for (int tag = 100; tag < 104; tag++) message.unknownTaggedFields().add(new RawTaggedField(tag * 99, noise(random.nextInt(150))));
            wire = write(message, version);
            message.unknownTaggedFields().clear();
        } else {
            byte[] prefixed = prefixed(schema, message, version);
            if (prefixed != null) line.put("prefixed_hex", hex(prefixed));
        }
        Message back = schema.make();
        back.read(new ByteBufferAccessor(ByteBuffer.wrap(wire)), version);
        check(Arrays.equals(write(back, version), wire), "bytes of " + schema.name + " written again");
        out.add(line.put("hex", hex(wire)).set("json", schema.json(message, version)));
    }

    /** As it lies in a record, a file, or another message. */
    static byte[] prefixed(Schema schema, Message message, short version) {
        List<String> versioned = List.of("ConsumerProtocolSubscription", "ConsumerProtocolAssignment", "EndTxnMarker", "DefaultPrincipalData", "AbortedTxn", "ProducerSnapshot");
        if (schema.kind().equals("coordinator-key")) return MessageUtil.toCoordinatorTypePrefixedBytes((ApiMessage) message);
        if (schema.kind().equals("coordinator-value") || versioned.contains(schema.name)) return MessageUtil.toVersionPrefixedBytes(version, message);
        if (!schema.kind().equals("metadata")) return null;
        var serde = new org.apache.kafka.server.common.serialization.AbstractApiMessageSerde() {
            public ApiMessage apiMessageFor(short key) {
                throw new UnsupportedOperationException();
            }
        };
        var framed = new org.apache.kafka.server.common.ApiMessageAndVersion((ApiMessage) message, version);
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer to = ByteBuffer.allocate(serde.recordSize(framed, cache));
        serde.write(framed, cache, new ByteBufferAccessor(to));
        return to.array();
    }

    static void frame(Lines out, Schema schema, short version) throws Exception {
        ApiKeys api = ApiKeys.forId(schema.key());
        int id = random.nextInt();
        byte[] head;
        JsonNode json;
        if (schema.kind().equals("request")) {
            short headerVersion = api.requestHeaderVersion(version);
            var header = new RequestHeaderData().setRequestApiKey(api.id).setRequestApiVersion(version).setCorrelationId(id).setClientId(oneIn(4) ? null : text());
            head = write(header, headerVersion);
            json = RequestHeaderDataJsonConverter.write(header, headerVersion);
        } else {
            short headerVersion = api.responseHeaderVersion(version);
            var header = new ResponseHeaderData().setCorrelationId(id);
            head = write(header, headerVersion);
            json = ResponseHeaderDataJsonConverter.write(header, headerVersion);
        }
        byte[] body = write(message(schema, version, Mode.RANDOM), version);
        ByteBuffer frame = ByteBuffer.allocate(4 + head.length + body.length).putInt(head.length + body.length).put(head).put(body);
        out.add(about(schema, version).put("case", "frame").put("hex", hex(frame.array())).set("header", json));
    }

    /** Bytes cut or changed, with what Kafka makes of them. */
    static void odd(Lines out, Schema schema, int round) throws Exception {
        short version = (short) (schema.versions().from + random.nextInt(schema.versions().to - schema.versions().from + 1));
        byte[] wire = write(message(schema, version, Mode.FULL), version);
        if (wire.length == 0) return;
        int at = random.nextInt(wire.length);
        if (round < 2) wire = Arrays.copyOf(wire, at);
        else wire[at] = round % 2 == 0 ? (byte) (wire[at] ^ 1 << random.nextInt(8)) : new byte[] {0, 1, 2, 127, -128, -1}[random.nextInt(6)];
        ObjectNode line = about(schema, version).put("case", round < 2 ? "cut" : "changed").put("hex", hex(wire));
        Message message = schema.make();
        ByteBuffer from = ByteBuffer.wrap(wire);
        try {
            message.read(new ByteBufferAccessor(from), version);
        } catch (RuntimeException error) {
            out.add(line.put("error", error.toString()));
            return;
        }
        line.putNull("error").put("bytes_left", from.remaining());
        JsonNode json = schema.json(message, version);
        // What was no field that Kafka knows is kept by it, and not here; then there is nothing to compare with.
        try {
            Message again = schema.from(JSON.readTree(JSON.writeValueAsString(json)), version);
            if (Arrays.equals(write(again, version), write(message, version))) line.put("rewritten_hex", hex(write(message, version)));
        } catch (RuntimeException | java.lang.reflect.InvocationTargetException unwritable) {
            line.put("rewrite_error", unwritable.toString());
        }
        out.add(line.set("json", json));
    }

    // ---- record batches

    static final Compression[] CODECS = {Compression.NONE, Compression.gzip().level(1).build(), Compression.gzip().level(9).build(), Compression.snappy().build(), Compression.lz4().level(1).build(),
        Compression.lz4().level(17).build(), Compression.zstd().level(1).build(), Compression.zstd().level(12).build()};

    static void records() throws Exception {
        try (Lines out = new Lines("records/records")) {
            for (Compression codec : CODECS) {
                for (int count : new int[] {1, 3, 200}) {
                    sealed(out, codec, 2, count, TimestampType.CREATE_TIME, false);
                    sealed(out, codec, 2, count, TimestampType.LOG_APPEND_TIME, true);
                    for (int magic = 0; magic < 2 && codec.type() != CompressionType.ZSTD; magic++) sealed(out, codec, magic, count, TimestampType.CREATE_TIME, false);
                }
            }
            for (ControlRecordType type : new ControlRecordType[] {ControlRecordType.COMMIT, ControlRecordType.ABORT})
                dump(out, "marker", bytes(MemoryRecords.withEndTransactionMarker(random.nextInt(1 << 30), 1_700_000_000_000L, random.nextInt(9), random.nextLong() >>> 1, (short) random.nextInt(1 << 15),
                    new EndTransactionMarker(type, random.nextInt(99))).buffer()));
            dump(out, "leader-change", bytes(MemoryRecords.withLeaderChangeMessage(7, 1_700_000_000_000L, 3, ByteBuffer.allocate(512), new LeaderChangeMessage().setLeaderId(random.nextInt(9))).buffer()));
        }
    }

    static void sealed(Lines out, Compression codec, int magic, int count, TimestampType time, boolean stamped) throws Exception {
        var to = new ByteBufferOutputStream(1024);
        long base = magic < 2 ? 0 : random.nextInt(1 << 30);
        var builder = new MemoryRecordsBuilder(to, (byte) magic, codec, time, base, time == TimestampType.LOG_APPEND_TIME ? 1_700_000_009_999L : -1, stamped ? random.nextLong() >>> 1 : -1,
            (short) (stamped ? random.nextInt(1 << 15) : -1), stamped ? Integer.MAX_VALUE - random.nextInt(4) : -1, stamped && oneIn(2), false, random.nextInt(9), Integer.MAX_VALUE);
        for (long offset = base; offset < base + count; offset++) {
            Header[] headers = new Header[magic < 2 || oneIn(2) ? 0 : random.nextInt(4)];
            for (int i = 0; i < headers.length; i++) headers[i] = new RecordHeader(text(), oneIn(3) ? null : noise(random.nextInt(9)));
            byte[] value = oneIn(5) ? null : oneIn(2) ? noise(random.nextInt(300)) : "again and again ".repeat(random.nextInt(count > 100 ? 20 : 3000)).getBytes(StandardCharsets.UTF_8);
            long timestamp = magic == 0 ? -1 : 1_700_000_000_000L + random.nextInt(5000) - 2500;
            builder.appendWithOffset(offset, timestamp, oneIn(4) ? null : noise(random.nextInt(20)), value, headers);
        }
        dump(out, "v" + magic + "-" + codec.type().name + "-" + count, bytes(builder.build().buffer()));
    }

    static void dump(Lines out, String what, byte[] wire) throws Exception {
        ObjectNode line = line().put("case", what).put("hex", hex(wire));
        ArrayNode batches = line.putArray("batches");
        for (MutableRecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(wire)).batches()) {
            batch.ensureValid();
            ByteBuffer raw = ByteBuffer.allocate(batch.sizeInBytes());
            batch.writeTo(raw);
            boolean old = batch.magic() < 2;
            ObjectNode to = batches.addObject().put("base_offset", batch.baseOffset()).put("last_offset", batch.lastOffset()).put("next_offset", batch.nextOffset()).put("size", batch.sizeInBytes())
                .put("magic", batch.magic()).put("crc", batch.checksum()).put("attributes", old ? raw.get(17) : raw.getShort(21)).put("compression", batch.compressionType().name)
                .put("timestamp_type", batch.timestampType().name).put("max_timestamp", batch.maxTimestamp());
            if (!old) {
                to.put("partition_leader_epoch", batch.partitionLeaderEpoch()).put("base_timestamp", ((DefaultRecordBatch) batch).baseTimestamp()).put("last_offset_delta", raw.getInt(23))
                    .put("transactional", batch.isTransactional()).put("control", batch.isControlBatch()).putNull("delete_horizon_ms").put("producer_id", batch.producerId())
                    .put("producer_epoch", batch.producerEpoch()).put("base_sequence", batch.baseSequence()).put("last_sequence", batch.lastSequence()).put("count", batch.countOrNull());
            }
            ArrayNode records = to.putArray("records");
            for (Record record : batch) {
                ObjectNode one = records.addObject().put("offset", record.offset()).put("timestamp", record.timestamp()).put("key_hex", hex(bytes(record.key()))).put("value_hex", hex(bytes(record.value())));
                ArrayNode headers = old ? null : one.putArray("headers");
                if (!old) for (Header header : record.headers()) headers.addArray().add(header.key()).add(hex(header.value()));
                if (!batch.isControlBatch()) continue;
                ControlRecordType type = ControlRecordType.parse(record.key());
                one.put("control_type", type.name());
                if (type != ControlRecordType.LEADER_CHANGE) one.putObject("control").put("coordinatorEpoch", EndTransactionMarker.deserialize(record).coordinatorEpoch());
            }
        }
        out.add(line);
    }

    // ---- algorithms

    static void algorithms() throws Exception {
        try (Lines checksums = new Lines("algorithms/checksums"); Lines uuids = new Lines("algorithms/uuids"); Lines varints = new Lines("algorithms/varints"); Lines hashes = new Lines("algorithms/murmur2");
                Lines coordinators = new Lines("algorithms/coordinators"); Lines sequences = new Lines("algorithms/sequences"); Lines names = new Lines("algorithms/topic_names")) {
            for (int i = 0; i < 300; i++) {
                byte[] some = noise(random.nextInt(i < 20 ? i + 1 : 200));
                checksums.add(line().put("hex", hex(some)).put("crc32c", Crc32C.compute(some, 0, some.length)));
                Uuid id = new Uuid(number(), random.nextLong());
                uuids.add(line().put("hex", hex(ByteBuffer.allocate(16).putLong(id.getMostSignificantBits()).putLong(id.getLeastSignificantBits()).array())).put("string", id.toString()));
                varint(varints, number());
                int hash = Utils.murmur2(some);
                ObjectNode key = line().put("key_hex", hex(some)).put("murmur2", hash).put("positive", Utils.toPositive(hash));
                for (int count : new int[] {1, 3, 12, 50, 1000}) key.withObject("/partitions").put("" + count, BuiltInPartitioner.partitionForKey(some, count));
                hashes.add(key);
                String group = text();
                ObjectNode place = line().put("id", group);
                for (int count : new int[] {1, 3, 50, 1000}) place.withObject("/partitions").put("" + count, Utils.abs(group.hashCode()) % count);
                coordinators.add(place);
                int from = random.nextInt() >>> 1, by = random.nextInt() >>> 1;
                sequences.add(line().put("sequence", from).put("by", by).put("incremented", DefaultRecordBatch.incrementSequence(from, by)).put("decremented", DefaultRecordBatch.decrementSequence(from, by)));
            }
            List<String> all = List.of("", ".", "..", "...", "a", "a.b", "a_b", "a b", "ä", "x".repeat(249), "x".repeat(250), "__consumer_offsets", "__transaction_state", "__share_group_state", text());
            for (String name : all) {
                ObjectNode judged = line().put("name", name).put("valid", Topic.isValid(name)).put("internal", Topic.isInternal(name)).putNull("error");
                try {
                    Topic.validate(name);
                } catch (RuntimeException error) {
                    judged.put("error", error.getMessage());
                }
                ArrayNode same = judged.putArray("collides_with");
                for (String other : all) if (Topic.hasCollision(name, other)) same.add(other);
                names.add(judged);
            }
        }
    }

    static void varint(Lines out, long value) throws Exception {
        ByteBuffer to = ByteBuffer.allocate(10);
        ByteUtils.writeVarlong(value, to);
        ObjectNode line = line().put("value", value).put("varlong_hex", hex(bytes(to.flip())));
        if (value == (int) value) {
            to.clear();
            ByteUtils.writeVarint((int) value, to);
            line.put("varint_hex", hex(bytes(to.flip())));
        }
        if (value >= 0 && value <= Integer.MAX_VALUE) {
            to.clear();
            ByteUtils.writeUnsignedVarint((int) value, to);
            line.put("unsigned_varint_hex", hex(bytes(to.flip())));
        }
        out.add(line);
    }

    // ---- tables

    static void tables() throws Exception {
        try (Lines out = new Lines("tables/errors")) {
            for (Errors error : Errors.values())
                out.add(line().put("code", error.code()).put("name", error.name()).put("retriable", error.exception() instanceof org.apache.kafka.common.errors.RetriableException)
                    .put("invalid_metadata", error.exception() instanceof org.apache.kafka.common.errors.InvalidMetadataException));
        }
        try (Lines out = new Lines("tables/apis")) {
            for (ApiKeys api : ApiKeys.values()) {
                ObjectNode line = line().put("key", api.id).put("id", api.name()).put("name", api.name).put("has_valid_version", api.hasValidVersion());
                if (api.hasValidVersion()) line.put("oldest", api.oldestVersion()).put("latest", api.latestVersion()).put("latest_stable", api.latestVersion(false));
                ArrayNode requests = line.putArray("request_header_versions"), responses = line.putArray("response_header_versions");
                for (short version : api.hasValidVersion() ? api.allVersions() : List.<Short>of()) {
                    requests.add(api.requestHeaderVersion(version));
                    responses.add(api.responseHeaderVersion(version));
                }
                out.add(line);
            }
        }
        try (Lines out = new Lines("tables/features")) {
            for (var feature : org.apache.kafka.server.common.Feature.PRODUCTION_FEATURES)
                out.add(line().put("feature", feature.featureName()).put("min", feature.minimumProduction()).put("latest_production", feature.latestProduction()));
            for (var version : org.apache.kafka.server.common.MetadataVersion.values())
                out.add(line().put("feature", version.featureName()).put("level", version.featureLevel()).put("version", version.version()).put("production", version.isProduction()));
        }
        try (Lines out = new Lines("tables/enums")) {
            for (var each : org.apache.kafka.common.acl.AclOperation.values()) out.add(coded("AclOperation", each, each.code()));
            for (var each : org.apache.kafka.common.acl.AclPermissionType.values()) out.add(coded("AclPermissionType", each, each.code()));
            for (var each : org.apache.kafka.common.resource.PatternType.values()) out.add(coded("PatternType", each, each.code()));
            for (var each : org.apache.kafka.common.resource.ResourceType.values()) out.add(coded("ResourceType", each, each.code()));
            for (var each : org.apache.kafka.common.config.ConfigResource.Type.values()) out.add(coded("ConfigResourceType", each, each.id()));
            for (var each : org.apache.kafka.clients.admin.AlterConfigOp.OpType.values()) out.add(coded("AlterConfigOpType", each, each.id()));
            for (var each : org.apache.kafka.common.requests.FindCoordinatorRequest.CoordinatorType.values()) out.add(coded("CoordinatorType", each, each.id()));
            for (var each : org.apache.kafka.common.ElectionType.values()) out.add(coded("ElectionType", each, each.value));
            for (var each : org.apache.kafka.common.IsolationLevel.values()) out.add(coded("IsolationLevel", each, each.id()));
            for (var each : org.apache.kafka.common.security.scram.internals.ScramMechanism.values()) out.add(coded("ScramMechanism", each, each.type()));
            for (var each : CompressionType.values()) out.add(coded("CompressionType", each, each.id));
            for (var each : TimestampType.values()) out.add(coded("TimestampType", each, each.id));
            for (var each : ControlRecordType.values()) out.add(coded("ControlRecordType", each, each.type()));
            for (var each : org.apache.kafka.clients.consumer.AcknowledgeType.values()) out.add(coded("AcknowledgeType", each, each.id));
            for (var each : org.apache.kafka.clients.admin.FeatureUpdate.UpgradeType.values()) out.add(coded("UpgradeType", each, each.code()));
            for (var each : org.apache.kafka.common.requests.DescribeConfigsResponse.ConfigSource.values()) out.add(coded("ConfigSource", each, each.id()));
            for (var each : org.apache.kafka.common.requests.DescribeConfigsResponse.ConfigType.values()) out.add(coded("ConfigType", each, each.id()));
            for (var each : org.apache.kafka.coordinator.transaction.TransactionState.values()) out.add(coded("TransactionState", each, each.id()));
        }
    }

    static JsonNode coded(String type, Enum<?> each, int code) {
        return line().put("enum", type).put("name", each.name()).put("code", code).put("text", each.toString());
    }
}
