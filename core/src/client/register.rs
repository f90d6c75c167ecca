//! The calls themselves: found by the driver's name for them and by their id on the wire, and kept in the order of their
//! deadlines. Nothing here costs more with more calls, as long as timeouts are of one length.

use std::collections::BTreeSet;

use hashbrown::HashTable;

use super::CallKey;
use super::call::Call;
use crate::contract::MethodKind;
use crate::random::Uuid;
use crate::time::Time;

/// Where a call lies.
type At = u32;

/// For the ends of the line of deadlines.
const NONE: At = At::MAX;

/// In the place of `earlier`, for one that doesn't stand in that line.
const BESIDE: At = NONE - 1;

/// An empty register keeps memory for so many calls.
const KEPT: usize = 4096;

#[derive(Debug)]
struct Slot {
    taken: Option<(CallKey, Call)>,
    /// Its neighbours in the line of deadlines, if it stands there. For an empty one, `later` is the next empty one.
    earlier: At,
    later: At,
}

/// All calls without an outcome.
#[derive(Debug)]
pub(crate) struct Register {
    slots: Vec<Slot>,
    empty: At,
    /// Where each lies. There may be a hundred thousand of them: their names aren't kept twice.
    by_key: HashTable<At>,
    by_id: HashTable<At>,
    /// Those whose deadline was the last one when they came, as it is where timeouts are of one length.
    first: At,
    last: At,
    /// The deadlines of the others.
    others: BTreeSet<(Time, CallKey)>,
}

impl Default for Register {
    fn default() -> Register {
        Register {
            slots: Vec::new(),
            empty: NONE,
            by_key: HashTable::new(),
            by_id: HashTable::new(),
            first: NONE,
            last: NONE,
            others: BTreeSet::new(),
        }
    }
}

impl Register {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(crate) fn contains(&self, key: CallKey) -> bool {
        self.find(key).is_some()
    }

    fn find(&self, key: CallKey) -> Option<At> {
        let is_it = |at: &At| key_at(&self.slots, *at) == Some(key);
        self.by_key.find(hash(key), is_it).copied()
    }

    pub(crate) fn get(&self, key: CallKey) -> Option<&Call> {
        call_at(&self.slots, self.find(key)?)
    }

    pub(crate) fn get_mut(&mut self, key: CallKey) -> Option<&mut Call> {
        let at = self.find(key)?;
        Some(&mut self.slots.get_mut(at as usize)?.taken.as_mut()?.1)
    }

    /// The call with this id, if it waits for a reply.
    pub(crate) fn key_of(&self, id: Uuid) -> Option<CallKey> {
        let is_it = |at: &At| call_at(&self.slots, *at).is_some_and(|call| call.id == id);
        key_at(&self.slots, *self.by_id.find(id.hash(), is_it)?)
    }

    /// The names of all, in their order.
    pub(crate) fn keys(&self) -> Vec<CallKey> {
        let taken = self.slots.iter().filter_map(|slot| slot.taken.as_ref());
        let mut keys: Vec<_> = taken.map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys
    }

    /// Takes a call in. One with the same name, which is the driver's mistake, is forgotten.
    pub(crate) fn insert(&mut self, key: CallKey, call: Call) {
        let (id, deadline) = (call.id, call.deadline);
        let is_request = call.kind == MethodKind::Request;
        let in_line = self.deadline_of(self.last).is_none_or(|last| last <= deadline);
        let earlier = if in_line { self.last } else { NONE };
        let before = self.take_name(key);
        let stands = if in_line { earlier } else { BESIDE };
        let slot = Slot { taken: Some((key, call)), earlier: stands, later: NONE };
        let at = match self.slots.get_mut(self.empty as usize) {
            Some(empty) => {
                let at = std::mem::replace(&mut self.empty, empty.later);
                *empty = slot;
                at
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as At
            }
        };
        if in_line {
            match self.slots.get_mut(earlier as usize) {
                Some(earlier) => earlier.later = at,
                None => self.first = at,
            }
            self.last = at;
        } else {
            self.others.insert((deadline, key));
        }
        let slots = &self.slots;
        self.by_key.insert_unique(hash(key), at, |at| key_at(slots, *at).map_or(0, hash));
        if is_request {
            let id_at = |at: &At| call_at(slots, *at).map_or(0, |call| call.id.hash());
            self.by_id.insert_unique(id.hash(), at, id_at);
        }
        if let Some(before) = before {
            self.vacate(before);
        }
    }

    /// Takes a call's name out. Where it lies.
    fn take_name(&mut self, key: CallKey) -> Option<At> {
        let slots = &self.slots;
        let is_it = |at: &At| key_at(slots, *at) == Some(key);
        Some(self.by_key.find_entry(hash(key), is_it).ok()?.remove().0)
    }

    pub(crate) fn remove(&mut self, key: CallKey) -> Option<Call> {
        let at = self.take_name(key)?;
        let call = self.vacate(at);
        if self.by_key.is_empty() && self.slots.len() > KEPT {
            *self = Register::default();
        }
        call
    }

    /// Takes a call out of all but the names.
    fn vacate(&mut self, at: At) -> Option<Call> {
        let slot = self.slots.get_mut(at as usize)?;
        let (key, call) = slot.taken.take()?;
        let (earlier, later) = (slot.earlier, slot.later);
        slot.later = std::mem::replace(&mut self.empty, at);
        if earlier != BESIDE {
            match self.slots.get_mut(earlier as usize) {
                Some(earlier) => earlier.later = later,
                None => self.first = later,
            }
            match self.slots.get_mut(later as usize) {
                Some(later) => later.earlier = earlier,
                None => self.last = earlier,
            }
        } else {
            self.others.remove(&(call.deadline, key));
        }
        if call.kind == MethodKind::Request
            && let Ok(entry) = self.by_id.find_entry(call.id.hash(), |its| *its == at)
        {
            entry.remove();
        }
        Some(call)
    }

