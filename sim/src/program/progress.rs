//! How far it is, on a terminal only.

use std::io::{IsTerminal, Write};

const WIDTH: u64 = 30;

/// A bar on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    all: u64,
    shown: bool,
}

impl Progress {
    pub(super) fn new(all: u64) -> Progress {
        Progress { all, shown: std::io::stderr().is_terminal() }
    }

    pub(super) fn show(&self, done: u64, what: &str) {
        if self.shown {
            let filled = "#".repeat((WIDTH * done / self.all.max(1)) as usize);
            eprint!("\r[{filled:<30}] {done} of {} worlds, {what}", self.all);
            _ = std::io::stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r{:<100}\r", "");
        }
    }
}
