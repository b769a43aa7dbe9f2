"""aiokafka: producer, consumer, groups and admin."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, errors
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from checks import BOOTSTRAP, check, expect, fresh, run


async def until(holds, what, seconds=30):
    """Waits for `holds`, which may have to be awaited, to give something true."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        value = holds()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"after {seconds} s still not: {what}")
        await asyncio.sleep(0.02)


async def fails_with(error, awaitable):
    try:
        found = await awaitable
    except error as raised:
        return raised
    raise AssertionError(f"{found!r} came back where {error} was expected")


class Admin(AIOKafkaAdminClient):
    def __init__(self):
        super().__init__(bootstrap_servers=BOOTSTRAP)

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *_):
        await self.close()


async def topic(what, partitions=1, configs=None):
    name = fresh(what)
    async with Admin() as admin:
        answer = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs or {})])
        expect([(t[0], t[1]) for t in answer.topic_errors], [(name, 0)])
        await until(lambda: ready(admin, name, partitions), "topic ready")
    return name


async def ready(admin, name, partitions):
    found = (await admin.describe_topics([name]))[0]["partitions"]
    return len(found) == partitions and all(p["leader"] >= 0 for p in found)


def producer(**settings):
    return AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, **settings)


def consumer(*topics, **settings):
    settings = {"auto_offset_reset": "earliest", "enable_auto_commit": False, **settings}
    return AIOKafkaConsumer(*topics, bootstrap_servers=BOOTSTRAP, **settings)


async def take(reader, count):
    records = []

    async def enough():
        for batch in (await reader.getmany(timeout_ms=200)).values():
            records.extend(batch)
        return len(records) >= count

    await until(enough, f"{count} records")
    for batch in (await reader.getmany(timeout_ms=50)).values():
        records.extend(batch)
    expect(len(records), count, "records")
    return records


async def read(name, count, partitions=(0,)):
    async with consumer() as reader:
        reader.assign([TopicPartition(name, p) for p in partitions])
        return await take(reader, count)


async def numbers(name, first, last, partitions=1):
    async with producer() as sender:
        sent = [await sender.send(name, b"%d" % i, partition=i % partitions) for i in range(first, last)]
        return [(await s).offset for s in sent]


@check
async def round_trip():
    """keys, values, nulls, headers and times come back as they went in, with every codec"""
    name = await topic("codecs")
    wanted = []
    for codec in [None, "gzip", "snappy", "lz4", "zstd"]:
        async with producer(compression_type=codec, linger_ms=20) as sender:
            sent = []
            for i in range(20):
                record = (
                    None if i % 4 == 1 else b"key-%d" % i,
                    None if i % 4 == 2 else f"{codec} {i} ".encode() * 50,
                    (("a", b"1"), ("empty", b""), ("a", bytes(range(256)))) if i % 3 else (),
                    1_600_000_000_000 + i,
                )
                wanted.append(record)
                sent.append(await sender.send(name, key=record[0], value=record[1], partition=0,
                                              headers=list(record[2]), timestamp_ms=record[3]))
            await asyncio.gather(*sent)
    found = await read(name, len(wanted))
    expect([(r.key, r.value, r.headers, r.timestamp) for r in found], wanted)
    expect([r.offset for r in found], list(range(len(wanted))), "offsets")


@check
async def acknowledgements():
    """acks 0, 1 and all, and idempotence, lose and double nothing"""
    name = await topic("acks")
    for kind in [{"acks": 0}, {"acks": 1}, {"acks": "all"}, {"enable_idempotence": True}]:
        async with producer(**kind) as sender:
            for i in range(100):
                await sender.send(name, f"{kind} {i}".encode())
            await sender.flush()
    expect(len({r.value for r in await read(name, 400)}), 400)


@check
async def many():
    """20,000 records over 4 partitions keep their order within each"""
    name = await topic("many", 4)
    async with producer(linger_ms=5, max_batch_size=65536, enable_idempotence=True) as sender:
        sent = [await sender.send(name, b"%d" % i, key=b"%d" % (i % 97)) for i in range(20000)]
        await asyncio.gather(*sent)
    by_key = {}
    for r in await read(name, 20000, range(4)):
        by_key.setdefault(r.key, []).append(int(r.value))
    expect(by_key == {b"%d" % k: list(range(k, 20000, 97)) for k in range(97)}, True, "order by key")


@check
async def batches():
    """a batch built by hand is kept as it is"""
    name = await topic("batches")
    async with producer(compression_type="gzip") as sender:
        batch = sender.create_batch()
        for i in range(10):
            batch.append(key=b"k", value=b"%d" % i, timestamp=1_600_000_000_000)
        batch.close()
        await (await sender.send_batch(batch, name, partition=0))
    expect([r.value for r in await read(name, 10)], [b"%d" % i for i in range(10)])


