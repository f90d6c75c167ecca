//! Millions of calls in a row, looked at now and then: nothing may grow.

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
const MIB: f64 = (1 << 20) as f64;

/// What was seen after a share of the calls.
struct Look {
    calls: u64,
    sample: Sample,
    /// Of Redis, the client and the server, in MiB.
    memory: [f64; 3],
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
        looks.push(Look { calls: calls / LOOKS * number, sample, memory });
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
        .map(|it| json!({ "calls": it.calls, "memory": it.memory, "sample": it.sample }));
    let (text, data) = (grid.text(), data.collect());
    Ok(Report { name: "long", text, data, goals: goals(&looks), plots: Vec::new() })
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
    vec![
        Goal::at_most("long run, Redis grows by MiB", "≤ 1", growth(&|it| it.memory[0]), 1.0),
        Goal::at_most("long run, the client grows by MiB", "≤ 2", growth(&|it| it.memory[1]), 2.0),
        Goal::at_most("long run, the server grows by MiB", "≤ 2", growth(&|it| it.memory[2]), 2.0),
        Goal::at_most("long run, p50 at the end to before", "≤ 1.10", after / before, 1.1),
    ]
}
