// kafkajs: producing, reading from everywhere, groups and admin.
'use strict';

const assert = require('node:assert/strict');
const kafkajs = require('kafkajs');
const lz4 = require('lz4-napi');
const zstd = require('@bokuweb/zstd-wasm');
const snappy = require('kafkajs-snappy');

const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, logLevel, Partitioners, PartitionAssigners } = kafkajs;

// The codecs that kafkajs leaves to whoever wants them.
CompressionCodecs[CompressionTypes.Snappy] = snappy;
const codec = (compress, decompress) => () => ({
  compress: async (encoder) => Buffer.from(compress(encoder.buffer)),
  decompress: async (bytes) => Buffer.from(decompress(bytes)),
});
CompressionCodecs[CompressionTypes.LZ4] = codec(lz4.compressFrameSync, lz4.decompressFrameSync);
CompressionCodecs[CompressionTypes.ZSTD] = codec((b) => zstd.compress(b, 3), zstd.decompress);

const run = `${process.pid.toString(36)}${Date.now().toString(36)}`;
const fresh = (what) => `${what}-${run}`;
const kafka = new Kafka({ brokers: [process.env.BOOTSTRAP], logLevel: logLevel.NOTHING, retry: { retries: 3 } });
const admin = kafka.admin();
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(what, holds, seconds = 30) {
  for (const end = Date.now() + seconds * 1000; !(await holds()); await sleep(20)) {
    assert(Date.now() < end, `after ${seconds} s still not: ${what}`);
  }
}

async function failsWith(code, promise) {
  try {
    await promise;
  } catch (error) {
    // An error of many topics has that of each in it.
    const found = error.errors?.[0]?.type ?? error.type ?? error.cause?.type ?? error.name;
    return assert.equal(found, code, error.message);
  }
  assert.fail(`no error where ${code} was expected`);
}

async function topic(what, numPartitions = 1, configEntries = []) {
  const name = fresh(what);
  await admin.createTopics({ topics: [{ topic: name, numPartitions, configEntries }], waitForLeaders: true });
  await until('topic ready', () => ready(name, numPartitions));
  return name;
}

async function ready(name, partitions) {
  const { topics } = await admin.fetchTopicMetadata({ topics: [name] });
  return topics[0].partitions.filter((p) => p.leader >= 0).length === partitions;
}

async function produce(topic, messages, { compression, acks, ...settings } = {}) {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...settings });
  await producer.connect();
  try {
    return await producer.send({ topic, messages, compression, acks });
  } finally {
    await producer.disconnect();
  }
}

const numbers = (name, first, last, partitions = 1) =>
  produce(name, sequence(first, last).map((i) => ({ value: `${i}`, partition: i % partitions })));

function sequence(first, last, step = 1) {
  const found = [];
  for (let i = first; i < last; i += step) found.push(i);
  return found;
}

// A member of a group that reads by itself until told to leave.
async function join(groupId, name, settings = {}) {
  const member = { records: [], assigned: [], generations: new Set() };
  const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 200, rebalanceTimeout: 10000, maxWaitTimeInMs: 200, ...settings });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    member.assigned = payload.memberAssignment[name] ?? [];
    member.generations.add(payload.generationId ?? member.generations.size);
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [name], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      member.records.push({ partition, ...message });
    },
    autoCommitInterval: 100,
  });
  return Object.assign(member, { consumer, leave: () => consumer.disconnect() });
}

async function read(name, count, seek = []) {
  const member = await join(fresh(`read-${Math.random()}`), name);
  seek.forEach(([partition, offset]) => member.consumer.seek({ topic: name, partition, offset: `${offset}` }));
  await until(`${count} records`, () => member.records.length >= count);
  await sleep(50);
  await member.leave();
  assert.equal(member.records.length, count);
  return member.records;
}

const text = (bytes) => (bytes === null ? null : bytes.toString());
const integers = (records) => records.map((r) => Number(text(r.value)));
const sorted = (list) => [...list].sort((a, b) => a - b);

async function roundTrip() {
  await zstd.init();
  const name = await topic('codecs');
  const wanted = [];
  for (const [codec, compression] of Object.entries(CompressionTypes)) {
    const messages = sequence(0, 20).map((i) => ({
      key: i % 4 ? `key-${i}` : null,
      value: i % 5 ? `${codec} ${i} `.repeat(50) : null,
      headers: i % 3 ? { a: ['1', '2'], empty: '' } : {},
      timestamp: `${1_600_000_000_000 + i}`,
      partition: 0,
    }));
    await produce(name, messages, { compression });
    wanted.push(...messages);
  }
  const found = (await read(name, wanted.length)).map((r) => ({
    key: text(r.key),
    value: text(r.value),
    headers: Object.fromEntries(Object.entries(r.headers).map(([k, v]) => [k, Array.isArray(v) ? v.map(text) : text(v)])),
    timestamp: r.timestamp,
    partition: r.partition,
  }));
  assert.deepEqual(found, wanted);
}

