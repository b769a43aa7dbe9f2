// franz-go: producing, reading from everywhere, groups and admin.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	. "foreign/checks"
)

var ctx = context.Background()

func client(options ...kgo.Opt) *kgo.Client {
	return Got(kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(Bootstrap)}, options...)...))
}

var admin = kadm.NewClient(client(kgo.MetadataMinAge(50 * time.Millisecond)))

func topic(what string, partitions int32, configs map[string]*string) string {
	name := Fresh(what)
	Must(Got(admin.CreateTopic(ctx, partitions, 1, configs, name)).Err)
	Until("topic ready", func() bool { return ready(name, int(partitions)) })
	return name
}

func ready(name string, partitions int) bool {
	found := Got(admin.ListTopics(ctx, name))[name].Partitions
	good := 0
	for _, p := range found {
		if p.Err == nil && p.Leader >= 0 {
			good++
		}
	}
	return good == partitions
}

func produce(c *kgo.Client, records ...*kgo.Record) {
	Must(c.ProduceSync(ctx, records...).FirstErr())
}

func numbers(name string, first, last, partitions int) {
	c := client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer c.Close()
	var records []*kgo.Record
	for i := first; i < last; i++ {
		records = append(records, &kgo.Record{Topic: name, Partition: int32(i % partitions), Value: []byte(strconv.Itoa(i))})
	}
	produce(c, records...)
}

func read(name string, count int, partitions map[int32]kgo.Offset, options ...kgo.Opt) []*kgo.Record {
	c := client(append(options, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{name: partitions}))...)
	defer c.Close()
	return take(c, count)
}

func from(at kgo.Offset, partitions ...int32) map[int32]kgo.Offset {
	offsets := map[int32]kgo.Offset{}
	for _, p := range partitions {
		offsets[p] = at
	}
	return offsets
}

func take(c *kgo.Client, count int) (records []*kgo.Record) {
	poll := func(wait time.Duration) {
		limited, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		fetches := c.PollFetches(limited)
		if err := fetches.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			Must(err)
		}
		records = append(records, fetches.Records()...)
	}
	Until(fmt.Sprint(count, " records"), func() bool {
		if len(records) < count {
			poll(300 * time.Millisecond)
		}
		return len(records) >= count
	})
	poll(50 * time.Millisecond)
	Expect("records", len(records), count)
	return records
}

func integers(records []*kgo.Record) (found []int) {
	for _, r := range records {
		found = append(found, Got(strconv.Atoi(string(r.Value))))
	}
	return found
}

func sequence(first, last, step int) (wanted []int) {
	for i := first; i < last; i += step {
		wanted = append(wanted, i)
	}
	return wanted
}

func roundTrip() {
	name := topic("codecs", 1, nil)
	codecs := []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	}
	var wanted []*kgo.Record
	for n, codec := range codecs {
		c := client(kgo.ProducerBatchCompression(codec))
		var records []*kgo.Record
		for i := range 20 {
			r := &kgo.Record{Topic: name, Timestamp: time.UnixMilli(1_600_000_000_000 + int64(i))}
			if i%4 != 0 {
				r.Key = fmt.Appendf(nil, "key-%d", i)
			}
			if i%5 != 0 {
				r.Value = bytes.Repeat(fmt.Appendf(nil, "%d %d ", n, i), 50)
			}
			if i%3 != 0 {
				r.Headers = []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "none"}, {Key: "a", Value: []byte{}}}
			}
			records = append(records, r)
		}
		produce(c, records...)
		c.Close()
		wanted = append(wanted, records...)
	}
	for i, r := range read(name, len(wanted), from(kgo.NewOffset().AtStart(), 0)) {
		w := wanted[i]
		Expect("offset", r.Offset, int64(i))
		Expect("key", r.Key, w.Key)
		Expect("value", r.Value, w.Value)
		Expect("time", r.Timestamp.UnixMilli(), w.Timestamp.UnixMilli())
		Expect("headers", len(r.Headers), len(w.Headers))
		for n, h := range r.Headers {
			Expect("header", h.Key+string(h.Value), w.Headers[n].Key+string(w.Headers[n].Value))
		}
	}
}

