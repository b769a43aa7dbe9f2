"""confluent-kafka, that is librdkafka: producer, consumer, groups and admin."""

import time

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    ElectionType,
    IsolationLevel,
    KafkaError,
    KafkaException,
    OFFSET_BEGINNING,
    OFFSET_END,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from checks import BOOTSTRAP, check, expect, fresh, run, wait_until

COMMON = {"bootstrap.servers": BOOTSTRAP, "log_level": 3}
admin = AdminClient(COMMON)


def only(futures):
    """What the one future of an admin call gives."""
    (future,) = futures.values()
    return future.result(30)


def code(call, *arguments, **named):
    """The error code that an admin call ends with, by name."""
    try:
        only(call(*arguments, **named))
    except KafkaException as error:
        return error.args[0].name()
    return None


def topic(what, partitions=1, **config):
    name = fresh(what)
    only(admin.create_topics([NewTopic(name, partitions, 1, config=config)]))
    wait_until(lambda: ready(name, partitions), "topic ready")
    return name


def ready(name, partitions):
    found = admin.list_topics(name, 10).topics[name].partitions.values()
    return len(found) == partitions and all(p.leader >= 0 for p in found)


class Sender:
    """A producer that remembers what became of each record."""

    def __init__(self, **settings):
        settings = {k.replace("_", "."): v for k, v in settings.items()}
        self.producer = Producer({**COMMON, "linger.ms": 5, **settings})
        self.errors, self.delivered = [], []

    def send(self, name, value, **named):
        def reported(error, message):
            (self.errors if error else self.delivered).append(error or message)

        while True:
            try:
                return self.producer.produce(name, value, on_delivery=reported, **named)
            except BufferError:
                self.producer.poll(0.1)

    def flush(self):
        expect(self.producer.flush(60), 0, "left in the queue")


def numbers(name, first, last, partitions=1):
    sender = Sender()
    for i in range(first, last):
        sender.send(name, b"%d" % i, partition=i % partitions)
    sender.flush()
    expect(sender.errors, [])


def consumer(**settings):
    settings = {k.replace("_", "."): v for k, v in settings.items()}
    return Consumer({**COMMON, "group.id": fresh("unused"), "auto.offset.reset": "earliest",
                     "enable.auto.commit": False, **settings})


def take(reader, count):
    records = []

    def enough():
        for m in reader.consume(1000, 0.2):
            if m.error():
                raise KafkaException(m.error())
            records.append(m)
        return len(records) >= count

    wait_until(enough, f"{count} records")
    records.extend(reader.consume(100, 0.05))
    expect(len(records), count, "records")
    return records


def read(name, count, partitions=(0,)):
    reader = consumer()
    reader.assign([TopicPartition(name, p, OFFSET_BEGINNING) for p in partitions])
    found = take(reader, count)
    reader.close()
    return found


@check
def round_trip():
    """keys, values, nulls, headers and times come back as they went in, with every codec"""
    name = topic("codecs")
    wanted = []
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
        sender = Sender(compression_type=codec)
        for i in range(20):
            record = (
                None if i % 4 == 0 else b"key-%d" % i,
                None if i % 5 == 0 else f"{codec} {i} ".encode() * 50,
                [("a", b"1"), ("empty", b""), ("none", None), ("a", bytes(range(256)))] if i % 3 else None,
                1_600_000_000_000 + i,
            )
            wanted.append(record)
            sender.send(name, record[1], key=record[0], headers=record[2], timestamp=record[3], partition=0)
        sender.flush()
        expect(sender.errors, [])
    found = read(name, len(wanted))
    expect([(r.key(), r.value(), r.headers(), r.timestamp()[1]) for r in found], wanted)
    expect([r.offset() for r in found], list(range(len(wanted))), "offsets")


@check
def acknowledgements():
    """acks 0, 1 and all, and idempotence, lose and double nothing"""
    name = topic("acks")
    for kind in [{"acks": 0}, {"acks": 1}, {"acks": "all"}, {"enable_idempotence": True}]:
        sender = Sender(**kind)
        for i in range(100):
            sender.send(name, f"{kind} {i}".encode())
        sender.flush()
        expect((sender.errors, len(sender.delivered)), ([], 100))
    expect(len({r.value() for r in read(name, 400, range(1))}), 400)


