//! What all commands share: help, exit codes, settings, the end of the output's reader.

use super::harness::{broker, run, start};

#[test]
fn help_teaches() {
    let help = run("help").ok();
    for part in ["kt broker", "console-consumer --topic orders --from-beginning", "Exit codes"] {
        assert!(help.contains(part), "{part:?} is not in {help}");
    }
    let topics = run("help topics").ok();
    assert!(topics.contains("--replication-factor") && topics.contains("--if-not-exists"));
    let unknown = run("help topcis").failed(2);
    assert!(unknown.contains("there is no command \"topcis\""), "{unknown}");
}

#[test]
fn exit_codes_tell_what_happened() {
    assert!(run("topics").failed(2).contains("--create|--list|--describe|--alter|--delete"));
    let typo = run("topics --lst").failed(2);
    assert!(typo.contains("'--list'"), "{typo}");
    let nobody = run("topics --list --bootstrap-server 127.0.0.1:1").failed(1);
    assert!(nobody.contains("127.0.0.1:1"), "{nobody}");
    let setting = run("topics --list --command-property bach.size=1").failed(2);
    assert!(setting.contains("did you mean \"batch.size\"?"), "{setting}");
}

#[test]
fn settings_come_from_a_file_and_the_command_line_goes_over_it() {
    let broker = broker();
    let path = std::env::temp_dir().join(format!("kt-{}.properties", std::process::id()));
    std::fs::write(&path, format!("bootstrap.servers={}\n", broker.bootstrap)).unwrap();
    let file = path.to_str().unwrap();
    assert_eq!(run(&format!("topics --list --command-config {file}")).ok(), "");
    std::fs::write(&path, "bootstrap.servers=127.0.0.1:1\nclient.id=\\u0061\n").unwrap();
    broker.kt(&format!("topics --list --command-config {file}")).ok();
    std::fs::remove_file(&path).unwrap();
    let missing = run(&format!("topics --list --command-config {file}")).failed(1);
    assert!(missing.contains(file), "{missing}");
}

#[test]
fn a_broker_runs_until_it_is_interrupted() {
    let dir = std::env::temp_dir().join(format!("kt-broker-{}", std::process::id()));
    let dirs = format!("log.dirs={}", dir.display());
    let listener = "listeners=PLAINTEXT://127.0.0.1:0";
    let mut broker = start(&["broker", "--override", listener, "--override", &dirs]);
    let ready = broker.line();
    let address = ready.strip_prefix("The broker is ready at PLAINTEXT://").unwrap().to_owned();
    run(&format!("topics --create --topic t --bootstrap-server {address}")).ok();
    broker.interrupt();
    assert_eq!(broker.wait().ok(), "The broker has stopped\n");
    std::fs::remove_dir_all(dir).unwrap();

    let wrong = run("broker --override log.segment.byte=1").failed(2);
    assert!(wrong.contains("log.segment.byte"), "{wrong}");
    assert!(run("broker no-such-file").failed(1).contains("no-such-file"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let broker = broker();
    broker.kt("topics --create --topic t --partitions 1").ok();
    let lines: String = (0..20_000).map(|n| format!("a line that is long enough {n}\n")).collect();
    broker.kt_with("console-producer --topic t", &lines).ok();
    let mut consumer = broker.start("console-consumer --topic t --from-beginning");
    assert!(consumer.line().ends_with(" 0"));
    consumer.close_output();
    let done = consumer.wait();
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(!done.stderr.contains("error"), "{done:?}");
}