func acknowledgements() {
	name := topic("acks", 1, nil)
	kinds := [][]kgo.Opt{
		{kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.NoAck())},
		{kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck())},
		{kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.AllISRAcks())},
		{kgo.RequiredAcks(kgo.AllISRAcks())},
	}
	for n, kind := range kinds {
		c := client(kind...)
		for i := range 100 {
			produce(c, &kgo.Record{Topic: name, Value: fmt.Appendf(nil, "%d %d", n, i)})
		}
		c.Close()
	}
	seen := map[string]bool{}
	for _, r := range read(name, 400, from(kgo.NewOffset().AtStart(), 0)) {
		seen[string(r.Value)] = true
	}
	Expect("values", len(seen), 400)
}

func many() {
	const count, keys = 200_000, 97
	name := topic("many", 4, nil)
	c := client(kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(count))
	failed := make(chan error, count)
	for i := range count {
		c.Produce(ctx, &kgo.Record{Topic: name, Key: []byte(strconv.Itoa(i % keys)), Value: []byte(strconv.Itoa(i))},
			func(_ *kgo.Record, err error) {
				if err != nil {
					failed <- err
				}
			})
	}
	Must(c.Flush(ctx))
	c.Close()
	Expect("failures", len(failed), 0)
	byKey := map[string][]*kgo.Record{}
	for _, r := range read(name, count, from(kgo.NewOffset().AtStart(), 0, 1, 2, 3)) {
		byKey[string(r.Key)] = append(byKey[string(r.Key)], r)
	}
	for k := range keys {
		Expect("order by key", slices.Equal(integers(byKey[strconv.Itoa(k)]), sequence(k, count, keys)), true)
	}
}

func large() {
	name := topic("large", 1, nil)
	c := client(kgo.ProducerBatchMaxBytes(10_000_000), kgo.ProducerBatchCompression(kgo.NoCompression()))
	defer c.Close()
	produce(c, &kgo.Record{Topic: name, Value: make([]byte, 1_000_000)})
	err := c.ProduceSync(ctx, &kgo.Record{Topic: name, Value: make([]byte, 2_000_000)}).FirstErr()
	Expect("error", errors.Is(err, kerr.MessageTooLarge), true)
	Expect("size", len(read(name, 1, from(kgo.NewOffset().AtStart(), 0))[0].Value), 1_000_000)
}

func places() {
	name := topic("places", 1, nil)
	c := client()
	for i := range 50 {
		produce(c, &kgo.Record{Topic: name, Value: []byte(strconv.Itoa(i)), Timestamp: time.UnixMilli(1_600_000_000_000 + 1000*int64(i))})
	}
	c.Close()
	at := kgo.NewOffset()
	for wanted, offset := range map[int]kgo.Offset{
		20: at.At(20), 48: at.AtEnd().Relative(-2), 3: at.AtStart().Relative(3), 30: at.AfterMilli(1_600_000_029_500), 0: at.At(1000),
	} {
		found := read(name, 50-wanted, from(offset, 0), kgo.ConsumeResetOffset(at.AtStart()))
		Expect("values", integers(found), sequence(wanted, 50, 1))
	}
	offset := func(found kadm.ListedOffsets, err error) int64 {
		Must(err)
		Must(found.Error())
		return found[name][0].Offset
	}
	Expect("start", offset(admin.ListStartOffsets(ctx, name)), int64(0))
	Expect("end", offset(admin.ListEndOffsets(ctx, name)), int64(50))
	Expect("committed end", offset(admin.ListCommittedOffsets(ctx, name)), int64(50))
	Expect("of a time", offset(admin.ListOffsetsAfterMilli(ctx, 1_600_000_010_000, name)), int64(10))
	Expect("of a time to come", offset(admin.ListOffsetsAfterMilli(ctx, 1_700_000_000_000, name)), int64(50))
	Expect("of the highest time", offset(admin.ListMaxTimestampOffsets(ctx, name)), int64(49))
}

func pausing() {
	name := topic("pausing", 2, nil)
	numbers(name, 0, 10, 2)
	c := client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{name: from(kgo.NewOffset().AtStart(), 0, 1)}))
	defer c.Close()
	one := map[string][]int32{name: {0}}
	c.PauseFetchPartitions(one)
	Expect("while paused", integers(take(c, 5)), sequence(1, 10, 2))
	c.ResumeFetchPartitions(one)
	Expect("when resumed", integers(take(c, 5)), sequence(0, 10, 2))
}