    fn deadline_of(&self, at: At) -> Option<Time> {
        call_at(&self.slots, at).map(|call| call.deadline)
    }

    /// The first deadline, and whose it is.
    pub(crate) fn first_deadline(&self) -> Option<(Time, CallKey)> {
        let slot = self.slots.get(self.first as usize);
        let first = slot.and_then(|slot| slot.taken.as_ref());
        let first = first.map(|(key, call)| (call.deadline, *key));
        match (first, self.others.first().copied()) {
            (Some(first), Some(other)) if other.0 < first.0 => Some(other),
            (first, other) => first.or(other),
        }
    }
}

fn key_at(slots: &[Slot], at: At) -> Option<CallKey> {
    slots.get(at as usize)?.taken.as_ref().map(|(key, _)| *key)
}

fn call_at(slots: &[Slot], at: At) -> Option<&Call> {
    slots.get(at as usize)?.taken.as_ref().map(|(_, call)| call)
}

/// The driver counts its calls: nobody else chooses their names, so that nobody can make them collide.
fn hash(key: CallKey) -> u64 {
    let spread = key.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    spread ^ spread >> 32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::call_name::CallName;
    use crate::client::targets::Target;
    use crate::names::Key;
    use crate::random::Random;
    use crate::testing::{Lcg, ms};

    fn call(kind: MethodKind, id: Uuid, deadline: Time) -> Call {
        let target = Target { name: CallName::new("a", "b"), stream: Key::from("p:cmds:a") };
        Call::new(kind, Arc::new(target), Bytes::new(), 0, id, (Time::ZERO, deadline))
    }

    /// Whatever comes and goes, it is the same as a plain map of the calls.
    #[test]
    fn each_call_is_found_by_either_name_and_the_first_deadline_is_the_first() {
        for (seed, lengths) in [(1, 1), (2, 2), (3, 50)] {
            let (mut random, mut ids) = (Lcg(seed), Random::new([1; 32]));
            let (mut register, mut plain) = (Register::default(), BTreeMap::new());
            for step in 0..20_000 {
                let key = CallKey(random.below(300));
                if random.below(2) == 0 && !plain.contains_key(&key) {
                    let kind = *random.pick(&[MethodKind::Request, MethodKind::Notification]);
                    let deadline = Time::ZERO + ms(step + 100 * random.below(lengths));
                    let id = ids.uuid();
                    register.insert(key, call(kind, id, deadline));
                    plain.insert(key, (kind, id, deadline));
                } else {
                    let known = plain.remove(&key);
                    let call = register.remove(key);
                    assert_eq!(call.map(|call| (call.kind, call.id, call.deadline)), known);
                }
                assert_eq!(register.is_empty(), plain.is_empty());
                let first = plain.values().map(|(_, _, deadline)| *deadline).min();
                assert_eq!(register.first_deadline().map(|(at, _)| at), first);
                for (key, (kind, id, deadline)) in plain.iter().take(3) {
                    assert_eq!(register.get(*key).map(|call| call.deadline), Some(*deadline));
                    let answered = (*kind == MethodKind::Request).then_some(*key);
                    assert_eq!(register.key_of(*id), answered);
                }
            }
            assert_eq!(register.keys(), plain.keys().copied().collect::<Vec<_>>());
            assert!(register.slots.len() <= 300, "what is empty is used again");
            assert!(register.by_id.len() <= plain.len() && register.others.len() <= plain.len());
        }
    }

    #[test]
    fn timeouts_of_one_length_stand_in_line_and_a_shorter_one_beside_it() {
        let (mut register, mut ids) = (Register::default(), Random::new([1; 32]));
        for (key, deadline) in [(1, 10), (2, 20), (3, 20), (4, 15), (5, 30)] {
            let deadline = Time::ZERO + ms(deadline);
            register.insert(CallKey(key), call(MethodKind::Request, ids.uuid(), deadline));
        }
        assert_eq!(register.others.len(), 1);
        let mut order = Vec::new();
        while let Some((_, key)) = register.first_deadline() {
            order.push(key.0);
            register.remove(key);
        }
        assert_eq!(order, [1, 4, 2, 3, 5]);
    }

    #[test]
    fn a_name_that_is_used_twice_names_the_later_call() {
        let (mut register, mut ids) = (Register::default(), Random::new([1; 32]));
        let (first, second) = (ids.uuid(), ids.uuid());
        for id in [first, second] {
            register.insert(CallKey(1), call(MethodKind::Request, id, Time::ZERO));
        }
        assert_eq!((register.key_of(first), register.key_of(second)), (None, Some(CallKey(1))));
        assert!(register.remove(CallKey(1)).is_some() && register.is_empty());
        assert_eq!(register.first_deadline(), None);
    }

    #[test]
    fn a_call_takes_little_and_a_crowd_that_is_gone_nothing() {
        assert!(size_of::<Slot>() <= 136, "{}", size_of::<Slot>());
        let (mut register, mut ids) = (Register::default(), Random::new([1; 32]));
        let crowd = 2 * KEPT as u64;
        for key in 0..crowd {
            register.insert(CallKey(key), call(MethodKind::Request, ids.uuid(), Time::ZERO));
        }
        for key in 0..crowd {
            register.remove(CallKey(key));
        }
        assert_eq!((register.slots.capacity(), register.by_id.capacity()), (0, 0));
    }
}
