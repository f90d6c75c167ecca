//! A `redis-server` that is new enough.

use std::env;
use std::process::Command;

use super::apt;
use crate::process::{Outcome, probe};

/// XAUTOCLAIM, NOMKSTREAM and MINID came with it.
const OLDEST: (u32, u32) = (6, 2);

pub(crate) fn prepare() -> Outcome {
    let named = env::var("CLAMATOR_REDIS_SERVER").ok();
    let program = named.as_deref().unwrap_or("redis-server");
    let mut version = ask(program);
    if version.is_none() && named.is_none() && apt::install(&["redis-server"]) {
        version = ask(program);
    }
    match version {
        None => Err(format!(
            "{program} is missing: install Redis 6.2 or newer (Debian: `apt-get install redis-server`, \
             macOS: `brew install redis`), or name one in CLAMATOR_REDIS_SERVER"
        )),
        Some((major, minor)) if (major, minor) < OLDEST => Err(format!(
            "{program} is version {major}.{minor}: install Redis 6.2 or newer, or name one in \
             CLAMATOR_REDIS_SERVER"
        )),
        Some(_) => Ok(()),
    }
}

fn ask(program: &str) -> Option<(u32, u32)> {
    parse_version(&probe(Command::new(program).arg("--version"))?)
}

/// Out of `Redis server v=7.0.15 sha=…`
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let version = text.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let redis = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d";
        assert_eq!(parse_version(redis), Some((7, 0)));
        assert_eq!(parse_version("Valkey server v=9.1.0 sha=0"), Some((9, 1)));
        assert_eq!(parse_version("command not found"), None);
        assert!((6, 0) < OLDEST && OLDEST <= (6, 2) && OLDEST < (10, 0));
    }
}
