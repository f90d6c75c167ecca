//! The program under test as the client: JSON lines to its input, JSON lines from its output.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::case::Outcome;
use super::site::Deadline;

/// A running client. It ends at the end of its input, and is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct ClientProcess {
    child: Child,
    /// A thread writes them: a program that reads nothing must not hold up the case.
    input: Option<Sender<Vec<u8>>>,
    lines: Receiver<String>,
    settled: HashMap<u64, Value>,
    next_tag: u64,
    log: tempfile::TempDir,
}

impl ClientProcess {
    pub(crate) fn start(
        program: &[OsString],
        url: &str,
        prefix: &str,
        timeout_ms: Option<u64>,
    ) -> Outcome<ClientProcess> {
        let log = tempfile::tempdir().map_err(|e| format!("no temporary directory: {e}"))?;
        let stderr = File::create(log.path().join("log")).map_err(|e| format!("no log: {e}"))?;
        let (first, rest) = program.split_first().ok_or("no program is given")?;
        let mut command = Command::new(first);
        command.args(rest).args(["client", "--redis", url, "--prefix", prefix]);
        if let Some(ms) = timeout_ms {
            command.args(["--timeout-ms", &ms.to_string()]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command
            .spawn()
            .map_err(|e| format!("{} can't be started: {e}", first.to_string_lossy()))?;
        let mut stdin = child.stdin.take().ok_or("no input")?;
        let (input, to_write) = mpsc::channel::<Vec<u8>>();
        thread::spawn(move || {
            for line in to_write {
                if stdin.write_all(&line).is_err() {
                    break;
                }
            }
        });
        let stdout = child.stdout.take().ok_or("no output")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let (input, settled) = (Some(input), HashMap::new());
        Ok(ClientProcess { child, input, lines, settled, next_tag: 1, log })
    }

    /// Writes one request and gives its tag.
    pub(crate) fn send(&mut self, mut request: Value) -> Outcome<u64> {
        let tag = self.next_tag;
        self.next_tag += 1;
        request["tag"] = tag.into();
        let line = format!("{request}\n").into_bytes();
        let input = self.input.as_ref().ok_or("its input is closed")?;
        match input.send(line) {
            Ok(()) => Ok(tag),
            Err(_) => Err(format!("the client takes no more input{}", self.log())),
        }
    }

    /// Waits for the line with this tag.
    pub(crate) fn settled(&mut self, tag: u64, deadline: Deadline) -> Outcome<Value> {
        loop {
            if let Some(line) = self.settled.remove(&tag) {
                return Ok(line);
            }
            match self.lines.recv_timeout(deadline.left()) {
                Ok(line) => self.take(&line),
                Err(RecvTimeoutError::Timeout) => {
                    return deadline.missed("the line that settles the call");
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!("the client ended with a call unsettled{}", self.log()));
                }
            }
        }
    }

    /// Whether the line with this tag is there.
    pub(crate) fn is_settled(&mut self, tag: u64) -> bool {
        while let Ok(line) = self.lines.try_recv() {
            self.take(&line);
        }
        self.settled.contains_key(&tag)
    }

    /// Tells it that nothing more comes.
    pub(crate) fn close_input(&mut self) {
        self.input = None;
    }

    /// Closes its input and waits for its exit code.
    pub(crate) fn finish(mut self, deadline: Deadline) -> Outcome<Option<i32>> {
        self.input = None;
        let mut code = None;
        deadline.until("the client's end after the end of its input", || {
            let status = self.child.try_wait().map_err(|e| e.to_string())?;
            code = status.and_then(|status| status.code());
            Ok(status.is_some())
        })?;
        Ok(code)
    }

    /// Lines that aren't JSON, or have no tag, are none of ours.
    fn take(&mut self, line: &str) {
        #[derive(serde::Deserialize)]
        struct Tagged {
            tag: u64,
            ok: bool,
        }
        let Ok(Tagged { tag, ok }) = serde_json::from_str(line) else { return };
        // What is nested too deep for us is left out.
        let line = serde_json::from_str(line).unwrap_or_else(|_| json!({ "tag": tag, "ok": ok }));
        self.settled.insert(tag, line);
    }

    fn log(&self) -> String {
        let bytes = fs::read(self.log.path().join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        // Where the reason is.
        let tail = text.trim_end().rsplit('\n').take(3).collect::<Vec<_>>();
        let tail = tail.into_iter().rev().collect::<Vec<_>>().join(" | ");
        if tail.is_empty() { String::new() } else { format!(": {tail}") }
    }
}

impl Drop for ClientProcess {
    fn drop(&mut self) {
        // Its input ends first, so that one that is well behaved deletes its keys.
        self.input = None;
        let ended = |child: &mut Child| matches!(child.try_wait(), Ok(Some(_)) | Err(_));
        for _ in 0..200 {
            if ended(&mut self.child) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
