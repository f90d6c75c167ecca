//! How long the scenarios take: `cargo bench -p clamator-counts`. Times differ from run to run; budgets are for counts.

use clamator_counts::SCENARIOS;
use divan::Bencher;
use divan::counter::ItemsCount;

/// In one go, after which client and server are made anew.
const CALLS: usize = 4096;

fn main() {
    divan::main();
}

#[divan::bench(args = SCENARIOS.map(|scenario| scenario.name), sample_count = 50, sample_size = 1)]
fn calls(bencher: Bencher<'_, '_>, name: &str) {
    let scenario = SCENARIOS.into_iter().find(|it| it.name == name).expect("it is one of them");
    bencher.counter(ItemsCount::new(CALLS)).bench_local(|| scenario.run(CALLS));
}
