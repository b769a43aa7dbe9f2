"""kafka-python: producer, consumer, groups and admin."""

import threading

from kafka import (
    KafkaAdminClient,
    KafkaConsumer,
    KafkaProducer,
    OffsetAndMetadata,
    OffsetSpec,
    TopicPartition,
)
from kafka import errors
from kafka.admin import ConfigResource
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from checks import BOOTSTRAP, check, expect, fails_with, fresh, run, wait_until

admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)


def topic(what, partitions=1, **configs):
    name = fresh(what)
    admin.create_topics(
        {name: {"num_partitions": partitions, "replication_factor": 1, "configs": configs}},
        wait_for_metadata=True,
    )
    return name


def producer(**settings):
    return KafkaProducer(bootstrap_servers=BOOTSTRAP, **settings)


def consumer(*topics, **settings):
    settings = {"auto_offset_reset": "earliest", "enable_auto_commit": False, **settings}
    return KafkaConsumer(*topics, bootstrap_servers=BOOTSTRAP, **settings)


def read(name, count, partitions=(0,), **settings):
    """The first `count` records of a topic, and then nothing more."""
    with consumer(**settings) as reader:
        reader.assign([TopicPartition(name, p) for p in partitions])
        return take(reader, count)


def take(reader, count):
    records = []

    def enough():
        for batch in reader.poll(timeout_ms=200).values():
            records.extend(batch)
        return len(records) >= count

    wait_until(enough, f"{count} records")
    for batch in reader.poll(timeout_ms=50).values():
        records.extend(batch)
    expect(len(records), count, "records")
    return records


def values(name, count, prefix=b"v"):
    """Puts `count` records into partition 0, and returns their values."""
    sent = [prefix + b"%d" % i for i in range(count)]
    with producer() as sender:
        futures = [sender.send(name, v, partition=0) for v in sent]
        sender.flush(30)
        expect([f.get(10).offset for f in futures], list(range(count)), "offsets")
    return sent


@check
def round_trip():
    """keys, values, nulls, headers and times come back as they went in, with every codec"""
    name = topic("codecs")
    wanted = []
    for codec in [None, "gzip", "snappy", "lz4", "zstd"]:
        with producer(compression_type=codec, linger_ms=20) as sender:
            for i in range(20):
                record = (
                    None if i % 4 == 1 else b"key-%d" % i,
                    None if i % 4 == 2 else f"{codec} {i} ".encode() * 50,
                    [("a", b"1"), ("empty", b""), ("a", bytes(range(256)))] if i % 3 else [],
                    1_600_000_000_000 + i,
                )
                sender.send(name, key=record[0], value=record[1], headers=record[2],
                            timestamp_ms=record[3], partition=0)
                wanted.append(record)
            sender.flush(30)
    found = read(name, len(wanted))
    expect([(r.key, r.value, list(r.headers), r.timestamp) for r in found], wanted)
    expect([r.offset for r in found], list(range(len(wanted))), "offsets")


@check
def acknowledgements():
    """acks 0, 1 and all, with and without idempotence, lose and double nothing"""
    name = topic("acks")
    settings = [{"acks": 0}, {"acks": 1}, {"acks": "all"}]
    settings = [dict(s, enable_idempotence=False) for s in settings] + [{"enable_idempotence": True}]
    for kind in settings:
        with producer(**kind) as sender:
            for i in range(100):
                sender.send(name, b"%r %d" % (kind["acks"] if "acks" in kind else b"i", i))
            sender.flush(30)
    expect(len({r.value for r in read(name, 400)}), 400)


@check
def many():
    """20,000 records over 4 partitions keep their order within each"""
    name = topic("many", 4)
    with producer(linger_ms=5, batch_size=65536) as sender:
        futures = [sender.send(name, b"%d" % i, key=b"%d" % (i % 97)) for i in range(20000)]
        sender.flush(60)
        expect([f.exception for f in futures if f.failed()], [], "failures")
    by_key = {}
    for r in read(name, 20000, range(4), max_poll_records=5000):
        by_key.setdefault(r.key, []).append(int(r.value))
    wanted = {b"%d" % k: list(range(k, 20000, 97)) for k in range(97)}
    expect(by_key == wanted, True, "order by key")


