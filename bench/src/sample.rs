//! What one measurement has counted, and the figures that are made of it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::order::Tally;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) tally: Tally,
    pub(crate) broker_nanos: u64,
    pub(crate) client_nanos: u64,
    pub(crate) server_nanos: u64,
    /// How often Redis ran each command.
    pub(crate) commands: BTreeMap<String, u64>,
}

impl Sample {
    pub(crate) fn calls_a_second(&self) -> f64 {
        self.tally.calls as f64 * 1e9 / self.tally.nanos.max(1) as f64
    }

    pub(crate) fn p50(&self) -> f64 {
        self.tally.p50_nanos as f64 / 1e3
    }

    pub(crate) fn p99(&self) -> f64 {
        self.tally.p99_nanos as f64 / 1e3
    }

    pub(crate) fn broker(&self) -> f64 {
        self.a_call(self.broker_nanos) / 1e3
    }

    pub(crate) fn client(&self) -> f64 {
        self.a_call(self.client_nanos) / 1e3
    }

    pub(crate) fn server(&self) -> f64 {
        self.a_call(self.server_nanos) / 1e3
    }

    pub(crate) fn both(&self) -> f64 {
        self.client() + self.server()
    }

    pub(crate) fn commands(&self) -> f64 {
        self.a_call(self.commands.values().sum())
    }

    fn a_call(&self, count: u64) -> f64 {
        count as f64 / self.tally.calls.max(1) as f64
    }
}

/// A figure of a sample, with its name, unit included, and so many decimals.
#[derive(Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) of: fn(&Sample) -> f64,
    pub(crate) decimals: usize,
}

pub(crate) const FIGURES: [Figure; 7] = [
    Figure { name: "calls/s", of: Sample::calls_a_second, decimals: 0 },
    Figure { name: "p50 µs", of: Sample::p50, decimals: 1 },
    Figure { name: "p99 µs", of: Sample::p99, decimals: 1 },
    Figure { name: "Redis µs/call", of: Sample::broker, decimals: 2 },
    Figure { name: "client µs/call", of: Sample::client, decimals: 2 },
    Figure { name: "server µs/call", of: Sample::server, decimals: 2 },
    Figure { name: "commands/call", of: Sample::commands, decimals: 2 },
];

/// Those that are compared with the floor's.
pub(crate) const RATIOS: [Figure; 5] = [
    FIGURES[0],
    FIGURES[1],
    FIGURES[2],
    FIGURES[3],
    Figure { name: "client + server", of: Sample::both, decimals: 2 },
];

/// The middle of what was measured, and its ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Nothing of nothing.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            1 => values[middle],
            _ => (values[middle - 1] + values[middle]) / 2.0,
        };
        Some(Spread { median, min, max })
    }

    /// Of the ratios of two, round by round: what disturbed the machine has disturbed both.
    pub(crate) fn of_ratios(
        samples: &[Sample],
        others: &[Sample],
        of: fn(&Sample) -> f64,
    ) -> Option<Spread> {
        Self::of(samples.iter().zip(others).map(|(sample, other)| of(sample) / of(other)))
    }

    pub(crate) fn text(&self) -> String {
        format!("{:.2} ({:.2}–{:.2})", self.median, self.min, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_a_middle_and_two_ends() {
        assert_eq!(Spread::of([]), None);
        let spread = Spread::of([3.0, 1.0, 2.0]).unwrap();
        assert_eq!((spread.median, spread.min, spread.max), (2.0, 1.0, 3.0));
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(spread.text(), "2.00 (1.00–3.00)");
    }
}