// A member of a group, which polls by itself until told to leave.
type member struct {
	client *kgo.Client
	left   chan struct{}

	sync.Mutex
	records    []*kgo.Record
	assigned   map[int32]bool
	rebalances int
	err        error
}

func join(group, name string, options ...kgo.Opt) *member {
	m := &member{left: make(chan struct{}), assigned: map[int32]bool{}}
	changed := func(added bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, which map[string][]int32) {
			m.Lock()
			defer m.Unlock()
			for _, p := range which[name] {
				if added {
					m.assigned[p] = true
				} else {
					delete(m.assigned, p)
				}
			}
			m.rebalances++
		}
	}
	m.client = client(append([]kgo.Opt{kgo.ConsumerGroup(group), kgo.ConsumeTopics(name), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.OnPartitionsAssigned(changed(true)), kgo.OnPartitionsRevoked(changed(false)),
		kgo.OnPartitionsLost(changed(false)), kgo.SessionTimeout(6 * time.Second), kgo.HeartbeatInterval(200 * time.Millisecond),
		kgo.BlockRebalanceOnPoll()}, options...)...)
	go func() {
		defer close(m.left)
		for {
			fetches := m.client.PollFetches(ctx)
			if fetches.IsClientClosed() {
				return
			}
			err := m.client.CommitRecords(ctx, fetches.Records()...)
			m.client.AllowRebalance()
			m.Lock()
			m.records = append(m.records, fetches.Records()...)
			m.err = errors.Join(m.err, err, fetches.Err())
			m.Unlock()
		}
	}()
	return m
}

func (m *member) leave() {
	m.client.CloseAllowingRebalance()
	<-m.left
	Must(m.err)
}

func (m *member) seen() int {
	m.Lock()
	defer m.Unlock()
	return len(m.records)
}

func (m *member) holds() []int32 {
	m.Lock()
	defer m.Unlock()
	found := []int32{}
	for p := range m.assigned {
		found = append(found, p)
	}
	slices.Sort(found)
	return found
}

func shared(one, two *member, partitions int) func() bool {
	return func() bool {
		a, b := one.holds(), two.holds()
		both := append(slices.Clone(a), b...)
		slices.Sort(both)
		return len(a) > 0 && len(b) > 0 && len(both) == partitions && len(slices.Compact(both)) == partitions
	}
}

func rebalancing(balancer kgo.GroupBalancer) func() {
	return func() {
		what := balancer.ProtocolName()
		name, group := topic("group-"+what, 4, nil), Fresh(what)
		one := join(group, name, kgo.Balancers(balancer))
		numbers(name, 0, 100, 4)
		Until("100 records at the only member", func() bool { return one.seen() == 100 })
		two := join(group, name, kgo.Balancers(balancer))
		Until("partitions shared by two", shared(one, two, 4))
		numbers(name, 100, 200, 4)
		Until("200 records at both", func() bool { return one.seen()+two.seen() == 200 })
		described := Got(admin.DescribeGroups(ctx, group))[group]
		Must(described.Err)
		Expect("group", []any{described.State, described.Protocol, len(described.Members)}, []any{"Stable", what, 2})
		one.leave()
		Until("partitions at the one that stayed", func() bool { return len(two.holds()) == 4 })
		numbers(name, 200, 300, 4)
		Until("300 records at both", func() bool { return one.seen()+two.seen() == 300 })
		two.leave()
		found := integers(append(one.records, two.records...))
		slices.Sort(found)
		Expect("values", found, sequence(0, 300, 1))
		for p := range int32(4) {
			Expect("committed", committed(group, name, p).At, int64(75))
		}
		lag := Got(admin.Lag(ctx, group))[group]
		Must(lag.Error())
		Expect("lag", lag.Lag.Total(), int64(0))
	}
}

func committed(group, name string, partition int32) kadm.Offset {
	found, _ := Got(admin.FetchOffsets(ctx, group)).Lookup(name, partition)
	Must(found.Err)
	return found.Offset
}

