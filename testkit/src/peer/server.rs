//! A driver program as the server.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::ChildStdout;
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::{command_line, push_option};
use crate::guarded::Guarded;
use crate::support::lock;

const READY_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
const DROP_TIMEOUT: Duration = Duration::from_secs(1);

/// What a driver program takes as the server; what is `None` is left to its own default.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// The instance id.
    pub instance: Option<String>,
    /// After how many milliseconds an entry of another consumer is claimed.
    pub claim_idle_ms: Option<u64>,
    /// About how many entries a reply stream keeps.
    pub reply_maxlen: Option<u64>,
}

/// A running server of `conf` in another language.
///
/// When it is dropped it gets a second to end by `SIGTERM` and is killed then; [`stop`](Self::stop) gives
/// it time and looks at its exit code.
#[derive(Debug)]
pub struct PeerServer {
    process: Mutex<Guarded>,
    _dir: TempDir,
}

impl PeerServer {
    /// Starts `program server …` and waits for its line `READY`.
    ///
    /// # Panics
    ///
    /// If it ends before or takes longer than 30 s; the message has what it wrote to standard error.
    #[track_caller]
    pub fn start(
        program: &[OsString],
        url: &str,
        prefix: &str,
        options: &ServerOptions,
    ) -> PeerServer {
        Self::try_start(program, url, prefix, options, READY_TIMEOUT)
            .unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// Like [`start`](Self::start), with a bound of one's own.
    ///
    /// # Errors
    ///
    /// A text, with what it wrote to standard error, if it isn't ready in time.
    pub fn try_start(
        program: &[OsString],
        url: &str,
        prefix: &str,
        options: &ServerOptions,
        timeout: Duration,
    ) -> Result<PeerServer, String> {
        let mut line = command_line(program, "server", url, prefix);
        push_option(&mut line, "--instance", options.instance.as_ref());
        push_option(&mut line, "--claim-idle-ms", options.claim_idle_ms);
        push_option(&mut line, "--reply-maxlen", options.reply_maxlen);
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let (process, stdout) = Guarded::start(&line[0], &line[1..], &dir.path().join("log"));
        if !wait_for_ready(stdout, timeout) {
            return Err(format!("the peer's server didn't get ready:\n{}", process.log()));
        }
        Ok(PeerServer { process: Mutex::new(process), _dir: dir })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// Sends `SIGTERM` and waits until it has ended.
    ///
    /// # Panics
    ///
    /// If it takes longer than 15 s or ends with another exit code than 0.
    #[track_caller]
    pub fn stop(&self) {
        let mut process = self.process();
        let code = terminate(&mut process, STOP_TIMEOUT);
        assert_eq!(code, Some(0), "the peer's server didn't stop cleanly:\n{}", process.log());
    }

    /// Sends `SIGTERM` and gives the exit code, if it ends within `timeout`.
    pub fn terminate(&self, timeout: Duration) -> Option<i32> {
        terminate(&mut self.process(), timeout)
    }

    /// Kills it by `SIGKILL` and waits until it is gone.
    pub fn kill9(&self) {
        self.process().kill();
    }

    /// Stops the process where it is (`SIGSTOP`), as a long pause of its machine would.
    pub fn pause(&self) {
        self.process().signal("STOP");
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.process().signal("CONT");
    }

    /// What it has written to its standard error.
    pub fn log(&self) -> String {
        self.process().log()
    }

    fn process(&self) -> MutexGuard<'_, Guarded> {
        lock(&self.process)
    }
}

impl Drop for PeerServer {
    fn drop(&mut self) {
        terminate(&mut self.process(), DROP_TIMEOUT);
    }
}

fn terminate(process: &mut Guarded, timeout: Duration) -> Option<i32> {
    process.signal("CONT");
    process.signal("TERM");
    process.wait(timeout)
}

/// The thread reads on to the end, so that the program never waits for a full pipe.
fn wait_for_ready(stdout: BufReader<ChildStdout>, timeout: Duration) -> bool {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            if line == "READY" {
                _ = sender.send(());
            }
        }
    });
    receiver.recv_timeout(timeout).is_ok()
}
