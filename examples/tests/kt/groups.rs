//! `kt consumer-groups`.

use super::harness::{Broker, broker};

/// A broker with topic `t` of two partitions, three records in the first and one in the second, and a group `g` that
/// has read two of the first.
fn with_group() -> Broker {
    let broker = broker();
    broker.kt("topics --create --topic t --partitions 2").ok();
    // These keys go to partition 0, and the last to partition 1.
    let lines = "1:a\n1:b\n1:c\n2:d\n";
    let keys = "console-producer --topic t --property parse.key=true --property key.separator=:";
    let stored = broker.kt_with(&format!("{keys} --output plain"), lines).ok();
    let mut stored: Vec<&str> = stored.lines().collect();
    stored.sort_unstable();
    assert_eq!(stored, ["t\t0\t0", "t\t1\t0", "t\t1\t1", "t\t1\t2"]);
    broker.kt("consumer-groups --reset-offsets --group g --topic t:1 --to-offset 2 --execute").ok();
    broker
}

#[test]
fn offsets_and_lag_are_shown_in_kafkas_columns() {
    let broker = with_group();
    assert_eq!(broker.kt("consumer-groups --list").ok(), "g\n");
    let state = broker.kt("consumer-groups --list --state").ok();
    assert!(state.starts_with("GROUP ") && state.lines().nth(1).unwrap().ends_with("Empty"));
    assert_eq!(broker.kt("consumer-groups --list --state stable --output plain").ok(), "");

    let described = broker.kt("consumer-groups --describe --group g").ok();
    let expected = "
Consumer group 'g' has no active members.

GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             \
CONSUMER-ID     HOST            CLIENT-ID
g               t               1          2               3               1               \
-               -               -
";
    assert_eq!(described, expected);
    let json = broker.kt("consumer-groups --describe --all-groups --output json").ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["group"], &json["lag"]), (&"g".into(), &1.into()));
    assert!(json["consumerId"].is_null());

    let state = broker.kt("consumer-groups --describe --group g --state --output plain").ok();
    let expected = format!("g\t{}  (1)\t-\tEmpty\t0\n", broker.bootstrap);
    assert_eq!(state, expected);
    let nope = broker.kt("consumer-groups --describe --group nope").failed(1);
    assert!(nope.contains("GROUP_ID_NOT_FOUND"), "{nope}");
}

#[test]
fn members_are_shown_with_what_they_have() {
    let broker = with_group();
    let mut consumer = broker.start("console-consumer --topic t --group g --from-beginning");
    let mut lines = consumer.lines(2);
    lines.sort_unstable();
    assert_eq!(lines, ["c", "d"]);
    let members = "consumer-groups --describe --group g --members --verbose --output json";
    let member = broker.kt(members).ok();
    let member: serde_json::Value = serde_json::from_str(&member).unwrap();
    assert_eq!(member["partitions"], 2);
    assert_eq!(member["currentAssignment"], "t:0,1");
    assert_eq!(member["clientId"], "console-consumer");
    let state = broker.kt("consumer-groups --describe --group g --state --output json").ok();
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    assert_eq!((&state["state"], &state["members"]), (&"Stable".into(), &1.into()));

    let busy = "consumer-groups --reset-offsets --group g --topic t --to-earliest --execute";
    let error = broker.kt(busy).failed(1);
    assert!(error.contains("it is Stable with 1 of them: stop its consumers first"), "{error}");
    let error = broker.kt("consumer-groups --delete --group g").failed(1);
    assert!(error.contains("NON_EMPTY_GROUP"), "{error}");
    consumer.interrupt();
    consumer.wait().ok();
    let empty = broker.kt("consumer-groups --describe --group g --output plain").ok();
    let read = ["g\tt\t0\t1\t1\t0\t-\t-\t-", "g\tt\t1\t3\t3\t0\t-\t-\t-"];
    assert_eq!(empty.lines().collect::<Vec<_>>(), read, "it has committed and left");
}

