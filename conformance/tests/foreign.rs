//! The program as its users meet it: what it finds in the real Python implementation, and in drivers that are bad on purpose.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use clamator_conformance::foreign::{Options, Report, cases, run};
use clamator_testkit::{RedisServer, workspace_root};

const PYTHON: &str = "target/peers/python/bin/python";

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

/// What `clamator-over-redis` 0.1.9 fails. Findings about that package, each with its reason in `docs/peers.md`.
const PYTHON_FAILS: &[&str] = &[
    // `params: null` is not turned into `{}`.
    "server/envelopes/params_that_are_null_are_an_empty_object",
    // `extra="forbid"`.
    "server/envelopes/params_that_the_contract_does_not_know_are_ignored",
    // An id that is a float is refused as invalid, and nobody is told.
    "server/ids/a_fraction_comes_back",
    // Dropped: it can't be a name.
    "server/errors/a_method_name_with_a_hyphen_is_not_found",
    // Pydantic coerces.
    "server/errors/a_text_is_not_taken_for_a_number",
    // No reply to a request to a notification: the caller times out.
    "server/errors/a_request_to_a_notification_is_answered",
    // `decode()` raises outside of the `try`: never acked, and the rest of the batch is given up.
    "server/hostile input/what_is_not_utf8_is_dropped",
    // Dropped without a reply, all of these.
    "server/hostile input/a_value_nested_10000_deep_is_answered",
    // `json` reads and writes NaN.
    "server/hostile input/what_is_not_json_is_never_written",
    "server/hostile input/a_wrong_version_is_answered",
    "server/hostile input/a_missing_method_is_answered",
    "server/hostile input/a_method_that_is_no_name_is_answered",
    // Any exception gives up the rest of the batch of 16.
    "server/hostile input/good_requests_between_ones_that_are_not_utf8_are_answered",
    "server/hostile input/a_reply_to_of_another_type_harms_nobody",
    // `reply-to` is trusted.
    "server/hostile input/a_reply_to_elsewhere_is_not_written",
    "server/hostile input/a_reply_to_that_is_not_utf8_harms_nobody",
    // The group begins at `$`.
    "server/keys and groups/a_request_that_was_there_before_any_server_is_run",
    // It reads 16 at a time, however long each takes.
    "server/delivery/a_busy_server_leaves_requests_to_the_pool",
    // It claims what it is running itself.
    "server/reclaim/a_long_handler_is_not_run_twice",
    "server/reclaim/a_long_handler_keeps_its_request_in_a_pool",
    // Its consumer task is cancelled between the reply and the ack.
    "server/lifecycle/what_is_answered_during_a_stop_is_acked",
    // Nothing is handed back at the stop.
    "server/lifecycle/what_was_not_begun_is_handed_back",
    // NOGROUP for ever.
    "server/lifecycle/a_group_that_was_destroyed_is_made_again",
    "server/lifecycle/a_stream_that_was_deleted_is_made_again",
    // No XGROUP DELCONSUMER, no PEXPIRE, no trimming.
    "server/lifecycle/a_consumer_with_nothing_to_do_is_removed",
    "server/upkeep/a_reply_stream_that_nobody_reads_vanishes_some_day",
    "server/upkeep/requests_that_are_done_are_removed",
    // `isinstance(code, int)`.
    "client/replies/a_whole_float_is_a_code",
    // A key that is there counts, whatever its value.
    "client/replies/a_result_beside_an_error_of_null_is_a_result",
    // Calls in flight aren't bounded by what the reply stream keeps.
    "client/calls/three_thousand_calls_lose_no_reply",
    // The last id that was read outlives the connection.
    "client/lifecycle/a_reply_in_a_store_that_came_back_empty_arrives",
    // XADD makes the stream, and then the server's group begins behind the request.
    "client/lifecycle/a_call_waits_for_its_first_server",
];

#[test]
fn python_fails_what_it_is_known_to_fail() {
    let root = workspace_root();
    assert!(root.join(PYTHON).exists(), "the Python peer is not prepared: run `cargo xtask setup`");
    let driver = root.join("conformance/peers/python/driver.py");
    let command = format!("{} -B {}", quoted(&root.join(PYTHON)), quoted(&driver));
    let options = Options {
        server_cmd: Some(command.clone()),
        client_cmd: Some(command),
        jobs: 6,
        ..Options::default()
    };
    let report = run(&options).unwrap();
    assert_eq!(report.failed_names(), PYTHON_FAILS, "{}", report.table());
    assert_eq!(report.findings.len(), cases().len());
}

fn drivers() -> PathBuf {
    workspace_root().join("conformance/tests/drivers")
}

fn wrong(filter: &str) -> Report {
    let command = format!("python3 -B {}", quoted(&drivers().join("wrong.py")));
    let options = Options {
        server_cmd: Some(command.clone()),
        client_cmd: Some(command),
        filter: Some(filter.into()),
        timeout: Duration::from_secs(3),
        ..Options::default()
    };
    run(&options).unwrap()
}

/// The reasons of what failed, by name.
#[track_caller]
fn assert_found(report: &Report, name: &str, why: &str) {
    let reason = report.failures().find(|(finding, _)| finding.case.name == name);
    let reason = reason.unwrap_or_else(|| panic!("{name} passed:\n{}", report.table())).1;
    assert!(reason.contains(why), "{name}: {reason}");
}

