//! A child process that ends with the test, even when the test process is killed by SIGKILL.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::support::holds_within;

const SCRIPT: &str = include_str!("guarded.sh");

/// How long a program that was killed may take to be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// A program that ends with the test, even when the test process is killed by SIGKILL. It is killed when this is dropped.
// The program runs below a shell that holds the other end of a pipe; see `guarded.sh`.
#[derive(Debug)]
pub struct Guarded {
    shell: Child,
    lifeline: Option<ChildStdin>,
    pid: u32,
    exit: Option<i32>,
    log: PathBuf,
}

impl Guarded {
    /// Starts `program`, its standard error going to the file `log`. Also gives its standard output.
    ///
    /// # Panics
    ///
    /// If the log can't be made or `sh` can't be started. A program that can't be started is one that ends with code 127.
    pub fn start(
        program: &OsStr,
        arguments: &[OsString],
        log: &Path,
    ) -> (Self, BufReader<ChildStdout>) {
        let stderr = File::create(log).unwrap_or_else(|e| panic!("{}: {e}", log.display()));
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|e| panic!("sh can't be started: {e}"));
        let lifeline = shell.stdin.take();
        let mut stdout = BufReader::new(shell.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the shell's output can be read");
        let pid = line.trim().parse().expect("the shell prints the process id first");
        (Self { shell, lifeline, pid, exit: None, log: log.to_path_buf() }, stdout)
    }

    /// The program's process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What the program has written to its standard error.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The exit code once it has ended: 128 + the signal's number if a signal ended it.
    pub fn exit_code(&mut self) -> Option<i32> {
        if self.exit.is_none()
            && let Ok(Some(status)) = self.shell.try_wait()
        {
            self.exit = Some(status.code().unwrap_or(-1));
        }
        self.exit
    }

    /// Waits for the exit code.
    pub fn wait(&mut self, timeout: Duration) -> Option<i32> {
        holds_within(timeout, || self.exit_code().is_some());
        self.exit
    }

    /// Sends a signal, given by its name without `SIG`; does nothing once the program has ended.
    pub fn signal(&mut self, name: &str) {
        if self.exit_code().is_none() {
            signal(self.pid, name);
        }
    }

    /// Kills the program by SIGKILL and waits until it is gone.
    pub fn kill(&mut self) {
        self.signal("KILL");
        drop(self.lifeline.take());
        if self.wait(KILL_TIMEOUT).is_none() && !std::thread::panicking() {
            panic!("process {} outlives SIGKILL", self.pid);
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Through the shell, whose `kill` is always there; a `kill` program isn't.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("sh")
        .args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &pid.to_string()])
        .stderr(Stdio::null())
        .status();
    sent.expect("sh can be started");
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn start(script: &str) -> (Guarded, BufReader<ChildStdout>, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let arguments = ["-c".into(), script.into()];
        let (child, stdout) = Guarded::start("sh".as_ref(), &arguments, &dir.path().join("log"));
        (child, stdout, dir)
    }

    #[test]
    fn output_log_and_exit_code_come_through() {
        let (mut child, mut stdout, _dir) = start("echo $$; echo trouble >&2; exit 7");
        let mut output = String::new();
        stdout.read_to_string(&mut output).unwrap();
        assert_eq!(output.trim(), child.pid().to_string());
        assert_eq!(child.wait(KILL_TIMEOUT), Some(7));
        assert_eq!(child.log(), "trouble\n");
    }

    #[test]
    fn the_program_gets_signals() {
        let (mut child, mut stdout, _dir) =
            start("trap 'exit 3' TERM; echo on; while :; do sleep 0.01; done");
        stdout.read_line(&mut String::new()).unwrap();
        child.signal("TERM");
        assert_eq!(child.wait(KILL_TIMEOUT), Some(3));
    }

    #[test]
    fn a_dropped_program_is_gone() {
        let (child, mut stdout, _dir) = start("exec sleep 60");
        drop(child);
        assert_eq!(stdout.read_to_string(&mut String::new()).unwrap(), 0);
    }

    #[test]
    fn a_lost_lifeline_kills_the_program() {
        let (mut child, _stdout, _dir) = start("exec sleep 60");
        // This is what the death of the test process does.
        drop(child.lifeline.take());
        assert_eq!(child.wait(KILL_TIMEOUT), Some(128 + 9));
    }
}
