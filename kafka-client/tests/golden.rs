//! Where keys go and what assignors give, beside what Kafka's own classes say.
//!
//! `KAFKA_VECTORS` names a folder of vectors; without it the few that `kafka-proto` has are checked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests a panic is how a check fails"
)]

use kafka_client::{
    Assignor, CooperativeSticky, GroupMember, Range, RoundRobin, Sticky, TopicPartition,
    partition_for_key,
};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// The vectors of one kind.
fn vectors(kind: &str) -> Vec<Json> {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kafka-proto/tests/vectors");
    let path = match std::env::var_os("KAFKA_VECTORS") {
        Some(folder) => Path::new(&folder).join(format!("algorithms/{kind}.jsonl")),
        None => committed.join("algorithms.jsonl"),
    };
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let lines: Vec<_> =
        lines.filter(|line| line["file"].as_str().is_none_or(|f| f == kind)).collect();
    assert!(!lines.is_empty(), "no vector of {kind}");
    println!("{kind}: {} compared", lines.len());
    lines
}

fn hex(json: &Json) -> Option<Vec<u8>> {
    let digits = json.as_str()?;
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    Some((0..digits.len()).step_by(2).map(byte).collect())
}

#[test]
fn keys_go_to_kafkas_partitions() {
    for line in vectors("murmur2") {
        let key = hex(&line["key_hex"]).unwrap();
        let place = |partitions| Some(u64::from(partition_for_key(&key, partitions)));
        // So many that the remainder is the hash without its sign.
        assert_eq!(place(1 << 31), line["positive"].as_u64(), "{line}");
        for (count, partition) in line["partitions"].as_object().unwrap() {
            assert_eq!(place(count.parse().unwrap()), partition.as_u64(), "{line}");
        }
    }
}

type Shares = BTreeMap<Arc<str>, BTreeSet<TopicPartition>>;

#[test]
fn assignors_give_what_kafkas_give() {
    let mut checked = BTreeMap::new();
    // What Kafka's assignor gave in the round before.
    let mut before = Shares::new();
    let mut differ = Vec::new();
    let mut stay = [0, 0];
    for line in vectors("assignors") {
        let name = line["assignor"].as_str().unwrap().to_owned();
        let assignor: &dyn Assignor = match &*name {
            "range" => &Range,
            "roundrobin" => &RoundRobin,
            "sticky" => &Sticky,
            "cooperative-sticky" => &CooperativeSticky,
            _ => panic!("{name} is not known here"),
        };
        let members: Vec<_> = line["members"].as_array().unwrap().iter().map(member).collect();
        let counts = line["partitions"].as_object().unwrap().iter();
        let counts: BTreeMap<Arc<str>, i32> = counts
            .map(|(topic, count)| {
                (topic.as_str().into(), count.as_i64().unwrap().try_into().unwrap())
            })
            .collect();
        let ours = shares(assignor, &counts, &members);
        let kafka = kafka_shares(&line);
        let wrong = compare(&line, &before, &ours, &kafka, &mut stay);
        differ.extend(wrong.map(|wrong| format!("{wrong}\n  {line}\n  ours {ours:?}")));
        before = kafka;
        *checked.entry(name).or_insert(0) += 1;
    }
    assert!(differ.is_empty(), "{} differ:\n{}", differ.len(), differ.join("\n"));
    println!("stay where they are: {} partitions, in Kafka {}", stay[0], stay[1]);
    // Now and then one more moves than had to, where subscriptions differ.
    assert!(stay[0] * 100 >= stay[1] * 99, "{stay:?}");
    assert!(checked.len() == 4 || std::env::var_os("KAFKA_VECTORS").is_none(), "{checked:?}");
}

