//! Large texts, sent and sent back, against the floor with the same ones.

use crate::args::Options;
use crate::contender::Contender;
use crate::grid::{Grid, figure};
use crate::order::{Order, What};
use crate::report::{Goal, Report};
use crate::sample::Sample;
use crate::series::{Variant, data, measure};
use crate::site::Site;

const SIZES: [(&str, usize); 3] = [("1 KiB", 1 << 10), ("64 KiB", 1 << 16), ("1 MiB", 1 << 20)];
const WINDOW: usize = 8;

pub(crate) fn run(site: &Site, options: &Options) -> Result<Report, String> {
    let mut variants = Vec::new();
    for (name, bytes) in SIZES {
        for contender in [Contender::Floor, Contender::OursTokio] {
            let order = Order::new(WINDOW, options.until).what(What::Echo(bytes));
            variants.push(Variant::new(name, contender, order));
        }
    }
    let all = measure(site, options.rounds, variants)?;
    let head = [
        "8 calls under way",
        "floor calls/s",
        "ours-tokio calls/s",
        "to the floor",
        "client + server µs",
    ];
    let mut grid = Grid::new(head);
    let mut last = f64::NAN;
    for pair in all.chunks(2) {
        let [floor, ours] = pair else { continue };
        let ratio = ours.to(floor, Sample::calls_a_second);
        last = ratio.median;
        grid.row([
            ours.variant.name.clone(),
            figure(floor.median(Sample::calls_a_second), 0),
            figure(ours.median(Sample::calls_a_second), 0),
            ratio.text(),
            figure(ours.median(Sample::both), 0),
        ]);
    }
    let goal = Goal::at_least("1 MiB both ways, calls/s to the floor", "≥ 0.70", last, 0.7);
    let (text, data) = (grid.text(), data(&all));
    Ok(Report { name: "payload", text, data, goals: vec![goal], plots: Vec::new() })
}
