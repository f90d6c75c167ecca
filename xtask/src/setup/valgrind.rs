//! `valgrind`, which counts. Nobody needs it: the step that does is left out without it.

use std::process::Command;

use super::apt;
use crate::process::probe;

pub(crate) fn prepare() {
    let is_there = || probe(Command::new("valgrind").arg("--version")).is_some();
    // Elsewhere it counts other things, or isn't there.
    if cfg!(target_os = "linux") && !is_there() && !apt::install(&["valgrind"]) {
        println!(
            "valgrind is missing, so instructions won't be counted (Debian: `apt-get install valgrind`)"
        );
    }
}
