//! What may be relied upon of a stage.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use clamator_driver::Runtime as _;

use super::{Due, STORE, Stage, Step};
use crate::dice::Dice;

type Log = Arc<Mutex<Vec<(&'static str, u64)>>>;

fn stage() -> (Arc<Stage>, Log) {
    (Stage::new(Dice::new(1), 3), Log::default())
}

/// Writes down the time at which it wakes, in milliseconds, after sleeping by its machine's clock.
fn sleeper(stage: &Arc<Stage>, log: &Log, name: &'static str, node: usize, ms: u64) {
    let (host, log) = (stage.host(node), log.clone());
    stage.host(node).spawn(async move {
        host.sleep(Duration::from_millis(ms)).await;
        log.lock().unwrap().push((name, host.stage().now() / 1_000_000));
    });
}

fn run_to_the_end(stage: &Arc<Stage>) {
    while stage.step() != Step::Still {}
}

#[test]
fn the_clock_jumps_to_what_is_due_next() {
    let (stage, log) = stage();
    sleeper(&stage, &log, "late", 1, 3_600_000);
    sleeper(&stage, &log, "early", 2, 5);
    run_to_the_end(&stage);
    assert_eq!(*log.lock().unwrap(), [("early", 5), ("late", 3_600_000)]);
}

#[test]
fn a_machine_that_stands_still_goes_on_later() {
    let (stage, log) = stage();
    sleeper(&stage, &log, "paused", 1, 5);
    sleeper(&stage, &log, "other", 2, 7);
    stage.pause(1, 20_000_000);
    run_to_the_end(&stage);
    // Its task hadn't even begun: it sleeps from then on.
    assert_eq!(*log.lock().unwrap(), [("other", 7), ("paused", 25)]);
}

#[test]
fn timers_go_by_the_clock_of_their_machine_and_time_never_goes_back() {
    let (stage, log) = stage();
    sleeper(&stage, &log, "jumps", 1, 100);
    sleeper(&stage, &log, "other", 2, 10);
    assert_eq!((stage.step(), stage.step()), (Step::Done, Step::Done));
    stage.jump(1, 95_000_000);
    run_to_the_end(&stage);
    assert_eq!(*log.lock().unwrap(), [("jumps", 5), ("other", 10)]);

    let log = Log::default();
    stage.jump(1, 0);
    sleeper(&stage, &log, "over", 1, 50);
    stage.step();
    stage.jump(1, 3_600_000_000_000);
    run_to_the_end(&stage);
    assert_eq!(*log.lock().unwrap(), [("over", 10)]);
}

#[test]
fn a_killed_machine_does_nothing_more() {
    let (stage, log) = stage();
    sleeper(&stage, &log, "killed", 1, 5);
    sleeper(&stage, &log, "other", 2, 5);
    stage.kill(1);
    run_to_the_end(&stage);
    assert_eq!(*log.lock().unwrap(), [("other", 5)]);
}

#[test]
fn what_is_not_a_task_is_somebody_elses() {
    let (stage, _) = stage();
    stage.at(7, Due::Cue(3));
    stage.at(5, Due::Close(STORE));
    assert_eq!(stage.step(), Step::Due(Due::Close(STORE)));
    assert_eq!(stage.step(), Step::Due(Due::Cue(3)));
    assert_eq!((stage.step(), stage.now()), (Step::Still, 7));
}
