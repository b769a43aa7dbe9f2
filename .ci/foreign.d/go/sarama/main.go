// sarama: producing, reading from everywhere, groups and admin.
package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"

	. "foreign/checks"
)

var ctx = context.Background()

func settings(changes ...func(*sarama.Config)) *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.Producer.Return.Successes = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Return.Errors = true
	for _, change := range changes {
		change(c)
	}
	return c
}

var (
	brokers = []string{Bootstrap}
	admin   = Got(sarama.NewClusterAdmin(brokers, settings()))
)

func topic(what string, partitions int32, configs map[string]*string) string {
	name := Fresh(what)
	Must(admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: configs}, false))
	Until("topic ready", func() bool { return ready(name, int(partitions)) })
	return name
}

func ready(name string, partitions int) bool {
	found := Got(admin.DescribeTopics([]string{name}))[0]
	good := 0
	for _, p := range found.Partitions {
		if p.Err == sarama.ErrNoError && p.Leader >= 0 {
			good++
		}
	}
	return good == partitions
}

func send(c *sarama.Config, messages ...*sarama.ProducerMessage) {
	p := Got(sarama.NewSyncProducer(brokers, c))
	defer p.Close()
	if err := p.SendMessages(messages); err != nil {
		Must(err)
	}
}

func numbers(name string, first, last, partitions int) {
	var messages []*sarama.ProducerMessage
	for i := first; i < last; i++ {
		messages = append(messages, &sarama.ProducerMessage{Topic: name, Partition: int32(i % partitions), Value: text(strconv.Itoa(i))})
	}
	send(settings(func(c *sarama.Config) { c.Producer.Partitioner = sarama.NewManualPartitioner }), messages...)
}

func text(s string) sarama.Encoder { return sarama.StringEncoder(s) }

func read(name string, count int, at int64, partitions int32) (found []*sarama.ConsumerMessage) {
	c := Got(sarama.NewConsumer(brokers, settings()))
	defer c.Close()
	messages := make(chan *sarama.ConsumerMessage)
	for p := range partitions {
		reader := Got(c.ConsumePartition(name, p, at))
		defer reader.AsyncClose()
		go func() {
			for m := range reader.Messages() {
				messages <- m
			}
		}()
	}
	for late := time.After(60 * time.Second); len(found) < count; {
		select {
		case m := <-messages:
			found = append(found, m)
		case <-late:
			Expect("records", len(found), count)
		}
	}
	select {
	case m := <-messages:
		Expect("one more record at offset", m.Offset, nil)
	case <-time.After(100 * time.Millisecond):
	}
	return found
}

