//! The benchmark itself, with few calls: everybody answers all of them, and the floor does what this project does.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clamator_testkit::eventually;
use serde_json::Value;

fn bench(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_clamator-bench")).args(arguments).output();
    let output = output.expect("it can be started");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// The rows of the scenario `contenders`, with their only sample.
fn rows(arguments: &[&str]) -> Vec<Value> {
    let text = bench(&[&["contenders", "--rounds", "1", "--json"], arguments].concat());
    let found: Value = serde_json::from_str(&text).expect("it prints JSON");
    found["scenarios"][0]["data"].as_array().expect("rows").clone()
}

#[test]
fn floor_and_ours_make_the_same_calls_with_as_many_commands() {
    let rows = rows(&["--only", "floor,ours-tokio", "--calls", "400"]);
    assert_eq!(rows.len(), 8, "two of them with four windows");
    for row in &rows {
        let (who, sample) = (&row["contender"], &row["samples"][0]);
        assert_eq!(sample["tally"]["calls"], 400, "{who}: each has its reply");
        assert_eq!(sample["tally"]["errors"], 0, "{who}");
        assert_eq!(sample["commands"]["xadd"], 800, "{who}: a request and a reply");
        for command in ["xread", "xreadgroup", "xack"] {
            let count = sample["commands"][command].as_u64().unwrap_or(0);
            assert!((1..=450).contains(&count), "{who}: {count} of {command}");
        }
        let slowest = sample["tally"]["max_nanos"].as_u64().unwrap_or(0);
        assert!(slowest >= sample["tally"]["p50_nanos"].as_u64().unwrap_or(0) && slowest > 0);
    }
}

#[test]
fn everybody_who_is_there_answers_all_calls() {
    let rows = rows(&["--calls", "40"]);
    for row in rows.iter().filter(|row| row["missing"].is_null()) {
        let (who, tally) = (&row["contender"], &row["samples"][0]["tally"]);
        assert_eq!((&tally["calls"], &tally["errors"]), (&40.into(), &0.into()), "{who}");
    }
    // What may be missing is no part of this project.
    for row in rows.iter().filter(|row| !row["missing"].is_null()) {
        let who = row["contender"].as_str().unwrap_or_default();
        assert!(["nats", "nats-tokio", "python"].contains(&who), "{row}");
    }
}

#[test]
fn the_table_has_a_row_for_each_and_ratios_to_the_floor() {
    let arguments = ["--only", "floor,ours-tokio", "--calls", "40", "--rounds", "1"];
    let text = bench(&arguments);
    assert_eq!(text.matches("\n| floor ").count(), 4, "{text}");
    assert_eq!(text.matches("\n| ours-tokio ").count(), 8, "figures and ratios:\n{text}");
    for figure in ["calls/s", "p50 µs", "p99 µs", "Redis µs/call", "commands/call"] {
        assert!(text.contains(figure), "{figure}");
    }
    assert!(text.contains("to the floor (min–max)"), "{text}");
}

#[test]
fn a_client_ends_with_the_benchmark_whatever_it_does() {
    let client = Command::new(env!("CARGO_BIN_EXE_clamator-bench"))
        .args(["role", "client", "--contender", "ours-memory", "--controlled"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut client = Ended(client.expect("it can be started"));
    let (mut orders, answers) = (client.0.stdin.take().unwrap(), client.0.stdout.take().unwrap());
    let mut ready = String::new();
    BufReader::new(answers).read_line(&mut ready).unwrap();
    assert_eq!(ready, "READY\n");
    // An hour of calls; the benchmark is killed meanwhile.
    writeln!(orders, r#"{{"window":2,"until":{{"millis":3600000}}}}"#).unwrap();
    drop(orders);
    eventually(Duration::from_secs(20), "it has ended, too", || {
        client.0.try_wait().expect("it can be asked").is_some()
    });
}

/// A process that doesn't outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It has ended already, if all went well.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