func static() {
	name, group := topic("static", 4, nil), Fresh("static")
	// Long enough for the slowest machine: who does not leave must not be taken for lost.
	patient := kgo.SessionTimeout(30 * time.Second)
	// By the default assignor, a member that owes the group a rejoin leaves it when it closes, static or not.
	eager := kgo.Balancers(kgo.RangeBalancer())
	one := join(group, name, kgo.InstanceID("one"), patient, eager)
	two := join(group, name, kgo.InstanceID("two"), patient, eager)
	Until("partitions shared by two", shared(one, two, 4))
	held, before := two.holds(), one.rebalances
	two.leave()
	again := join(group, name, kgo.InstanceID("two"), patient, eager)
	Until("an assignment", func() bool { return len(again.holds()) > 0 })
	Expect("assignment", again.holds(), held)
	Expect("rebalances of the other", one.rebalances, before)
	Expect("members", len(Got(admin.DescribeGroups(ctx, group))[group].Members), 2)
	one.leave()
	again.leave()
	removed := Got(admin.LeaveGroup(ctx, kadm.LeaveGroup(group).InstanceIDs("one", "two")))
	Must(removed.Error())
	Expect("members", len(Got(admin.DescribeGroups(ctx, group))[group].Members), 0)
}

func commits() {
	name, group := topic("commits", 1, nil), Fresh("commits")
	numbers(name, 0, 30, 1)
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: name, Partition: 0, At: 12, LeaderEpoch: -1, Metadata: "how far ü"})
	Must(admin.CommitAllOffsets(ctx, group, offsets))
	Expect("metadata", committed(group, name, 0).Metadata, "how far ü")
	c := client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(name), kgo.AutoCommitMarks())
	records := take(c, 18)
	Expect("first offset", records[0].Offset, int64(12))
	c.MarkCommitRecords(records[:10]...)
	Must(c.CommitMarkedOffsets(ctx))
	c.Close()
	Expect("committed", committed(group, name, 0).At, int64(22))
	Must(Got(admin.DeleteOffsets(ctx, group, offsets.TopicsSet())).Error())
	Expect("offsets left", len(Got(admin.FetchOffsets(ctx, group))), 0)
}

func pattern() {
	numbers(topic("pattern-one", 1, nil), 0, 5, 1)
	c := client(kgo.ConsumeRegex(), kgo.ConsumeTopics("^"+Fresh("pattern-.*")+"$"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.MetadataMaxAge(500*time.Millisecond), kgo.MetadataMinAge(100*time.Millisecond))
	defer c.Close()
	Expect("records", integers(take(c, 5)), sequence(0, 5, 1))
	numbers(topic("pattern-two", 1, nil), 5, 10, 1)
	Expect("records", integers(take(c, 5)), sequence(5, 10, 1))
}

func topics() {
	retention := "123456"
	name := topic("admin", 2, map[string]*string{"retention.ms": &retention})
	found := Got(admin.ListTopics(ctx))[name]
	Expect("partitions", len(found.Partitions), 2)
	Expect("replicas", found.Partitions[0].ISR, found.Partitions[0].Replicas)
	Must(Got(admin.UpdatePartitions(ctx, 5, name)).Error())
	Until("5 partitions", func() bool { return ready(name, 5) })
	Expect("fewer", errors.Is(Got(admin.UpdatePartitions(ctx, 3, name))[name].Err, kerr.InvalidPartitions), true)
	numbers(name, 0, 5, 5)
	set := kadm.TopicsSet{}
	set.Add(name, 0, 1, 2, 3, 4)
	for _, dirs := range Got(admin.DescribeAllLogDirs(ctx, set)) {
		Must(dirs.Error())
		for _, dir := range dirs {
			Expect("partitions in a directory", len(dir.Topics[name]), 5)
			Expect("size", dir.Topics[name][0].Size > 0, true)
		}
	}
	for _, result := range Got(admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, set))[name] {
		Expect("election", errors.Is(result.Err, kerr.ElectionNotNeeded), true)
	}
	moving := Got(admin.ListPartitionReassignments(ctx, set))
	Expect("reassignments", len(moving), 0)
	producers := Got(admin.DescribeProducers(ctx, set))[name].Partitions[0].ActiveProducers
	Expect("producers", len(producers), 1)
	Must(Got(admin.DeleteTopics(ctx, name)).Error())
	Until("topic gone", func() bool { return !Got(admin.ListTopics(ctx)).Has(name) })
	gone := Got(admin.DeleteTopics(ctx, name))[name].Err
	Expect("deleted twice", errors.Is(gone, kerr.UnknownTopicOrPartition), true)
}

