//! A client process: constant load with ids that come once, and what became of each call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clamator_tokio::{CallError, Client, RpcError, shutdown_signal};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::random::Random;
use crate::record::{How, Recorder, What};
use crate::role::{Role, record_tasks, started};
use crate::serve::{Done, Work};
use crate::setup::{self, FRAGILE, LONGEST_HANDLER, POISON_TIMEOUT, SERVICES};

/// One call or notification each.
const EVERY: Duration = Duration::from_millis(25);
/// One in so many is a burst of this many.
const BURSTS: u64 = 100;
const BURST: u64 = 40;
/// Keys of requests to an ordered service; some have none.
const KEYS: u64 = 10;
/// So many may wait for their outcome at the same time: what waits in a queue on a busy machine is done within its bound,
/// and what a fault has taken leaves room for others.
const MOST: usize = 150;

pub(crate) async fn run(role: &Role) -> Result<(), String> {
    let end = shutdown_signal();
    let mut quiet = signal(SignalKind::user_defined1()).map_err(|e| e.to_string())?;
    let mut poison = signal(SignalKind::user_defined2()).map_err(|e| e.to_string())?;
    let recorder = role.begin()?;
    let client = setup::client(&role.url, &role.name).build().map_err(|e| e.to_string())?;
    let calls = async {
        started(|| client.start()).await.map_err(|e| e.to_string())?;
        recorder.write(What::Ready);
        let load = Load::new(role, client.clone(), recorder.clone());
        tokio::select! {
            () = load.make_calls() => {}
            () = load.make_poisons(&mut poison) => {}
            _ = quiet.recv() => {}
        }
        load.settle().await;
        // The tasks of the last calls end a moment after their outcomes.
        sleep(EVERY).await;
        record_tasks(&recorder);
        recorder.write(What::Quiet);
        std::future::pending::<Result<(), String>>().await
    };
    tokio::select! {
        result = calls => return result,
        () = end => {}
    }
    client.stop().await;
    recorder.write(What::Down);
    Ok(())
}

struct Load {
    name: String,
    seed: u64,
    client: Client,
    recorder: Recorder,
    places: Arc<Semaphore>,
    next: AtomicU64,
}

impl Load {
    fn new(role: &Role, client: Client, recorder: Recorder) -> Load {
        let places = Arc::new(Semaphore::new(MOST));
        let (name, seed) = (role.name.clone(), role.seed);
        Load { name, seed, client, recorder, places, next: AtomicU64::new(1) }
    }

    async fn make_calls(&self) {
        let mut random = Random::named(self.seed, &self.name);
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tick.tick().await;
            // Now and then many quick ones at once, so that servers read ahead.
            let burst = random.below(BURSTS) == 0;
            for _ in 0..if burst { BURST } else { 1 } {
                self.make_one(&mut random, burst).await;
            }
        }
    }

    /// One for each signal.
    async fn make_poisons(&self, asked: &mut Signal) {
        while asked.recv().await.is_some() {
            // It is never closed.
            let Ok(place) = self.places.clone().acquire_owned().await else { return };
            let id = self.id();
            let (client, recorder) = (self.client.clone(), self.recorder.clone());
            tokio::spawn(async move {
                recorder.write(What::Poison { id: id.clone() });
                let work = Work { id, ms: 0, key: None };
                let call = client.call::<Done>(FRAGILE, "poison", &work).timeout(POISON_TIMEOUT);
                settled(&recorder, work.id, call.await);
                drop(place);
            });
        }
    }

    fn id(&self) -> String {
        format!("{}-{}", self.name, self.next.fetch_add(1, Ordering::Relaxed))
    }

    async fn make_one(&self, random: &mut Random, quick: bool) {
        // It is never closed, and the list isn't empty.
        let Ok(place) = self.places.clone().acquire_owned().await else { return };
        let Some((service, _)) = random.pick(&SERVICES) else { return };
        let (id, key) = (self.id(), Some(random.below(KEYS)).filter(|key| *key > 0));
        let (client, recorder) = (self.client.clone(), self.recorder.clone());
        if random.below(6) == 0 {
            tokio::spawn(async move {
                notify(&client, &recorder, service, Work { id, ms: 0, key }).await;
                drop(place);
            });
        } else {
            let ms = if quick || *service == FRAGILE { 0 } else { duration(random) };
            tokio::spawn(async move {
                call(&client, &recorder, service, Work { id, ms, key }).await;
                drop(place);
            });
        }
    }

    /// Waits for the outcomes of all calls.
    async fn settle(&self) {
        let all = u32::try_from(MOST).unwrap_or(u32::MAX);
        // An error would mean that the semaphore was closed, which nobody does.
        let _ = self.places.acquire_many(all).await;
    }
}

