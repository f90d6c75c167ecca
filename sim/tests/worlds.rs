//! Worlds with a test's own handlers and callers.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use clamator_driver::{CallContext, CallError, RpcError, Service};
use clamator_sim::{Site, World, WorldBuilder};

#[derive(Clone, serde::Deserialize, serde::Serialize)]
struct Deposit {
    receipt: u32,
    cents: u64,
}

/// A database: it outlives the processes that use it.
#[derive(Default)]
struct Ledger {
    booked: Mutex<BTreeMap<u32, u64>>,
    confirmed: Mutex<Vec<u32>>,
    runs: Mutex<u32>,
}

impl Ledger {
    fn book(&self, deposit: &Deposit, idempotent: bool) {
        *self.runs.lock().unwrap() += 1;
        let mut booked = self.booked.lock().unwrap();
        let cents = booked.entry(deposit.receipt).or_default();
        if *cents == 0 || !idempotent {
            *cents += deposit.cents;
        }
    }
}

fn ledger(idempotent: bool) -> WorldBuilder<Ledger> {
    World::builder(Ledger::default)
        .servers(2, move |site: &Site, ledger| {
            let (site, ledger) = (site.clone(), ledger.clone());
            let deposit = move |deposit: Deposit, _: CallContext| {
                let (site, ledger) = (site.clone(), ledger.clone());
                async move {
                    ledger.book(&deposit, idempotent);
                    site.sleep(Duration::from_millis(20)).await;
                    Ok::<_, RpcError>(deposit.receipt)
                }
            };
            vec![Service::new("ledger").unwrap().method("deposit", deposit).unwrap()]
        })
        .clients(1, |site, client, ledger| async move {
            for receipt in 0..50 {
                let deposit = Deposit { receipt, cents: 100 };
                let answer: Result<u32, CallError> =
                    client.call("ledger", "deposit", &deposit).await;
                if let Ok(confirmed) = answer {
                    ledger.confirmed.lock().unwrap().push(confirmed);
                }
                site.sleep(Duration::from_millis(200)).await;
            }
        })
        .check(|ledger| {
            let booked = ledger.booked.lock().unwrap();
            if let Some((receipt, _)) = booked.iter().find(|(_, cents)| **cents != 100) {
                return Err(format!("receipt {receipt} was booked twice"));
            }
            let confirmed = ledger.confirmed.lock().unwrap();
            match confirmed.iter().find(|receipt| !booked.contains_key(receipt)) {
                Some(receipt) => Err(format!("receipt {receipt} was confirmed, and isn't booked")),
                None => Ok(()),
            }
        })
}

#[test]
fn an_idempotent_handler_bears_what_another_one_does_not() {
    ledger(true).run(0..300).unwrap();
    let failure = ledger(false).run(0..300).unwrap_err();
    assert!(failure.what().ends_with("was booked twice"), "{failure}");
    for part in ["server0", "server1", "client0", "***", "append to w:cmds:ledger"] {
        assert!(failure.story().contains(part), "{part} isn't in the story: {failure}");
    }
}

#[test]
fn the_same_seed_gives_the_same_story_to_the_byte() {
    let seed = ledger(false).run(0..300).unwrap_err().seed();
    let again = || ledger(false).run(seed..seed + 1).unwrap_err();
    assert_eq!(again().to_string(), again().to_string());
    assert!(again().to_string().ends_with(&format!("again: run({seed}..{})", seed + 1)));
}

#[test]
fn handlers_do_run_twice_now_and_then() {
    let twice = ledger(true).check(|ledger| match *ledger.runs.lock().unwrap() {
        50 => Ok(()),
        runs => Err(format!("{runs} runs for 50 calls")),
    });
    assert!(twice.run(0..300).unwrap_err().what().ends_with("runs for 50 calls"));
}

#[test]
fn a_client_that_never_ends_is_noticed() {
    let endless = World::builder(|| ())
        .clients(1, |site, _, _| async move {
            loop {
                site.note("still here");
                site.sleep(Duration::from_secs(60)).await;
            }
        })
        .lasts(Duration::from_secs(1))
        .settles_within(Duration::from_secs(3600));
    let failure = endless.run(0..1).unwrap_err();
    assert!(failure.what().ends_with("a client isn't done"), "{failure}");
    assert!(failure.story().matches("still here").count() >= 60, "{failure}");
}

#[test]
fn what_depends_on_something_else_than_the_world_is_told() {
    static RUNS: Mutex<u32> = Mutex::new(0);
    let fickle = World::builder(|| ()).clients(1, |_, _, _| async {}).check(|()| {
        let mut runs = RUNS.lock().unwrap();
        *runs += 1;
        if *runs == 1 { Err("the first time only".to_owned()) } else { Ok(()) }
    });
    let failure = fickle.run(5..6).unwrap_err();
    assert!(failure.what().contains("fails only sometimes"), "{failure}");
}

#[test]
fn a_store_that_loses_data_may_lose_what_was_not_answered_and_nothing_else_happens() {
    ledger(true).losing_data().run(0..100).unwrap();
}
