//! The record: what each process saw, as JSON lines in a file of its own. A line is one write(2), so that a process that is
//! killed loses nothing of what it wrote.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::args::Fsync;
use crate::kind::Kind;

/// Microseconds of the machine's clock, which all processes have in common.
pub(crate) type Micros = u64;

pub(crate) fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) t: Micros,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What a line tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "kebab-case")]
pub(crate) enum What {
    /// The bench: how this run was set up.
    Setup { seed: u64, seconds: f64, fsync: Fsync },
    /// A process serves, or may call.
    Ready,
    /// A client has stopped calling, and all of its calls have settled.
    Quiet,
    /// A process has stopped as it was asked to.
    Down,
    /// A client makes a call.
    Call { id: String, service: String, ms: u64 },
    /// A client makes a call whose handler ends its server.
    Poison { id: String },
    /// A client sends a notification.
    Note { id: String, service: String },
    /// A call or a notification has its outcome.
    Settled { id: String, how: How, text: Option<String> },
    /// A handler begins.
    Begin {
        run: u64,
        id: String,
        service: String,
        key: Option<u64>,
        entry: String,
        deliveries: u64,
    },
    /// A handler has ended.
    Finish { run: u64, id: String },
    /// A handler was dropped before its end.
    Abort { run: u64, id: String },
    /// The process didn't get on for so long, without being told to stop.
    Late { ms: u64 },
    /// How many tasks its runtime has.
    Tasks { count: u64 },
    /// What the library logs.
    Log { text: String },
    /// The bench: a process was started.
    Started { process: String },
    /// The bench: a process is gone, `told` if the bench has told it to end.
    Ended { process: String, code: i32, told: bool },
    /// The bench: what was done to whom, and from when to when. A target is a process (`s1.3`) or a place (`s1`).
    Fault { kind: Kind, target: Option<String>, service: Option<String>, from: Micros, to: Micros },
    /// The bench: a connection through the proxy was opened, or has ended, and why.
    Wire { slot: String, port: u16, text: String },
    /// The bench: what a process uses.
    Usage { process: String, rss_kb: u64, fds: u64, threads: u64 },
    /// The bench, at the end, when everything was quiet: connections of a process.
    Connections { process: String, count: u64 },
    /// The bench, at the end: a key in Redis.
    Key { key: String, kind: String, ttl_ms: i64, len: u64 },
    /// The bench, at the end: a group of a command stream.
    Group { stream: String, group: String, pending: u64, consumers: u64 },
    /// The bench: how long a stream is just now.
    Length { key: String, len: u64 },
    /// The bench: a consumer of a group, and for how long Redis hasn't heard of it.
    Consumer { stream: String, name: String, pending: u64, idle_ms: u64 },
    /// The bench, at the end: a request that was given up, and how often it had begun by that.
    Dead { stream: String, id: String, deliveries: u64 },
    /// The bench: the load ends here, and all faults have ended.
    Calm,
    /// The bench: something didn't come to rest within its bound.
    Restless { text: String },
}

/// How a call ended for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum How {
    Ok,
    /// An answer, but not to this call.
    Wrong,
    Rpc,
    /// The servers have put it aside.
    GivenUp,
    Timeout,
    /// The connection was lost, and it may have been executed.
    Unknown,
    /// The connection was lost, and it was not executed.
    Unsent,
    NoService,
    TooMany,
    Refused,
    Stopped,
    Other,
}

/// Where a process writes its lines.
#[derive(Clone, Debug)]
pub(crate) struct Recorder(Arc<Mutex<File>>);

impl Recorder {
    pub(crate) fn open(path: &Path) -> io::Result<Recorder> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Recorder(Arc::new(Mutex::new(file))))
    }

    pub(crate) fn write(&self, what: What) {
        // The clock is read under the lock: the lines of a process are in the order of their times.
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = Line { t: now(), what };
        let mut text = serde_json::to_string(&line).unwrap_or_default();
        text.push('\n');
        if let Err(error) = file.write_all(text.as_bytes()) {
            eprintln!("the record can't be written: {error}");
        }
    }
}

/// The lines of all processes, each with the name of its process, in the order of their times.
pub(crate) fn read(dir: &Path) -> io::Result<Vec<(String, Line)>> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(process) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let Some(process) = process.strip_suffix(".jsonl") else { continue };
        for (number, text) in fs::read_to_string(&path)?.lines().enumerate() {
            let line = serde_json::from_str(text).map_err(|error| {
                let place = format!("{}:{}: {error}", path.display(), number + 1);
                io::Error::new(io::ErrorKind::InvalidData, place)
            })?;
            lines.push((process.to_owned(), line));
        }
    }
    lines.sort_by_key(|(_, line): &(String, Line)| line.t);
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_in_the_order_of_time() {
        let dir = tempfile::tempdir().unwrap();
        let a = Recorder::open(&dir.path().join("s0.1.jsonl")).unwrap();
        let b = Recorder::open(&dir.path().join("c0.1.jsonl")).unwrap();
        let call = What::Call { id: "c0.1-1".into(), service: "work-a".into(), ms: 3 };
        a.write(What::Ready);
        b.write(call.clone());
        a.write(What::Finish { run: 1, id: "c0.1-1".into() });
        let lines = read(dir.path()).unwrap();
        let processes: Vec<&str> = lines.iter().map(|(process, _)| process.as_str()).collect();
        assert_eq!(processes, ["s0.1", "c0.1", "s0.1"]);
        assert_eq!(lines[1].1.what, call);
        assert!(lines.is_sorted_by_key(|(_, line)| line.t));
    }

    #[test]
    fn a_line_that_can_not_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x.jsonl"), "{\"t\":1,\"e\":\"ready\"}\n{\"t\":").unwrap();
        assert!(read(dir.path()).unwrap_err().to_string().contains("x.jsonl:2"));
    }
}
