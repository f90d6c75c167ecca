//! What is measured: a scenario each.

mod contenders;

use crate::args::Options;
use crate::report::Report;
use crate::site::Site;

/// Something to measure.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Site, &Options) -> Result<Report, String>,
}

/// All of them; the first one is what is run if nothing else is asked for.
pub(crate) const ALL: [Scenario; 1] =
    [Scenario { name: "contenders", about: "everybody, one service", run: contenders::run }];

/// Their names, for the help.
pub(crate) fn names() -> String {
    ALL.iter().map(|it| format!("  {:<22}{}\n", it.name, it.about)).collect()
}
