//! Throughput against the number of calls under way.

use crate::args::Options;
use crate::contender::Contender;
use crate::grid::{Grid, figure};
use crate::order::Order;
use crate::plot::{Axis, Plot};
use crate::report::Report;
use crate::sample::Sample;
use crate::series::{Measured, Variant, data, measure};
use crate::site::Site;

const WINDOWS: [usize; 7] = [1, 4, 16, 64, 256, 1024, 4096];
/// A reply stream keeps so many entries: more replies than that, and the floor would lose some. This project lets calls wait.
const MOST_OF_THE_FLOOR: usize = 1024;
const WHO: [Contender; 4] =
    [Contender::Floor, Contender::OursTokio, Contender::OursSmol, Contender::OursAsyncStd];

pub(crate) fn run(site: &Site, options: &Options) -> Result<Report, String> {
    let mut variants = Vec::new();
    for contender in WHO {
        let most = if contender == Contender::Floor { MOST_OF_THE_FLOOR } else { usize::MAX };
        for window in WINDOWS.into_iter().filter(|window| *window <= most) {
            let order = Order::new(window, options.until);
            variants.push(Variant::new(format!("{contender}, {window}"), contender, order));
        }
    }
    let all = measure(site, options.rounds.div_ceil(2), variants)?;
    let of = |contender: Contender| all.iter().filter(move |it| it.variant.contender == contender);
    let mut grid =
        Grid::new(["calls/s (p50 µs)".to_owned()].into_iter().chain(WHO.map(|it| it.to_string())));
    for window in WINDOWS {
        let cell = |contender| {
            let mut found = of(contender).filter(|it| it.variant.order.window == window);
            found.next().map_or("–".to_owned(), cell)
        };
        grid.row([window.to_string()].into_iter().chain(WHO.map(cell)));
    }
    let series = WHO.map(|contender| {
        let point =
            |it: &Measured| (it.variant.order.window as f64, it.median(Sample::calls_a_second));
        (contender.to_string(), of(contender).map(point).collect())
    });
    let plot = Plot {
        file: "throughput",
        title: "Throughput against calls under way",
        x: Axis { name: "calls under way", logarithmic: true },
        y: Axis { name: "calls/s", logarithmic: false },
        series: series.to_vec(),
    };
    let (text, data) = (grid.text(), data(&all));
    Ok(Report { name: "windows", text, data, goals: Vec::new(), plots: vec![plot] })
}

fn cell(measured: &Measured) -> String {
    let (calls, p50) = (measured.median(Sample::calls_a_second), measured.median(Sample::p50));
    format!("{} ({})", figure(calls, 0), figure(p50, 0))
}
