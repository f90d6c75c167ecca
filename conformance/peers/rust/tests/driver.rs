//! The surface of the driver program itself: lines, barriers, exit codes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use clamator_testkit::{PeerServer, RedisServer, ServerOptions, free_port, unique_prefix};
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_clamator-peer");

fn client(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(PROGRAM)
        .arg("client")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended by then.
    _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{output:?}");
    BufReader::new(&output.stdout[..])
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}

#[test]
fn every_line_is_answered_and_a_barrier_waits() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("lines");
    let program = [PROGRAM.into()];
    let server = PeerServer::start(&program, &redis.url(), &prefix, &ServerOptions::default());
    let input = [
        r#"{"op":"call","tag":1,"method":"sleep","params":{"ms":200}}"#,
        r#"{"op":"barrier"}"#,
        r#"{"op":"call","tag":"two","method":"add","params":{"a":1,"b":2}}"#,
        "",
        r#"{"op":"barrier"}"#,
        r#"{"op":"call","tag":3,"method":"sleep","params":{"ms":500},"timeoutMs":50}"#,
        r#"{"op":"barrier"}"#,
        r#"{"op":"dance","tag":4}"#,
        r#"{"op":"barrier"}"#,
        r#"{"op":"call","tag":5,"method":"place_order"}"#,
        r#"{"op":"barrier"}"#,
        r#"{"op":"notify","tag":6,"method":"ping","params":{"n":1}}"#,
        r#"{"op":"barrier"}"#,
        "no json",
    ];
    let output = client(&["--redis", &redis.url(), "--prefix", &prefix], &input.join("\n"));
    let lines = lines(&output);
    assert_eq!(lines[0], json!({"tag": 1, "ok": true, "result": {"slept": 200}}));
    assert_eq!(lines[1], json!({"tag": "two", "ok": true, "result": {"sum": 3.0}}));
    let kinds: Vec<_> = lines[2..].iter().map(|it| (&it["tag"], &it["kind"])).collect();
    let expected = [
        (&json!(3), &json!("timeout")),
        (&json!(4), &json!("protocol")),
        (&json!(5), &json!("protocol")),
        (&json!(6), &Value::Null),
        (&Value::Null, &json!("protocol")),
    ];
    assert_eq!(kinds, expected);
    server.stop();
}

#[test]
fn a_redis_that_is_not_there_is_an_error() {
    for runtime in ["tokio", "smol", "async-std"] {
        let url = format!("redis://127.0.0.1:{}", free_port());
        let output = client(&["--redis", &url, "--prefix", "p", "--runtime", runtime], "");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains("127.0.0.1"), "{message}");
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let output = client(&["--prefix", "p"], "");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("--redis is missing"));
}
