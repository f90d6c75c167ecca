//! What is said on the command line.

use std::ffi::OsString;

use crate::contender::Contender;
use crate::order::{Order, Until};
use crate::role::{Kind, Role};

pub(crate) const HELP: &str = "\
Usage: cargo xtask bench [options]

Measures this project, a floor under it and its rivals, interleaved in rounds, each with a client and a
server in processes of their own over one Redis, and prints medians and ratios to the floor.

  --rounds N            how often each is measured; default: 9
  --millis N            how long each measurement takes; default: 1000
  --quick               3 rounds of 300 ms
  --only NAME[,NAME]…   only these contenders
  --json                prints JSON instead of tables
  --help                shows this

The processes that are measured can be run by hand, under a profiler for example:

  cargo build --release --package clamator-bench
  redis-server --save '' &
  target/release/clamator-bench role server --contender ours-tokio --url redis://127.0.0.1:6379 &
  perf record -g target/release/clamator-bench role client --contender ours-tokio \\
      --url redis://127.0.0.1:6379 --window 256 --calls 500000

  role server|client
  --contender NAME      floor, ours-tokio, ours-tokio-1 (on one thread), ours-smol, ours-async-std, …
  --url URL             where Redis is; default: redis://127.0.0.1:6379
  --prefix TEXT         default: bench
  --window N            so many calls are under way; default: 256
  --calls N | --millis N  when it ends; default: 100000 calls
  --payload BYTES       of text in both directions; default: none, two numbers
";

/// A run of the benchmark.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) until: Until,
    pub(crate) only: Option<Vec<Contender>>,
    pub(crate) json: bool,
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
    use lexopt::prelude::{Long, Short, ValueExt};
    let mut options = Options { rounds: 9, until: Until::Millis(1000), only: None, json: false };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("rounds") => options.rounds = arguments.value()?.parse()?,
            Long("millis") => options.until = Until::Millis(arguments.value()?.parse()?),
            Long("calls") => options.until = Until::Calls(arguments.value()?.parse()?),
            Long("quick") => (options.rounds, options.until) = (3, Until::Millis(300)),
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
    let mut order = Order { window: 256, until: Until::Calls(100_000), payload: 0 };
    let mut role = Role {
        kind: Kind::Server,
        contender: Contender::OursTokio,
        url: "redis://127.0.0.1:6379".to_owned(),
        prefix: "bench".to_owned(),
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
            Long("payload") => order.payload = arguments.value()?.parse()?,
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
