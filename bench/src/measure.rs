//! What a measurement counts besides calls: the time that processes were on a CPU, and the commands that Redis ran.

use std::collections::BTreeMap;
use std::fs;

use clamator_testkit::RedisServer;

/// The time that all threads of a process were on a CPU, in nanoseconds.
pub(crate) fn cpu(pid: u32) -> Result<u64, String> {
    let mut sum = 0;
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).map_err(|e| format!("/proc: {e}"))?;
    for task in tasks.flatten() {
        // A thread may have ended meanwhile.
        let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
        sum += text.split_whitespace().next().and_then(|it| it.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(sum)
}

/// The memory of this process, in bytes.
pub(crate) fn resident() -> u64 {
    resident_of(std::process::id()).unwrap_or(0)
}

/// The memory of a process, in bytes.
pub(crate) fn resident_of(pid: u32) -> Result<u64, String> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
    number.map(|kilobytes| kilobytes * 1024).ok_or(format!("{path}: no VmRSS"))
}

/// What a Redis holds, in bytes.
pub(crate) fn memory_of_redis(redis: &RedisServer) -> u64 {
    let text = info(redis, "memory");
    let line = text.lines().find_map(|line| line.strip_prefix("used_memory:"));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// What a Redis has used and done so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct RedisUse {
    pub(crate) cpu_nanos: u64,
    /// How often each command was run.
    pub(crate) commands: BTreeMap<String, u64>,
}

impl RedisUse {
    pub(crate) fn of(redis: &RedisServer) -> RedisUse {
        // In this order: asking costs something, too.
        let commands = info(redis, "commandstats");
        let cpu = info(redis, "cpu");
        let seconds = |name: &str| {
            let line = cpu.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|text| text.trim().parse::<f64>().ok()).unwrap_or(0.0)
        };
        let used = seconds("used_cpu_user:") + seconds("used_cpu_sys:");
        RedisUse { cpu_nanos: (used * 1e9) as u64, commands: parse_commands(&commands) }
    }

    /// What has come since.
    pub(crate) fn since(&self, before: &RedisUse) -> RedisUse {
        let more = |(name, count): (&String, &u64)| {
            let more = count - before.commands.get(name).unwrap_or(&0);
            (more > 0).then(|| (name.clone(), more))
        };
        RedisUse {
            cpu_nanos: self.cpu_nanos - before.cpu_nanos,
            commands: self.commands.iter().filter_map(more).collect(),
        }
    }
}

fn info(redis: &RedisServer, section: &str) -> String {
    redis.command(&["INFO", section]).as_str().to_owned()
}

/// Those that ask are not counted.
fn parse_commands(text: &str) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let count = rest.split(',').next()?.parse().ok()?;
        (name != "info").then(|| (name.to_owned(), count))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_a_cpu() {
        assert!(cpu(std::process::id()).unwrap() > 0);
        assert!(cpu(u32::MAX).is_err());
    }

    #[test]
    fn commands_are_read_off_the_statistics() {
        let text = "# Commandstats\r\n\
                    cmdstat_xadd:calls=20,usec=9,usec_per_call=0.45\r\n\
                    cmdstat_client|unblock:calls=1,usec=2\r\ncmdstat_info:calls=3,usec=1\r\n";
        let commands = parse_commands(text);
        assert_eq!(commands.len(), 2);
        assert_eq!((commands["xadd"], commands["client|unblock"]), (20, 1));
        let after = RedisUse { cpu_nanos: 5, commands };
        let before = RedisUse { cpu_nanos: 2, commands: [("xadd".to_owned(), 5)].into() };
        let since = after.since(&before);
        assert_eq!((since.cpu_nanos, since.commands["xadd"]), (3, 15));
    }
}
