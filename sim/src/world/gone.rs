//! **Consumers of servers that died vanish**: a server looks every claim idle for those that were silent for ten of them and have
//! nothing pending (`core/src/server/retention.rs`). So one of a dead server is gone within eleven claim idles of its death, and within one
//! of when the last of its entries was taken over, if a server of the same service lives all that time.

use clamator_core::Key;

use super::World;
use crate::book::{Book, Life, Role};
use crate::plan::SECOND;
use crate::rules::Broken;

/// So many claim idles a consumer must have been silent.
const SILENT: u64 = 10;
/// What a look and its ways may take.
const LOOK: u64 = 3 * SECOND;

impl World {
    pub(super) fn look_at_the_dead(&mut self) {
        let now = self.stage.now();
        let services: Vec<(Key, String)> = self.watch.book(|book| {
            book.services.iter().map(|it| (it.stream.clone(), it.name.clone())).collect()
        });
        for (service, (stream, group)) in services.iter().enumerate() {
            let idle: Vec<String> = self.net.memory().with(|store| {
                let pending = store.pending(stream, group);
                let mut consumers = store.consumers(stream, group);
                consumers.retain(|consumer| pending.iter().all(|it| it.consumer != *consumer));
                consumers
            });
            self.empty_since.retain(|(of, consumer), _| *of != service || idle.contains(consumer));
            for consumer in idle {
                let key = (service, consumer);
                let since = *self.empty_since.entry(key.clone()).or_insert(now);
                let (_, consumer) = key;
                let broken = self.watch.book(|book| outlives(book, service, &consumer, since));
                if let Some(what) = broken {
                    let broken = Broken { what, call: None };
                    self.watch.violate("consumers of servers that died vanish", broken);
                }
            }
        }
    }
}

/// How a consumer that has had nothing pending for a while is there for too long, if it is.
fn outlives(book: &Book, service: usize, consumer: &str, since: u64) -> Option<String> {
    let instance = consumer.strip_prefix(&book.services[service].name)?.strip_prefix(':')?;
    let its = |life: &&Life| life.role == Role::Server && life.instance == instance;
    let died = book.lives.iter().filter(its).map(|life| Some((life.node, life.ended?)));
    // `None` if one of them lives.
    let (node, died) = died.collect::<Option<Vec<_>>>()?.into_iter().max_by_key(|it| it.1)?;
    // What was on its way at its death arrives when that trouble is over.
    let troubles = book.troubles.iter().filter(|it| it.node == node);
    let silent = troubles.filter(|it| it.from <= died && it.to >= died).map(|it| it.to).max();
    let last_look = (silent.unwrap_or(died).max(died) + SILENT * book.claim_idle).max(since);
    let gone_by = last_look + book.claim_idle.max(SECOND) + LOOK;
    // A clock that went back has heard of it in the future.
    let excused = !book.jumps.is_empty()
        || book.reset_between(service, died, book.now)
        || book.now <= gone_by;
    let looks = |life: &Life| {
        life.role == Role::Server
            && life.services.contains(&service)
            && life.stopping.is_none()
            && life.up.is_some_and(|up| up < last_look)
            && !book.troubled(life.node, last_look, book.now)
    };
    if excused || !book.lives.iter().any(looks) {
        return None;
    }
    let late = (book.now - died) / SECOND;
    Some(format!("{consumer} is still there {late} s after its server has died"))
}
