//! The memory of calls that wait: a service with a stream and without a server, so that nobody answers.

use serde_json::json;

use crate::args::Options;
use crate::contender::Contender;
use crate::grid::Grid;
use crate::order::{Order, Until, What};
use crate::report::{Goal, Report};
use crate::site::Site;

const CALLS: usize = 100_000;
const MIB: f64 = (1 << 20) as f64;

pub(crate) fn run(site: &Site, options: &Options) -> Result<Report, String> {
    let calls = if options.quick { CALLS / 10 } else { CALLS };
    let mut pair = site.pair(Contender::OursTokio)?;
    site.redis.command(&["XGROUP", "CREATE", "bench:cmds:nobody", "nobody", "0", "MKSTREAM"]);
    let order = Order::new(calls, Until::Calls(0)).what(What::Nobody);
    let tally = pair.client.carry_out(&order)?;
    if tally.errors > 0 {
        return Err(format!("only {} of {calls} calls wait", tally.calls));
    }
    let mib = tally.grown_bytes as f64 / MIB;
    let mut grid = Grid::new(["calls that wait", "MiB", "bytes each, with their tasks"]);
    grid.row([
        calls.to_string(),
        format!("{mib:.1}"),
        format!("{}", tally.grown_bytes / calls as u64),
    ]);
    let goal = Goal::at_most(
        "100,000 calls that wait, MiB of the client",
        "≤ 64",
        mib * CALLS as f64 / calls as f64,
        64.0,
    );
    let (text, data) = (grid.text(), json!(tally));
    Ok(Report { name: "waiting", text, data, goals: vec![goal], plots: Vec::new() })
}
