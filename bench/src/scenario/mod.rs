//! What is measured: a scenario each.

mod contenders;
mod latency;
mod long;
mod payload;
mod pool;
mod services;
mod waiting;
mod windows;

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
pub(crate) const ALL: [Scenario; 8] = [
    Scenario { name: "contenders", about: "everybody, one service", run: contenders::run },
    Scenario { name: "windows", about: "throughput against calls under way", run: windows::run },
    Scenario { name: "latency", about: "latency against offered load", run: latency::run },
    Scenario { name: "services", about: "1 to 100 services on a server", run: services::run },
    Scenario { name: "pool", about: "slow handlers on 1, 2 and 4 servers", run: pool::run },
    Scenario { name: "payload", about: "large texts in both directions", run: payload::run },
    Scenario { name: "waiting", about: "memory of calls that wait", run: waiting::run },
    Scenario { name: "long", about: "millions of calls: what grows?", run: long::run },
];

/// Their names, for the help.
pub(crate) fn names() -> String {
    ALL.iter().map(|it| format!("  {:<22}{}\n", it.name, it.about)).collect()
}
