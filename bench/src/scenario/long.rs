//! Millions of calls in a row, looked at now and then: nothing may grow.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::args::Options;
use crate::contender::Contender;
use crate::grid::Grid;
use crate::measure::{memory_of_redis, resident_of};
use crate::order::{Order, Until};
use crate::progress::Progress;
use crate::report::{Goal, Report};
use crate::sample::{Sample, Spread};
use crate::site::Site;

const CALLS: u64 = 10_000_000;
const QUICK: u64 = 200_000;
const LOOKS: u64 = 20;
const WINDOW: usize = 256;
/// Longer than the removal takes that a server does unasked.
const REST: Duration = Duration::from_secs(30);
const MIB: f64 = (1 << 20) as f64;

/// What was seen after a share of the calls.
struct Look {
    calls: u64,
    sample: Sample,
    /// Of Redis, the client and the server, in MiB.
    memory: [f64; 3],
    /// Of Redis once everything that is done was removed, if that was waited for.
    at_rest: Option<f64>,
}

pub(crate) fn run(site: &Site, options: &Options) -> Result<Report, String> {
    let calls = options.calls.unwrap_or(if options.quick { QUICK } else { CALLS });
    let mut pair = site.pair(Contender::OursTokio)?;
    let mut progress = Progress::new(LOOKS as usize);
    let mut looks: Vec<Look> = Vec::new();
    for number in 1..=LOOKS {
        progress.next(&format!("call {}", calls / LOOKS * (number - 1)));
        let sample = pair.measure_at_once(&Order::new(WINDOW, Until::Calls(calls / LOOKS)))?;
        if let Some(error) = &sample.tally.error {
            return Err(format!("{} errors, the first: {error}", sample.tally.errors));
        }
        let server = pair.servers.first().ok_or("there is no server")?.pid();
        let bytes =
            [memory_of_redis(&site.redis), resident_of(pair.client.pid())?, resident_of(server)?];
        let memory = bytes.map(|bytes| bytes as f64 / MIB);
        let rests = number == LOOKS / 4 || number == LOOKS;
        let at_rest = if rests { Some(memory_at_rest(site)? as f64 / MIB) } else { None };
        looks.push(Look { calls: calls / LOOKS * number, sample, memory, at_rest });
    }
    drop(progress);
    let mut grid = Grid::new([
        "calls",
        "Redis MiB",
        "client MiB",
        "server MiB",
        "calls/s",
        "p50 µs",
        "p99 µs",
    ]);
    for look in looks.iter().step_by(LOOKS as usize / 10) {
        let memory = look.memory.map(|it| format!("{it:.1}"));
        let sample = &look.sample;
        let figures =
            [sample.calls_a_second(), sample.p50(), sample.p99()].map(|it| format!("{it:.0}"));
        grid.row([look.calls.to_string()].into_iter().chain(memory).chain(figures));
    }
    let data = looks
        .iter()
        .map(|it| json!({ "calls": it.calls, "memory": it.memory, "at rest": it.at_rest, "sample": it.sample }));
    let (text, data) = (grid.text(), data.collect());
    Ok(Report { name: "long", text, data, goals: goals(&looks), plots: Vec::new() })
}

/// What Redis holds when done requests are removed from the stream, which servers do now and then.
fn memory_at_rest(site: &Site) -> Result<u64, String> {
    let began = Instant::now();
    while site.redis.command(&["XLEN", "bench:cmds:arith"]).as_int() > 0 {
        if began.elapsed() > REST {
            return Err(format!("done requests are still there after {REST:?}"));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(memory_of_redis(&site.redis))
}

/// The last quarter against the second: the first one still fills caches and pools.
fn goals(looks: &[Look]) -> Vec<Goal> {
    let quarter = looks.len() / 4;
    let middle = |looks: &[Look], of: &dyn Fn(&Look) -> f64| {
        Spread::of(looks.iter().map(of)).map_or(f64::NAN, |it| it.median)
    };
    let both = |of: &dyn Fn(&Look) -> f64| {
        (middle(&looks[quarter..2 * quarter], of), middle(&looks[looks.len() - quarter..], of))
    };
    let growth = |of: &dyn Fn(&Look) -> f64| {
        let (before, after) = both(of);
        after - before
    };
    let (before, after) = both(&|look| look.sample.p50());
    let mut at_rest = looks.iter().filter_map(|look| look.at_rest);
    let redis = at_rest.next().zip(at_rest.next()).map_or(f64::NAN, |(first, last)| last - first);
    vec![
        Goal::at_most("long run, Redis at rest grows by MiB", "≤ 1", redis, 1.0),
        Goal::at_most("long run, the client grows by MiB", "≤ 2", growth(&|it| it.memory[1]), 2.0),
        Goal::at_most("long run, the server grows by MiB", "≤ 2", growth(&|it| it.memory[2]), 2.0),
        Goal::at_most("long run, p50 at the end to before", "≤ 1.10", after / before, 1.1),
    ]
}
