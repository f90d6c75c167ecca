//! How far it is, on a terminal only.

use std::io::{IsTerminal, Write};
use std::time::Instant;

const WIDTH: usize = 30;

/// A bar on standard error.
#[derive(Debug)]
pub(crate) struct Progress {
    done: usize,
    all: usize,
    began: Instant,
    shown: bool,
}

impl Progress {
    pub(crate) fn new(all: usize) -> Progress {
        Progress { done: 0, all, began: Instant::now(), shown: std::io::stderr().is_terminal() }
    }

    /// Says what comes next, after what was done.
    pub(crate) fn next(&mut self, what: &str) {
        if self.shown {
            let filled = "#".repeat(WIDTH * self.done / self.all.max(1));
            let (done, all, seconds) = (self.done, self.all, self.began.elapsed().as_secs());
            eprint!("\r[{filled:<WIDTH$}] {done} of {all}, {seconds} s, {what:<30}");
            _ = std::io::stderr().flush();
        }
        self.done += 1;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r{:<1$}\r", "", WIDTH + 70);
        }
    }
}
