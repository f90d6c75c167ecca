//! Everybody: `arith.add` with several windows.

use serde_json::{Value, json};

use crate::args::Options;
use crate::contender::Contender;
use crate::grid::Grid;
use crate::order::Order;
use crate::progress::Progress;
use crate::report::{Goal, Report};
use crate::sample::{FIGURES, Figure, RATIOS, Sample, Spread};
use crate::site::Site;

const WINDOWS: [usize; 4] = [256, 64, 8, 1];

/// All measurements of a contender with a window.
#[derive(Debug)]
struct Row {
    contender: Contender,
    window: usize,
    samples: Vec<Sample>,
    /// Why there are none.
    lacks: Option<String>,
}

pub(crate) fn run(site: &Site, options: &Options) -> Result<Report, String> {
    let contenders = options.only.clone().unwrap_or(Contender::ALL.to_vec());
    let mut rows = Vec::new();
    for contender in &contenders {
        for window in contender.windows().iter().copied() {
            let lacks = site.lacks(*contender).map(str::to_owned);
            rows.push(Row { contender: *contender, window, samples: Vec::new(), lacks });
        }
    }
    let present: Vec<_> = contenders.into_iter().filter(|it| site.lacks(*it).is_none()).collect();
    let steps: usize = present.iter().map(|it| it.windows().len()).sum();
    let mut progress = Progress::new(options.rounds * steps);
    for round in 1..=options.rounds {
        site.clear();
        // All are there, and wait, so that those with the same window are measured within seconds.
        let pair = |contender: &Contender| site.pair_with(*contender, contender.name(), 1, &[]);
        let mut pairs = present.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
        for window in WINDOWS {
            for (contender, pair) in present.iter().zip(&mut pairs) {
                let mine = |row: &&mut Row| (row.contender, row.window) == (*contender, window);
                let Some(row) = rows.iter_mut().find(mine) else { continue };
                progress.next(&format!("round {round}, {contender}, {window} under way"));
                row.samples.push(pair.measure(&Order::new(window, options.until))?);
            }
        }
    }
    drop(progress);
    rows.iter_mut().for_each(Row::void_if_failed);
    let text = WINDOWS.iter().map(|window| tables(&rows, *window)).collect();
    let data = rows.iter().map(|row| json(&rows, row)).collect();
    Ok(Report { name: "contenders", text, data, goals: goals(&rows), plots: Vec::new() })
}

impl Row {
    /// Any error voids the row.
    fn void_if_failed(&mut self) {
        let errors: u64 = self.samples.iter().map(|it| it.tally.errors).sum();
        if errors > 0 {
            let first = self.samples.iter().find_map(|it| it.tally.error.clone());
            self.lacks = Some(format!("void: {errors} errors, {}", first.unwrap_or_default()));
            self.samples.clear();
        }
    }

    fn spread(&self, figure: &Figure) -> Option<Spread> {
        Spread::of(self.samples.iter().map(figure.of))
    }

    fn ratio(&self, rows: &[Row], to: Contender, of: fn(&Sample) -> f64) -> Option<Spread> {
        let other = find(rows, to, self.window)?;
        Spread::of_ratios(&self.samples, &other.samples, of)
    }
}

fn find(rows: &[Row], contender: Contender, window: usize) -> Option<&Row> {
    rows.iter().find(|row| (row.contender, row.window) == (contender, window))
}

/// Figures, and ratios to the floor.
fn tables(rows: &[Row], window: usize) -> String {
    let mut figures = Grid::new([&["medians"][..], &FIGURES.map(|it| it.name)].concat());
    let mut ratios =
        Grid::new([&["to the floor (min–max)"][..], &RATIOS.map(|it| it.name)].concat());
    for row in rows.iter().filter(|row| row.window == window) {
        let name = row.contender.name().to_owned();
        if let Some(lacks) = &row.lacks {
            figures.row([&name, lacks]);
            continue;
        }
        let cell = |figure: &Figure| {
            let spread = row.spread(figure);
            spread.map_or("–".to_owned(), |it| format!("{:.*}", figure.decimals, it.median))
        };
        figures.row([vec![name.clone()], FIGURES.iter().map(cell).collect()].concat());
        if row.contender != Contender::Floor {
            let cell = |figure: &Figure| {
                let ratio = row.ratio(rows, Contender::Floor, figure.of);
                ratio.map_or("–".to_owned(), |it| it.text())
            };
            ratios.row([vec![name], RATIOS.iter().map(cell).collect()].concat());
        }
    }
    format!("{window} calls under way\n\n{}\n{}\n", figures.text(), ratios.text())
}

