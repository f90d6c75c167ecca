//! What a process uses, as the system sees it.

use std::fs;

use crate::record::What;

/// The memory, open files and threads of a process; nothing if it is gone.
pub(crate) fn usage(process: &str, pid: u32) -> Option<What> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64;
    let rss_kb = number(&status, "VmRSS:")?;
    let threads = number(&status, "Threads:")?;
    Some(What::Usage { process: process.to_owned(), rss_kb, fds, threads })
}

fn number(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A connection as `CLIENT LIST` describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) id: String,
    pub(crate) address: String,
    /// It reads streams, blocked or not.
    pub(crate) reads: bool,
}

pub(crate) fn connections(client_list: &str) -> Vec<Connection> {
    let connection = |line: &str| {
        let field = |name: &str| line.split_whitespace().find_map(|it| it.strip_prefix(name));
        Some(Connection {
            id: field("id=")?.to_owned(),
            address: field("addr=")?.to_owned(),
            reads: field("cmd=")?.to_ascii_lowercase().starts_with("xread"),
        })
    };
    client_list.lines().filter_map(connection).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let Some(What::Usage { rss_kb, fds, threads, .. }) = usage("x", std::process::id()) else {
            panic!("this process is there")
        };
        assert!(rss_kb > 100 && fds > 2 && threads > 0, "{rss_kb} kB, {fds} files, {threads}");
        assert_eq!(usage("x", u32::MAX), None);
    }

    #[test]
    fn readers_are_told_from_others() {
        let list = "id=3 addr=127.0.0.1:1 laddr=x cmd=xreadgroup user=a\n\
                    id=4 addr=127.0.0.1:2 cmd=eval\n\nnonsense\n";
        let found = connections(list);
        assert_eq!(found.len(), 2);
        assert!(found[0].reads && !found[1].reads);
        assert_eq!((found[1].id.as_str(), found[1].address.as_str()), ("4", "127.0.0.1:2"));
    }
}