@check
async def large():
    """a record just under the limit passes, one above is refused by the broker"""
    name = await topic("large")
    async with producer(max_request_size=10_000_000) as sender:
        await sender.send_and_wait(name, bytes(1_000_000))
        await fails_with(errors.MessageSizeTooLargeError, sender.send_and_wait(name, bytes(2_000_000)))
    expect([r.value == bytes(1_000_000) for r in await read(name, 1)], [True])


@check
async def places():
    """reading begins at the start, the end, an offset or a time"""
    name = await topic("places")
    at = TopicPartition(name, 0)
    async with producer() as sender:
        for i in range(50):
            await sender.send_and_wait(name, b"%d" % i, timestamp_ms=1_600_000_000_000 + 1000 * i)
    async with consumer() as reader:
        reader.assign([at])
        expect(await reader.beginning_offsets([at]), {at: 0})
        expect(await reader.end_offsets([at]), {at: 50})
        reader.seek(at, 20)
        expect([r.offset for r in await take(reader, 30)], list(range(20, 50)))
        await reader.seek_to_beginning(at)
        expect(await reader.position(at), 0)
        await reader.seek_to_end(at)
        expect(await reader.position(at), 50)
        found = (await reader.offsets_for_times({at: 1_600_000_029_500}))[at]
        expect((found.offset, found.timestamp), (30, 1_600_000_030_000))
        expect(await reader.offsets_for_times({at: 1_700_000_000_000}), {at: None})
        reader.seek(at, found.offset)
        expect([int(r.value) for r in await take(reader, 20)], list(range(30, 50)))
        expect(reader.highwater(at), 50)


@check
async def out_of_range():
    """an offset out of range goes where auto.offset.reset says"""
    name = await topic("range")
    at = TopicPartition(name, 0)
    await numbers(name, 0, 10)
    async with consumer(auto_offset_reset="earliest") as reader:
        reader.assign([at])
        reader.seek(at, 1000)
        expect((await take(reader, 10))[0].offset, 0)
    async with consumer(auto_offset_reset="none") as reader:
        reader.assign([at])
        reader.seek(at, 1000)
        await fails_with(errors.OffsetOutOfRangeError, reader.getone())


@check
async def pausing():
    """a paused partition gives nothing until it is resumed"""
    name = await topic("pausing", 2)
    await numbers(name, 0, 10, 2)
    one, two = (TopicPartition(name, p) for p in (0, 1))
    async with consumer() as reader:
        reader.assign([one, two])
        reader.pause(one)
        expect({r.partition for r in await take(reader, 5)}, {1})
        reader.resume(one)
        expect({r.partition for r in await take(reader, 5)}, {0})


class Member(ConsumerRebalanceListener):
    """A member of a group, which reads in a task of its own until told to leave."""

    def __init__(self, group, name, **settings):
        self.records = []
        settings = {"session_timeout_ms": 6000, "heartbeat_interval_ms": 200, **settings}
        self.reader = consumer(group_id=group, **settings)
        self.reader.subscribe([name], listener=self)
        self.task = asyncio.create_task(self.live())
        self.rebalances = 0
        self.leave = False

    async def on_partitions_revoked(self, revoked):
        pass

    async def on_partitions_assigned(self, assigned):
        self.rebalances += 1

    @property
    def assigned(self):
        return {p.partition for p in self.reader.assignment()}

    async def live(self):
        await self.reader.start()
        while not self.leave:
            found = await self.reader.getmany(timeout_ms=100)
            if found:
                for batch in found.values():
                    self.records.extend(batch)
                await self.reader.commit()
        await self.reader.stop()

    async def stop(self):
        self.leave = True
        await asyncio.wait_for(self.task, 30)


def shared(one, two, partitions):
    return (
        one.assigned
        and two.assigned
        and not one.assigned & two.assigned
        and one.assigned | two.assigned == set(range(partitions))
    )


async def rebalancing(assignor):
    name, group = await topic(f"group-{assignor.name}", 4), fresh(assignor.name)
    strategy = {"partition_assignment_strategy": [assignor]}
    one = Member(group, name, **strategy)
    await numbers(name, 0, 100, 4)
    await until(lambda: len(one.records) == 100, "100 records at the only member")
    two = Member(group, name, **strategy)
    await until(lambda: shared(one, two, 4), "partitions shared by two")
    await numbers(name, 100, 200, 4)
    await until(lambda: len(one.records) + len(two.records) == 200, "200 records at both")
    await one.stop()
    await until(lambda: two.assigned == set(range(4)), "partitions at the one that stayed")
    await numbers(name, 200, 300, 4)
    await until(lambda: len(one.records) + len(two.records) == 300, "300 records at both")
    await two.stop()
    expect(sorted(int(r.value) for r in one.records + two.records), list(range(300)))
    async with Admin() as admin:
        offsets = await admin.list_consumer_group_offsets(group)
    expect({p.partition: o.offset for p, o in offsets.items()}, {p: 75 for p in range(4)})


