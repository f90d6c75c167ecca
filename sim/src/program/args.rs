//! What the program is told.

use lexopt::prelude::*;

use crate::plan::Plan;

#[derive(Clone, Debug)]
pub(super) struct Args {
    pub(super) from: u64,
    pub(super) seeds: u64,
    pub(super) threads: usize,
    pub(super) minimise: bool,
    pub(super) go_on: bool,
    pub(super) whole: bool,
    pub(super) tell: bool,
    pub(super) faults: Option<Vec<usize>>,
    pub(super) calls: Option<Vec<usize>>,
}

impl Args {
    /// What a seed stands for, without what is to be left out.
    pub(super) fn plan(&self, seed: u64) -> Plan {
        Plan::draw(seed).only(self.faults.as_deref(), self.calls.as_deref())
    }
}

/// Reads the command line. Nothing, if help is asked for.
pub(super) fn read() -> Result<Option<Args>, lexopt::Error> {
    let mut args = Args {
        from: 0,
        seeds: 1000,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        minimise: false,
        go_on: false,
        whole: false,
        tell: false,
        faults: None,
        calls: None,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("seeds") => args.seeds = parser.value()?.parse()?,
            Long("from") => {
                let value = parser.value()?;
                args.from =
                    if value == "fresh" { fastrand::u64(..u64::MAX / 2) } else { value.parse()? };
            }
            Long("threads") => args.threads = parser.value()?.parse::<usize>()?.max(1),
            Long("minimise" | "minimize") => args.minimise = true,
            Long("go-on") => args.go_on = true,
            Long("whole") => args.whole = true,
            Long("tell") => args.tell = true,
            Long("faults") => args.faults = Some(numbers(&parser.value()?.string()?)?),
            Long("calls") => args.calls = Some(numbers(&parser.value()?.string()?)?),
            Short('h') | Long("help") => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(args))
}

fn numbers(list: &str) -> Result<Vec<usize>, lexopt::Error> {
    let numbers = list.split(',').filter(|it| !it.is_empty()).map(str::parse);
    numbers.collect::<Result<_, _>>().map_err(|error| lexopt::Error::Custom(Box::new(error)))
}