func integers(messages []*sarama.ConsumerMessage) (found []int) {
	for _, m := range messages {
		found = append(found, Got(strconv.Atoi(string(m.Value))))
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
	var wanted []*sarama.ProducerMessage
	codecs := []sarama.CompressionCodec{
		sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD,
	}
	for _, codec := range codecs {
		var messages []*sarama.ProducerMessage
		for i := range 20 {
			m := &sarama.ProducerMessage{Topic: name, Timestamp: time.UnixMilli(1_600_000_000_000 + int64(i))}
			if i%4 != 0 {
				m.Key = text(fmt.Sprint("key-", i))
			}
			if i%5 != 0 {
				m.Value = text(strings.Repeat(fmt.Sprint(codec, i, " "), 50))
			}
			if i%3 != 0 {
				m.Headers = []sarama.RecordHeader{{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("a"), Value: []byte{}}}
			}
			messages = append(messages, m)
		}
		send(settings(func(c *sarama.Config) { c.Producer.Compression = codec }), messages...)
		wanted = append(wanted, messages...)
	}
	bytes := func(e sarama.Encoder) []byte {
		if e == nil {
			return nil
		}
		return Got(e.Encode())
	}
	for i, m := range read(name, len(wanted), 0, 1) {
		w := wanted[i]
		Expect("offset", m.Offset, int64(i))
		Expect("key", m.Key, bytes(w.Key))
		Expect("value", m.Value, bytes(w.Value))
		Expect("time", m.Timestamp.UnixMilli(), w.Timestamp.UnixMilli())
		Expect("headers", len(m.Headers), len(w.Headers))
		for n, h := range m.Headers {
			Expect("header", string(h.Key)+string(h.Value), string(w.Headers[n].Key)+string(w.Headers[n].Value))
		}
	}
}

func idempotent(c *sarama.Config) {
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1
}

func acknowledgements() {
	name := topic("acks", 1, nil)
	kinds := []func(*sarama.Config){
		func(c *sarama.Config) { c.Producer.RequiredAcks = sarama.NoResponse },
		func(c *sarama.Config) { c.Producer.RequiredAcks = sarama.WaitForLocal },
		func(c *sarama.Config) { c.Producer.RequiredAcks = sarama.WaitForAll },
		idempotent,
	}
	for n, kind := range kinds {
		var messages []*sarama.ProducerMessage
		for i := range 100 {
			messages = append(messages, &sarama.ProducerMessage{Topic: name, Value: text(fmt.Sprint(n, " ", i))})
		}
		send(settings(kind), messages...)
	}
	seen := map[string]bool{}
	for _, m := range read(name, 400, sarama.OffsetOldest, 1) {
		seen[string(m.Value)] = true
	}
	Expect("values", len(seen), 400)
}

func many() {
	const count, keys = 100_000, 97
	name := topic("many", 4, nil)
	p := Got(sarama.NewAsyncProducer(brokers, settings(idempotent, func(c *sarama.Config) {
		c.Producer.Flush.Frequency = 5 * time.Millisecond
	})))
	go func() {
		for i := range count {
			p.Input() <- &sarama.ProducerMessage{Topic: name, Key: text(strconv.Itoa(i % keys)), Value: text(strconv.Itoa(i))}
		}
		p.AsyncClose()
	}()
	failed := 0
	done := make(chan struct{})
	go func() {
		for range p.Errors() {
			failed++
		}
		close(done)
	}()
	succeeded := 0
	for range p.Successes() {
		succeeded++
	}
	<-done
	Expect("failed and succeeded", []int{failed, succeeded}, []int{0, count})
	byKey := map[string][]*sarama.ConsumerMessage{}
	for _, m := range read(name, count, sarama.OffsetOldest, 4) {
		byKey[string(m.Key)] = append(byKey[string(m.Key)], m)
	}
	for k := range keys {
		Expect("order by key", slices.Equal(integers(byKey[strconv.Itoa(k)]), sequence(k, count, keys)), true)
	}
}

func large() {
	name := topic("large", 1, nil)
	p := Got(sarama.NewSyncProducer(brokers, settings(func(c *sarama.Config) { c.Producer.MaxMessageBytes = 10_000_000 })))
	defer p.Close()
	_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: name, Value: sarama.ByteEncoder(make([]byte, 1_000_000))})
	Must(err)
	_, _, err = p.SendMessage(&sarama.ProducerMessage{Topic: name, Value: sarama.ByteEncoder(make([]byte, 2_000_000))})
	Expect("error", errors.Is(err, sarama.ErrMessageSizeTooLarge), true)
	Expect("size", len(read(name, 1, sarama.OffsetOldest, 1)[0].Value), 1_000_000)
}

