//! Slow handlers, many at once, on a pool of servers: what matters is that none is idle while calls wait.

use crate::args::Options;
use crate::contender::Contender;
use crate::grid::{Grid, figure};
use crate::order::{Order, Until, What};
use crate::plot::{Axis, Plot};
use crate::report::{Goal, Report};
use crate::sample::Sample;
use crate::series::{Variant, data, measure};
use crate::site::Site;

const SERVERS: [usize; 3] = [1, 2, 4];
const AT_ONCE: usize = 64;
const MILLIS: u64 = 10;
/// For each handler that may run, so many calls are under way: one runs, the others wait.
const CALLS_A_SLOT: usize = 3;

pub(crate) fn run(site: &Site, options: &Options) -> Result<Report, String> {
    // Long enough that the beginning and the end don't count.
    let until = if options.quick { options.until } else { Until::Millis(2000) };
    let variant = |servers: usize| {
        let order = Order::new(CALLS_A_SLOT * AT_ONCE * servers, until).what(What::Sleep(MILLIS));
        let name = format!("{servers}");
        let layout = ["--concurrent", &AT_ONCE.to_string()];
        Variant::new(name, Contender::OursTokio, order).laid_out(&layout).on_servers(servers)
    };
    let all = measure(site, options.rounds.div_ceil(3), SERVERS.map(variant).to_vec())?;
    let ideal = |servers: usize| (servers * AT_ONCE) as f64 * 1000.0 / MILLIS as f64;
    let mut grid = Grid::new(["servers", "calls/s", "ideal", "to ideal"]);
    let mut least = f64::INFINITY;
    for it in &all {
        let (calls, ideal) = (it.median(Sample::calls_a_second), ideal(it.variant.servers));
        // A minimum would leave out what is void.
        least = if calls / ideal > least { least } else { calls / ideal };
        let cells = [figure(calls, 0), figure(ideal, 0), figure(calls / ideal, 2)];
        grid.row([it.variant.name.clone()].into_iter().chain(cells));
    }
    let measured =
        all.iter().map(|it| (it.variant.servers as f64, it.median(Sample::calls_a_second)));
    let plot = Plot {
        file: "servers",
        title: "Handlers of 10 ms, 64 at once on each server",
        x: Axis { name: "servers", logarithmic: false },
        y: Axis { name: "calls/s", logarithmic: false },
        series: vec![
            ("ideal".to_owned(), SERVERS.map(|it| (it as f64, ideal(it))).to_vec()),
            ("ours-tokio".to_owned(), measured.collect()),
        ],
    };
    let goal = Goal::at_least("10 ms handlers, 1, 2, 4 servers, to ideal", "≥ 0.90", least, 0.9);
    let (text, data) = (grid.text(), data(&all));
    Ok(Report { name: "pool", text, data, goals: vec![goal], plots: vec![plot] })
}
