//! What a test started ends with it, even when its process is killed and no destructor runs.

use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use clamator_testkit::{PythonPeer, RedisServer, eventually, unique_prefix};

#[test]
fn nothing_outlives_a_killed_test_process() {
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holder", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.contains("pids ")).unwrap();
    let pids: Vec<&str> = line.split("pids ").nth(1).unwrap().split(' ').collect();
    assert!(pids.iter().all(|pid| lives(pid)), "{pids:?}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    eventually(Duration::from_secs(10), "all are gone", || !pids.iter().any(|pid| lives(pid)));
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn holder() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("killed");
    let server = PythonPeer::server(&redis, &prefix);
    let client = PythonPeer::client(&redis, &prefix);
    println!("pids {} {} {}", redis.pid(), server.pid(), client.pid());
    // Until it is killed; at once if somebody else runs it without an input.
    _ = io::stdin().lines().next();
}

/// An orphan that has ended and that nobody has waited for counts as gone.
fn lives(pid: &str) -> bool {
    let script = "kill -0 $1 && ! grep -q '^State:.Z' /proc/$1/status";
    let status = Command::new("sh").args(["-c", script, "sh", pid]).stderr(Stdio::null()).status();
    status.unwrap().success()
}