func places() {
	name := topic("places", 1, nil)
	var messages []*sarama.ProducerMessage
	for i := range 50 {
		messages = append(messages, &sarama.ProducerMessage{
			Topic: name, Value: text(strconv.Itoa(i)), Timestamp: time.UnixMilli(1_600_000_000_000 + 1000*int64(i)),
		})
	}
	send(settings(), messages...)
	c := Got(sarama.NewClient(brokers, settings()))
	defer c.Close()
	for at, wanted := range map[int64]int64{
		sarama.OffsetOldest: 0, sarama.OffsetNewest: 50, 1_600_000_029_500: 30, 1_700_000_000_000: -1,
	} {
		Expect(fmt.Sprint("offset of ", at), Got(c.GetOffset(name, 0, at)), wanted)
	}
	Expect("from 20", integers(read(name, 30, 20, 1)), sequence(20, 50, 1))
	Expect("from the end", len(read(name, 0, sarama.OffsetNewest, 1)), 0)
	reader := Got(sarama.NewConsumer(brokers, settings()))
	defer reader.Close()
	_, err := reader.ConsumePartition(name, 0, 1000)
	Expect("out of range", errors.Is(err, sarama.ErrOffsetOutOfRange), true)
}

// A member of a group, which reads by itself until told to leave.
type member struct {
	group sarama.ConsumerGroup
	done  chan struct{}
	stop  context.CancelFunc

	sync.Mutex
	records    []*sarama.ConsumerMessage
	assigned   []int32
	rebalances int
	err        error
}

func join(group, name string, changes ...func(*sarama.Config)) *member {
	c := settings(append([]func(*sarama.Config){func(c *sarama.Config) {
		c.Consumer.Group.Session.Timeout = 6 * time.Second
		c.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond
		c.Consumer.Offsets.AutoCommit.Enable = false
	}}, changes...)...)
	living, stop := context.WithCancel(ctx)
	m := &member{group: Got(sarama.NewConsumerGroup(brokers, group, c)), done: make(chan struct{}), stop: stop}
	go func() {
		for err := range m.group.Errors() {
			m.fail(err)
		}
	}()
	go func() {
		defer close(m.done)
		for living.Err() == nil {
			if err := m.group.Consume(living, []string{name}, m); err != nil && !errors.Is(err, sarama.ErrClosedConsumerGroup) {
				m.fail(err)
			}
		}
	}()
	return m
}

func (m *member) fail(err error) {
	m.Lock()
	defer m.Unlock()
	// Commits of a session that has just ended are refused on any broker.
	if !errors.Is(err, sarama.ErrRebalanceInProgress) && !errors.Is(err, context.Canceled) {
		m.err = errors.Join(m.err, err)
	}
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.Lock()
	defer m.Unlock()
	m.assigned = nil
	for _, partitions := range session.Claims() {
		m.assigned = append(m.assigned, partitions...)
	}
	slices.Sort(m.assigned)
	m.rebalances++
	return nil
}