@check
def large():
    """a record just under the limit passes, one above is refused by the broker"""
    name = topic("large")
    big = bytes(1_000_000)
    with producer(max_request_size=10_000_000) as sender:
        sender.send(name, big).get(30)
        error = fails_with(errors.KafkaError, sender.send(name, bytes(2_000_000)).get, 30)
        expect(type(error), errors.MessageSizeTooLargeError)
    expect([r.value == big for r in read(name, 1)], [True])


@check
def places():
    """reading begins at the start, the end, an offset or a time"""
    name = topic("places")
    at = TopicPartition(name, 0)
    with producer() as sender:
        for i in range(50):
            sender.send(name, b"%d" % i, timestamp_ms=1_600_000_000_000 + 1000 * i)
        sender.flush(30)
    with consumer() as reader:
        reader.assign([at])
        expect(reader.beginning_offsets([at]), {at: 0})
        expect(reader.end_offsets([at]), {at: 50})
        reader.seek(at, 20)
        expect([r.offset for r in take(reader, 30)], list(range(20, 50)))
        reader.seek_to_beginning(at)
        expect(reader.position(at), 0)
        reader.seek_to_end(at)
        expect(reader.position(at), 50)
        found = reader.offsets_for_times({at: 1_600_000_000_000 + 29_500})[at]
        expect((found.offset, found.timestamp), (30, 1_600_000_030_000))
        expect(reader.offsets_for_times({at: 1_700_000_000_000}), {at: None})
        reader.seek(at, found.offset)
        expect([int(r.value) for r in take(reader, 20)], list(range(30, 50)))
        expect(reader.highwater(at), 50)
    specs = {
        OffsetSpec.EARLIEST: 0,
        OffsetSpec.LATEST: 50,
        OffsetSpec.MAX_TIMESTAMP: 49,
    }
    for spec, offset in specs.items():
        expect(admin.list_partition_offsets({at: spec})[at].offset, offset, str(spec))


@check
def out_of_range():
    """an offset out of range goes where auto.offset.reset says"""
    name = topic("range")
    at = TopicPartition(name, 0)
    values(name, 10)
    for reset, wanted in [("earliest", 0), ("latest", 10)]:
        with consumer(auto_offset_reset=reset) as reader:
            reader.assign([at])
            reader.seek(at, 1000)
            reader.poll(timeout_ms=500)
            wait_until(lambda: reader.poll(timeout_ms=50) or reader.position(at) != 1000, "reset")
            expect(reader.position(at), 10, "position after poll")
            if reset == "earliest":
                reader.seek_to_beginning(at)
            expect(reader.position(at), wanted)
    with consumer(auto_offset_reset="none") as reader:
        reader.assign([at])
        reader.seek(at, 1000)

        def poll():
            for _ in range(50):
                reader.poll(timeout_ms=100)

        fails_with(errors.OffsetOutOfRangeError, poll)


@check
def pausing():
    """a paused partition gives nothing until it is resumed"""
    name = topic("pausing", 2)
    with producer() as sender:
        for i in range(10):
            sender.send(name, b"%d" % i, partition=i % 2)
        sender.flush(30)
    one, two = (TopicPartition(name, p) for p in (0, 1))
    with consumer() as reader:
        reader.assign([one, two])
        reader.pause(one)
        expect({r.partition for r in take(reader, 5)}, {1})
        reader.resume(one)
        expect({r.partition for r in take(reader, 5)}, {0})