/// Mostly quick, some slow, few longer than the claim idle.
fn duration(random: &mut Random) -> u64 {
    let longest = LONGEST_HANDLER.as_millis() as u64;
    match random.below(1000) {
        0..700 => 0,
        700..900 => 1 + random.below(5),
        900..965 => 5 + random.below(45),
        965..996 => 50 + random.below(200),
        _ => longest - random.below(longest / 8),
    }
}

async fn call(client: &Client, recorder: &Recorder, service: &str, work: Work) {
    let id = work.id.clone();
    recorder.write(What::Call { id: id.clone(), service: service.to_owned(), ms: work.ms });
    settled(recorder, id, client.call::<Done>(service, "run", &work).await);
}

fn settled(recorder: &Recorder, id: String, result: Result<Done, CallError>) {
    let (how, text) = match result {
        Ok(done) if done.id == id => (How::Ok, None),
        Ok(done) => (How::Wrong, Some(format!("the answer to {}", done.id))),
        Err(error) => (how(&error), Some(error.to_string())),
    };
    recorder.write(What::Settled { id, how, text });
}

async fn notify(client: &Client, recorder: &Recorder, service: &str, work: Work) {
    let id = work.id.clone();
    recorder.write(What::Note { id: id.clone(), service: service.to_owned() });
    let (how, text) = match client.notify(service, "note", &work).await {
        Ok(()) => (How::Ok, None),
        Err(error) => (how(&error), Some(error.to_string())),
    };
    recorder.write(What::Settled { id, how, text });
}

fn how(error: &CallError) -> How {
    match error {
        CallError::Rpc(error) if is_given_up(error) => How::GivenUp,
        CallError::Rpc(_) => How::Rpc,
        CallError::Timeout { .. } => How::Timeout,
        CallError::Transport { may_have_executed: true, .. } => How::Unknown,
        CallError::Transport { may_have_executed: false, .. } => How::Unsent,
        CallError::NoSuchService { .. } => How::NoService,
        CallError::TooManyCalls { .. } => How::TooMany,
        CallError::Refused(_) => How::Refused,
        CallError::Stopped { .. } => How::Stopped,
        _ => How::Other,
    }
}

/// Whether the servers have put it aside, because it was begun too often.
fn is_given_up(error: &RpcError) -> bool {
    let name = error.data.as_ref().and_then(|data| data.get("name"));
    name.is_some_and(|name| name == "DeliveryLimit")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::CLAIM_IDLE;

    #[test]
    fn handlers_are_of_mixed_duration() {
        let mut random = Random::new(1);
        let drawn: Vec<u64> = (0..100_000).map(|_| duration(&mut random)).collect();
        let claim_idle = CLAIM_IDLE.as_millis() as u64;
        let long = drawn.iter().filter(|ms| **ms > claim_idle).count();
        assert!((300..500).contains(&long), "{long} of 100,000");
        assert!(drawn.iter().all(|ms| *ms <= LONGEST_HANDLER.as_millis() as u64));
        // Servers can keep up: two of the three could do it alone.
        let mean = drawn.iter().sum::<u64>() as f64 / drawn.len() as f64;
        assert!(mean < 20.0, "{mean} ms");
    }
}
