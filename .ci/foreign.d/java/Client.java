// The Java client: idempotent producer, consumer of the classic protocol, static members, admin.

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

public class Client {
    static final String BOOTSTRAP = System.getenv("BOOTSTRAP");
    static final String RUN = Long.toString(System.nanoTime(), 36);
    static final Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", BOOTSTRAP));
    static boolean held = true;

    interface Check {
        void run() throws Exception;
    }

    static void check(String name, Check check) {
        String only = System.getenv("ONLY");
        if (only != null && !name.contains(only)) return;
        try {
            check.run();
            System.out.println("ok " + name);
        } catch (Throwable error) {
            held = false;
            error.printStackTrace();
            System.out.println("FAILED " + name + ": " + String.valueOf(error).replace('\n', ' '));
        }
    }

    static String fresh(String what) { return what + "-" + RUN; }

    static void expect(String what, Object found, Object wanted) {
        if (!Objects.equals(found, wanted)) throw new AssertionError(what + ": found " + found + ", expected " + wanted);
    }

    static void until(String what, BooleanSupplier holds) throws Exception {
        for (long end = System.currentTimeMillis() + 30_000; !holds.getAsBoolean(); Thread.sleep(20)) {
            if (System.currentTimeMillis() > end) throw new AssertionError("after 30 s still not: " + what);
        }
    }

    static void refused(Class<? extends Exception> with, Future<?> future) throws Exception {
        try {
            future.get();
        } catch (ExecutionException error) {
            expect("error", error.getCause().getClass(), with);
            return;
        }
        throw new AssertionError("no error where " + with + " was expected");
    }