class Member(threading.Thread):
    """A member of a group, which polls in a thread of its own until told to leave."""

    def __init__(self, group, name, **settings):
        super().__init__(daemon=True)
        self.records = []
        self.assigned = set()
        self.error = None
        self.leave = threading.Event()
        settings = {"session_timeout_ms": 6000, "heartbeat_interval_ms": 200, **settings}
        self.reader = consumer(name, group_id=group, **settings)
        # The client joins twice if it does not know the topic, and hangs if a poll ends just then; on any broker.
        self.reader.partitions_for_topic(name)
        self.start()

    def run(self):
        try:
            while not self.leave.is_set():
                polled = self.reader.poll(timeout_ms=1000)
                for batch in polled.values():
                    self.records.extend(batch)
                self.assigned = {p.partition for p in self.reader.assignment()}
                if polled:
                    self.reader.commit()
        except Exception as error:
            self.error = error
        self.reader.close(autocommit=False)

    def stop(self):
        self.leave.set()
        self.join(30)
        if self.error:
            raise self.error


def shared(one, two, partitions):
    """Whether two members hold all partitions between them."""
    return (
        one.assigned
        and two.assigned
        and not one.assigned & two.assigned
        and one.assigned | two.assigned == set(range(partitions))
    )


def rebalancing(assignor):
    name, group = topic(f"group-{assignor.name}", 4), fresh(assignor.name)
    with producer() as sender:

        def send(first, last):
            for i in range(first, last):
                sender.send(name, b"%d" % i, partition=i % 4)
            sender.flush(30)

        one = Member(group, name, partition_assignment_strategy=[assignor])
        send(0, 100)
        wait_until(lambda: len(one.records) == 100, "100 records at the only member")
        two = Member(group, name, partition_assignment_strategy=[assignor])
        wait_until(lambda: shared(one, two, 4), "partitions shared by two")
        send(100, 200)
        wait_until(lambda: len(one.records) + len(two.records) == 200, "200 records at both")
        described = admin.describe_groups([group])[group]
        expect((described["group_state"], described["protocol_data"]), ("Stable", assignor.name))
        expect(len(described["members"]), 2, "members")
        one.stop()
        wait_until(lambda: two.assigned == set(range(4)), "partitions at the one that stayed")
        send(200, 300)
        wait_until(lambda: len(one.records) + len(two.records) == 300, "300 records at both")
        two.stop()
    expect(sorted(int(r.value) for r in one.records + two.records), list(range(300)))
    # Whoever comes later goes on where the group committed.
    offsets = admin.list_group_offsets({group: None})[group]
    expect({p.partition: o.offset for p, o in offsets.items()}, {p: 75 for p in range(4)})


@check
def range_assignor():
    """two members of a group share by the range assignor, rebalance and resume"""
    rebalancing(RangePartitionAssignor)


@check
def round_robin_assignor():
    """two members of a group share by the round-robin assignor, rebalance and resume"""
    rebalancing(RoundRobinPartitionAssignor)


@check
def cooperative_assignor():
    """two members of a group share by the cooperative assignor, rebalance and resume"""
    rebalancing(CooperativeStickyAssignor)


@check
def static_member():
    """a static member that comes back finds its partitions without a rebalance"""
    name, group = topic("static", 4), fresh("static")
    one = Member(group, name, group_instance_id="one", session_timeout_ms=30000)
    two = Member(group, name, group_instance_id="two", session_timeout_ms=30000)
    wait_until(lambda: shared(one, two, 4), "partitions shared by two")
    held, before = two.assigned, generation(one)
    two.stop()
    again = Member(group, name, group_instance_id="two", session_timeout_ms=30000)
    wait_until(lambda: again.assigned, "an assignment")
    expect(again.assigned, held)
    expect((generation(one), generation(again)), (before, before), "generations")
    members = admin.describe_groups([group])[group]["members"]
    expect({m["group_instance_id"] for m in members}, {"one", "two"})
    one.stop(), again.stop()


def generation(member):
    return member.reader.group_metadata().generation_id


