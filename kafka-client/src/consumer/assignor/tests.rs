//! Assignors on small groups worked out by hand, and on many random ones.

use super::*;

fn topics(counts: &[(&str, i32)]) -> BTreeMap<Arc<str>, i32> {
    counts.iter().map(|&(name, count)| (name.into(), count)).collect()
}

fn show(shares: &BTreeMap<Arc<str>, BTreeSet<TopicPartition>>) -> Vec<String> {
    let share = |share: &BTreeSet<TopicPartition>| {
        share.iter().map(|which| format!("{}{}", which.topic, which.partition)).collect::<Vec<_>>()
    };
    shares.values().map(|partitions| share(partitions).join(" ")).collect()
}

#[test]
fn range_cuts_every_topic_at_the_same_places() {
    let members = [GroupMember::new("b", ["t", "u"]), GroupMember::new("a", ["t", "u"])];
    let shares = assign(&Range, &topics(&[("t", 3), ("u", 3)]), &members);
    assert_eq!(show(&shares), ["t0 t1 u0 u1", "t2 u2"]);

    let members = [
        GroupMember::new("a", ["t"]),
        GroupMember::new("b", ["t", "u"]),
        GroupMember::new("c", ["u"]),
    ];
    let shares = assign(&Range, &topics(&[("t", 2), ("u", 1), ("unwanted", 3)]), &members);
    assert_eq!(show(&shares), ["t0", "t1 u0", ""]);
}

#[test]
fn static_members_are_counted_by_their_names() {
    let member = |id: &str, name: &str| GroupMember {
        group_instance_id: Some(name.into()),
        ..GroupMember::new(id, ["t"])
    };
    let counts = topics(&[("t", 3)]);
    let before = [member("x", "one"), member("y", "two"), GroupMember::new("a", ["t"])];
    assert_eq!(show(&assign(&Range, &counts, &before)), ["t2", "t0", "t1"]);
    // After a restart the same name has another id, and gets the same.
    let after = [member("z", "one"), member("y", "two"), GroupMember::new("a", ["t"])];
    assert_eq!(show(&assign(&Range, &counts, &after)), ["t2", "t1", "t0"]);
}

#[test]
fn round_robin_deals_to_those_who_want_the_topic() {
    let members = [GroupMember::new("a", ["t", "u"]), GroupMember::new("b", ["t", "u"])];
    let shares = assign(&RoundRobin, &topics(&[("t", 3), ("u", 3)]), &members);
    assert_eq!(show(&shares), ["t0 t2 u1", "t1 u0 u2"]);

    let members = [
        GroupMember::new("a", ["t"]),
        GroupMember::new("b", ["t", "u"]),
        GroupMember::new("c", ["t", "u", "v"]),
    ];
    let shares = assign(&RoundRobin, &topics(&[("t", 1), ("u", 2), ("v", 3)]), &members);
    assert_eq!(show(&shares), ["t0", "u0", "u1 v0 v1 v2"]);
}

/// The members as they join again, holding what they were given in `generation`.
fn holding(
    members: &[GroupMember],
    shares: &BTreeMap<Arc<str>, BTreeSet<TopicPartition>>,
    generation: i32,
) -> Vec<GroupMember> {
    let mut members = members.to_vec();
    for member in &mut members {
        if let Some(share) = shares.get(&member.member_id) {
            member.owned = share.clone();
            member.user_data = Sticky.user_data(share, generation);
            member.generation = Some(generation);
        }
    }
    members
}

#[test]
fn sticky_moves_only_what_a_new_member_needs() {
    let counts = topics(&[("t", 6)]);
    let mut members = vec![GroupMember::new("a", ["t"]), GroupMember::new("b", ["t"])];
    let first = assign(&Sticky, &counts, &members);
    assert_eq!(show(&first), ["t0 t2 t4", "t1 t3 t5"]);

    members = holding(&members, &first, 1);
    members.push(GroupMember::new("c", ["t"]));
    assert_eq!(show(&assign(&Sticky, &counts, &members)), ["t0 t2", "t1 t3", "t4 t5"]);
    // When it goes, the others keep what they have.
    members.pop();
    let mut fewer = holding(&members, &assign(&Sticky, &counts, &members), 2);
    fewer.remove(0);
    assert_eq!(show(&assign(&Sticky, &counts, &fewer)), ["t0 t1 t2 t3 t4 t5"]);
}

#[test]
fn cooperative_takes_first_and_gives_one_rebalance_later() {
    let counts = topics(&[("t", 4)]);
    let mut members = vec![GroupMember::new("a", ["t"])];
    let first = assign(&CooperativeSticky, &counts, &members);
    assert_eq!(show(&first), ["t0 t1 t2 t3"]);
    members = holding(&members, &first, 1);
    members.push(GroupMember::new("b", ["t"]));
    let second = assign(&CooperativeSticky, &counts, &members);
    assert_eq!(show(&second), ["t0 t1", ""], "a still holds what b is to get");
    members = holding(&members, &second, 2);
    let third = assign(&CooperativeSticky, &counts, &members);
    assert_eq!(show(&third), ["t0 t1", "t2 t3"]);
    members = holding(&members, &third, 3);
    assert_eq!(assign(&CooperativeSticky, &counts, &members), third);
}

