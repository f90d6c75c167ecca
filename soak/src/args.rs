//! What is said on the command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::random::fresh_seed;
use crate::role::Role;

pub(crate) const HELP: &str = "\
Usage: cargo xtask soak [options]

Servers and clients as processes of their own over a real Redis, constant load, and faults
drawn from a seed; at the end a proof from the record of who did what when.

  --minutes N           how long there is load, 0.5 for example; default: 20 seconds
  --seed S              the seed of the faults; default: a fresh one, which is printed
  --redis-server PATH   another redis-server or valkey-server than the one in the PATH
  --fsync always        Redis writes to the disk before it answers (the default): nothing that it has
                        accepted may be lost when it is killed
  --fsync everysec      Redis writes once a second: what an unwritten second takes is counted apart
  --keep                keeps the folder of the record, and prints where it is
  --only KIND[,KIND]…   of the faults that the seed gives only these: kill-redis, flush-all, …
  --judge FOLDER        only goes through a record that was kept
  --schedule            only prints the faults that the seed gives
  --help                shows this
";

/// When Redis writes to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fsync {
    #[serde(rename = "always")]
    Always,
    #[serde(rename = "everysec")]
    EverySecond,
}

impl Fsync {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Fsync::Always => "always",
            Fsync::EverySecond => "everysec",
        }
    }
}

/// A run of the bench.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) load: Duration,
    pub(crate) seed: u64,
    pub(crate) redis_server: OsString,
    pub(crate) fsync: Fsync,
    pub(crate) only: Option<Vec<Kind>>,
    pub(crate) keep: bool,
    pub(crate) schedule_only: bool,
}

/// What this process is to be.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    Bench(Options),
    Judge(PathBuf),
    Server(Role),
    Client(Role),
    Help,
}

const DEFAULT_LOAD: Duration = Duration::from_secs(20);

pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Task, lexopt::Error> {
    let mut arguments = lexopt::Parser::from_args(arguments);
    if let Some(word) = arguments.try_raw_args().and_then(|words| words.peek().map(OsString::from))
        && (word == "server" || word == "client")
    {
        arguments.next()?;
        let role = role(&mut arguments)?;
        return Ok(if word == "server" { Task::Server(role) } else { Task::Client(role) });
    }
    bench(&mut arguments)
}

fn bench(arguments: &mut lexopt::Parser) -> Result<Task, lexopt::Error> {
    use lexopt::prelude::{Long, Short, ValueExt};
    let mut options = Options {
        load: DEFAULT_LOAD,
        seed: fresh_seed(),
        redis_server: "redis-server".into(),
        fsync: Fsync::Always,
        only: None,
        keep: false,
        schedule_only: false,
    };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("minutes") => {
                let minutes: f64 = arguments.value()?.parse()?;
                options.load = Duration::try_from_secs_f64(minutes * 60.0)
                    .map_err(|_| format!("--minutes {minutes}: give a number like 0.5 or 60"))?;
            }
            Long("seed") => options.seed = arguments.value()?.parse()?,
            Long("redis-server") => options.redis_server = arguments.value()?,
            Long("fsync") => {
                options.fsync = match arguments.value()?.string()?.as_str() {
                    "always" => Fsync::Always,
                    "everysec" => Fsync::EverySecond,
                    other => return Err(format!("--fsync {other}: always or everysec").into()),
                };
            }
            Long("only") => options.only = Some(kinds(&arguments.value()?.string()?)?),
            Long("keep") => options.keep = true,
            Long("judge") => return Ok(Task::Judge(arguments.value()?.into())),
            Long("schedule") => options.schedule_only = true,
            Long("help") | Short('h') => return Ok(Task::Help),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Task::Bench(options))
}

fn kinds(names: &str) -> Result<Vec<Kind>, String> {
    let kind = |name: &str| {
        serde_json::from_value(name.into()).map_err(|error| format!("--only {name}: {error}"))
    };
    names.split(',').map(kind).collect()
}

fn role(arguments: &mut lexopt::Parser) -> Result<Role, lexopt::Error> {
    use lexopt::prelude::{Long, ValueExt};
    let (mut name, mut url) = (String::new(), String::new());
    let (mut record, mut seed) = (PathBuf::new(), 0);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("name") => name = arguments.value()?.string()?,
            Long("url") => url = arguments.value()?.string()?,
            Long("record") => record = arguments.value()?.into(),
            Long("seed") => seed = arguments.value()?.parse()?,
            other => return Err(other.unexpected()),
        }
    }
    Ok(Role { name, url, record, seed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &[&str]) -> Result<Options, String> {
        match parse(words.iter().map(OsString::from)) {
            Ok(Task::Bench(options)) => Ok(options),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn without_options_it_takes_twenty_seconds_and_a_fresh_seed() {
        let (one, other) = (options(&[]).unwrap(), options(&[]).unwrap());
        assert_eq!(one.load, Duration::from_secs(20));
        assert_ne!(one.seed, other.seed);
        assert_eq!(one.fsync, Fsync::Always);
    }

    #[test]
    fn minutes_may_have_a_fraction() {
        assert_eq!(options(&["--minutes", "0.5"]).unwrap().load, Duration::from_secs(30));
        for minutes in ["-1", "x", "1e300"] {
            assert!(options(&["--minutes", minutes]).is_err(), "{minutes}");
        }
    }

    #[test]
    fn what_is_given_is_taken() {
        let words = ["--seed", "7", "--fsync", "everysec", "--redis-server", "/r/s", "--keep"];
        let options = options(&words).unwrap();
        assert_eq!((options.seed, options.fsync), (7, Fsync::EverySecond));
        let only = super::kinds("kill-redis,stall").unwrap();
        assert_eq!(only, [Kind::KillRedis, Kind::Stall]);
        assert_eq!((options.redis_server, options.keep), ("/r/s".into(), true));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert!(options(&["--fsync", "never"]).unwrap_err().contains("always or everysec"));
        assert!(options(&["--only", "rain"]).unwrap_err().contains("kill-redis"));
        assert!(options(&["--fast"]).unwrap_err().contains("--fast"));
    }

    #[test]
    fn roles_are_hidden_subcommands() {
        let words = ["server", "--name", "s0.1", "--url", "u", "--record", "r", "--seed", "3"];
        let Ok(Task::Server(role)) = parse(words.map(OsString::from)) else { panic!("a server") };
        assert_eq!((role.name.as_str(), role.seed), ("s0.1", 3));
    }
}