@check
async def range_assignor():
    """two members of a group share by the range assignor, rebalance and resume"""
    await rebalancing(RangePartitionAssignor)


@check
async def round_robin_assignor():
    """two members of a group share by the round-robin assignor, rebalance and resume"""
    await rebalancing(RoundRobinPartitionAssignor)


@check
async def sticky_assignor():
    """two members of a group share by the sticky assignor, rebalance and resume"""
    await rebalancing(StickyPartitionAssignor)


@check
async def static_member():
    """a static member that comes back finds its partitions without a rebalance"""
    name, group = await topic("static", 4), fresh("static")
    one = Member(group, name, group_instance_id="one", session_timeout_ms=30000)
    two = Member(group, name, group_instance_id="two", session_timeout_ms=30000)
    await until(lambda: shared(one, two, 4), "partitions shared by two")
    held, before = two.assigned, one.rebalances
    await two.stop()
    again = Member(group, name, group_instance_id="two", session_timeout_ms=30000)
    await until(lambda: again.assigned, "an assignment")
    expect((again.assigned, one.rebalances), (held, before), "assignment and rebalances")
    await one.stop()
    await again.stop()


@check
async def commits():
    """commits with metadata are kept, and a group resumes at them"""
    name, group = await topic("commits"), fresh("commits")
    at = TopicPartition(name, 0)
    await numbers(name, 0, 30)
    async with consumer(group_id=group) as reader:
        reader.assign([at])
        expect(await reader.committed(at), None)
        await reader.commit({at: (12, "how far \u00fc")})
        expect(await reader.committed(at), 12)
    async with consumer(group_id=group) as reader:
        reader.assign([at])
        expect((await take(reader, 18))[0].offset, 12)
    async with consumer(name, group_id=group, enable_auto_commit=True, auto_commit_interval_ms=100) as reader:
        expect((await take(reader, 18))[0].offset, 12)
    async with Admin() as admin:
        expect((await admin.list_consumer_group_offsets(group))[at].offset, 30, "auto-commit")


@check
async def admin():
    """topics, partitions, configs, records and groups are administered"""
    name, group = await topic("admin", 2, {"retention.ms": "123456"}), fresh("admin-group")
    async with Admin() as client:
        expect(name in await client.list_topics(), True)
        await client.create_partitions({name: NewPartitions(5)})
        await until(lambda: ready(client, name, 5), "5 partitions")
        resource = ConfigResource(ConfigResourceType.TOPIC, name, configs={"retention.ms": "1000"})
        await client.alter_configs([resource])

        async def retention():
            answer = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
            configs = answer[0].resources[0][4]
            return {c[0]: c[1] for c in configs}["retention.ms"] == "1000"

        await until(retention, "retention.ms of 1000")
        await numbers(name, 0, 20)
        at = TopicPartition(name, 0)
        await client.delete_records({at: RecordsToDelete(before_offset=15)})
        async with consumer() as reader:
            expect(await reader.beginning_offsets([at]), {at: 15})
        member = Member(group, name)
        await until(lambda: len(member.records) == 5, "5 records")
        expect((group, "consumer") in [g[:2] for g in await client.list_consumer_groups()], True)
        described = (await client.describe_consumer_groups([group]))[0].groups[0]
        expect((described[0], described[1], described[2], len(described[5])), (0, group, "Stable", 1))
        await member.stop()
        expect((await client.list_consumer_group_offsets(group))[at].offset, 20)
        cluster = await client.describe_cluster()
        expect([b["host"] for b in cluster["brokers"]], [BOOTSTRAP.split(":")[0]])
        answer = await client.delete_topics([name])
        expect([t[1] for t in answer.topic_error_codes], [0])

        async def gone():
            return name not in await client.list_topics()

        await until(gone, "topic gone")


@check
async def refusals():
    """what is wrong is refused with Kafka's error codes"""
    name = await topic("refusals")
    async with Admin() as client:

        async def code(new):
            return (await client.create_topics([new])).topic_errors[0][1]

        expect(await code(NewTopic(name, 1, 1)), 36, "topic exists")
        expect(await code(NewTopic("a b", 1, 1)), 17, "invalid name")
        expect(await code(NewTopic(fresh("wrong"), 0, 1)), 37, "no partitions")
        expect(await code(NewTopic(fresh("wrong"), 1, 3)), 38, "replication factor")
        bad = NewTopic(fresh("wrong"), 1, 1, topic_configs={"no.such.config": "1"})
        expect(await code(bad), 40, "config")
        answer = await client.delete_topics([fresh("nowhere")])
        expect([t[1] for t in answer.topic_error_codes], [3])
    async with producer(request_timeout_ms=3000) as sender:
        refused = (errors.InvalidTopicError, errors.UnknownTopicOrPartitionError)
        await fails_with(refused, sender.send_and_wait("a b", b""))


run(lambda function: asyncio.run(asyncio.wait_for(function(), 120)))
