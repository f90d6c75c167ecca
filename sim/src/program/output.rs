//! What is said on standard output. Whoever reads it may have had enough: that isn't an error.

use std::io::Write;

/// Says something, as it is.
pub(super) fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    _ = out.write_all(what.as_bytes()).and_then(|()| out.flush());
}

/// Says a line.
pub(super) fn line(what: &str) {
    say(&format!("{what}\n"));
}