#[test]
fn a_wrong_server_is_found_out_by_name() {
    let report = wrong("server/ids/");
    assert_found(&report, "a_whole_number_comes_back", "id 1 came back as \"1\"");
    assert_found(&report, "a_fraction_comes_back", "id 1.5 came back as \"1.5\"");
    assert!(!report.failed_names().iter().any(|it| it.ends_with("a_text_comes_back")));

    let report = wrong("server/errors/");
    assert_found(&report, "an_unknown_method_is_not_found", "data: expected Some(Null), got None");
    assert_found(&report, "an_error_of_the_application_comes_as_it_is", "expected -32001");

    let report = wrong("server/hostile");
    assert_found(&report, "what_is_not_json_is_dropped", "not within");

    let report = wrong("server/lifecycle/an_idle");
    assert_found(&report, "an_idle_server_stops_at_once", "exit code is 143");

    let report = wrong("server/keys and groups/the_consumer");
    let name = "the_consumer_is_named_after_service_and_instance";
    assert_found(&report, name, "expected [\"conf:worker 7\"], got [\"worker\"]");
}

#[test]
fn a_wrong_client_is_found_out_by_name() {
    for (name, why) in [
        ("ids_are_random_uuids", "the id is Some("),
        ("two_clients_have_streams_of_their_own", "both have"),
        ("a_reply_to_somebody_else_is_ignored", "the result: expected"),
        ("a_call_that_nobody_answers_times_out", "not within"),
        ("two_hundred_calls_wait_at_once", "1 of 200 calls"),
        ("a_notification_has_neither_id_nor_reply_to", "reply-to"),
    ] {
        assert_found(&wrong(name), name, why);
    }
    assert!(wrong("client/replies/a_result_arrives").passed());
}

#[test]
fn a_hung_driver_fails_its_cases_by_name_and_in_time() {
    let begin = Instant::now();
    for (command, filter, why) in [
        (
            "sh -c 'echo READY; exec sleep 600'",
            "server/envelopes/a_compact",
            "a reply: not within 1s",
        ),
        ("sh -c 'exec sleep 600'", "server/envelopes/a_compact", "didn't get ready"),
        ("sh -c 'echo trouble >&2; exit 3'", "server/envelopes/a_compact", "trouble"),
        ("no-such-program", "server/envelopes/a_compact", "no-such-program"),
        ("sh -c 'exec sleep 600'", "client/replies/a_result_arrives", "request: not within 1s"),
        // More than a pipe holds.
        ("sh -c 'exec sleep 600'", "client/requests/a_megabyte", "request: not within 1s"),
        (
            "sh -c 'echo trouble >&2; exit 3'",
            "client/replies/a_result_arrives",
            "request: not within 1s",
        ),
        ("no-such-program", "client/replies/a_result_arrives", "no-such-program"),
    ] {
        let options = Options {
            server_cmd: Some(command.into()),
            client_cmd: Some(command.into()),
            filter: Some(filter.into()),
            timeout: Duration::from_secs(1),
            ..Options::default()
        };
        let report = run(&options).unwrap();
        let (_, reason) = report.failures().next().unwrap_or_else(|| panic!("{command} passed"));
        assert!(reason.contains(why), "{command}: {reason}");
        assert_eq!(report.findings.len(), 1);
    }
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
}

fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_clamator-conformance")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn exit_codes_and_files() {
    let usage = program(&["run"]);
    assert_eq!(usage.status.code(), Some(2));
    assert!(text(&usage.stderr).contains("--server-cmd"));

    let no_redis = ["run", "--server-cmd", "x", "--redis-server", "no-such-redis"];
    let no_redis = program(&no_redis);
    assert_eq!(no_redis.status.code(), Some(1));
    assert!(text(&no_redis.stderr).contains("no-such-redis"), "{no_redis:?}");

    let list = program(&["--list"]);
    assert_eq!(list.status.code(), Some(0));
    assert_eq!(text(&list.stdout).lines().count(), cases().len());

    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).display().to_string();
    let command = format!("python3 -B {}", quoted(&drivers().join("wrong.py")));
    // On a Redis that runs already.
    let redis = RedisServer::start();
    let (junit, markdown, url) = (file("junit.xml"), file("report.md"), redis.url());
    let line = |filter: &'static str| {
        let line = ["run", "--server-cmd", &command, "--redis", &url, "--timeout-s", "5"];
        let files = ["--filter", filter, "--junit", &junit, "--markdown", &markdown];
        program(&[&line[..], &files[..]].concat())
    };
    let passes = line("server/ids/a_text_comes_back");
    assert_eq!(passes.status.code(), Some(0), "{passes:?}");
    assert!(text(&passes.stdout).contains("1 passed, 0 failed"), "{passes:?}");
    let fails = line("server/ids/a_");
    assert_eq!(fails.status.code(), Some(1), "{fails:?}");
    let xml = fs::read_to_string(&junit).unwrap();
    assert!(
        xml.contains("name=\"a_fraction_comes_back\"") && xml.contains("<failure type=\"must\"")
    );
    let report = fs::read_to_string(&markdown).unwrap();
    assert!(report.contains("| **failed** | must | a fraction comes back<br>"), "{report}");
    let skipped = line("server/lifecycle/a_lost_connection");
    assert!(text(&skipped.stdout).contains("0 passed, 0 failed (0 must, 0 should), 1 skipped"));
    // Nothing was tried: that is no success.
    assert_eq!(skipped.status.code(), Some(1), "{skipped:?}");
}
