//! What is said on the command line.

use std::env;
use std::ffi::OsString;

use crate::contender::Contender;
use crate::order::{Order, Until, What};
use crate::ours::Layout;
use crate::role::{Kind, Role};
use crate::scenario;

const HELP: &str = "\
Usage: cargo xtask bench [scenario]… [option]…

Measures this project, a floor under it and its rivals, interleaved in rounds, each with a client and a
server in processes of their own over one Redis, and prints medians and ratios to the floor.

  --rounds N            how often each is measured; default: 9
  --millis N            how long each measurement takes; default: 500
  --quick               3 rounds of 200 ms, and less of everything else
  --only NAME[,NAME]…   of all contenders only these
  --calls N             measurements end after so many calls instead; those of the scenario `long`: 10000000
  --redis-server PATH   another redis-server or valkey-server than the one in the PATH
  --json                prints JSON instead of tables
  --write-docs          runs all scenarios, or those that are named, and writes docs/performance.md and its plots
  --help                shows this

Scenarios; without one, the first:

";

const ROLES: &str = "
The processes that are measured can be run by hand, under a profiler for example:

  cargo build --release --package clamator-bench
  redis-server --save '' &
  target/release/clamator-bench role server --contender ours-tokio --url redis://127.0.0.1:6379 &
  perf record -g target/release/clamator-bench role client --contender ours-tokio \\
      --url redis://127.0.0.1:6379 --window 256 --calls 500000

  role server|client
  --contender NAME      floor, ours-tokio, ours-tokio-1 (on one thread), ours-one-task (that makes all calls),
                        ours-smol, ours-async-std, ours-memory, redis-rs, nats, nats-tokio; default: ours-tokio
  --url URL             where Redis is, or NATS; default: redis://127.0.0.1:6379
  --prefix TEXT         default: bench
  --window N            so many calls are under way; default: 256
  --calls N | --millis N  when it ends; default: 100000 calls
  --payload BYTES       of text in both directions; default: none, two numbers
  --clients N --services N --concurrent N   of this project; default: 1 each
";

pub(crate) fn help() -> String {
    format!("{HELP}{}{ROLES}", scenario::names())
}

/// A run of the benchmark.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) until: Until,
    pub(crate) only: Option<Vec<Contender>>,
    pub(crate) json: bool,
    /// Less of everything.
    pub(crate) quick: bool,
    pub(crate) write_docs: bool,
    pub(crate) redis_server: OsString,
    pub(crate) scenarios: Vec<String>,
    /// For the scenario `long`.
    pub(crate) calls: Option<u64>,
}

/// What this process is to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Task {
    Bench(Options),
    Role(Role),
    Help,
}

pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Task, lexopt::Error> {
    let mut arguments = lexopt::Parser::from_args(arguments);
    if arguments.try_raw_args().is_some_and(|words| words.peek().is_some_and(|it| it == "role")) {
        arguments.next()?;
        return role(&mut arguments);
    }
    bench(&mut arguments)
}

fn bench(arguments: &mut lexopt::Parser) -> Result<Task, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};
    let mut options = Options {
        rounds: 9,
        until: Until::Millis(500),
        only: None,
        json: false,
        quick: false,
        write_docs: false,
        redis_server: env::var_os("CLAMATOR_REDIS_SERVER").unwrap_or("redis-server".into()),
        scenarios: Vec::new(),
        calls: None,
    };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("rounds") => options.rounds = arguments.value()?.parse()?,
            Long("millis") => options.until = Until::Millis(arguments.value()?.parse()?),
            Long("calls") => {
                let calls = arguments.value()?.parse()?;
                (options.calls, options.until) = (Some(calls), Until::Calls(calls));
            }
            Long("quick") => {
                (options.rounds, options.until, options.quick) = (3, Until::Millis(200), true);
            }
            Long("redis-server") => options.redis_server = arguments.value()?,
            Long("write-docs") => options.write_docs = true,
            Value(name) if scenario::ALL.iter().any(|it| name == it.name) => {
                options.scenarios.push(name.string()?);
            }
            Long("only") => {
                let names = arguments.value()?.string()?;
                let only = names.split(',').map(str::parse).collect::<Result<_, String>>();
                options.only = Some(only?);
            }
            Long("json") => options.json = true,
            Long("help") | Short('h') => return Ok(Task::Help),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Task::Bench(options))
}

fn role(arguments: &mut lexopt::Parser) -> Result<Task, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};
    let mut order = Order::new(256, Until::Calls(100_000));
    let mut role = Role {
        kind: Kind::Server,
        contender: Contender::OursTokio,
        url: "redis://127.0.0.1:6379".to_owned(),
        prefix: "bench".to_owned(),
        layout: Layout::default(),
        controlled: false,
    };
    let mut name = None;
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(word) if name.is_none() => name = Some(word.string()?),
            Long("contender") => role.contender = arguments.value()?.parse_with(str::parse)?,
            Long("url") => role.url = arguments.value()?.string()?,
            Long("prefix") => role.prefix = arguments.value()?.string()?,
            Long("window") => order.window = arguments.value()?.parse()?,
            Long("calls") => order.until = Until::Calls(arguments.value()?.parse()?),
            Long("millis") => order.until = Until::Millis(arguments.value()?.parse()?),
            Long("payload") => order.what = What::Echo(arguments.value()?.parse()?),
            Long("clients") => role.layout.clients = arguments.value()?.parse()?,
            Long("services") => role.layout.services = arguments.value()?.parse()?,
            Long("concurrent") => role.layout.concurrent = arguments.value()?.parse()?,
            Long("controlled") => role.controlled = true,
            Long("help") | Short('h') => return Ok(Task::Help),
            other => return Err(other.unexpected()),
        }
    }
    role.kind = match name.as_deref() {
        Some("server") => Kind::Server,
        Some("client") => Kind::Client(order),
        _ => return Err("role server or role client".into()),
    };
    Ok(Task::Role(role))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Task, String> {
        parse(words.iter().map(OsString::from)).map_err(|e| e.to_string())
    }

    fn options(words: &[&str]) -> Options {
        match parsed(words) {
            Ok(Task::Bench(options)) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_takes_nine_rounds_or_three_quick_ones() {
        assert_eq!(options(&[]).rounds, 9);
        assert_eq!(options(&["--quick"]).rounds, 3);
        assert_eq!(options(&["--quick", "--rounds", "5"]).rounds, 5);
    }

    #[test]
    fn contenders_and_scenarios_are_named() {
        let options = options(&["contenders", "--only", "floor,ours-smol"]);
        assert_eq!(options.only, Some(vec![Contender::Floor, Contender::OursSmol]));
        assert_eq!(options.scenarios, ["contenders"]);
        assert!(parsed(&["--only", "x"]).unwrap_err().contains("floor"));
        assert!(parsed(&["x"]).is_err());
    }

    #[test]
    fn roles_can_be_run_by_hand() {
        let words = ["role", "client", "--contender", "floor", "--window", "8", "--calls", "10"];
        let Ok(Task::Role(role)) = parsed(&words) else { panic!("a role") };
        assert_eq!(role.kind, Kind::Client(Order::new(8, Until::Calls(10))));
        assert_eq!((role.contender, role.controlled), (Contender::Floor, false));
        assert!(parsed(&["role", "broker"]).is_err());
    }
}