async function acknowledgements() {
  const name = await topic('acks');
  const kinds = [{ acks: 0 }, { acks: 1 }, { acks: -1 }, { idempotent: true, maxInFlightRequests: 1 }];
  for (const kind of kinds) {
    await produce(name, sequence(0, 100).map((i) => ({ value: `${JSON.stringify(kind)} ${i}` })), kind);
  }
  assert.equal(new Set((await read(name, 400)).map((r) => text(r.value))).size, 400);
}

async function many() {
  const name = await topic('many', 4);
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  for (let first = 0; first < 50_000; first += 5000) {
    const messages = sequence(first, first + 5000).map((i) => ({ key: `${i % 97}`, value: `${i}` }));
    await producer.send({ topic: name, messages, compression: CompressionTypes.GZIP });
  }
  await producer.disconnect();
  const byKey = {};
  for (const r of await read(name, 50_000)) (byKey[text(r.key)] ??= []).push(Number(text(r.value)));
  for (let k = 0; k < 97; k++) assert.deepEqual(byKey[k], sequence(k, 50_000, 97), `order of key ${k}`);
}

async function large() {
  const name = await topic('large');
  await produce(name, [{ value: Buffer.alloc(1_000_000) }]);
  await failsWith('MESSAGE_TOO_LARGE', produce(name, [{ value: Buffer.alloc(2_000_000) }]));
  assert.equal((await read(name, 1))[0].value.length, 1_000_000);
}

async function places() {
  const name = await topic('places');
  await produce(name, sequence(0, 50).map((i) => ({ value: `${i}`, timestamp: `${1_600_000_000_000 + 1000 * i}` })));
  assert.deepEqual(await admin.fetchTopicOffsets(name), [{ partition: 0, offset: '50', high: '50', low: '0' }]);
  const at = async (time) => (await admin.fetchTopicOffsetsByTimestamp(name, time))[0].offset;
  assert.equal(await at(1_600_000_029_500), '30');
  assert.equal(await at(1_700_000_000_000), '50');
  assert.deepEqual(integers(await read(name, 30, [[0, 20]])), sequence(20, 50));
}

async function pausing() {
  const name = await topic('pausing', 2);
  const member = await join(fresh('pausing'), name);
  await until('an assignment', () => member.assigned.length === 2);
  member.consumer.pause([{ topic: name, partitions: [0] }]);
  await numbers(name, 0, 10, 2);
  await until('5 records', () => member.records.length === 5);
  assert.deepEqual(integers(member.records), sequence(1, 10, 2));
  member.consumer.resume([{ topic: name, partitions: [0] }]);
  await until('10 records', () => member.records.length === 10);
  await member.leave();
}

const shared = (one, two, partitions) =>
  one.assigned.length && two.assigned.length && new Set([...one.assigned, ...two.assigned]).size === partitions
  && one.assigned.length + two.assigned.length === partitions;

const committed = async (groupId, name) =>
  Object.fromEntries((await admin.fetchOffsets({ groupId, topics: [name] }))[0].partitions.map((p) => [p.partition, p.offset]));

async function rebalancing() {
  const name = await topic('group', 4);
  const group = fresh('group');
  const settings = { partitionAssigners: [PartitionAssigners.roundRobin] };
  const one = await join(group, name, settings);
  await numbers(name, 0, 100, 4);
  await until('100 records at the only member', () => one.records.length === 100);
  const two = await join(group, name, settings);
  await until('partitions shared by two', () => shared(one, two, 4));
  await numbers(name, 100, 200, 4);
  await until('200 records at both', () => one.records.length + two.records.length >= 200);
  const { groups } = await admin.describeGroups([group]);
  assert.deepEqual([groups[0].state, groups[0].protocol, groups[0].members.length], ['Stable', 'RoundRobinAssigner', 2]);
  await one.leave();
  await until('partitions at the one that stayed', () => two.assigned.length === 4);
  await numbers(name, 200, 300, 4);
  await until('300 records at both', () => one.records.length + two.records.length >= 300);
  await two.leave();
  assert.deepEqual(sorted(integers([...one.records, ...two.records])), sequence(0, 300));
  assert.deepEqual(await committed(group, name), { 0: '75', 1: '75', 2: '75', 3: '75' });
}

async function commits() {
  const name = await topic('commits');
  const group = fresh('commits');
  await numbers(name, 0, 30);
  await admin.setOffsets({ groupId: group, topic: name, partitions: [{ partition: 0, offset: '12' }] });
  const member = await join(group, name);
  await until('18 records', () => member.records.length === 18);
  await member.consumer.commitOffsets([{ topic: name, partition: 0, offset: '25', metadata: 'how far ü' }]);
  await member.consumer.stop();
  await member.leave();
  const [found] = (await admin.fetchOffsets({ groupId: group, topics: [name] }))[0].partitions;
  assert.equal(member.records[0].offset, '12');
  assert.equal(found.partition, 0);
  await admin.resetOffsets({ groupId: group, topic: name, earliest: true });
  const { partitions } = (await admin.fetchOffsets({ groupId: group, topics: [name], resolveOffsets: true }))[0];
  assert.equal(partitions[0].offset, '0');
}

