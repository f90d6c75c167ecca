//! The memory of calls that wait: a service with a stream and without a server, so that nobody answers.

use serde_json::json;

use crate::args::Options;
use crate::contender::Contender;
use crate::grid::Grid;
use crate::order::{Order, Tally, Until, What};
use crate::report::{Goal, Report};
use crate::site::Site;

const CALLS: usize = 100_000;
const MIB: f64 = (1 << 20) as f64;

pub(crate) fn run(site: &Site, options: &Options) -> Result<Report, String> {
    let calls = if options.quick { CALLS / 10 } else { CALLS };
    let mut grid = Grid::new(["calls that wait", "how many", "MiB", "bytes each"]);
    let mut tallies = Vec::new();
    for (name, tasks) in [("futures of one task", false), ("a task each", true)] {
        let mut pair = site.pair(Contender::OursTokio)?;
        site.redis.command(&["XGROUP", "CREATE", "bench:cmds:nobody", "nobody", "0", "MKSTREAM"]);
        let order = Order::new(calls, Until::Calls(0)).what(What::Nobody { tasks });
        let tally = pair.client.carry_out(&order)?;
        if tally.errors > 0 {
            return Err(format!("only {} of {calls} calls wait", tally.calls));
        }
        let (mib, each) = (tally.grown_bytes as f64 / MIB, tally.grown_bytes / calls as u64);
        grid.row([name.to_owned(), calls.to_string(), format!("{mib:.1}"), each.to_string()]);
        tallies.push(tally);
    }
    let goal = |what, tally: &Tally| {
        let of_all = tally.grown_bytes as f64 / MIB * CALLS as f64 / calls as f64;
        Goal::at_most(what, "≤ 64", of_all, 64.0)
    };
    let goals = vec![
        goal("100,000 calls that wait, MiB of the client", &tallies[0]),
        goal("the same, with a task for each", &tallies[1]),
    ];
    let (text, data) = (grid.text(), json!(tallies));
    Ok(Report { name: "waiting", text, data, goals, plots: Vec::new() })
}