fn json(rows: &[Row], row: &Row) -> Value {
    let figures = FIGURES.iter().map(|it| (it.name.to_owned(), json!(row.spread(it))));
    let to_floor = |it: &Figure| json!(row.ratio(rows, Contender::Floor, it.of));
    let ratios = RATIOS.iter().map(|it| (it.name.to_owned(), to_floor(it)));
    json!({
        "contender": row.contender,
        "window": row.window,
        "missing": row.lacks,
        "figures": figures.collect::<serde_json::Map<_, _>>(),
        "ratios": ratios.collect::<serde_json::Map<_, _>>(),
        "samples": row.samples,
    })
}

/// Those that can be told from what was measured.
fn goals(rows: &[Row]) -> Vec<Goal> {
    use Contender::{Floor, Nats, NatsTokio, OursAsyncStd, OursMemory, OursSmol, OursTokio};
    let ratio = |who, to, window, of| Some(find(rows, who, window)?.ratio(rows, to, of)?.median);
    let value = |who, window, of: fn(&Sample) -> f64| {
        Some(Spread::of(find(rows, who, window)?.samples.iter().map(of))?.median)
    };
    let least =
        |what, goal, value: Option<f64>, bound| Some(Goal::at_least(what, goal, value?, bound));
    let most =
        |what, goal, value: Option<f64>, bound| Some(Goal::at_most(what, goal, value?, bound));
    let calls: fn(&Sample) -> f64 = Sample::calls_a_second;
    // Where the floor takes 10 µs of Redis, 12 µs.
    let allowed = value(Floor, 256, Sample::broker).map(|redis| redis * 1.2);
    let budget = value(OursTokio, 256, Sample::both).zip(allowed).map(|(both, all)| both / all);
    [
        least(
            "calls/s, 256 under way, to the floor",
            "≥ 0.80",
            ratio(OursTokio, Floor, 256, calls),
            0.8,
        ),
        least(
            "calls/s, 256 under way, to NATS as libraries make it",
            "≥ 1.00",
            ratio(OursTokio, NatsTokio, 256, calls),
            1.0,
        ),
        least(
            "calls/s, 256 under way, to NATS by hand",
            "≥ 1.00",
            ratio(OursTokio, Nats, 256, calls),
            1.0,
        ),
        most(
            "Redis CPU a call, to the floor",
            "≤ 1.10",
            ratio(OursTokio, Floor, 256, Sample::broker),
            1.1,
        ),
        most("client + server CPU a call, to 1.2 × the floor's Redis", "≤ 1.00", budget, 1.0),
        most(
            "client + server CPU a call, to NATS as libraries make it",
            "≤ 1.00",
            ratio(OursTokio, NatsTokio, 256, Sample::both),
            1.0,
        ),
        most(
            "client + server CPU a call, to NATS by hand",
            "≤ 1.00",
            ratio(OursTokio, Nats, 256, Sample::both),
            1.0,
        ),
        most(
            "p50 of one call at a time, to the floor",
            "≤ 1.20",
            ratio(OursTokio, Floor, 1, Sample::p50),
            1.2,
        ),
        most(
            "p99 of one call at a time, to the floor",
            "≤ 1.30",
            ratio(OursTokio, Floor, 1, Sample::p99),
            1.3,
        ),
        least("smol, calls/s to tokio", "≥ 0.85", ratio(OursSmol, OursTokio, 256, calls), 0.85),
        least(
            "async-std, calls/s to tokio",
            "≥ 0.85",
            ratio(OursAsyncStd, OursTokio, 256, calls),
            0.85,
        ),
        least("memory, calls/s on one core", "≥ 500000", value(OursMemory, 256, calls), 500_000.0),
        most(
            "memory, p50 of one call at a time, µs",
            "≤ 5",
            value(OursMemory, 1, Sample::p50),
            5.0,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
