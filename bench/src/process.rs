//! The processes of roles, started and told what to do.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::order::{Order, Tally};
use crate::role::READY;

/// So long a process may take to end by itself.
const END: Duration = Duration::from_secs(3);

/// A process that is told what to do by lines, and that ends when its input does: with this process at the latest.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
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
        let output = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut process = Process { child, input, output };
        match process.line()?.as_str() {
            READY => Ok(process),
            other => Err(format!("{other:?} instead of {READY}")),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has a client carry out an order.
    pub(crate) fn carry_out(&mut self, order: &Order) -> Result<Tally, String> {
        let order = serde_json::to_string(order).map_err(|e| e.to_string())?;
        let input = self.input.as_mut().expect("it is open until the end");
        writeln!(input, "{order}").map_err(|e| format!("a client takes no orders: {e}"))?;
        let line = self.line()?;
        serde_json::from_str(&line).map_err(|e| format!("{line}: {e}"))
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(0) => Err(format!("a process has ended: {:?}", self.child.wait())),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) => Err(format!("a process can't be read: {error}")),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        let end = Instant::now() + END;
        while Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
