//! What was measured, as a text.

use crate::contender::Contender;
use crate::run::{Row, Sample};

/// One figure of a sample.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) of: fn(&Sample) -> f64,
    decimals: usize,
}

pub(crate) const FIGURES: [Figure; 7] = [
    Figure { name: "calls/s", of: |it| per_second(it), decimals: 0 },
    Figure { name: "p50 µs", of: |it| it.tally.p50_nanos as f64 / 1e3, decimals: 1 },
    Figure { name: "p99 µs", of: |it| it.tally.p99_nanos as f64 / 1e3, decimals: 1 },
    Figure { name: "Redis µs", of: |it| micros_a_call(it, it.redis.cpu_nanos), decimals: 2 },
    Figure { name: "client µs", of: |it| micros_a_call(it, it.client_nanos), decimals: 2 },
    Figure { name: "server µs", of: |it| micros_a_call(it, it.server_nanos), decimals: 2 },
    Figure { name: "commands", of: commands_a_call, decimals: 2 },
];

fn per_second(sample: &Sample) -> f64 {
    sample.tally.calls as f64 * 1e9 / sample.tally.nanos.max(1) as f64
}

fn micros_a_call(sample: &Sample, nanos: u64) -> f64 {
    nanos as f64 / 1e3 / sample.tally.calls.max(1) as f64
}

fn commands_a_call(sample: &Sample) -> f64 {
    let commands: u64 = sample.redis.commands.values().sum();
    commands as f64 / sample.tally.calls.max(1) as f64
}

/// The middle of a list, or the mean of the two there.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => values[len / 2],
        len => (values[len / 2 - 1] + values[len / 2]) / 2.0,
    }
}

/// All tables: one for each window.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut out = String::new();
    let mut windows: Vec<usize> = rows.iter().map(|row| row.window).collect();
    windows.dedup();
    for window in windows {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.window == window).collect();
        let floor = rows.iter().find(|row| row.contender == Contender::Floor);
        out += &format!("\n{window} under way\n{:<16}", "");
        FIGURES.iter().for_each(|figure| out += &format!("{:>11}", figure.name));
        out += "   calls/s to floor\n";
        for row in &rows {
            out += &format!("{:<16}", row.contender);
            let errors: u64 = row.samples.iter().map(|it| it.tally.errors).sum();
            if errors > 0 {
                let text = row.samples.iter().find_map(|it| it.tally.error.clone());
                out += &format!("  void: {errors} errors, {}\n", text.unwrap_or_default());
                continue;
            }
            for Figure { of, decimals, .. } in &FIGURES {
                out += &format!("{:>11.*}", decimals, median(row.samples.iter().map(of).collect()));
            }
            if let Some(floor) = floor {
                let ratios: Vec<f64> = ratios(&row.samples, &floor.samples, per_second);
                let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
                let most = ratios.iter().copied().fold(0.0, f64::max);
                out += &format!("   {:.2} ({least:.2}–{most:.2})", median(ratios));
            }
            out += "\n";
        }
    }
    out
}

/// Round by round.
fn ratios(samples: &[Sample], floor: &[Sample], of: fn(&Sample) -> f64) -> Vec<f64> {
    samples.iter().zip(floor).map(|(sample, floor)| of(sample) / of(floor)).collect()
}