func (m *member) Cleanup(session sarama.ConsumerGroupSession) error {
	session.Commit()
	return nil
}

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case r, open := <-claim.Messages():
			if !open {
				return nil
			}
			m.Lock()
			m.records = append(m.records, r)
			m.Unlock()
			session.MarkMessage(r, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func (m *member) leave() {
	m.stop()
	<-m.done
	Must(m.group.Close())
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
	return slices.Clone(m.assigned)
}

func shared(one, two *member, partitions int) func() bool {
	return func() bool {
		a, b := one.holds(), two.holds()
		both := append(slices.Clone(a), b...)
		slices.Sort(both)
		return len(a) > 0 && len(b) > 0 && len(both) == partitions && len(slices.Compact(both)) == partitions
	}
}

func rebalancing(strategy sarama.BalanceStrategy) func() {
	return func() {
		what := strategy.Name()
		name, group := topic("group-"+what, 4, nil), Fresh(what)
		by := func(c *sarama.Config) {
			c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
		}
		one := join(group, name, by)
		numbers(name, 0, 100, 4)
		Until("100 records at the only member", func() bool { return one.seen() == 100 })
		two := join(group, name, by)
		Until("partitions shared by two", shared(one, two, 4))
		numbers(name, 100, 200, 4)
		Until("200 records at both", func() bool { return one.seen()+two.seen() == 200 })
		described := Got(admin.DescribeConsumerGroups([]string{group}))[0]
		Expect("group", []any{described.Err, described.State, described.Protocol, len(described.Members)},
			[]any{sarama.ErrNoError, "Stable", what, 2})
		one.leave()
		Until("partitions at the one that stayed", func() bool { return len(two.holds()) == 4 })
		numbers(name, 200, 300, 4)
		Until("300 records at both", func() bool { return one.seen()+two.seen() == 300 })
		two.leave()
		found := integers(append(one.records, two.records...))
		slices.Sort(found)
		Expect("values", found, sequence(0, 300, 1))
		for p := range int32(4) {
			Expect("committed", committed(group, name, p).Offset, int64(75))
		}
	}
}

func committed(group, name string, partition int32) *sarama.OffsetFetchResponseBlock {
	found := Got(admin.ListConsumerGroupOffsets(group, map[string][]int32{name: {partition}}))
	block := found.GetBlock(name, partition)
	Expect("error", block.Err, sarama.ErrNoError)
	return block
}

func static() {
	name, group := topic("static", 4, nil), Fresh("static")
	named := func(instance string) func(*sarama.Config) {
		return func(c *sarama.Config) {
			c.Consumer.Group.InstanceId = instance
			// Long enough for the slowest machine: who does not leave must not be taken for lost.
			c.Consumer.Group.Session.Timeout = 30 * time.Second
		}
	}
	one, two := join(group, name, named("one")), join(group, name, named("two"))
	Until("partitions shared by two", shared(one, two, 4))
	held, before := two.holds(), one.rebalances
	two.leave()
	again := join(group, name, named("two"))
	Until("an assignment", func() bool { return len(again.holds()) > 0 })
	Expect("assignment", again.holds(), held)
	Expect("rebalances of the other", one.rebalances, before)
	one.leave()
	again.leave()
	removed := Got(admin.RemoveMemberFromConsumerGroup(group, []string{"one", "two"}))
	Expect("error", removed.Err, sarama.ErrNoError)
	Expect("members", len(Got(admin.DescribeConsumerGroups([]string{group}))[0].Members), 0)
}

func commits() {
	name, group := topic("commits", 1, nil), Fresh("commits")
	numbers(name, 0, 30, 1)
	c := Got(sarama.NewClient(brokers, settings()))
	defer c.Close()
	offsets := Got(sarama.NewOffsetManagerFromClient(group, c))
	at := Got(offsets.ManagePartition(name, 0))
	next, _ := at.NextOffset()
	Expect("before any commit", next, sarama.OffsetOldest)
	at.MarkOffset(12, "how far ü")
	offsets.Commit()
	Must(at.Close())
	Must(offsets.Close())
	Expect("committed", []any{committed(group, name, 0).Offset, committed(group, name, 0).Metadata}, []any{int64(12), "how far ü"})
	m := join(group, name)
	Until("18 records", func() bool { return m.seen() == 18 })
	Expect("first offset", m.records[0].Offset, int64(12))
	m.leave()
	Expect("committed", committed(group, name, 0).Offset, int64(30))
	Must(admin.DeleteConsumerGroupOffset(group, name, 0))
	Expect("deleted", committed(group, name, 0).Offset, int64(-1))
}

func topics() {
	retention := "123456"
	name := topic("admin", 2, map[string]*string{"retention.ms": &retention})
	listed := Got(admin.ListTopics())[name]
	Expect("listed", []any{listed.NumPartitions, *listed.ConfigEntries["retention.ms"]}, []any{int32(2), "123456"})
	Must(admin.CreatePartitions(name, 5, nil, false))
	Until("5 partitions", func() bool { return ready(name, 5) })
	Expect("fewer", errors.Is(admin.CreatePartitions(name, 3, nil, false), sarama.ErrInvalidPartitions), true)
	numbers(name, 0, 5, 5)
	for _, dirs := range Got(admin.DescribeLogDirs([]int32{1})) {
		Expect("directories", len(dirs), 1)
		found := slices.IndexFunc(dirs[0].Topics, func(t sarama.DescribeLogDirsResponseTopic) bool { return t.Topic == name })
		Expect("partitions in a directory", len(dirs[0].Topics[found].Partitions), 5)
	}
	for _, each := range Got(admin.ElectLeaders(sarama.PreferredElection, map[string][]int32{name: {0}}))[name] {
		Expect("election", each.ErrorCode, sarama.ErrElectionNotNeeded)
	}
	moving := Got(admin.ListPartitionReassignments(name, []int32{0, 1}))
	Expect("reassignments", len(moving), 0)
	Must(admin.DeleteTopic(name))
	Until("topic gone", func() bool { _, there := Got(admin.ListTopics())[name]; return !there })
	Expect("deleted twice", errors.Is(admin.DeleteTopic(name), sarama.ErrUnknownTopicOrPartition), true)
}

func configs() {
	name := topic("configs", 1, nil)
	resource := sarama.ConfigResource{Type: sarama.TopicResource, Name: name}
	becomes := func(key, wanted string) {
		Until(key+" of "+wanted, func() bool {
			for _, c := range Got(admin.DescribeConfig(resource)) {
				if c.Name == key {
					return c.Value == wanted
				}
			}
			return false
		})
	}
	alter := func(op sarama.IncrementalAlterConfigsOperation, key, value string) error {
		return admin.IncrementalAlterConfig(sarama.TopicResource, name,
			map[string]sarama.IncrementalAlterConfigsEntry{key: {Operation: op, Value: &value}}, false)
	}
	Must(alter(sarama.IncrementalAlterConfigsOperationSet, "retention.ms", "1000000"))
	becomes("retention.ms", "1000000")
	Must(alter(sarama.IncrementalAlterConfigsOperationAppend, "cleanup.policy", "compact"))
	becomes("cleanup.policy", "delete,compact")
	Must(alter(sarama.IncrementalAlterConfigsOperationSubtract, "cleanup.policy", "delete"))
	becomes("cleanup.policy", "compact")
	segment := "60000"
	Must(admin.AlterConfig(sarama.TopicResource, name, map[string]*string{"segment.ms": &segment}, false))
	becomes("segment.ms", "60000")
	becomes("cleanup.policy", "delete")
	err := alter(sarama.IncrementalAlterConfigsOperationSet, "retention.ms", "many")
	Expect("refused", errors.Is(err, sarama.ErrInvalidConfig), true)
	broker := Got(admin.DescribeConfig(sarama.ConfigResource{
		Type: sarama.BrokerResource, Name: "1", ConfigNames: []string{"num.partitions"},
	}))
	Expect("of the broker", []string{broker[0].Name, broker[0].Value}, []string{"num.partitions", "4"})
}

func groups() {
	name, group := topic("groups", 2, nil), Fresh("groups")
	numbers(name, 0, 10, 2)
	m := join(group, name)
	Until("10 records", func() bool { return m.seen() == 10 })
	Expect("listed", Got(admin.ListConsumerGroups())[group], "consumer")
	Expect("deleted too early", errors.Is(admin.DeleteConsumerGroup(group), sarama.ErrNonEmptyGroup), true)
	for _, found := range Got(admin.DescribeConsumerGroups([]string{group}))[0].Members {
		assigned := Got(found.GetMemberAssignment())
		Expect("assignment", len(assigned.Topics[name]), 2)
	}
	m.leave()
	Until("an empty group", func() bool { return Got(admin.DescribeConsumerGroups([]string{group}))[0].State == "Empty" })
	Must(admin.DeleteConsumerGroup(group))
	Expect("deleted twice", errors.Is(admin.DeleteConsumerGroup(group), sarama.ErrGroupIDNotFound), true)
}

func deleteRecords() {
	name := topic("delete", 1, nil)
	numbers(name, 0, 20, 1)
	Must(admin.DeleteRecords(name, map[int32]int64{0: 15}))
	Expect("left", integers(read(name, 5, sarama.OffsetOldest, 1)), sequence(15, 20, 1))
	err := admin.DeleteRecords(name, map[int32]int64{0: 21})
	Expect("too far", strings.Contains(fmt.Sprint(err), sarama.ErrOffsetOutOfRange.Error()), true)
}

func cluster() {
	found, controller, err := admin.DescribeCluster()
	Must(err)
	Expect("brokers", len(found), 1)
	Expect("address", found[0].Addr(), Bootstrap)
	Expect("controller", controller, found[0].ID())
	_, err = admin.ListAcls(sarama.AclFilter{
		ResourceType: sarama.AclResourceAny, Operation: sarama.AclOperationAny, PermissionType: sarama.AclPermissionAny,
		ResourcePatternTypeFilter: sarama.AclPatternAny,
	})
	Expect("ACLs without an authorizer", errors.Is(err, sarama.ErrSecurityDisabled), true)
}

func refusals() {
	name := topic("refusals", 1, nil)
	create := func(name string, partitions int32, replicas int16, configs map[string]*string) error {
		return admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: replicas, ConfigEntries: configs}, false)
	}
	one := "1"
	for _, refused := range []struct {
		found  error
		wanted sarama.KError
	}{
		{create(name, 1, 1, nil), sarama.ErrTopicAlreadyExists},
		{create("a b", 1, 1, nil), sarama.ErrInvalidTopic},
		{create(Fresh("wrong"), 0, 1, nil), sarama.ErrInvalidPartitions},
		{create(Fresh("wrong"), 1, 3, nil), sarama.ErrInvalidReplicationFactor},
		{create(Fresh("wrong"), 1, 1, map[string]*string{"no.such.config": &one}), sarama.ErrInvalidConfig},
	} {
		Expect(refused.wanted.Error(), errors.Is(refused.found, refused.wanted), true)
	}
	Must(admin.CreateTopic(Fresh("asked"), &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, true))
	_, there := Got(admin.ListTopics())[Fresh("asked")]
	Expect("only asked for", there, false)
	c := Got(sarama.NewClient(brokers, settings(func(c *sarama.Config) { c.Metadata.AllowAutoTopicCreation = false })))
	defer c.Close()
	_, err := c.Partitions(Fresh("nowhere"))
	Expect("unknown topic", errors.Is(err, sarama.ErrUnknownTopicOrPartition), true)
	_, err = c.Partitions("a b")
	Expect("invalid topic", errors.Is(err, sarama.ErrInvalidTopic), true)
}

func main() {
	Check("keys, values, nulls, headers and times come back as they went in, with every codec", roundTrip)
	Check("acks 0, 1 and all, and idempotence, lose and double nothing", acknowledgements)
	Check("100,000 records over 4 partitions keep their order within each", many)
	Check("a record just under the limit passes, one above is refused by the broker", large)
	Check("reading begins at the start, the end, an offset or a time", places)
	for _, each := range []sarama.BalanceStrategy{
		sarama.NewBalanceStrategyRange(), sarama.NewBalanceStrategyRoundRobin(), sarama.NewBalanceStrategySticky(),
	} {
		Check("two members of a group share by the assignor "+each.Name()+", rebalance and resume", rebalancing(each))
	}
	Check("a static member that comes back finds its partitions without a rebalance", static)
	Check("commits with metadata are kept, and a group resumes at them", commits)
	Check("topics are created, listed, described, given partitions, elected for and deleted", topics)
	Check("configs of topics and brokers are described and altered", configs)
	Check("groups are listed, described and deleted", groups)
	Check("deleted records are gone, and reading begins behind them", deleteRecords)
	Check("the cluster is described, and that it has no ACLs", cluster)
	Check("what is wrong is refused with Kafka's error codes", refusals)
	Done()
}