@check
def many():
    """200,000 records over 4 partitions keep their order within each"""
    name = topic("many", 4)
    sender = Sender(enable_idempotence=True, compression_type="lz4")
    for i in range(200000):
        sender.send(name, b"%d" % i, key=b"%d" % (i % 97))
    sender.flush()
    expect(sender.errors, [])
    by_key = {}
    for r in read(name, 200000, range(4)):
        by_key.setdefault(r.key(), []).append(int(r.value()))
    expect(by_key == {b"%d" % k: list(range(k, 200000, 97)) for k in range(97)}, True, "order by key")


@check
def large():
    """a record just under the limit passes, one above is refused by the broker"""
    name = topic("large")
    sender = Sender(message_max_bytes=10_000_000)
    sender.send(name, bytes(1_000_000))
    sender.send(name, bytes(2_000_000))
    sender.flush()
    expect([e.code() for e in sender.errors], [KafkaError.MSG_SIZE_TOO_LARGE])
    expect([r.value() == bytes(1_000_000) for r in read(name, 1)], [True])


@check
def places():
    """reading begins at the start, the end, an offset or a time"""
    name = topic("places")
    sender = Sender()
    for i in range(50):
        sender.send(name, b"%d" % i, timestamp=1_600_000_000_000 + 1000 * i)
    sender.flush()
    reader = consumer()

    def at(offset):
        reader.assign([TopicPartition(name, 0, offset)])

    at(20)
    expect([r.offset() for r in take(reader, 30)], list(range(20, 50)))
    at(OFFSET_END)
    expect(reader.consume(10, 0.5), [])
    expect(reader.get_watermark_offsets(TopicPartition(name, 0)), (0, 50))
    found = reader.offsets_for_times([TopicPartition(name, 0, 1_600_000_029_500)], 10)
    expect(found[0].offset, 30)
    late = reader.offsets_for_times([TopicPartition(name, 0, 1_700_000_000_000)], 10)
    expect(late[0].offset, OFFSET_END)
    at(found[0].offset)
    expect([int(r.value()) for r in take(reader, 20)], list(range(30, 50)))
    reader.seek(TopicPartition(name, 0, 45))
    expect([r.offset() for r in take(reader, 5)], list(range(45, 50)))
    reader.close()
    wanted = {OffsetSpec.earliest(): 0, OffsetSpec.latest(): 50, OffsetSpec.max_timestamp(): 49,
              OffsetSpec.for_timestamp(1_600_000_010_000): 10}
    for spec, offset in wanted.items():
        for isolation in IsolationLevel:
            asked = {TopicPartition(name, 0): spec}
            expect(only(admin.list_offsets(asked, isolation_level=isolation)).offset, offset, str(spec))


@check
def out_of_range():
    """an offset out of range goes where auto.offset.reset says"""
    name = topic("range")
    numbers(name, 0, 10)
    reader = consumer()
    reader.assign([TopicPartition(name, 0, 1000)])
    expect(take(reader, 10)[0].offset(), 0)
    reader.close()
    reader = consumer(auto_offset_reset="error")
    reader.assign([TopicPartition(name, 0, 1000)])
    message = wait_until(lambda: reader.poll(1), "an error")
    expect(message.error().code(), KafkaError._AUTO_OFFSET_RESET)
    reader.close()


@check
def ends():
    """the end of a partition is told, and a paused partition gives nothing"""
    name = topic("ends", 2)
    numbers(name, 0, 10, 2)
    reader = consumer(enable_partition_eof=True)
    one, two = (TopicPartition(name, p, OFFSET_BEGINNING) for p in (0, 1))
    reader.assign([one, two])
    reader.pause([one])
    seen = []

    def ended(partition):
        for m in reader.consume(100, 0.1):
            seen.append((m.partition(), m.error() and m.error().code(), m.offset()))
        return (partition, KafkaError._PARTITION_EOF, 5) in seen

    wait_until(lambda: ended(1), "the end of partition 1")
    expect({s[0] for s in seen}, {1})
    reader.resume([one])
    wait_until(lambda: ended(0), "the end of partition 0")
    reader.close()