async function groupAdmin() {
  const name = await topic('groups', 2);
  const group = fresh('groups');
  await numbers(name, 0, 10, 2);
  const member = await join(group, name);
  await until('10 records', () => member.records.length === 10);
  const { groups } = await admin.listGroups();
  assert.equal(groups.find((g) => g.groupId === group).protocolType, 'consumer');
  await failsWith('NON_EMPTY_GROUP', admin.deleteGroups([group]).catch((e) => Promise.reject({ type: e.groups[0].error.type })));
  await member.leave();
  await until('an empty group', async () => (await admin.describeGroups([group])).groups[0].state === 'Empty');
  assert.equal((await admin.deleteGroups([group]))[0].errorCode, 0);
  assert.equal((await admin.describeGroups([group])).groups[0].state, 'Dead');
}

async function topicAdmin() {
  const name = await topic('admin', 2, [{ name: 'retention.ms', value: '123456' }]);
  assert((await admin.listTopics()).includes(name));
  await admin.createPartitions({ topicPartitions: [{ topic: name, count: 5 }] });
  await until('5 partitions', () => ready(name, 5));
  await failsWith('INVALID_PARTITIONS', admin.createPartitions({ topicPartitions: [{ topic: name, count: 3 }] }));
  const resources = [{ type: ConfigResourceTypes.TOPIC, name, configNames: ['retention.ms'] }];
  const retention = async () => (await admin.describeConfigs({ resources })).resources[0].configEntries[0].configValue;
  assert.equal(await retention(), '123456');
  const altered = [{ ...resources[0], configEntries: [{ name: 'retention.ms', value: '1000' }] }];
  await admin.alterConfigs({ validateOnly: false, resources: altered });
  await until('retention.ms of 1000', async () => (await retention()) === '1000');
  const moving = await admin.listPartitionReassignments({ topics: [{ topic: name, partitions: [0] }] });
  assert.deepEqual(moving.topics, []);
  await admin.deleteTopics({ topics: [name] });
  await until('topic gone', async () => !(await admin.listTopics()).includes(name));
}

async function cluster() {
  const found = await admin.describeCluster();
  assert.deepEqual(found.brokers.map((b) => `${b.host}:${b.port}`), [process.env.BOOTSTRAP]);
  assert.equal(found.controller, found.brokers[0].nodeId);
}

async function refusals() {
  const name = await topic('refusals');
  assert.equal(await admin.createTopics({ topics: [{ topic: name }] }), false, 'topic exists');
  const create = (topic, more) => admin.createTopics({ topics: [{ topic, ...more }] });
  await failsWith('INVALID_TOPIC_EXCEPTION', create('a b'));
  await failsWith('INVALID_PARTITIONS', create(fresh('wrong'), { numPartitions: 0 }));
  await failsWith('INVALID_REPLICATION_FACTOR', create(fresh('wrong'), { replicationFactor: 3 }));
  await failsWith('INVALID_CONFIG', create(fresh('wrong'), { configEntries: [{ name: 'no.such.config', value: '1' }] }));
  await failsWith('UNKNOWN_TOPIC_OR_PARTITION', admin.deleteTopics({ topics: [fresh('nowhere')] }));
  assert.equal(await admin.createTopics({ validateOnly: true, waitForLeaders: false, topics: [{ topic: fresh('asked') }] }), true);
  assert(!(await admin.listTopics()).includes(fresh('asked')));
}

const checks = [
  [roundTrip, 'keys, values, nulls, headers and times come back as they went in, with every codec'],
  [acknowledgements, 'acks 0, 1 and all, and idempotence, lose and double nothing'],
  [many, '50,000 records over 4 partitions keep their order within each'],
  [large, 'a record just under the limit passes, one above is refused by the broker'],
  [places, 'offsets are found by time, and reading begins at one'],
  [pausing, 'a paused partition gives nothing until it is resumed'],
  [rebalancing, 'two members of a group share, rebalance and resume'],
  [commits, 'a group resumes at its commits, and they are set and reset'],
  [groupAdmin, 'groups are listed, described and deleted'],
  [topicAdmin, 'topics, partitions and configs are administered'],
  [cluster, 'the cluster is described'],
  [refusals, "what is wrong is refused with Kafka's error codes"],
];

(async () => {
  await admin.connect();
  let held = true;
  for (const [check, name] of checks) {
    if (!name.includes(process.env.ONLY ?? '')) continue;
    try {
      await check();
      console.log(`ok ${name}`);
    } catch (error) {
      held = false;
      console.error(error);
      console.log(`FAILED ${name}: ${`${error.message ?? error}`.replaceAll('\n', ' ').slice(0, 400)}`);
    }
  }
  process.exit(held ? 0 : 1);
})();
