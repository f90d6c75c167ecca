//! Before the faults: until all are there. After the faults: everything gets its time to settle, then it is looked at
//! closely, and then it is stopped.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clamator_testkit::Value;

use crate::faults::Site;
use crate::record::What;
use crate::setup::{
    CALL_TIMEOUT, GRACE, RECONNECT, SERVICES, SETTLE, TRIM_IDLE_EVERY, command_stream,
    connections_at_rest,
};
use crate::sight;

const TICK: Duration = Duration::from_millis(50);
/// How long a process may take to start, on a machine that has other things to do.
const START: Duration = Duration::from_secs(15);
/// Between two looks, and for a stop beyond its grace: the core's own farewell takes a second at most.
const SLACK: Duration = Duration::from_secs(3);

/// Waits until every process has started.
pub(crate) fn wait_until_ready(site: &mut Site, folder: &Path) {
    let mut marks = Marks::new(folder, "\"ready\"");
    wait(site, START, "every process is ready", |site| {
        let running = [site.processes.running("server"), site.processes.running("client")].concat();
        site.processes.complete() && running.iter().all(|name| marks.has(name))
    });
}

/// Ends the load, and sees how everything comes to rest.
pub(crate) fn come_to_rest(site: &mut Site, folder: &Path) {
    wait_until_ready(site, folder);
    site.recorder.write(What::Calm);
    for client in site.processes.running("client") {
        site.processes.signal(&client, "USR1");
    }
    let calm = Instant::now();
    wait(site, SETTLE + SLACK, "no entry is pending", |site| {
        sight::groups(&mut |command| ask(site, command)).iter().all(is_done)
    });
    // What a fault has taken, or has kept from reaching Redis, has nothing left but its timeout.
    let mut marks = Marks::new(folder, "\"quiet\"");
    let bound = (CALL_TIMEOUT + SLACK).saturating_sub(calm.elapsed());
    wait(site, bound, "every call has settled", |site| {
        site.processes.running("client").iter().all(|name| marks.has(name))
    });
    wait(site, TRIM_IDLE_EVERY + SLACK, "the command streams are trimmed", |site| {
        let mut ask = |command: &[&str]| ask(site, command);
        SERVICES.iter().all(|(name, _)| sight::length(&mut ask, &command_stream(name)) == 0)
    });
    // The last fault may have cut one a moment ago.
    wait(site, RECONNECT + SLACK, "every process has its connections and no more", |site| {
        let slots = [site.processes.slots("server"), site.processes.slots("client")].concat();
        slots.iter().all(|slot| site.connections(slot).len() as u64 == connections_at_rest(slot))
    });
    site.processes.sample();
    connections(site);
    stop(site);
    keys(site);
}

/// Waits until it holds; if it doesn't in time, that is a finding.
fn wait(site: &mut Site, bound: Duration, what: &str, mut holds: impl FnMut(&mut Site) -> bool) {
    let end = Instant::now() + bound;
    loop {
        site.processes.poll();
        if holds(site) {
            return;
        }
        if Instant::now() >= end {
            site.recorder.write(What::Restless { text: format!("not within {bound:?}: {what}") });
            return;
        }
        sleep(TICK);
    }
}

fn stop(site: &mut Site) {
    site.processes.close();
    for role in ["client", "server"] {
        for name in site.processes.running(role) {
            site.processes.signal(&name, "TERM");
        }
        let what = format!("every {role} has stopped");
        wait(site, GRACE + SLACK, &what, |site| site.processes.running(role).is_empty());
    }
}

fn connections(site: &Site) {
    for slot in [site.processes.slots("server"), site.processes.slots("client")].concat() {
        if let Some(process) = site.processes.name(&slot) {
            let count = site.connections(&slot).len() as u64;
            site.recorder.write(What::Connections { process, count });
        }
    }
}

/// Everything that Redis has in the end.
fn keys(site: &Site) {
    let mut ask = |command: &[&str]| ask(site, command);
    let groups = sight::groups(&mut ask);
    let found = [groups, sight::consumers(&mut ask), sight::dead(&mut ask), sight::keys(&mut ask)];
    found.concat().into_iter().for_each(|what| site.recorder.write(what));
}

fn is_done(group: &What) -> bool {
    !matches!(group, What::Group { pending, .. } if *pending > 0)
}

fn ask(site: &Site, command: &[&str]) -> Option<Value> {
    site.redis.try_command(command).ok()
}

/// Which processes have written a word to their records. Each byte is read once.
struct Marks<'a> {
    folder: &'a Path,
    word: &'a str,
    read: BTreeMap<String, (u64, bool)>,
}

impl<'a> Marks<'a> {
    fn new(folder: &'a Path, word: &'a str) -> Marks<'a> {
        Marks { folder, word, read: BTreeMap::new() }
    }

    fn has(&mut self, process: &str) -> bool {
        let (at, found) = self.read.entry(process.to_owned()).or_default();
        if !*found && let Ok(mut file) = File::open(self.folder.join(format!("{process}.jsonl"))) {
            let mut new = Vec::new();
            // A line may be read in two parts: begin a little before.
            let begin = at.saturating_sub(self.word.len() as u64);
            if file.seek(SeekFrom::Start(begin)).is_ok() && file.read_to_end(&mut new).is_ok() {
                *at = begin + new.len() as u64;
                *found = String::from_utf8_lossy(&new).contains(self.word);
            }
        }
        *found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Recorder;

    #[test]
    fn a_mark_is_found_once_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::open(&dir.path().join("c0.1.jsonl")).unwrap();
        let mut marks = Marks::new(dir.path(), "\"quiet\"");
        recorder.write(What::Ready);
        assert!(!marks.has("c0.1") && !marks.has("c0.2"));
        recorder.write(What::Quiet);
        recorder.write(What::Down);
        assert!(marks.has("c0.1") && marks.has("c0.1"));
    }
}
