//! Latency against offered load: calls begin when they are due, whether those before have their replies or not, and their time
//! counts from then on.

use std::time::Duration;

use crate::args::Options;
use crate::contender::Contender;
use crate::grid::{Grid, figure};
use crate::order::{Order, Until};
use crate::plot::{Axis, Plot};
use crate::report::Report;
use crate::sample::Sample;
use crate::series::{Measured, Variant, data, measure};
use crate::site::Site;

/// Shares of what the same client gets through when it is asked for all it can.
const SHARES: [f64; 7] = [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7];
/// If more calls than that wait at the same time, it can't keep up.
const MOST: usize = 20_000;
const EACH: Duration = Duration::from_secs(2);

pub(crate) fn run(site: &Site, options: &Options) -> Result<Report, String> {
    let who = Contender::OursTokio;
    let most = site.pair(who)?.measure(&Order::new(256, options.until))?.calls_a_second();
    let millis = if options.quick { 300 } else { EACH.as_millis() as u64 };
    let variant = |share: f64| {
        let a_second = (most * share) as u64;
        let order = Order { a_second, ..Order::new(MOST, Until::Millis(millis)) };
        Variant::new(format!("{a_second} a second"), who, order)
    };
    let variants = SHARES.map(variant).to_vec();
    let all = measure(site, options.rounds.div_ceil(3), variants)?;
    let mut grid =
        Grid::new(["offered calls/s", "p50 µs", "p99 µs", "client µs/call", "server µs/call"]);
    for it in &all {
        let figures = [Sample::p50, Sample::p99, Sample::client, Sample::server];
        let cells = figures.map(|of| figure(it.median(of), 1));
        grid.row([it.variant.order.a_second.to_string()].into_iter().chain(cells));
    }
    let line = |name: &str, of: fn(&Sample) -> f64| {
        let point = |it: &Measured| (it.variant.order.a_second as f64, it.median(of));
        (name.to_owned(), all.iter().map(point).collect())
    };
    let plot = Plot {
        file: "latency",
        title: "Latency against offered load, tokio",
        x: Axis { name: "offered calls/s", logarithmic: false },
        y: Axis { name: "µs", logarithmic: true },
        series: vec![line("p50", Sample::p50), line("p99", Sample::p99)],
    };
    let (text, data) = (grid.text(), data(&all));
    Ok(Report { name: "latency", text, data, goals: Vec::new(), plots: vec![plot] })
}
