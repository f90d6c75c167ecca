//! The search for a world in which a rule is broken.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::args::Args;
use super::output;
use super::progress::Progress;
use crate::world;

/// Of so many worlds one is lived through twice: both must be the same.
const TWICE: u64 = 64;

/// What came of it.
#[derive(Debug)]
pub(super) struct Found {
    /// The least seed that breaks a rule, of those that were tried.
    pub(super) broken: Option<u64>,
    worlds: u64,
    inputs: u64,
    lived: u64,
    seconds: f64,
}

impl Found {
    pub(super) fn summary(&self) -> String {
        let Found { worlds, inputs, lived, seconds, .. } = self;
        format!(
            "{worlds} worlds, {:.1} hours of their time, {inputs} inputs of cores, in {seconds:.1} s: {:.0} worlds/s, {:.0} inputs/s",
            *lived as f64 / 3.6e12,
            *worlds as f64 / seconds,
            *inputs as f64 / seconds,
        )
    }
}

/// Lives through all worlds, or to the first that breaks a rule.
pub(super) fn search(args: &Args) -> Found {
    let (next, broken) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let [worlds, inputs, lived] = [const { AtomicU64::new(0) }; 3];
    let progress = Progress::new(args.seeds);
    let began = Instant::now();
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= args.seeds || !args.go_on && broken.load(Ordering::Relaxed) != u64::MAX {
                return;
            }
            let seed = args.from.wrapping_add(at);
            let plan = args.plan(seed);
            let report = world::run(&plan, false);
            let differs = || world::run(&plan, false).fingerprint != report.fingerprint;
            if report.violation.is_some() || at % TWICE == 0 && differs() {
                broken.fetch_min(seed, Ordering::Relaxed);
                if args.go_on {
                    let how = report.violation.as_ref().map(|it| (it.rule, it.what.as_str()));
                    let (rule, what) = how.unwrap_or(("the same seed gives the same world", ""));
                    output::line(&format!("{seed}: {rule}: {what}"));
                }
            }
            inputs.fetch_add(report.inputs, Ordering::Relaxed);
            lived.fetch_add(report.lived, Ordering::Relaxed);
            let done = worlds.fetch_add(1, Ordering::Relaxed) + 1;
            if done % 256 == 0 {
                let rate = done as f64 / began.elapsed().as_secs_f64();
                progress.show(done, &format!("{rate:.0} a second"));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..args.threads {
            scope.spawn(work);
        }
        work();
    });
    let broken = Some(broken.into_inner()).filter(|seed| *seed != u64::MAX);
    let seconds = began.elapsed().as_secs_f64();
    Found {
        broken,
        worlds: worlds.into_inner(),
        inputs: inputs.into_inner(),
        lived: lived.into_inner(),
        seconds,
    }
}
