//! Many services on one server, called by ten clients in one process, against one service and one client.

use crate::args::Options;
use crate::contender::Contender;
use crate::grid::{Grid, figure};
use crate::order::Order;
use crate::plot::{Axis, Plot};
use crate::report::{Goal, Report};
use crate::sample::Sample;
use crate::series::{Variant, data, measure};
use crate::site::Site;

const SERVICES: [usize; 5] = [1, 3, 10, 30, 100];
const CLIENTS: &str = "10";
const WINDOW: usize = 256;

pub(crate) fn run(site: &Site, options: &Options) -> Result<Report, String> {
    let order = Order::new(WINDOW, options.until);
    let who = Contender::OursTokio;
    let mut variants = vec![Variant::new("1 service, 1 client", who, order.clone())];
    for services in SERVICES {
        let plural = if services == 1 { "" } else { "s" };
        let name = format!("{services} service{plural}, {CLIENTS} clients");
        let layout = ["--services", &services.to_string(), "--clients", CLIENTS];
        variants.push(Variant::new(name, who, order.clone()).laid_out(&layout));
    }
    let all = measure(site, options.rounds, variants)?;
    let (first, last) = (&all[0], &all[all.len() - 1]);
    let head =
        ["256 calls under way", "calls/s", "to 1 service, 1 client", "p50 µs", "commands/call"];
    let mut grid = Grid::new(head);
    for it in &all {
        grid.row([
            it.variant.name.clone(),
            figure(it.median(Sample::calls_a_second), 0),
            it.to(first, Sample::calls_a_second).text(),
            figure(it.median(Sample::p50), 0),
            figure(it.median(Sample::commands), 2),
        ]);
    }
    let points = SERVICES.iter().zip(&all[1..]);
    let points = points.map(|(services, it)| (*services as f64, it.median(Sample::calls_a_second)));
    let plot = Plot {
        file: "services",
        title: "Services on one server, 10 clients, 256 calls under way",
        x: Axis { name: "services", logarithmic: true },
        y: Axis { name: "calls/s", logarithmic: false },
        series: vec![("ours-tokio".to_owned(), points.collect())],
    };
    let ratio = last.to(first, Sample::calls_a_second).median;
    let goal = Goal::at_least("100 services, 10 clients, to one of each", "≥ 0.80", ratio, 0.8);
    let (text, data) = (grid.text(), data(&all));
    Ok(Report { name: "services", text, data, goals: vec![goal], plots: vec![plot] })
}