class Member:
    """A member of a group; whoever waits for something polls all members meanwhile."""

    def __init__(self, group, name, **settings):
        self.records = []
        self.rebalances = 0
        self.assigned = set()
        settings = {"session_timeout_ms": 6000, "heartbeat_interval_ms": 200, **settings}
        self.reader = consumer(group_id=group, **settings)
        self.reader.subscribe([name], on_assign=self.rebalanced)

    def rebalanced(self, *_):
        self.rebalances += 1

    def poll(self):
        found = self.reader.consume(500, 0.05)
        for m in found:
            if m.error():
                raise KafkaException(m.error())
            self.records.append(m)
        if found:
            self.reader.commit(asynchronous=False)
        self.assigned = {p.partition for p in self.reader.assignment()}

    def stop(self):
        self.reader.close()


def meanwhile(members, holds, what):
    def step():
        for member in members:
            member.poll()
        return holds()

    return wait_until(step, what)


def shared(one, two, partitions):
    return (
        one.assigned
        and two.assigned
        and not one.assigned & two.assigned
        and one.assigned | two.assigned == set(range(partitions))
    )


def rebalancing(assignor, **more):
    name, group = topic(f"group-{assignor}", 4), fresh(f"{assignor}")
    settings = {"partition_assignment_strategy": assignor, **more}
    one = Member(group, name, **settings)
    numbers(name, 0, 100, 4)
    meanwhile([one], lambda: len(one.records) == 100, "100 records at the only member")
    two = Member(group, name, **settings)
    both = [one, two]
    meanwhile(both, lambda: shared(one, two, 4), "partitions shared by two")
    numbers(name, 100, 200, 4)
    meanwhile(both, lambda: len(one.records) + len(two.records) == 200, "200 records at both")
    described = only(admin.describe_consumer_groups([group]))
    expect((described.state, described.partition_assignor, len(described.members)),
           (ConsumerGroupState.STABLE, assignor, 2))
    one.stop()
    meanwhile([two], lambda: two.assigned == set(range(4)), "partitions at the one that stayed")
    numbers(name, 200, 300, 4)
    meanwhile([two], lambda: len(one.records) + len(two.records) == 300, "300 records at both")
    two.stop()
    expect(sorted(int(r.value()) for r in one.records + two.records), list(range(300)))
    expect(committed(group), {(name, p): 75 for p in range(4)})


def committed(group, *partitions):
    asked = ConsumerGroupTopicPartitions(group, list(partitions) or None)
    found = only(admin.list_consumer_group_offsets([asked])).topic_partitions
    return {(p.topic, p.partition): p.offset for p in found}


@check
def range_assignor():
    """two members of a group share by the range assignor, rebalance and resume"""
    rebalancing("range")


@check
def round_robin_assignor():
    """two members of a group share by the round-robin assignor, rebalance and resume"""
    rebalancing("roundrobin")


@check
def cooperative_assignor():
    """two members of a group share by the cooperative assignor, rebalance and resume"""
    rebalancing("cooperative-sticky")


@check
def static_member():
    """a static member that comes back finds its partitions without a rebalance"""
    name, group = topic("static", 4), fresh("static")
    one = Member(group, name, group_instance_id="one", session_timeout_ms=30000)
    two = Member(group, name, group_instance_id="two", session_timeout_ms=30000)
    meanwhile([one, two], lambda: shared(one, two, 4), "partitions shared by two")
    held, before = two.assigned, one.rebalances
    two.stop()
    again = Member(group, name, group_instance_id="two", session_timeout_ms=30000)
    meanwhile([one, again], lambda: again.assigned, "an assignment")
    expect((again.assigned, one.rebalances), (held, before), "assignment and rebalances")
    found = only(admin.describe_consumer_groups([group])).members
    expect({m.group_instance_id for m in found}, {"one", "two"})
    # The same name a second time fences the first.
    twin = Member(group, name, group_instance_id="two", session_timeout_ms=30000)
    try:
        meanwhile([twin, again], lambda: False, "fencing")
        fenced = None
    except KafkaException as error:
        fenced = error.args[0].code()
    expect(fenced, KafkaError._FATAL)
    for member in [one, again, twin]:
        member.stop()