#[test]
fn every_form_of_reset_says_where_to() {
    let broker = with_group();
    let reset = |how: &str| {
        let reset = "consumer-groups --reset-offsets --group g --output plain";
        broker.kt(&format!("{reset} {how}")).ok()
    };
    let both = |zero: u32, one: u32| format!("g\tt\t0\t{zero}\ng\tt\t1\t{one}\n");
    assert_eq!(reset("--topic t --to-earliest"), both(0, 0));
    assert_eq!(reset("--topic t --to-latest --dry-run"), both(1, 3));
    assert_eq!(reset("--topic t --to-current"), both(1, 2), "the end where nothing is committed");
    assert_eq!(reset("--topic t --to-offset 2"), both(1, 2));
    assert_eq!(reset("--topic t:0,1 --to-offset 0"), both(0, 0));
    assert_eq!(reset("--all-topics --shift-by -1"), "g\tt\t1\t1\n");
    assert_eq!(reset("--topic t:1 --shift-by 100"), "g\tt\t1\t3\n");
    assert_eq!(reset("--topic t --by-duration PT1H"), both(0, 0));
    assert_eq!(reset("--topic t --to-datetime 2020-01-01T00:00:00.000"), both(0, 0));
    assert_eq!(reset("--topic t --to-datetime 2100-01-01T00:00:00.000Z"), both(1, 3));
    let unchanged = broker.kt("consumer-groups --describe --group g --output plain").ok();
    assert!(unchanged.starts_with("g\tt\t1\t2\t3\t1\t"), "nothing was done: {unchanged}");

    let done = reset("--topic t --to-earliest --execute");
    assert_eq!(done, both(0, 0));
    assert_eq!(reset("--all-topics --to-current"), both(0, 0));
    let exported = reset("--all-topics --to-latest --export");
    assert_eq!(exported, "t,0,1\nt,1,3\n");
    let path = std::env::temp_dir().join(format!("kt-reset-{}.csv", std::process::id()));
    std::fs::write(&path, exported).unwrap();
    assert_eq!(reset(&format!("--from-file {} --execute", path.display())), both(1, 3));
    std::fs::write(&path, "g,t,1,2\nother,t,0,1\n").unwrap();
    let file = format!("consumer-groups --reset-offsets --from-file {}", path.display());
    let exported = broker.kt(&format!("{file} --export --execute")).ok();
    assert_eq!(exported, "g,t,1,2\nother,t,0,1\n");
    std::fs::remove_file(path).unwrap();
    assert_eq!(reset("--all-topics --to-current"), both(1, 2));
}

#[test]
fn a_reset_that_makes_no_sense_is_refused() {
    let broker = with_group();
    let refused = |arguments: &str, code: i32, part: &str| {
        let error = broker.kt(&format!("consumer-groups {arguments}")).failed(code);
        assert!(error.contains(part), "{arguments}: {error}");
    };
    refused("--reset-offsets --group g --topic t", 2, "where to?");
    refused("--reset-offsets --group g --to-latest", 2, "--all-topics");
    refused("--reset-offsets --topic t --to-latest", 2, "--group GROUP or --all-groups");
    refused("--reset-offsets --group g --topic t --to-latest --to-earliest", 2, "cannot be used");
    refused("--reset-offsets --group g --topic t --to-datetime today", 2, "\"today\" is no moment");
    refused("--reset-offsets --group g --topic t:x --to-latest", 2, "expected TOPIC or TOPIC:0,1");
    refused("--reset-offsets --group g --topic t:0 --shift-by 1", 1, "has committed nothing");
    refused("--reset-offsets --group g --topic nope --to-latest", 1, "nope");
    refused("--describe --group g --to-latest", 2, "--reset-offsets");
}

#[test]
fn groups_and_offsets_are_deleted() {
    let broker = with_group();
    let offsets = broker.kt("consumer-groups --delete-offsets --group g --topic t:1").ok();
    let mut lines = offsets.lines();
    let first = lines.next().unwrap();
    assert_eq!(first, "Request succeeded for deleting offsets from group g.");
    assert!(lines.last().unwrap().ends_with("Successful"), "{offsets}");
    broker.kt("consumer-groups --reset-offsets --group h --topic t --to-latest --execute").ok();
    let deleted = broker.kt("consumer-groups --delete --group h").ok();
    assert_eq!(deleted, "Deletion of requested consumer groups ('h') was successful.\n");
    let gone = broker.kt("consumer-groups --delete --group h").failed(1);
    assert!(gone.contains("GROUP_ID_NOT_FOUND"), "{gone}");
}
