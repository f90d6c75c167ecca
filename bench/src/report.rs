//! What a scenario has found.

use serde::Serialize;
use serde_json::Value;

use crate::plot::Plot;

/// The findings of a scenario.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) name: &'static str,
    /// Tables in Markdown.
    #[serde(skip)]
    pub(crate) text: String,
    pub(crate) data: Value,
    pub(crate) goals: Vec<Goal>,
    #[serde(skip)]
    pub(crate) plots: Vec<Plot>,
}

/// Something that was promised, and how it came out.
#[derive(Debug, Serialize)]
pub(crate) struct Goal {
    pub(crate) what: &'static str,
    pub(crate) goal: &'static str,
    pub(crate) measured: String,
    pub(crate) met: bool,
}

impl Goal {
    /// A figure that is to be this at least.
    pub(crate) fn at_least(what: &'static str, goal: &'static str, value: f64, bound: f64) -> Goal {
        Goal { what, goal, measured: shown(value), met: value >= bound }
    }

    /// A figure that is to be this at most.
    pub(crate) fn at_most(what: &'static str, goal: &'static str, value: f64, bound: f64) -> Goal {
        Goal { what, goal, measured: shown(value), met: value <= bound }
    }
}

fn shown(value: f64) -> String {
    if value.abs() >= 1000.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