@check
def commits():
    """commits with metadata are kept, and a group resumes at them"""
    name, group = topic("commits"), fresh("commits")
    numbers(name, 0, 30)
    reader = consumer(group_id=group)
    reader.commit(offsets=[TopicPartition(name, 0, 12, "how far \u00fc")], asynchronous=False)
    found = reader.committed([TopicPartition(name, 0)], 10)[0]
    expect((found.offset, found.metadata), (12, "how far \u00fc"))
    reader.close()
    reader = consumer(group_id=group, enable_auto_commit=True)
    reader.subscribe([name])
    expect(take(reader, 18)[0].offset(), 12)
    reader.close()
    expect(committed(group), {(name, 0): 30}, "commit at close")


@check
def patterns():
    """a subscription by pattern finds topics, also those made later"""
    first = topic("pattern-first")
    numbers(first, 0, 5)
    reader = consumer(topic_metadata_refresh_interval_ms=500)
    reader.subscribe([f"^{fresh('pattern-.*')}$"])
    expect(len(take(reader, 5)), 5)
    reader.commit(asynchronous=False)
    second = topic("pattern-second")
    numbers(second, 0, 5)
    expect({r.topic() for r in take(reader, 5)}, {second})
    reader.close()


@check
def group_admin():
    """groups are listed, described, their offsets altered, and they are deleted"""
    name, group = topic("groups", 2), fresh("groups")
    numbers(name, 0, 10)
    member = Member(group, name)
    meanwhile([member], lambda: len(member.records) == 10, "10 records")
    listed = {g.group_id: g for g in admin.list_consumer_groups().result(10).valid}
    expect((listed[group].state, listed[group].is_simple_consumer_group), (ConsumerGroupState.STABLE, False))
    expect(code(admin.delete_consumer_groups, [group]), "NON_EMPTY_GROUP")
    described = only(admin.describe_consumer_groups([group], include_authorized_operations=True))
    expect(len(described.members[0].assignment.topic_partitions), 2)
    expect(len(described.authorized_operations) > 0, True, "operations")
    member.stop()
    states = {ConsumerGroupState.EMPTY, ConsumerGroupState.STABLE}
    for state in states:
        found = [g.group_id for g in admin.list_consumer_groups(states={state}).result(10).valid]
        expect(group in found, state == ConsumerGroupState.EMPTY, str(state))
    new = ConsumerGroupTopicPartitions(group, [TopicPartition(name, 0, 3)])
    only(admin.alter_consumer_group_offsets([new]))
    expect(committed(group, TopicPartition(name, 0)), {(name, 0): 3})
    only(admin.delete_consumer_groups([group]))
    expect(code(admin.delete_consumer_groups, [group]), "GROUP_ID_NOT_FOUND")


@check
def topic_admin():
    """topics are created, listed, described, given partitions and deleted"""
    name = topic("admin", 2, **{"retention.ms": "123456"})
    expect(name in admin.list_topics(timeout=10).topics, True)
    described = only(admin.describe_topics(TopicCollection([name]), include_authorized_operations=True))
    expect((described.name, len(described.partitions), described.is_internal), (name, 2, False))
    expect([[n.id for n in p.isr] == [p.leader.id] for p in described.partitions], [True, True])
    expect(len(described.authorized_operations) > 0, True, "operations")
    only(admin.create_partitions([NewPartitions(name, 5)]))
    wait_until(lambda: ready(name, 5), "5 partitions")
    expect(code(admin.create_partitions, [NewPartitions(name, 3)]), "INVALID_PARTITIONS")
    elected = admin.elect_leaders(ElectionType.PREFERRED, [TopicPartition(name, 0)]).result(10)
    expect([e.name() for e in elected.values()], ["ELECTION_NOT_NEEDED"])
    only(admin.delete_topics([name]))
    wait_until(lambda: name not in admin.list_topics(timeout=10).topics, "topic gone")
    expect(code(admin.delete_topics, [name]), "UNKNOWN_TOPIC_OR_PART")
    expect(code(admin.describe_topics, TopicCollection([name])), "UNKNOWN_TOPIC_OR_PART")