#[test]
fn the_newest_claim_counts_and_equal_ones_cancel() {
    let owner = |id: &str, generation| GroupMember {
        owned: [TopicPartition::new("t", 0)].into(),
        generation: Some(generation),
        ..GroupMember::new(id, ["t"])
    };
    let counts = topics(&[("t", 1)]);
    let shares = assign(&CooperativeSticky, &counts, &[owner("a", 3), owner("b", 4)]);
    assert_eq!(show(&shares), ["", "t0"]);
    let shares = assign(&CooperativeSticky, &counts, &[owner("a", 4), owner("b", 4)]);
    assert_eq!(show(&shares).concat(), "t0", "one of the two may keep it, the other gives it up");
    // Older members tell the generation in what they say to the assignor.
    let mut old = owner("a", 0);
    old.generation = None;
    old.user_data = CooperativeSticky.user_data(&old.owned, 9);
    let shares = assign(&CooperativeSticky, &counts, &[old, owner("b", 4)]);
    assert_eq!(show(&shares), ["t0", ""]);
}

#[test]
fn chains_of_members_even_out_where_topics_differ() {
    let held = |id: &str, wanted: &[&str], owned: &[(&str, i32)]| GroupMember {
        owned: owned.iter().map(|&(topic, p)| TopicPartition::new(topic, p)).collect(),
        generation: Some(1),
        ..GroupMember::new(id, wanted.iter().copied())
    };
    let members = [
        held("a", &["t"], &[("t", 0), ("t", 1), ("t", 2)]),
        held("b", &["t", "u"], &[("u", 0), ("u", 1)]),
        held("c", &["u"], &[]),
    ];
    let counts = topics(&[("t", 3), ("u", 2)]);
    let shares = CooperativeSticky.assign(&counts, &members);
    let loads: Vec<_> = shares.values().map(Vec::len).collect();
    assert_eq!(loads, [2, 2, 1]);
}

#[test]
fn stickys_user_data_is_javas() {
    let held = [TopicPartition::new("t", 1), TopicPartition::new("t", 2)].into();
    let data = Sticky.user_data(&held, 7).unwrap();
    assert_eq!(data[..], *b"\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\x01\0\0\0\x02\0\0\0\x07");
    let nonsense = GroupMember {
        user_data: Some(Bytes::from_static(b"\x7f\xff\xff\xff\x7f\xff")),
        ..GroupMember::new("a", ["t"])
    };
    assert_eq!(show(&assign(&Sticky, &topics(&[("t", 1)]), &[nonsense])), ["t0"]);
}

/// The next word of a xorshift sequence.
fn draw(state: &mut u64, below: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state % u64::try_from(below).unwrap()).unwrap()
}

/// What has to be true of every assignment.
fn check(
    counts: &BTreeMap<Arc<str>, i32>,
    members: &[GroupMember],
    shares: &BTreeMap<Arc<str>, BTreeSet<TopicPartition>>,
    all: bool,
) {
    let given: Vec<_> = shares.values().flatten().collect();
    assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), given.len(), "given twice");
    for member in members {
        let share = &shares[&member.member_id];
        assert!(share.iter().all(|which| member.topics.contains(&which.topic)));
        assert!(share.iter().all(|which| which.partition < counts[&which.topic]));
    }
    let wanted = counts.iter().filter(|(t, _)| members.iter().any(|m| m.topics.contains(*t)));
    let wanted: i32 = wanted.map(|(_, count)| count).sum();
    assert!(!all || given.len() == usize::try_from(wanted).unwrap(), "something is left over");
}

#[test]
fn random_groups_are_shared_out_whole_and_settle() {
    let names = ["t", "u", "v", "w"];
    let mut state = 0x5eed;
    for _ in 0..300 {
        let counts: BTreeMap<Arc<str>, i32> = names
            .iter()
            .map(|&name| (name.into(), i32::try_from(draw(&mut state, 9)).unwrap()))
            .collect();
        let equal = draw(&mut state, 2) == 0;
        let mut members: Vec<_> = (0..=draw(&mut state, 6))
            .map(|n| {
                let wanted = names.iter().filter(|_| equal || draw(&mut state, 2) == 0);
                GroupMember::new(format!("m{n}"), wanted.copied().collect::<Vec<_>>())
            })
            .collect();
        for assignor in [&Range as &dyn Assignor, &RoundRobin, &Sticky] {
            check(&counts, &members, &assign(assignor, &counts, &members), true);
        }
        // Members come and go; each time the group settles within two rebalances and then stays as it is.
        for generation in (0..30).step_by(3) {
            let mut last = BTreeMap::new();
            for round in 0..3 {
                let shares = assign(&CooperativeSticky, &counts, &members);
                check(&counts, &members, &shares, round > 0);
                assert!(round < 2 || shares == last, "it does not settle");
                members = holding(&members, &shares, generation + round);
                last = shares;
            }
            let loads: Vec<_> = last.values().map(BTreeSet::len).collect();
            let (most, least) = (loads.iter().max().unwrap(), loads.iter().min().unwrap());
            assert!(!equal || most - least <= 1, "uneven: {loads:?}");
            if draw(&mut state, 2) == 0 && members.len() > 1 {
                members.remove(draw(&mut state, members.len()));
            } else {
                let wanted = names.iter().filter(|_| equal || draw(&mut state, 2) == 0);
                let name = format!("n{generation}");
                members.push(GroupMember::new(name, wanted.copied().collect::<Vec<_>>()));
            }
        }
    }
}
