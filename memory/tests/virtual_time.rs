//! The virtual clock: what runs when, and that it is the same every time.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use clamator_core::Time;
use clamator_memory::VirtualTime;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A list that tasks write to.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Notes when it is dropped.
struct Dropped(Notes, &'static str);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add(format!("{} dropped", self.1));
    }
}

/// The message of the panic that `run` must end with.
fn panic_of(run: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    panic
        .downcast_ref::<&str>()
        .map_or_else(|| panic.downcast_ref::<String>().unwrap().clone(), |&text| text.into())
}

#[test]
fn the_clock_jumps_to_the_next_timer() {
    let time = VirtualTime::new();
    let day = ms(86_400_000);
    time.run(async {
        assert_eq!(time.now(), Time::ZERO);
        time.sleep(day).await;
        assert_eq!(time.now(), Time::after_start(day));
        time.sleep_until(Time::ZERO).await;
        assert_eq!(time.now(), Time::after_start(day), "what is past is ready at once");
    });
    assert_eq!(time.now(), Time::after_start(day), "the clock stays where it is");
}

#[test]
fn the_output_may_borrow() {
    let time = VirtualTime::new();
    let text = String::from("text");
    let seen = Cell::new(0);
    let borrowed = time.run(async {
        time.sleep(ms(1)).await;
        seen.set(1);
        text.as_str()
    });
    assert_eq!((borrowed, seen.get()), ("text", 1));
}

#[test]
fn tasks_run_in_the_order_in_which_they_were_woken() {
    let trace = || {
        let (time, notes) = (VirtualTime::new(), Notes::default());
        for (name, delay) in [("a", 30), ("b", 10), ("c", 10), ("d", 0)] {
            let (clock, notes) = (time.clone(), notes.clone());
            time.spawn(async move {
                notes.add(name);
                clock.sleep(ms(delay)).await;
                notes.add(format!("{name} {}", clock.now().since_start().as_millis()));
                let inner = notes.clone();
                clock.spawn(async move { inner.add(format!("{name}'s")) });
                clock.yield_now().await;
                notes.add(format!("{name} again"));
            });
        }
        time.run(async {
            notes.add("main");
            time.sleep(ms(30)).await;
            notes.add("main 30");
            time.sleep(ms(1)).await;
        });
        notes.all()
    };
    // "main" set its timer for 30 before "a" did.
    let expected = [
        "main", "a", "b", "c", "d", "d 0", "d's", "d again", "b 10", "b's", "b again", "c 10",
        "c's", "c again", "main 30", "a 30", "a's", "a again",
    ];
    assert_eq!(trace(), expected);
    assert_eq!(trace(), trace());
}

#[test]
fn a_wait_without_a_timer_is_a_deadlock() {
    let time = VirtualTime::new();
    time.spawn(pending());
    let message = panic_of(|| time.run(pending()));
    assert_eq!(message, "deadlock: every task waits and no timer is set");
    // The clock can be used again.
    assert_eq!(time.run(async { 7 }), 7);
}

#[test]
fn a_panic_in_a_task_ends_the_run() {
    let (time, notes) = (VirtualTime::new(), Notes::default());
    let guard = Dropped(notes.clone(), "other");
    time.spawn(async { panic!("task") });
    time.spawn(async move {
        let _guard = guard;
        pending().await
    });
    assert_eq!(panic_of(|| time.run(time.sleep(ms(1)))), "task");
    assert_eq!(notes.all(), ["other dropped"]);
}

#[test]
fn what_is_left_is_dropped_at_the_end() {
    let (time, notes) = (VirtualTime::new(), Notes::default());
    let guard = Dropped(notes.clone(), "task");
    let clock = time.clone();
    time.spawn(async move {
        let _guard = guard;
        clock.sleep(ms(60_000)).await;
    });
    time.run(time.sleep(ms(5)));
    assert_eq!(notes.all(), ["task dropped"]);
    assert_eq!(format!("{time:?}"), "VirtualTime { now: Time(5000000), tasks: 0, timers: 0 }");
}

#[test]
fn a_task_may_spawn_while_it_is_dropped() {
    struct SpawnsOnDrop(VirtualTime, Notes);
    impl Drop for SpawnsOnDrop {
        fn drop(&mut self) {
            let guard = Dropped(self.1.clone(), "late task");
            self.0.spawn(async move { drop(guard) });
        }
    }
    let (time, notes) = (VirtualTime::new(), Notes::default());
    let guard = SpawnsOnDrop(time.clone(), notes.clone());
    time.spawn(async move {
        let _guard = guard;
        pending().await
    });
    time.run(time.yield_now());
    assert_eq!(notes.all(), ["late task dropped"]);
}

#[test]
fn a_dropped_sleep_sets_no_timer() {
    let time = VirtualTime::new();
    time.run(async {
        let mut long = Box::pin(time.sleep(ms(1000)));
        poll_fn(|context| {
            assert!(long.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(long);
        time.sleep(ms(1)).await;
    });
    assert_eq!(time.now(), Time::after_start(ms(1)));
    let message = panic_of(|| time.run(pending()));
    assert!(message.starts_with("deadlock"), "{message}");
}

#[test]
fn a_sleep_wakes_whoever_polled_it_last() {
    let time = VirtualTime::new();
    time.run(async {
        let mut sleep = pin!(time.sleep(ms(10)));
        assert!(sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        sleep.await;
    });
}

#[test]
fn a_run_within_a_run_is_a_mistake() {
    let time = VirtualTime::new();
    let inner = time.clone();
    let message = panic_of(|| time.run(async { inner.run(async {}) }));
    assert_eq!(message, "this VirtualTime is in a run already");
    time.run(async {});
}

#[test]
fn tasks_are_polled_only_when_they_were_woken() {
    let time = VirtualTime::new();
    let polls = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&polls);
    time.spawn(poll_fn(move |context| {
        *counted.lock().unwrap() += 1;
        // Woken twice before its turn: polled once.
        if *counted.lock().unwrap() < 3 {
            context.waker().wake_by_ref();
            context.waker().wake_by_ref();
        }
        Poll::<()>::Pending
    }));
    time.run(time.sleep(ms(1)));
    assert_eq!(*polls.lock().unwrap(), 3);
}