@check
def config_admin():
    """configs of topics and brokers are described and altered"""
    name = topic("configs", 1, **{"retention.ms": "1000000"})

    def configs():
        return only(admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]))

    def set_by_topic():
        return {n: c.value for n, c in configs().items() if c.source == 1}

    def alter(op, **values):
        entries = [ConfigEntry(n.replace("_", "."), v, incremental_operation=op) for n, v in values.items()]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        return code(admin.incremental_alter_configs, [resource])

    def becomes(**wanted):
        wanted = {n.replace("_", "."): v for n, v in wanted.items()}
        wait_until(lambda: set_by_topic() == wanted, f"configs {wanted}")

    becomes(retention_ms="1000000")
    expect(alter(AlterConfigOpType.APPEND, cleanup_policy="compact"), None)
    becomes(retention_ms="1000000", cleanup_policy="delete,compact")
    expect(alter(AlterConfigOpType.SUBTRACT, cleanup_policy="delete"), None)
    becomes(retention_ms="1000000", cleanup_policy="compact")
    expect(alter(AlterConfigOpType.DELETE, cleanup_policy=None), None)
    becomes(retention_ms="1000000")
    expect(alter(AlterConfigOpType.SET, retention_ms="many"), "INVALID_CONFIG")
    only(admin.alter_configs([ConfigResource(ResourceType.TOPIC, name, set_config={"segment.ms": "60000"})]))
    becomes(segment_ms="60000")
    everything = configs()
    expect((everything["min.insync.replicas"].value, everything["retention.ms"].is_default), ("1", True))
    node = str(admin.describe_cluster().result(10).controller.id)
    broker = only(admin.describe_configs([ConfigResource(ResourceType.BROKER, node)]))
    expect((broker["num.partitions"].value, broker["log.dirs"].is_read_only), ("4", True))


@check
def deleting_records():
    """deleted records are gone, and reading begins behind them"""
    name = topic("delete")
    numbers(name, 0, 20)
    at = TopicPartition(name, 0, 15)
    expect(only(admin.delete_records([at])).low_watermark, 15)
    expect([r.offset() for r in read(name, 5)], list(range(15, 20)))
    expect(code(admin.delete_records, [TopicPartition(name, 0, 21)]), "OFFSET_OUT_OF_RANGE")


@check
def cluster():
    """the cluster is described"""
    found = admin.describe_cluster(include_authorized_operations=True).result(10)
    expect([f"{n.host}:{n.port}" for n in found.nodes], [BOOTSTRAP])
    expect(found.controller.id, found.nodes[0].id)
    expect(len(found.authorized_operations) > 0, True, "operations")
    expect(admin.list_topics(timeout=10).cluster_id, found.cluster_id)


@check
def refusals():
    """what is wrong is refused with Kafka's error codes"""
    name = topic("refusals")

    def created(*arguments, **named):
        return code(admin.create_topics, [NewTopic(*arguments, **named)])

    expect(created(name, 1, 1), "TOPIC_ALREADY_EXISTS")
    expect(created("a b", 1, 1), "TOPIC_EXCEPTION")
    expect(created(fresh("wrong"), 0, 1), "INVALID_PARTITIONS")
    expect(created(fresh("wrong"), 1, 3), "INVALID_REPLICATION_FACTOR")
    expect(created(fresh("wrong"), 1, 1, config={"no.such.config": "1"}), "INVALID_CONFIG")
    expect(code(admin.create_topics, [NewTopic(fresh("asked"), 1, 1)], validate_only=True), None)
    time.sleep(0.2)
    expect(fresh("asked") in admin.list_topics(timeout=10).topics, False)
    reader = consumer(allow_auto_create_topics=False)
    reader.subscribe([fresh("nowhere")])
    message = wait_until(lambda: reader.poll(1), "an error")
    expect(message.error().code(), KafkaError.UNKNOWN_TOPIC_OR_PART)
    reader.close()
    sender = Sender(message_timeout_ms=5000)
    sender.send("a b", b"")
    sender.flush()
    expect([e.code() for e in sender.errors], [KafkaError.TOPIC_EXCEPTION])


run()
