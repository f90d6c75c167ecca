//! **No process leaks**: at rest each has its connections and no more, few tasks, threads and open files, and no more memory
//! than early in its life, but for a little.

use super::Violation;
use crate::history::{History, Usage};
use crate::setup::connections_at_rest;

const RULE: &str = "no process leaks";

/// Tasks of the library and of the role itself, besides that of each connection.
const TASKS: u64 = 8;
/// Of the runtime.
const THREADS: u64 = 6;
/// Open files that aren't connections: standard streams, record, poll, signals.
const FILES: u64 = 16;
/// What memory may grow by after the first third of a process' life, in kB: fragments, tables at their high tide.
const GROWTH_KB: u64 = 12 * 1024;

/// The most memory that a process may have under this load, at any time.
const MOST_KB: u64 = 48 * 1024;

pub(super) fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    for (name, process) in &history.processes {
        if let Some(peak) =
            process.usage.iter().map(|it| it.rss_kb).max().filter(|it| *it > MOST_KB)
        {
            found.push(format!("{name} had {peak} kB under load, more than {MOST_KB}"));
        }
    }
    for (name, process) in &history.processes {
        // Those that are looked at in the end: they were at rest.
        let Some(connections) = process.connections else { continue };
        let wanted = connections_at_rest(name);
        if connections != wanted {
            found.push(format!("{name} has {connections} connections at rest, not {wanted}"));
        }
        let most = TASKS + wanted;
        if let Some((_, tasks)) = process.tasks.last().filter(|(_, tasks)| *tasks > most) {
            found.push(format!("{name} has {tasks} tasks at rest, more than {most}"));
        }
        let Some(last) = process.usage.last() else { continue };
        if last.threads > THREADS {
            found.push(format!("{name} has {} threads, more than {THREADS}", last.threads));
        }
        if last.fds > FILES + wanted {
            let most = FILES + wanted;
            found.push(format!("{name} has {} open files, more than {most}", last.fds));
        }
        if let Some(early) = early_peak(&process.usage)
            && last.rss_kb > early + GROWTH_KB
        {
            found.push(format!("{name} grew from {early} kB to {} kB", last.rss_kb));
        }
    }
    found.into_iter().map(|what| Violation::of_all(RULE, history.calm, what)).collect()
}

/// The most memory in the first third.
fn early_peak(usage: &[Usage]) -> Option<u64> {
    usage[..usage.len().div_ceil(3)].iter().map(|usage| usage.rss_kb).max()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;
    use crate::record::What;

    fn at_rest(process: &str, connections: u64, rss: [u64; 3], fds: u64, threads: u64) -> Tale {
        let name = || process.to_owned();
        let mut tale = Tale::new();
        for rss_kb in rss {
            tale = tale.bench(1, What::Usage { process: name(), rss_kb, fds, threads });
        }
        tale.bench(2, What::Connections { process: name(), count: connections })
    }

    fn count(tale: Tale) -> usize {
        check(&tale.history()).len()
    }

    #[test]
    fn what_stays_small_is_right() {
        assert_eq!(count(at_rest("s0.1", 7, [10_000, 30_000, 11_000], 15, 3)), 0);
        assert_eq!(count(at_rest("c0.1", 2, [10_000, 30_000, 11_000], 15, 3)), 0);
    }

    #[test]
    fn each_leak_is_found() {
        assert_eq!(count(at_rest("s0.1", 8, [10_000; 3], 15, 3)), 1, "a connection");
        assert_eq!(count(at_rest("c0.1", 1, [10_000; 3], 15, 3)), 1, "one too few");
        assert_eq!(count(at_rest("c0.1", 2, [10_000, 11_000, 30_000], 15, 3)), 1, "memory");
        assert_eq!(count(at_rest("c0.1", 2, [10_000; 3], 100, 3)), 1, "files");
        assert_eq!(count(at_rest("c0.1", 2, [10_000; 3], 15, 30)), 1, "threads");
        let tasks = at_rest("c0.1", 2, [10_000; 3], 15, 3);
        assert_eq!(count(tasks.line(3, "c0.1", What::Tasks { count: 100 })), 1, "tasks");
    }

    #[test]
    fn too_much_memory_under_load_is_found_whatever_became_of_the_process() {
        let usage = |rss_kb| What::Usage { process: "c0.1".to_owned(), rss_kb, fds: 9, threads: 3 };
        let peak = |rss_kb| count(Tale::new().bench(1, usage(rss_kb)).kill(2, "c0.1"));
        assert_eq!((peak(MOST_KB), peak(MOST_KB + 1)), (0, 1));
    }

    #[test]
    fn who_was_killed_before_the_end_is_not_looked_at() {
        let name = || "c0.1".to_owned();
        let usage = What::Usage { process: name(), rss_kb: 1, fds: 999, threads: 999 };
        assert_eq!(count(Tale::new().bench(1, usage).kill(2, "c0.1")), 0);
    }
}