@check
def commits():
    """commits with metadata are kept, and a group resumes at them"""
    name, group = topic("commits"), fresh("commits")
    at = TopicPartition(name, 0)
    values(name, 30)
    with consumer(group_id=group) as reader:
        reader.assign([at])
        expect(reader.committed(at), None)
        reader.commit({at: OffsetAndMetadata(12, "how far \u00fc", -1)})
        expect(reader.committed(at, metadata=True).metadata, "how far \u00fc")
    with consumer(group_id=group) as reader:
        reader.assign([at])
        expect(take(reader, 18)[0].offset, 12)
    with consumer(name, group_id=group) as reader:
        expect(take(reader, 18)[0].offset, 12)


@check
def group_admin():
    """groups are listed, described, their offsets reset and deleted, and they are deleted"""
    name, group = topic("groups", 2), fresh("groups")
    one, two = (TopicPartition(name, p) for p in (0, 1))
    values(name, 10)
    member = Member(group, name)
    wait_until(lambda: len(member.records) == 10, "10 records")
    wait_until(lambda: admin.list_group_offsets({group: [one]})[group][one].offset == 10, "commit")
    listed = {g["group_id"]: g for g in admin.list_groups()}
    expect((listed[group]["protocol_type"], listed[group]["group_state"]), ("consumer", "Stable"))
    expect(admin.delete_groups([group]), {group: "NonEmptyGroupError"})
    described = admin.describe_groups([group])[group]
    assigned = described["members"][0]["member_assignment"]
    expect("assigned_partitions" in assigned, True, "decoded assignment")
    member.stop()
    wait_until(lambda: admin.describe_groups([group])[group]["group_state"] == "Empty", "empty")
    states = [admin.list_groups(states_filter=[s]) for s in ("Empty", "Stable")]
    expect([group in [g["group_id"] for g in s] for s in states], [True, False])
    admin.alter_group_offsets(group, {one: OffsetAndMetadata(3, "", -1)})
    expect(admin.list_group_offsets({group: [one]})[group][one].offset, 3)
    admin.reset_group_offsets(group, {one: OffsetSpec.EARLIEST})
    expect(admin.list_group_offsets({group: [one]})[group][one].offset, 0)
    admin.delete_group_offsets(group, [one])
    expect(one in admin.list_group_offsets({group: None})[group], False, "deleted offset kept")
    expect(admin.delete_groups([group]), {group: "OK"})
    expect(admin.delete_groups([group]), {group: "GroupIdNotFoundError"})
    expect(admin.describe_groups([group])[group]["group_state"], "Dead")


@check
def topic_admin():
    """topics are created, listed, described, given partitions and deleted"""
    name = topic("admin", 2, **{"retention.ms": "123456"})
    expect(name in admin.list_topics(), True)
    described = admin.describe_topics([name])[0]
    expect(len(described["partitions"]), 2)
    expect([p["isr_nodes"] == [p["leader_id"]] for p in described["partitions"]], [True, True])
    admin.create_partitions({name: 5}, validate_only=True)
    expect(len(admin.describe_topics([name])[0]["partitions"]), 2)
    admin.create_partitions({name: 5})
    wait_until(lambda: len(admin.describe_topics([name])[0]["partitions"]) == 5, "5 partitions")
    fails_with(errors.InvalidPartitionsError, admin.create_partitions, {name: 3})
    admin.delete_topics([name])
    wait_until(lambda: admin.describe_topics([name])[0]["error_code"] == 3, "gone")
    expect(name in admin.list_topics(), False)
    fails_with(errors.UnknownTopicOrPartitionError, admin.delete_topics, [name])


