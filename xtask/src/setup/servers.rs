//! Servers of other versions than the machine's own, out of packages that carry them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::python;
use crate::process::{Outcome, probe, root};

/// What the packages call them.
const NAMES: [&str; 2] = ["redis-server", "valkey-server"];

/// A server that was found.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) program: PathBuf,
    /// As it tells: `Redis 6.2.14`.
    pub(crate) version: String,
}

/// Fetches them into `target/servers`, unless they are there, and finds them.
pub(crate) fn prepare() -> Outcome<Vec<Server>> {
    let home = root().join("target/servers");
    python::environment(&home, &root().join("testkit/servers/requirements.txt"))?;
    let mut programs = Vec::new();
    find(&home.join("lib"), &mut programs);
    let mut servers: Vec<Server> = programs.into_iter().filter_map(ask).collect();
    servers.sort_by(|a, b| a.version.cmp(&b.version));
    if servers.is_empty() {
        return Err(format!("{} has no server that runs on this machine", home.display()));
    }
    Ok(servers)
}

fn find(folder: &Path, programs: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            find(&entry.path(), programs);
        } else if kind.is_file() && NAMES.iter().any(|name| entry.file_name() == *name) {
            programs.push(entry.path());
        }
    }
}

fn ask(program: PathBuf) -> Option<Server> {
    let text = probe(Command::new(&program).arg("--version"))?;
    Some(Server { version: version(&text)?, program })
}

/// `Redis server v=6.2.14 sha=…` is `Redis 6.2.14`.
fn version(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let name = words.next()?;
    let number = words.find_map(|word| word.strip_prefix("v="))?;
    Some(format!("{name} {number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_what_it_is() {
        let redis = "Redis server v=6.2.14 sha=40305114:0 malloc=libc bits=64 build=dff95a8e";
        assert_eq!(version(redis).as_deref(), Some("Redis 6.2.14"));
        assert_eq!(version("Valkey server v=9.1.2 sha=0").as_deref(), Some("Valkey 9.1.2"));
        assert_eq!(version("not found"), None);
    }
}
