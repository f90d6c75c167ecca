//! What is said on standard output. Whoever reads it may have had enough: then there is nothing more to do.

use std::io::Write;

/// The exit code of a program whose reader has gone, as shells give it.
const READER_GONE: i32 = 141;

/// Says something, as it is.
pub(super) fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(what.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(READER_GONE);
    }
}

/// Says a line.
pub(super) fn line(what: &str) {
    say(&format!("{what}\n"));
}