/// What is worse than what Kafka gives; `stay` sums up what stays where it is, here and in Kafka.
fn compare(
    line: &Json,
    before: &Shares,
    ours: &Shares,
    kafka: &Shares,
    stay: &mut [u64; 2],
) -> Option<String> {
    let name = line["assignor"].as_str().unwrap();
    // By racks, which these assignors do not look at, Java's range gives something else (KIP-881).
    let by_racks = line.get("replica_racks").is_some_and(|racks| !racks.is_null());
    if name == "roundrobin" || name == "range" && !by_racks {
        return (ours != kafka).then(|| format!("{name}, other shares"));
    }
    // Which of several equally good ones Java's sticky assignors give hangs on the order of hash maps. What two members
    // claim its cooperative one may hold back for a round.
    let (ours_given, kafka_given) = (given(ours), given(kafka));
    if name != "cooperative-sticky" && ours_given != kafka_given {
        return Some(format!("{name}, {ours_given} given and not {kafka_given}"));
    }
    if name == "sticky" || name == "cooperative-sticky" {
        *stay = [stay[0] + kept(before, ours), stay[1] + line["kept"].as_u64().unwrap_or(0)];
    }
    let (ours_score, kafka_score) = (score(ours), line["balance_score"].as_u64().unwrap());
    (name == "sticky" && ours_score > kafka_score)
        .then(|| format!("{name}, uneven by {ours_score} and not {kafka_score}"))
}

fn member(json: &Json) -> GroupMember {
    let text = |json: &Json| json.as_str().map(Arc::from);
    let topics = json["topics"].as_array().unwrap().iter().map(|topic| topic.as_str().unwrap());
    let mut member = GroupMember::new(json["id"].as_str().unwrap(), topics);
    member.group_instance_id = text(&json["instance_id"]);
    member.rack = text(&json["rack"]);
    member.owned = partitions(&json["owned"]);
    member.generation = json["generation"]
        .as_i64()
        .filter(|&generation| generation >= 0)
        .map(|g| g.try_into().unwrap());
    member.user_data = hex(&json["user_data_hex"]).map(Into::into);
    member
}

fn partitions(json: &Json) -> BTreeSet<TopicPartition> {
    let each = json.as_array().unwrap().iter();
    each.map(|each| {
        TopicPartition::new(
            each[0].as_str().unwrap(),
            each[1].as_i64().unwrap().try_into().unwrap(),
        )
    })
    .collect()
}

fn shares(
    assignor: &dyn Assignor,
    counts: &BTreeMap<Arc<str>, i32>,
    members: &[GroupMember],
) -> Shares {
    let mut shares: Shares =
        members.iter().map(|member| (member.member_id.clone(), BTreeSet::new())).collect();
    for (member, given) in assignor.assign(counts, members) {
        shares.get_mut(&member).unwrap().extend(given);
    }
    if assignor.is_cooperative() {
        // As the group has it: what another member still holds is given in the round after (KIP-429).
        for (member, share) in &mut shares {
            share.retain(|which| {
                let mut holders = members.iter().filter(|m| m.owned.contains(which)).peekable();
                holders.peek().is_none() || holders.any(|holder| holder.member_id == *member)
            });
        }
    }
    shares
}

fn kafka_shares(line: &Json) -> Shares {
    let each = line["assignment"].as_object().unwrap().iter();
    each.map(|(member, given)| (member.as_str().into(), partitions(given))).collect()
}

fn given(shares: &Shares) -> usize {
    sizes(shares).into_iter().sum()
}

fn sizes(shares: &Shares) -> Vec<usize> {
    shares.values().map(BTreeSet::len).collect()
}

/// How uneven shares are: over all pairs of members, the difference in size.
fn score(shares: &Shares) -> u64 {
    let sizes = sizes(shares);
    let pairs =
        sizes.iter().enumerate().flat_map(|(at, a)| sizes[at + 1..].iter().map(move |b| (a, b)));
    pairs.map(|(a, b)| a.abs_diff(*b) as u64).sum()
}

/// How many partitions stay with the member that had them.
fn kept(before: &Shares, now: &Shares) -> u64 {
    let stays = |(member, had): (&Arc<str>, &BTreeSet<TopicPartition>)| {
        now.get(member).map_or(0, |has| has.intersection(had).count())
    };
    before.iter().map(stays).sum::<usize>() as u64
}
