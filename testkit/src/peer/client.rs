//! A driver program as the client.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{command_line, push_option};
use crate::support::{holds_within, lock};

/// Longer than any call of a test.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);
const FINISH_TIMEOUT: Duration = Duration::from_secs(60);

/// What a driver program takes as the client; what is `None` is left to its own default.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// How long a call without a timeout of its own waits.
    pub timeout_ms: Option<u64>,
}

/// How a call ended, as the driver program tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// Whether it succeeded.
    pub ok: bool,
    /// The result; null if it failed or was a notification.
    pub result: Value,
    /// `rpc`, `timeout`, `transport` or `protocol`; empty if it succeeded.
    pub kind: String,
    /// The code of an RPC error.
    pub code: Option<i64>,
    /// The message of the error.
    pub message: String,
    /// The data of an RPC error.
    pub data: Value,
}

impl Reply {
    /// The result; panics if the call failed.
    #[track_caller]
    pub fn unwrap(self) -> Value {
        assert!(self.ok, "the call failed: {self:?}");
        self.result
    }

    fn from_line(mut line: Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            ok: line["ok"] == json!(true),
            kind: text(&line["kind"]),
            code: line["code"].as_i64(),
            message: text(&line["message"]),
            result: line["result"].take(),
            data: line["data"].take(),
        }
    }
}

/// A running client of `conf` in another language. Several threads may use it at once.
///
/// When it is dropped it is killed; [`finish`](Self::finish) lets it end by itself. It ends at the end
/// of its input too, so that it doesn't outlive a test process that was killed.
#[derive(Debug)]
pub struct PeerClient {
    process: Child,
    // Written to by one thread at a time, so that lines stay whole.
    stdin: Mutex<Option<ChildStdin>>,
    replies: Arc<Replies>,
    next_tag: AtomicU64,
    dir: TempDir,
}

#[derive(Debug, Default)]
struct Replies {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    settled: HashMap<u64, Reply>,
    ended: bool,
}

impl PeerClient {
    /// Starts `program client …`.
    #[track_caller]
    pub fn start(
        program: &[OsString],
        url: &str,
        prefix: &str,
        options: &ClientOptions,
    ) -> PeerClient {
        let mut line = command_line(program, "client", url, prefix);
        push_option(&mut line, "--timeout-ms", options.timeout_ms);
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let log = File::create(dir.path().join("log")).expect("the log can be written");
        let mut process = Command::new(&line[0])
            .args(&line[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}", line[0].display()));
        let stdin = Mutex::new(process.stdin.take());
        let stdout = BufReader::new(process.stdout.take().expect("stdout is piped"));
        let replies = Arc::<Replies>::default();
        let reader = Arc::clone(&replies);
        thread::spawn(move || reader.read(stdout));
        PeerClient { process, stdin, replies, next_tag: AtomicU64::new(1), dir }
    }

    /// Calls a method and waits for how it ends.
    #[track_caller]
    pub fn call(&self, method: &str, params: Value, timeout_ms: u64) -> Reply {
        let tag = self.send(method, params, timeout_ms);
        self.recv(tag)
    }

    /// Starts a call and gives its tag for [`recv`](Self::recv).
    #[track_caller]
    pub fn send(&self, method: &str, params: Value, timeout_ms: u64) -> u64 {
        self.write(json!({
            "op": "call", "method": method, "params": params, "timeoutMs": timeout_ms,
        }))
    }

    /// Waits for how a call ends; its tag is of no more use then.
    ///
    /// # Panics
    ///
    /// If the program ends without an answer, or gives none within 60 s.
    #[track_caller]
    pub fn recv(&self, tag: u64) -> Reply {
        let waits = |state: &mut State| !state.ended && !state.settled.contains_key(&tag);
        let state = lock(&self.replies.state);
        let waited = self.replies.changed.wait_timeout_while(state, REPLY_TIMEOUT, waits);
        let reply = waited.unwrap_or_else(PoisonError::into_inner).0.settled.remove(&tag);
        reply.unwrap_or_else(|| panic!("call {tag} got no answer:\n{}", self.log()))
    }

    /// Sends a notification and waits until the peer has handed it to Redis.
    #[track_caller]
    pub fn notify(&self, method: &str, params: Value) -> Reply {
        let tag = self.write(json!({ "op": "notify", "method": method, "params": params }));
        self.recv(tag)
    }

    /// What is sent after this starts when everything that was sent before it has settled.
    #[track_caller]
    pub fn barrier(&self) {
        self.write(json!({ "op": "barrier" }));
    }

    /// Closes its input and waits until it has settled everything and ended.
    ///
    /// # Panics
    ///
    /// If it takes longer than 60 s or ends with another exit code than 0.
    #[track_caller]
    pub fn finish(mut self) {
        *lock(&self.stdin) = None;
        let mut status = None;
        holds_within(FINISH_TIMEOUT, || {
            status = self.process.try_wait().expect("the process can be asked");
            status.is_some()
        });
        let clean = status.is_some_and(|status| status.success());
        assert!(clean, "the peer's client didn't end cleanly ({status:?}):\n{}", self.log());
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What it has written to its standard error.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.dir.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[track_caller]
    fn write(&self, mut request: Value) -> u64 {
        let tag = self.next_tag.fetch_add(1, Ordering::Relaxed);
        request["tag"] = tag.into();
        let line = format!("{request}\n");
        let mut stdin = lock(&self.stdin);
        let written = stdin.as_mut().expect("its input is open").write_all(line.as_bytes());
        drop(stdin);
        written
            .unwrap_or_else(|e| panic!("the peer's client takes no input ({e}):\n{}", self.log()));
        tag
    }
}

impl Drop for PeerClient {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

impl Replies {
    fn read(&self, stdout: BufReader<ChildStdout>) {
        for line in stdout.lines().map_while(Result::ok) {
            let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
            if let Some(tag) = line["tag"].as_u64() {
                lock(&self.state).settled.insert(tag, Reply::from_line(line));
                self.changed.notify_all();
            }
        }
        lock(&self.state).ended = true;
        self.changed.notify_all();
    }
}