    static String topic(String what, int partitions, String... configs) throws Exception {
        String name = fresh(what);
        Map<String, String> map = new HashMap<>();
        for (int i = 0; i < configs.length; i += 2) map.put(configs[i], configs[i + 1]);
        admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1).configs(map))).all().get();
        until("topic ready", () -> ready(name, partitions));
        return name;
    }

    static boolean ready(String name, int partitions) {
        try {
            var found = admin.describeTopics(List.of(name)).allTopicNames().get().get(name).partitions();
            return found.size() == partitions && found.stream().allMatch(p -> p.leader() != null);
        } catch (Exception notYet) {
            return false;
        }
    }

    static Properties with(Map<String, Object> common, Object... settings) {
        Properties properties = new Properties();
        properties.putAll(common);
        properties.put("bootstrap.servers", BOOTSTRAP);
        for (int i = 0; i < settings.length; i += 2) properties.put(settings[i], settings[i + 1]);
        return properties;
    }

    static KafkaProducer<String, String> producer(Object... settings) {
        return new KafkaProducer<>(with(Map.of("linger.ms", 5), settings), new StringSerializer(), new StringSerializer());
    }

    static KafkaConsumer<String, String> consumer(Object... settings) {
        Map<String, Object> common = Map.of("auto.offset.reset", "earliest", "enable.auto.commit", "false");
        return new KafkaConsumer<>(with(common, settings), new StringDeserializer(), new StringDeserializer());
    }

    static void numbers(String name, int first, int last, int partitions) throws Exception {
        try (var sender = producer()) {
            List<Future<?>> sent = new ArrayList<>();
            for (int i = first; i < last; i++) {
                sent.add(sender.send(new ProducerRecord<>(name, i % partitions, null, Integer.toString(i))));
            }
            for (var each : sent) each.get();
        }
    }

    static List<ConsumerRecord<String, String>> take(Consumer<String, String> reader, int count) throws Exception {
        List<ConsumerRecord<String, String>> found = new ArrayList<>();
        until(count + " records", () -> {
            reader.poll(Duration.ofMillis(200)).forEach(found::add);
            return found.size() >= count;
        });
        reader.poll(Duration.ofMillis(50)).forEach(found::add);
        expect("records", found.size(), count);
        return found;
    }

    static List<TopicPartition> all(String name, int partitions) {
        return IntStream.range(0, partitions).mapToObj(p -> new TopicPartition(name, p)).toList();
    }

    static List<ConsumerRecord<String, String>> read(String name, int count, int partitions) throws Exception {
        try (var reader = consumer()) {
            reader.assign(all(name, partitions));
            return take(reader, count);
        }
    }

    static void roundTrip() throws Exception {
        String name = topic("codecs", 1);
        List<ProducerRecord<String, String>> wanted = new ArrayList<>();
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            try (var sender = producer("compression.type", codec)) {
                for (int i = 0; i < 20; i++) {
                    var record = new ProducerRecord<>(name, 0, 1_600_000_000_000L + i, i % 4 == 0 ? null : "key-" + i,
                        i % 5 == 0 ? null : (codec + i).repeat(50));
                    if (i % 3 != 0) {
                        record.headers().add("a", "1".getBytes(StandardCharsets.UTF_8)).add("none", null).add("a", new byte[0]);
                    }
                    wanted.add(record);
                    sender.send(record);
                }
            }
        }
        var found = read(name, wanted.size(), 1);
        for (int i = 0; i < wanted.size(); i++) {
            var w = wanted.get(i);
            var r = found.get(i);
            expect("record", Arrays.asList(r.offset(), r.key(), r.value(), r.timestamp(), Arrays.asList(r.headers().toArray())),
                Arrays.asList((long) i, w.key(), w.value(), w.timestamp(), Arrays.asList(w.headers().toArray())));
        }
    }

    static void acknowledgements() throws Exception {
        String name = topic("acks", 1);
        for (String acks : List.of("0", "1", "all", "idempotent")) {
            boolean idempotent = acks.equals("idempotent");
            try (var sender = producer("acks", idempotent ? "all" : acks, "enable.idempotence", idempotent)) {
                for (int i = 0; i < 100; i++) sender.send(new ProducerRecord<>(name, acks + i));
            }
        }
        expect("values", read(name, 400, 1).stream().map(ConsumerRecord::value).distinct().count(), 400L);
    }

    static void many() throws Exception {
        int count = 100_000, keys = 97;
        String name = topic("many", 4);
        AtomicInteger failed = new AtomicInteger();
        try (var sender = producer("compression.type", "lz4")) {
            for (int i = 0; i < count; i++) {
                var record = new ProducerRecord<>(name, Integer.toString(i % keys), Integer.toString(i));
                sender.send(record, (metadata, error) -> { if (error != null) failed.incrementAndGet(); });
            }
        }
        expect("failures", failed.get(), 0);
        Map<String, Integer> last = new HashMap<>();
        for (var r : read(name, count, 4)) {
            int value = Integer.parseInt(r.value());
            expect("value after that before it", value, last.getOrDefault(r.key(), Integer.parseInt(r.key()) - keys) + keys);
            last.put(r.key(), value);
        }
    }

    static void large() throws Exception {
        String name = topic("large", 1);
        try (var sender = producer("max.request.size", 10_000_000)) {
            sender.send(new ProducerRecord<>(name, "x".repeat(1_000_000))).get();
            refused(RecordTooLargeException.class, sender.send(new ProducerRecord<>(name, "x".repeat(2_000_000))));
        }
        expect("size", read(name, 1, 1).get(0).value().length(), 1_000_000);
    }

    static void places() throws Exception {
        String name = topic("places", 1);
        TopicPartition at = new TopicPartition(name, 0);
        try (var sender = producer()) {
            for (int i = 0; i < 50; i++) sender.send(new ProducerRecord<>(name, 0, 1_600_000_000_000L + 1000 * i, null, "" + i));
        }
        try (var reader = consumer()) {
            reader.assign(List.of(at));
            expect("start", reader.beginningOffsets(List.of(at)), Map.of(at, 0L));
            expect("end", reader.endOffsets(List.of(at)), Map.of(at, 50L));
            reader.seek(at, 20);
            expect("first", take(reader, 30).get(0).offset(), 20L);
            expect("lag", reader.currentLag(at).getAsLong(), 0L);
            expect("of a time", reader.offsetsForTimes(Map.of(at, 1_600_000_029_500L)).get(at).offset(), 30L);
            expect("of a time to come", reader.offsetsForTimes(Map.of(at, 1_700_000_000_000L)).get(at), null);
            reader.seek(at, 1000);
            expect("after a reset", take(reader, 50).get(0).offset(), 0L);
            reader.pause(List.of(at));
            reader.seekToBeginning(List.of(at));
            expect("while paused", reader.poll(Duration.ofMillis(300)).count(), 0);
            reader.resume(List.of(at));
            take(reader, 50);
        }
        Map<OffsetSpec, Long> wanted = Map.of(OffsetSpec.earliest(), 0L, OffsetSpec.latest(), 50L, OffsetSpec.maxTimestamp(), 49L,
            OffsetSpec.forTimestamp(1_600_000_010_000L), 10L, OffsetSpec.earliestLocal(), 0L);
        for (var each : wanted.entrySet()) {
            var found = admin.listOffsets(Map.of(at, each.getKey())).partitionResult(at).get();
            expect(each.getKey().getClass().getSimpleName(), found.offset(), each.getValue());
        }
        try (var reader = consumer("auto.offset.reset", "none")) {
            reader.assign(List.of(at));
            reader.seek(at, 1000);
            try {
                take(reader, 1);
                throw new AssertionError("an offset out of range was read");
            } catch (org.apache.kafka.clients.consumer.OffsetOutOfRangeException expected) {
                expect("partitions", expected.partitions(), Set.of(at));
            }
        }
    }

    /** A member of a group, which polls in a thread of its own until told to leave. */
    static class Member extends Thread implements ConsumerRebalanceListener {
        final List<ConsumerRecord<String, String>> records = new ArrayList<>();
        final KafkaConsumer<String, String> reader;
        final String name;
        volatile Set<TopicPartition> assigned = Set.of();
        volatile int seen, rebalances;
        volatile boolean leave;
        volatile Throwable error;

        Member(String group, String name, Object... settings) {
            List<Object> own = new ArrayList<>(List.of("group.id", group, "session.timeout.ms", 6000, "heartbeat.interval.ms", 200));
            own.addAll(List.of(settings));
            this.name = name;
            reader = consumer(own.toArray());
            setDaemon(true);
            start();
        }

        @Override public void onPartitionsRevoked(Collection<TopicPartition> revoked) {}

        @Override public void onPartitionsAssigned(Collection<TopicPartition> added) { rebalances++; }

        @Override public void run() {
            try (reader) {
                reader.subscribe(List.of(name), this);
                while (!leave) {
                    var found = reader.poll(Duration.ofMillis(100));
                    found.forEach(records::add);
                    assigned = Set.copyOf(reader.assignment());
                    if (!found.isEmpty()) commit();
                    seen = records.size();
                }
            } catch (Throwable thrown) {
                error = thrown;
            }
        }

        /** A commit is refused while the group rebalances; records of partitions that stay are committed with the next ones. */
        void commit() {
            try {
                reader.commitSync();
            } catch (RebalanceInProgressException later) {
                rebalances++;
            }
        }

        void leaveGroup() throws Exception {
            leave = true;
            join(30_000);
            if (error != null) throw new AssertionError(error);
        }
    }

    static boolean shared(Member one, Member two, int partitions) {
        Set<TopicPartition> both = new HashSet<>(one.assigned);
        both.addAll(two.assigned);
        return !one.assigned.isEmpty() && !two.assigned.isEmpty() && both.size() == partitions
            && one.assigned.size() + two.assigned.size() == partitions;
    }

    static void rebalancing(Class<?> assignor, String protocol) throws Exception {
        String name = topic("group-" + protocol, 4), group = fresh(protocol);
        Object[] by = {"partition.assignment.strategy", assignor.getName()};
        Member one = new Member(group, name, by);
        numbers(name, 0, 100, 4);
        until("100 records at the only member", () -> one.seen == 100);
        Member two = new Member(group, name, by);
        until("partitions shared by two", () -> shared(one, two, 4));
        numbers(name, 100, 200, 4);
        until("200 records at both", () -> one.seen + two.seen == 200);
        var described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        expect("group", List.of(described.groupState(), described.partitionAssignor(), described.members().size()),
            List.of(GroupState.STABLE, protocol, 2));
        one.leaveGroup();
        until("partitions at the one that stayed", () -> two.assigned.size() == 4);
        numbers(name, 200, 300, 4);
        until("300 records at both", () -> one.seen + two.seen == 300);
        two.leaveGroup();
        Set<Integer> values = new TreeSet<>();
        one.records.forEach(r -> values.add(Integer.parseInt(r.value())));
        two.records.forEach(r -> values.add(Integer.parseInt(r.value())));
        expect("values", values.size(), 300);
        for (var each : committed(group).entrySet()) expect(each.getKey().toString(), each.getValue().offset(), 75L);
    }

    static Map<TopicPartition, OffsetAndMetadata> committed(String group) throws Exception {
        return admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
    }

    static void staticMember() throws Exception {
        String name = topic("static", 4), group = fresh("static");
        // Long enough for the slowest machine: who does not leave must not be taken for lost.
        Object[] second = {"group.instance.id", "two", "session.timeout.ms", 30_000};
        Member one = new Member(group, name, "group.instance.id", "one", "session.timeout.ms", 30_000);
        Member two = new Member(group, name, second);
        until("partitions shared by two", () -> shared(one, two, 4));
        var before = two.assigned;
        int rebalances = one.rebalances;
        two.leaveGroup();
        Member again = new Member(group, name, second);
        until("an assignment", () -> !again.assigned.isEmpty());
        expect("assignment", again.assigned, before);
        expect("rebalances of the other", one.rebalances, rebalances);
        one.leaveGroup();
        again.leaveGroup();
        expect("members", admin.describeConsumerGroups(List.of(group)).all().get().get(group).members().size(), 2);
        var members = List.of(new MemberToRemove("one"), new MemberToRemove("two"));
        admin.removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions(members)).all().get();
        expect("members", admin.describeConsumerGroups(List.of(group)).all().get().get(group).members().size(), 0);
    }

    static void commits() throws Exception {
        String name = topic("commits", 1), group = fresh("commits");
        TopicPartition at = new TopicPartition(name, 0);
        numbers(name, 0, 30, 1);
        try (var reader = consumer("group.id", group)) {
            reader.assign(List.of(at));
            expect("before any commit", reader.committed(Set.of(at)).get(at), null);
            reader.commitSync(Map.of(at, new OffsetAndMetadata(12, Optional.of(0), "how far ü")));
            expect("committed", reader.committed(Set.of(at)).get(at), new OffsetAndMetadata(12, Optional.of(0), "how far ü"));
        }
        try (var reader = consumer("group.id", group, "enable.auto.commit", "true")) {
            reader.subscribe(List.of(name));
            expect("first", take(reader, 18).get(0).offset(), 12L);
        }
        expect("auto-commit", committed(group).get(at).offset(), 30L);
        admin.alterConsumerGroupOffsets(group, Map.of(at, new OffsetAndMetadata(3))).all().get();
        expect("altered", committed(group).get(at).offset(), 3L);
        admin.deleteConsumerGroupOffsets(group, Set.of(at)).all().get();
        expect("deleted", committed(group), Map.of());
    }

    static void groupAdmin() throws Exception {
        String name = topic("groups", 2), group = fresh("groups");
        numbers(name, 0, 10, 2);
        Member member = new Member(group, name);
        until("10 records", () -> member.seen == 10);
        var listed = admin.listGroups().all().get().stream().filter(g -> g.groupId().equals(group)).findFirst().orElseThrow();
        expect("listed", List.of(listed.type().get(), listed.protocol(), listed.groupState().get()),
            List.of(GroupType.CLASSIC, "consumer", GroupState.STABLE));
        refused(GroupNotEmptyException.class, admin.deleteConsumerGroups(List.of(group)).all());
        var described = admin.describeClassicGroups(List.of(group)).all().get().get(group);
        expect("members", described.members().size(), 1);
        member.leaveGroup();
        admin.deleteConsumerGroups(List.of(group)).all().get();
        refused(GroupIdNotFoundException.class, admin.deleteConsumerGroups(List.of(group)).all());
        refused(GroupIdNotFoundException.class, admin.describeConsumerGroups(List.of(group)).all());
    }

    static void topicAdmin() throws Exception {
        String name = topic("admin", 2);
        expect("listed", admin.listTopics().names().get().contains(name), true);
        Uuid id = admin.describeTopics(List.of(name)).allTopicNames().get().get(name).topicId();
        expect("by id", admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get().get(id).name(), name);
        admin.createPartitions(Map.of(name, NewPartitions.increaseTo(5))).all().get();
        until("5 partitions", () -> ready(name, 5));
        refused(InvalidPartitionsException.class, admin.createPartitions(Map.of(name, NewPartitions.increaseTo(3))).all());
        numbers(name, 0, 20, 1);
        TopicPartition at = new TopicPartition(name, 0);
        var before = RecordsToDelete.beforeOffset(15);
        expect("low watermark", admin.deleteRecords(Map.of(at, before)).lowWatermarks().get(at).get().lowWatermark(), 15L);
        expect("left", read(name, 5, 1).get(0).offset(), 15L);
        refused(org.apache.kafka.common.errors.OffsetOutOfRangeException.class, admin.deleteRecords(Map.of(at, RecordsToDelete.beforeOffset(21))).all());
        var producers = admin.describeProducers(List.of(at)).partitionResult(at).get().activeProducers();
        expect("producers", producers.size(), 1);
        var dirs = admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1).values().iterator().next();
        expect("in a directory", dirs.replicaInfos().get(at).size() > 0, true);
        expect("reassignments", admin.listPartitionReassignments(Set.of(at)).reassignments().get(), Map.of());
        refused(ElectionNotNeededException.class, failed(admin.electLeaders(ElectionType.PREFERRED, Set.of(at)).partitions().get().get(at)));
        admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get();
        until("topic gone", () -> !ready(name, 5));
        refused(UnknownTopicOrPartitionException.class, admin.describeTopics(List.of(name)).allTopicNames());
        refused(UnknownTopicOrPartitionException.class, admin.deleteTopics(List.of(name)).all());
    }

    static Future<?> failed(Optional<Throwable> error) {
        return java.util.concurrent.CompletableFuture.failedFuture(error.orElseThrow());
    }

    static void configAdmin() throws Exception {
        String name = topic("configs", 1, "retention.ms", "1000000");
        var resource = new ConfigResource(ConfigResource.Type.TOPIC, name);
        becomes(resource, Map.of("retention.ms", "1000000"));
        alter(resource, AlterConfigOp.OpType.APPEND, "cleanup.policy", "compact").get();
        becomes(resource, Map.of("retention.ms", "1000000", "cleanup.policy", "delete,compact"));
        alter(resource, AlterConfigOp.OpType.SUBTRACT, "cleanup.policy", "delete").get();
        becomes(resource, Map.of("retention.ms", "1000000", "cleanup.policy", "compact"));
        alter(resource, AlterConfigOp.OpType.DELETE, "cleanup.policy", null).get();
        becomes(resource, Map.of("retention.ms", "1000000"));
        refused(InvalidConfigurationException.class, alter(resource, AlterConfigOp.OpType.SET, "retention.ms", "many"));
        var broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
        expect("num.partitions", admin.describeConfigs(List.of(broker)).all().get().get(broker).get("num.partitions").value(), "4");
        var listed = admin.listConfigResources(Set.of(ConfigResource.Type.TOPIC), new ListConfigResourcesOptions()).all().get();
        expect("listed", listed.contains(resource), true);
    }

    static Future<?> alter(ConfigResource resource, AlterConfigOp.OpType type, String name, String value) {
        return admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry(name, value), type)))).all();
    }

    static void becomes(ConfigResource resource, Map<String, String> wanted) throws Exception {
        until("configs " + wanted, () -> {
            try {
                return admin.describeConfigs(List.of(resource)).all().get().get(resource).entries().stream()
                    .filter(e -> e.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG)
                    .collect(Collectors.toMap(ConfigEntry::name, ConfigEntry::value)).equals(wanted);
            } catch (Exception error) {
                throw new AssertionError(error);
            }
        });
    }

    static void cluster() throws Exception {
        var found = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
        expect("nodes", found.nodes().get().stream().map(n -> n.host() + ":" + n.port()).toList(), List.of(BOOTSTRAP));
        expect("controller", found.controller().get().id(), 1);
        expect("operations", found.authorizedOperations().get().isEmpty(), false);
        refused(SecurityDisabledException.class, admin.describeAcls(org.apache.kafka.common.acl.AclBindingFilter.ANY).values());
        expect("quotas", admin.describeClientQuotas(org.apache.kafka.common.quota.ClientQuotaFilter.all()).entities().get(), Map.of());
        expect("users", admin.describeUserScramCredentials().all().get(), Map.of());
        expect("features", admin.describeFeatures().featureMetadata().get() != null, true);
        try (var sender = producer()) {
            expect("partitions", sender.partitionsFor(topic("metadata", 3)).size(), 3);
        }
    }

    static void refusals() throws Exception {
        String name = topic("refusals", 1);
        refused(TopicExistsException.class, create(new NewTopic(name, 1, (short) 1)));
        refused(InvalidTopicException.class, create(new NewTopic("a b", 1, (short) 1)));
        refused(InvalidPartitionsException.class, create(new NewTopic(fresh("wrong"), 0, (short) 1)));
        refused(InvalidReplicationFactorException.class, create(new NewTopic(fresh("wrong"), 1, (short) 3)));
        refused(InvalidConfigurationException.class, create(new NewTopic(fresh("wrong"), 1, (short) 1).configs(Map.of("no.such", "1"))));
        admin.createTopics(List.of(new NewTopic(fresh("asked"), 1, (short) 1)), new CreateTopicsOptions().validateOnly(true)).all().get();
        expect("only asked for", admin.listTopics().names().get().contains(fresh("asked")), false);
        try (var sender = producer("max.block.ms", 3000)) {
            refused(InvalidTopicException.class, sender.send(new ProducerRecord<>("a b", "")));
        }
        try (var reader = consumer("allow.auto.create.topics", "false", "default.api.timeout.ms", 3000)) {
            reader.assign(List.of(new TopicPartition(fresh("nowhere"), 0)));
            expect("records of an unknown topic", reader.poll(Duration.ofMillis(500)).count(), 0);
        }
    }

    static Future<?> create(NewTopic topic) { return admin.createTopics(List.of(topic)).all(); }

    public static void main(String[] arguments) {
        check("keys, values, nulls, headers and times come back as they went in, with every codec", Client::roundTrip);
        check("acks 0, 1 and all, and idempotence, lose and double nothing", Client::acknowledgements);
        check("100,000 records over 4 partitions keep their order within each", Client::many);
        check("a record just under the limit passes, one above is refused by the broker", Client::large);
        check("reading begins at the start, the end, an offset or a time", Client::places);
        check("two members of a group share by the range assignor, rebalance and resume",
            () -> rebalancing(RangeAssignor.class, "range"));
        check("two members of a group share by the sticky assignor, rebalance and resume",
            () -> rebalancing(StickyAssignor.class, "sticky"));
        check("two members of a group share by the cooperative assignor, rebalance and resume",
            () -> rebalancing(CooperativeStickyAssignor.class, "cooperative-sticky"));
        check("a static member that comes back finds its partitions without a rebalance", Client::staticMember);
        check("commits with metadata are kept, altered and deleted, and a group resumes at them", Client::commits);
        check("groups are listed, described and deleted", Client::groupAdmin);
        check("topics, partitions and records are administered, and what is under them described", Client::topicAdmin);
        check("configs of topics and brokers are described and altered", Client::configAdmin);
        check("the cluster, its security and its quotas are described", Client::cluster);
        check("what is wrong is refused with Kafka's error codes", Client::refusals);
        System.out.flush();
        Runtime.getRuntime().halt(held ? 0 : 1);
    }
}