func configs() {
	name := topic("configs", 1, nil)
	value := func(of string) func() string {
		return func() string {
			for _, c := range Got(admin.DescribeTopicConfigs(ctx, name))[0].Configs {
				if c.Key == of {
					return c.MaybeValue()
				}
			}
			return "none"
		}
	}
	alter := func(op kadm.IncrementalOp, key, value string) error {
		return Got(admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: op, Name: key, Value: &value}}, name))[0].Err
	}
	becomes := func(key, wanted string) {
		Until(key+" of "+wanted, func() bool { return value(key)() == wanted })
	}
	Must(alter(kadm.SetConfig, "retention.ms", "1000000"))
	becomes("retention.ms", "1000000")
	Must(alter(kadm.AppendConfig, "cleanup.policy", "compact"))
	becomes("cleanup.policy", "delete,compact")
	Must(alter(kadm.SubtractConfig, "cleanup.policy", "delete"))
	becomes("cleanup.policy", "compact")
	Must(alter(kadm.DeleteConfig, "cleanup.policy", ""))
	becomes("cleanup.policy", "delete")
	Expect("refused", errors.Is(alter(kadm.SetConfig, "retention.ms", "many"), kerr.InvalidConfig), true)
	broker := Got(admin.DescribeBrokerConfigs(ctx, 1))
	found := ""
	for _, c := range broker[0].Configs {
		if c.Key == "num.partitions" {
			found = c.MaybeValue()
		}
	}
	Expect("num.partitions", found, "4")
	listed := Got(admin.ListConfigResources(ctx, kmsg.ConfigResourceTypeTopic))
	Expect("listed", slices.ContainsFunc(listed.Resources, func(c kadm.ConfigResource) bool { return c.Name == name }), true)
}

func groups() {
	name, group := topic("groups", 2, nil), Fresh("groups")
	numbers(name, 0, 10, 2)
	m := join(group, name)
	Until("10 records", func() bool { return m.seen() == 10 })
	Expect("state", Got(admin.ListGroups(ctx))[group].State, "Stable")
	_, err := admin.DeleteGroup(ctx, group)
	Expect("deleted too early", errors.Is(err, kerr.NonEmptyGroup), true)
	assigned, _ := Got(admin.DescribeGroups(ctx, group))[group].Members[0].Assigned.AsConsumer()
	Expect("assignment", assigned.Topics[0].Topic, name)
	m.leave()
	Until("state Empty", func() bool { return Got(admin.ListGroups(ctx, "Empty"))[group].State == "Empty" })
	_, stable := Got(admin.ListGroups(ctx, "Stable"))[group]
	Expect("among the stable", stable, false)
	offsets := kadm.Offsets{}
	offsets.AddOffset(name, 0, 3, -1)
	Must(admin.CommitAllOffsets(ctx, group, offsets))
	Expect("committed", committed(group, name, 0).At, int64(3))
	Expect("coordinator", admin.FindGroupCoordinators(ctx, group)[group].NodeID, int32(1))
	Got(admin.DeleteGroup(ctx, group))
	_, err = admin.DeleteGroup(ctx, group)
	Expect("deleted twice", errors.Is(err, kerr.GroupIDNotFound), true)
}

func deleteRecords() {
	name := topic("delete", 1, nil)
	numbers(name, 0, 20, 1)
	before := func(offset int64) kadm.DeleteRecordsResponse {
		offsets := kadm.Offsets{}
		offsets.AddOffset(name, 0, offset, -1)
		return Got(admin.DeleteRecords(ctx, offsets))[name][0]
	}
	Expect("low watermark", before(15).LowWatermark, int64(15))
	Expect("left", integers(read(name, 5, from(kgo.NewOffset().AtStart(), 0))), sequence(15, 20, 1))
	Expect("too far", errors.Is(before(21).Err, kerr.OffsetOutOfRange), true)
}

