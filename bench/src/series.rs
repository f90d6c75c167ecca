//! Several variants of something, measured in rounds as the contenders are.

use serde_json::{Value, json};

use crate::contender::Contender;
use crate::order::Order;
use crate::progress::Progress;
use crate::sample::{Sample, Spread};
use crate::site::{PREFIX, Site};

/// A variant: who, laid out how, with how many servers, does what.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) contender: Contender,
    pub(crate) layout: Vec<String>,
    pub(crate) servers: usize,
    pub(crate) order: Order,
}

impl Variant {
    pub(crate) fn new(name: impl Into<String>, contender: Contender, order: Order) -> Variant {
        Variant { name: name.into(), contender, layout: Vec::new(), servers: 1, order }
    }

    pub(crate) fn laid_out(mut self, layout: &[&str]) -> Variant {
        self.layout = layout.iter().map(|it| (*it).to_owned()).collect();
        self
    }

    pub(crate) fn on_servers(mut self, servers: usize) -> Variant {
        self.servers = servers;
        self
    }
}

/// What was measured of a variant: a sample for each round.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) variant: Variant,
    pub(crate) samples: Vec<Sample>,
    /// The first error: any voids it all.
    void: Option<String>,
}

/// Measures all variants in each round.
pub(crate) fn measure(
    site: &Site,
    rounds: usize,
    variants: Vec<Variant>,
) -> Result<Vec<Measured>, String> {
    let mut progress = Progress::new(rounds * variants.len());
    let mut all: Vec<Measured> = variants
        .into_iter()
        .map(|variant| Measured { variant, samples: Vec::new(), void: None })
        .collect();
    for round in 1..=rounds {
        for Measured { variant, samples, void } in &mut all {
            progress.next(&format!("round {round}, {}", variant.name));
            if void.is_some() {
                continue;
            }
            let layout: Vec<&str> = variant.layout.iter().map(String::as_str).collect();
            site.clear();
            let (who, servers) = (variant.contender, variant.servers);
            let mut pair = site.pair_with(who, PREFIX, servers, &layout)?;
            let sample = pair.measure(&variant.order)?;
            *void = sample.tally.error.clone();
            samples.push(sample);
            if void.is_some() {
                samples.clear();
            }
        }
    }
    Ok(all)
}

impl Measured {
    /// The median of a figure.
    pub(crate) fn median(&self, of: fn(&Sample) -> f64) -> f64 {
        Spread::of(self.samples.iter().map(of)).map_or(f64::NAN, |it| it.median)
    }

    /// The ratio to another variant, round by round.
    pub(crate) fn to(&self, other: &Measured, of: fn(&Sample) -> f64) -> Spread {
        let none = Spread { median: f64::NAN, min: f64::NAN, max: f64::NAN };
        Spread::of_ratios(&self.samples, &other.samples, of).unwrap_or(none)
    }
}

/// All samples, for who wants to look closer.
pub(crate) fn data(all: &[Measured]) -> Value {
    let one = |it: &Measured| json!({ "variant": it.variant.name, "void": it.void, "samples": it.samples });
    all.iter().map(one).collect()
}