@check
def config_admin():
    """configs of topics and brokers are described, altered, appended to and reset"""
    name = topic("configs", 1, **{"retention.ms": "1000000"})

    def modified(kind="TOPIC", of=None):
        found = admin.describe_configs([ConfigResource(kind, of or name)])
        return {k: v["value"] for k, v in found[kind.lower()][of or name].items()}

    def alter(**configs):
        configs = {k.replace("_", "."): v for k, v in configs.items()}
        return admin.alter_configs([ConfigResource("TOPIC", name, configs)])["topic"][name]

    expect(modified(), {"retention.ms": "1000000"})
    expect(alter(cleanup_policy=("APPEND", "compact"), segment_ms="60000"), "OK")
    wanted = {"cleanup.policy": "delete,compact", "segment.ms": "60000", "retention.ms": "1000000"}
    wait_until(lambda: modified() == wanted, f"configs {wanted}")
    expect(alter(cleanup_policy=("SUBTRACT", "delete")), "OK")
    wait_until(lambda: modified()["cleanup.policy"] == "compact", "compact alone")
    admin.reset_configs([ConfigResource("TOPIC", name, ["cleanup.policy", "segment.ms"])])
    wait_until(lambda: modified() == {"retention.ms": "1000000"}, "configs reset")
    refused = alter(retention_ms="many")
    expect(refused.startswith("[Error 40] InvalidConfigurationError"), True, refused)
    everything = admin.describe_configs([ConfigResource("TOPIC", name)], config_filter="all")
    everything = everything["topic"][name]
    expect(everything["min.insync.replicas"]["value"], "1")
    expect(everything["max.message.bytes"]["config_type"], "INT")
    node = str(admin.describe_cluster()["brokers"][0]["broker_id"])
    broker = admin.describe_configs([ConfigResource("BROKER", node)], config_filter="all")
    expect(broker["broker"][node]["num.partitions"]["value"], "4")


@check
def deleting_records():
    """deleted records are gone, and reading begins behind them"""
    name = topic("delete")
    at = TopicPartition(name, 0)
    values(name, 20)
    expect(admin.delete_records({at: 15})[at]["low_watermark"], 15)
    with consumer() as reader:
        expect(reader.beginning_offsets([at]), {at: 15})
    expect([r.offset for r in read(name, 5)], list(range(15, 20)))
    expect(admin.delete_records({at: -1})[at]["low_watermark"], 20)
    fails_with(errors.OffsetOutOfRangeError, admin.delete_records, {at: 21})


@check
def cluster_admin():
    """the cluster, its log directories, elections, reassignments and resources are described"""
    cluster = admin.describe_cluster()
    expect(len(cluster["brokers"]), 1)
    host, port = BOOTSTRAP.split(":")
    expect((cluster["brokers"][0]["host"], cluster["brokers"][0]["port"]), (host, int(port)))
    expect(cluster["controller_id"], cluster["brokers"][0]["broker_id"])
    name = topic("dirs", 2)
    values(name, 5)
    dirs = admin.describe_log_dirs([name])[0]["log_dirs"]
    sizes = {p["partition_index"]: p["partition_size"] > 0
             for d in dirs for t in d["topics"] if t["name"] == name for p in t["partitions"]}
    expect(sizes, {0: True, 1: False})
    expect(admin.list_partition_reassignments(), {})
    admin.elect_leaders(0, [name])
    whole = admin.describe_topic_partitions([name])
    expect(len(whole["topics"][0]["partitions"]), 2)
    expect(name in admin.list_config_resources(["TOPIC"])["topic"], True)


@check
def refusals():
    """what is wrong is refused with Kafka's error codes"""
    name = topic("refusals")
    fails_with(errors.TopicAlreadyExistsError, admin.create_topics, [name])
    for bad in ["a b", "..", "x" * 250]:
        fails_with(errors.InvalidTopicError, admin.create_topics, [bad])
    wrong = {fresh("wrong"): {"num_partitions": 0, "replication_factor": 1}}
    fails_with(errors.InvalidPartitionsError, admin.create_topics, wrong)
    wrong = {fresh("wrong"): {"num_partitions": 1, "replication_factor": 3}}
    fails_with(errors.InvalidReplicationFactorError, admin.create_topics, wrong)
    wrong = {fresh("wrong"): {"num_partitions": 1, "replication_factor": 1,
                              "configs": {"no.such.config": "1"}}}
    fails_with(errors.InvalidConfigurationError, admin.create_topics, wrong)
    expect(admin.describe_topics([fresh("nowhere")])[0]["error_code"], 3)
    admin.create_topics([fresh("only-asked")], validate_only=True)
    expect(fresh("only-asked") in admin.list_topics(), False)


run()