func cluster() {
	metadata := Got(admin.BrokerMetadata(ctx))
	Expect("brokers", len(metadata.Brokers), 1)
	Expect("address", fmt.Sprintf("%s:%d", metadata.Brokers[0].Host, metadata.Brokers[0].Port), Bootstrap)
	Expect("controller", metadata.Controller, metadata.Brokers[0].NodeID)
	versions := Got(admin.ApiVersions(ctx))
	node := versions[1]
	newest, known := node.KeyMaxVersion(1)
	Expect("Fetch", []any{newest >= 18, known}, []any{true, true})
	quotas := Got(admin.DescribeClientQuotas(ctx, false, nil))
	Expect("quotas", len(quotas), 0)
	name := topic("epochs", 1, nil)
	numbers(name, 0, 7, 1)
	request := kadm.OffsetForLeaderEpochRequest{}
	request.Add(name, 0, 0)
	Expect("end of the epoch", Got(admin.OffsetForLeaderEpoch(ctx, request))[name][0].EndOffset, int64(7))
}

func refusals() {
	name := topic("refusals", 1, nil)
	create := func(partitions int32, replicas int16, configs map[string]*string, name string) error {
		_, err := admin.CreateTopic(ctx, partitions, replicas, configs, name)
		return err
	}
	one := "1"
	for _, refused := range []struct {
		found  error
		wanted *kerr.Error
	}{
		{create(1, 1, nil, name), kerr.TopicAlreadyExists},
		{create(1, 1, nil, "a b"), kerr.InvalidTopicException},
		{create(0, 1, nil, Fresh("wrong")), kerr.InvalidPartitions},
		{create(1, 3, nil, Fresh("wrong")), kerr.InvalidReplicationFactor},
		{create(1, 1, map[string]*string{"no.such.config": &one}, Fresh("wrong")), kerr.InvalidConfig},
		{Got(admin.ListTopics(ctx, Fresh("nowhere")))[Fresh("nowhere")].Err, kerr.UnknownTopicOrPartition},
	} {
		Expect(refused.wanted.Message, errors.Is(refused.found, refused.wanted), true)
	}
	Must(Got(admin.ValidateCreateTopics(ctx, 1, 1, nil, Fresh("asked"))).Error())
	Expect("only asked for", Got(admin.ListTopics(ctx)).Has(Fresh("asked")), false)
	c := client(kgo.UnknownTopicRetries(1), kgo.RecordDeliveryTimeout(10*time.Second))
	defer c.Close()
	err := c.ProduceSync(ctx, &kgo.Record{Topic: Fresh("unknown")}).FirstErr()
	Expect("unknown topic", errors.Is(err, kerr.UnknownTopicOrPartition), true)
	err = c.ProduceSync(ctx, &kgo.Record{Topic: "a b"}).FirstErr()
	Expect("invalid topic", errors.Is(err, kerr.InvalidTopicException), true)
}

func main() {
	Check("keys, values, nulls, headers and times come back as they went in, with every codec", roundTrip)
	Check("acks 0, 1 and all, and idempotence, lose and double nothing", acknowledgements)
	Check("200,000 records over 4 partitions keep their order within each", many)
	Check("a record just under the limit passes, one above is refused by the broker", large)
	Check("reading begins at the start, near the end, at an offset or a time", places)
	Check("a paused partition gives nothing until it is resumed", pausing)
	for _, each := range []kgo.GroupBalancer{
		kgo.RangeBalancer(), kgo.RoundRobinBalancer(), kgo.StickyBalancer(), kgo.CooperativeStickyBalancer(),
	} {
		Check("two members of a group share by the assignor "+each.ProtocolName()+", rebalance and resume", rebalancing(each))
	}
	Check("a static member that comes back finds its partitions without a rebalance", static)
	Check("commits with metadata are kept, and a group resumes at them", commits)
	Check("a subscription by pattern finds topics, also those made later", pattern)
	Check("topics are created, listed, described, given partitions, elected for and deleted", topics)
	Check("configs of topics and brokers are described and altered", configs)
	Check("groups are listed, described, their offsets altered, and they are deleted", groups)
	Check("deleted records are gone, and reading begins behind them", deleteRecords)
	Check("the cluster, its versions, quotas and epochs are described", cluster)
	Check("what is wrong is refused with Kafka's error codes", refusals)
	Done()
}
