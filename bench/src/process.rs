//! The processes of roles, started and told what to do.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::order::{Order, Tally, Until};
use crate::role::READY;

/// So long a process may take to get ready.
const START: Duration = Duration::from_secs(30);
/// So much longer than it should an order may take; a call in it has its timeout by then.
const ANSWER: Duration = Duration::from_secs(60);
/// So long a process may take to end by itself.
const END: Duration = Duration::from_secs(3);

/// A process that is told what to do by lines, and that ends when its input does: with this process at the latest.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
}

impl Process {
    /// Starts this program again, in a role, and waits until it is ready.
    pub(crate) fn role(arguments: &[&str]) -> Result<Process, String> {
        let program = env::current_exe().map_err(|e| format!("this program isn't found: {e}"))?;
        let words = [&["role"], arguments, &["--controlled"]].concat();
        let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        Self::start(&[vec![program.into()], words].concat())
    }

    /// Starts any program that says when it is ready.
    pub(crate) fn start(line: &[OsString]) -> Result<Process, String> {
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("{}: {e}", line[0].display()))?;
        let input = child.stdin.take();
        let output = lines(child.stdout.take().expect("stdout is piped"));
        let mut process = Process { child, input, output };
        match process.line(START)?.as_str() {
            READY => Ok(process),
            other => Err(format!("{other:?} instead of {READY}")),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has a client carry out an order.
    pub(crate) fn carry_out(&mut self, order: &Order) -> Result<Tally, String> {
        let text = serde_json::to_string(order).map_err(|e| e.to_string())?;
        let input = self.input.as_mut().expect("it is open until the end");
        writeln!(input, "{text}").map_err(|e| format!("a client takes no orders: {e}"))?;
        let length = match order.until {
            Until::Millis(millis) => Duration::from_millis(millis),
            Until::Calls(calls) => Duration::from_micros(calls * 1000),
        };
        let line = self.line(length + ANSWER)?;
        serde_json::from_str(&line).map_err(|e| format!("{line}: {e}"))
    }

    fn line(&mut self, within: Duration) -> Result<String, String> {
        self.output.recv_timeout(within).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("a process says nothing within {within:?}"),
            RecvTimeoutError::Disconnected => {
                format!("a process has ended: {:?}", self.child.wait())
            }
        })
    }
}

/// Its lines, read by a thread that ends with them.
fn lines(output: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        lines.map_while(|line| sender.send(line).ok()).for_each(drop);
    });
    receiver
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        let end = Instant::now() + END;
        while Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
