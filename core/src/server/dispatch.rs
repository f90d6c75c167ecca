//! Which entry may run next: everything is lanes.
//!
//! A lane is a queue of entries of which one runs at a time, and only so many lanes run at once. A serial service has one
//! lane; in a concurrent one each entry is its own lane; in an ordered one each key is. Among the lanes that may go on, the one
//! whose first entry came first does.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::options::Concurrency;
use crate::table::Table;

/// Where the table of what is held has an entry.
pub(crate) type Slot = usize;

/// When an entry came, among all others.
type Turn = u64;

/// The number of a lane. Those of lanes that are empty are given again.
type LaneNo = usize;

/// The lane that is always there, for a serial service.
const ONLY: LaneNo = 0;

/// The lane that an entry goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    /// The only one of a serial service.
    Only,
    /// The lane of this entry alone.
    Own,
    /// The lane of a key.
    Key(Bytes),
}

/// How a lane stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No entry waits or runs.
    Empty,
    /// Its first entry may be looked at.
    Ready,
    /// Its first entry needs an answer of the store, and the store can't be asked now.
    Deferred,
    /// The store was asked about its first entry.
    Asking,
    /// One of its entries runs.
    Running,
}

#[derive(Debug)]
struct Lane {
    state: State,
    waiting: Table<Turn, Slot>,
    key: Option<Bytes>,
}

/// Where an entry is.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Its key isn't known, or that of an earlier entry.
    Unplaced,
    Lane(LaneNo),
}

/// The lanes of one service.
#[derive(Debug)]
pub(crate) struct Dispatch {
    concurrency: Concurrency,
    next_turn: Turn,
    /// By their slots.
    entries: Vec<Option<(Turn, Place)>>,
    /// How many there are.
    held: usize,
    /// Entries come to their lanes in the order of their arrival: what follows one whose key isn't known waits with it.
    unplaced: Table<Turn, (Slot, Option<Name>)>,
    lanes: Vec<Lane>,
    /// The numbers of those that are empty.
    empty: Vec<LaneNo>,
    keys: BTreeMap<Bytes, LaneNo>,
    ready: Table<Turn, LaneNo>,
    deferred: Table<Turn, LaneNo>,
    asking: usize,
    running: usize,
}

impl Dispatch {
    pub(crate) fn new(concurrency: Concurrency) -> Dispatch {
        let mut dispatch = Dispatch {
            concurrency,
            next_turn: 0,
            entries: Vec::new(),
            held: 0,
            unplaced: Table::default(),
            lanes: Vec::new(),
            empty: Vec::new(),
            keys: BTreeMap::new(),
            ready: Table::default(),
            deferred: Table::default(),
            asking: 0,
            running: 0,
        };
        dispatch.add_lane();
        dispatch
    }

    /// Takes an entry. Whether its key must be found out.
    pub(crate) fn arrive(&mut self, id: Slot) -> bool {
        let turn = self.next_turn;
        self.next_turn += 1;
        match self.concurrency {
            Concurrency::Serial => self.put(turn, id, Name::Only),
            Concurrency::Concurrent(_) => self.put(turn, id, Name::Own),
            Concurrency::Ordered(_) => {
                self.enter(id, turn, Place::Unplaced);
                self.unplaced.insert(turn, (id, None));
            }
        }
        matches!(self.concurrency, Concurrency::Ordered(_))
    }

    /// Whether the key of this entry is waited for.
    pub(crate) fn wants_key(&self, id: Slot) -> bool {
        match self.entry(id) {
            Some((turn, Place::Unplaced)) => {
                self.unplaced.get(turn).is_some_and(|(_, name)| name.is_none())
            }
            _ => false,
        }
    }

    /// The key of an entry is known; without one, there is nothing that it must follow.
    pub(crate) fn keyed(&mut self, id: Slot, key: Option<Bytes>) {
        if !self.wants_key(id) {
            return;
        }
        let Some((turn, _)) = self.entry(id) else { return };
        if let Some((_, name)) = self.unplaced.get_mut(turn) {
            *name = Some(key.map_or(Name::Own, Name::Key));
        }
        self.place();
    }

    /// Puts entries into their lanes, up to the first whose key isn't known.
    fn place(&mut self) {
        while let Some((turn, (id, Some(name)))) = self.unplaced.first() {
            let (id, name) = (*id, name.clone());
            self.unplaced.remove(turn);
            self.put(turn, id, name);
        }
    }

    fn put(&mut self, turn: Turn, id: Slot, name: Name) {
        let no = self.lane_of(name);
        self.enter(id, turn, Place::Lane(no));
        let lane = &mut self.lanes[no];
        lane.waiting.insert(turn, id);
        if lane.state == State::Empty {
            lane.state = State::Ready;
            self.ready.insert(turn, no);
        }
    }

    fn enter(&mut self, id: Slot, turn: Turn, place: Place) {
        if id >= self.entries.len() {
            self.entries.resize(id + 1, None);
        }
        if self.entries[id].replace((turn, place)).is_none() {
            self.held += 1;
        }
    }

    fn entry(&self, id: Slot) -> Option<(Turn, Place)> {
        *self.entries.get(id)?
    }

    fn lane_of(&mut self, name: Name) -> LaneNo {
        match name {
            Name::Only => ONLY,
            Name::Own => self.empty_lane(),
            Name::Key(key) => match self.keys.get(&key) {
                Some(no) => *no,
                None => {
                    let no = self.empty_lane();
                    self.lanes[no].key = Some(key.clone());
                    self.keys.insert(key, no);
                    no
                }
            },
        }
    }

    fn empty_lane(&mut self) -> LaneNo {
        self.empty.pop().unwrap_or_else(|| self.add_lane())
    }

    fn add_lane(&mut self) -> LaneNo {
        self.lanes.push(Lane { state: State::Empty, waiting: Table::default(), key: None });
        self.lanes.len() - 1
    }

    /// The entry whose turn it is, if a slot is free.
    pub(crate) fn next(&self) -> Option<Slot> {
        if self.free() == 0 {
            return None;
        }
        let (_, no) = self.ready.first()?;
        self.lanes[*no].waiting.first().map(|(_, id)| *id)
    }

    /// It runs.
    pub(crate) fn begin(&mut self, id: Slot) {
        if let Some((turn, no)) = self.head(id) {
            self.set(turn, no, State::Running);
            self.lanes[no].waiting.remove(turn);
        }
    }

    /// The store was asked about an entry. If it is the first of its lane, that lane waits, and no other.
    pub(crate) fn asked(&mut self, id: Slot) {
        if let Some((turn, no)) = self.head(id) {
            self.set(turn, no, State::Asking);
        }
    }

    /// Its lane waits until the store can be asked. One about which it was asked already waits for the answer.
    pub(crate) fn defer(&mut self, id: Slot) {
        if let Some((turn, no)) = self.head(id)
            && self.lanes[no].state == State::Ready
        {
            self.set(turn, no, State::Deferred);
        }
    }

    /// There is something new about an entry: if it is the first of its lane, it is looked at again.
    pub(crate) fn look_again(&mut self, id: Slot) {
        if let Some((turn, no)) = self.head(id) {
            self.set(turn, no, State::Ready);
        }
    }

    /// Whether the store may be asked about one more entry: not about more than could run, as the answers grow old.
    pub(crate) fn may_ask(&self) -> bool {
        self.asking < self.concurrency.slots()
    }

    /// The store can be asked: so many lanes that wait for it are looked at again as it may be asked about.
    pub(crate) fn recall(&mut self) {
        for _ in self.asking..self.concurrency.slots() {
            let Some((turn, no)) = self.deferred.first() else { return };
            let no = *no;
            self.set(turn, no, State::Ready);
        }
    }

    /// Forgets an entry, whether it waits or runs.
    pub(crate) fn remove(&mut self, id: Slot) {
        let Some((turn, place)) = self.entries.get_mut(id).and_then(Option::take) else { return };
        self.held -= 1;
        let Place::Lane(no) = place else {
            self.unplaced.remove(turn);
            return self.place();
        };
        let lane = &mut self.lanes[no];
        let first = lane.waiting.first().map(|(turn, _)| turn);
        let waited = lane.waiting.remove(turn).is_some();
        if !waited || first == Some(turn) {
            self.go_on(no, waited.then_some(turn));
        }
    }

    /// The first entry of a lane is gone, or the one that ran: the next one is looked at.
    fn go_on(&mut self, no: LaneNo, gone: Option<Turn>) {
        let lane = &mut self.lanes[no];
        match (lane.state, gone) {
            // One that waited behind the one that runs.
            (State::Running, Some(_)) => return,
            (State::Running, None) => self.running -= 1,
            (State::Asking, _) => self.asking -= 1,
            (State::Ready | State::Deferred, Some(turn)) => {
                self.ready.remove(turn);
                self.deferred.remove(turn);
            }
            (State::Ready | State::Deferred, None) | (State::Empty, _) => {}
        }
        match lane.waiting.first() {
            Some((turn, _)) => {
                lane.state = State::Ready;
                self.ready.insert(turn, no);
            }
            None => {
                lane.state = State::Empty;
                if let Some(key) = lane.key.take() {
                    self.keys.remove(&key);
                }
                if no != ONLY {
                    self.empty.push(no);
                }
            }
        }
    }

    /// The lane of an entry that is the first of those that wait there, if none runs.
    fn head(&self, id: Slot) -> Option<(Turn, LaneNo)> {
        let (turn, Place::Lane(no)) = self.entry(id)? else { return None };
        let lane = &self.lanes[no];
        let is_head = lane.waiting.first().is_some_and(|(first, _)| first == turn);
        (is_head && lane.state != State::Running).then_some((turn, no))
    }

    /// Changes how a lane with this first entry stands.
    fn set(&mut self, turn: Turn, no: LaneNo, state: State) {
        match std::mem::replace(&mut self.lanes[no].state, state) {
            State::Ready => drop(self.ready.remove(turn)),
            State::Deferred => drop(self.deferred.remove(turn)),
            State::Asking => self.asking -= 1,
            State::Running => self.running -= 1,
            State::Empty => {}
        }
        match state {
            State::Ready => drop(self.ready.insert(turn, no)),
            State::Deferred => drop(self.deferred.insert(turn, no)),
            State::Asking => self.asking += 1,
            State::Running => self.running += 1,
            State::Empty => {}
        }
    }

    /// All that waits, in the order of arrival; it is forgotten.
    pub(crate) fn take_waiting(&mut self) -> Vec<Slot> {
        let mut waiting: Vec<(Turn, Slot)> = Vec::new();
        waiting.extend(self.unplaced.iter().map(|(turn, (id, _))| (turn, *id)));
        for lane in &self.lanes {
            waiting.extend(lane.waiting.iter().map(|(turn, id)| (turn, *id)));
        }
        waiting.sort_unstable();
        // From the last one, so that no other becomes the first of its lane.
        for (_, id) in waiting.iter().rev() {
            self.remove(*id);
        }
        waiting.into_iter().map(|(_, id)| id).collect()
    }

    pub(crate) fn slots(&self) -> usize {
        self.concurrency.slots()
    }

    /// How many more could run.
    pub(crate) fn free(&self) -> usize {
        self.concurrency.slots().saturating_sub(self.running)
    }

    /// How many wait. In a concurrent service, those don't count about which the store can't be asked yet: they
    /// take nothing from what comes in.
    pub(crate) fn waiting(&self) -> usize {
        self.held - self.running - self.aside()
    }

    /// How many of those that wait could run next to each other and to what runs, as far as is known.
    pub(crate) fn startable(&self) -> usize {
        let idle = self.ready.len() + self.deferred.len() + self.asking;
        idle + self.unplaced.len() - self.aside()
    }

    fn aside(&self) -> usize {
        match self.concurrency {
            Concurrency::Concurrent(_) => self.deferred.len(),
            Concurrency::Serial | Concurrency::Ordered(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::Lcg;

    fn id(entry: u64) -> Slot {
        usize::try_from(entry).unwrap()
    }

    fn number(id: Slot) -> u64 {
        u64::try_from(id).unwrap()
    }

    /// Plays a script, and says which entries began, in order. `+1` comes; `+1a` comes, with the key `a`; `1=a` and `1=` are keys that come
    /// later; `1?` is to be asked about when its turn comes, `1~` too, but can't; `1!` is the store's answer; `recall`: the
    /// store can be asked again; `-1` ends, or is forgotten.
    fn play(concurrency: Concurrency, script: &str) -> String {
        let mut dispatch = Dispatch::new(concurrency);
        let (mut began, mut gates) = (Vec::new(), BTreeMap::new());
        for step in script.split_whitespace() {
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            let entry = id(digits(step).parse().unwrap_or_default());
            let key = |text: &str| (!text.is_empty()).then(|| Bytes::from(text.to_owned()));
            if let Some(rest) = step.strip_prefix('+') {
                let named = key(rest.trim_start_matches(char::is_numeric));
                if dispatch.arrive(entry) && named.is_some() {
                    dispatch.keyed(entry, named);
                }
            } else if let Some((_, named)) = step.split_once('=') {
                dispatch.keyed(entry, key(named));
            } else if step.starts_with('-') {
                dispatch.remove(entry);
            } else if step.ends_with(['?', '~']) {
                gates.insert(entry, step.ends_with('?'));
            } else {
                gates.retain(|gated, asked| *gated != entry && (*asked || step != "recall"));
                if step == "recall" { dispatch.recall() } else { dispatch.look_again(entry) }
            }
            while let Some(next) = dispatch.next() {
                match gates.get(&next) {
                    Some(true) => dispatch.asked(next),
                    Some(false) => dispatch.defer(next),
                    None => {
                        dispatch.begin(next);
                        began.push(next.to_string());
                    }
                }
            }
            check(&dispatch);
        }
        began.join(" ")
    }

    /// What must hold at any time.
    fn check(dispatch: &Dispatch) {
        assert!(dispatch.running <= dispatch.slots());
        let count = |state| dispatch.lanes.iter().filter(|lane| lane.state == state).count();
        assert_eq!(count(State::Running), dispatch.running);
        assert_eq!(count(State::Asking), dispatch.asking);
        assert_eq!(count(State::Ready), dispatch.ready.len());
        assert_eq!(count(State::Deferred), dispatch.deferred.len());
        let waiting: usize = dispatch.lanes.iter().map(|lane| lane.waiting.len()).sum();
        assert_eq!(waiting + dispatch.unplaced.len(), dispatch.waiting() + dispatch.aside());
        for lane in &dispatch.lanes {
            let waits = matches!(lane.state, State::Ready | State::Deferred | State::Asking);
            assert!(lane.state == State::Running || waits != lane.waiting.is_empty());
        }
        let keyed = dispatch.lanes.iter().filter(|lane| lane.key.is_some()).count();
        assert_eq!(keyed, dispatch.keys.len());
        let only = usize::from(dispatch.lanes[ONLY].state == State::Empty);
        assert_eq!(count(State::Empty), dispatch.empty.len() + only);
    }

    fn is_empty(dispatch: &Dispatch) -> bool {
        dispatch.lanes.iter().all(|lane| lane.state == State::Empty)
            && dispatch.held == 0
            && dispatch.unplaced.is_empty()
    }

    #[test]
    fn what_runs_when() {
        use Concurrency::{Concurrent, Ordered, Serial};
        let table = [
            // One at a time, in the order of arrival.
            (Serial, "+1 +2 +3", "1"),
            (Serial, "+1 +2 +3 -1 -2", "1 2 3"),
            (Serial, "+3 +1 +2 -3 -1", "3 1 2"),
            (Serial, "+1 +2 +3 -2 -1", "1 3"),
            // As many as there are slots.
            (Concurrent(2), "+1 +2 +3 +4", "1 2"),
            (Concurrent(2), "+1 +2 +3 +4 -2 -1", "1 2 3 4"),
            (Concurrent(1), "+1 +2 +3 -1", "1 2"),
            // Same key in order, different keys next to each other, up to so many.
            (Ordered(2), "+1a +2a +3b", "1 3"),
            (Ordered(2), "+1a +2a +3b +4c", "1 3"),
            (Ordered(2), "+1a +2a +3b +4c -1", "1 3 2"),
            (Ordered(2), "+1a +2a +3b +4c -1 -2", "1 3 2 4"),
            (Ordered(3), "+1a +2a +3a -1 -2", "1 2 3"),
            // What has no key follows nothing.
            (Ordered(3), "+1a +2 +3 2= 3=", "1 2 3"),
            // Whatever the order in which keys come in.
            (Ordered(3), "+1 +2 +3 3=b 2=a 1=a", "1 3"),
            (Ordered(3), "+1 +2 +3 3=b 2=a 1=a -1", "1 3 2"),
            (Ordered(3), "+1 +2 2=a", ""),
            (Ordered(3), "+1 +2 2=a -1", "2"),
            // A key that comes twice, or for what isn't here, changes nothing.
            (Ordered(3), "+1a 1=b 7=b +2b", "1 2"),
            // A lane whose first entry waits for the store holds up no other.
            (Concurrent(2), "1? +1 +2 +3 +4", "2 3"),
            (Concurrent(2), "1? +1 +2 +3 +4 1! -2", "2 3 1"),
            (Ordered(2), "1? +1a +2a +3b 1!", "3 1"),
            (Ordered(2), "2? +1a +2a +3a +4b -1", "1 4"),
            (Ordered(2), "2? +1a +2a +3a +4b -1 2! -2", "1 4 2 3"),
            (Serial, "1? +1 +2", ""),
            (Serial, "1? +1 +2 1! -1", "1 2"),
            (Serial, "1? +1 +2 -1", "2"),
            (Concurrent(2), "1~ +1 +2 +3", "2 3"),
            (Concurrent(2), "1~ +1 +2 +3 recall -3", "2 3 1"),
            (Serial, "1~ +1 +2 -1", "2"),
        ];
        for (concurrency, script, expected) in table {
            assert_eq!(play(concurrency, script), expected, "{concurrency:?}: {script}");
        }
    }

    #[test]
    fn the_store_is_asked_about_no_more_than_could_run() {
        let mut dispatch = Dispatch::new(Concurrency::Concurrent(2));
        (1..=5).for_each(|entry| assert!(!dispatch.arrive(id(entry))));
        dispatch.asked(id(1));
        assert!(dispatch.may_ask());
        dispatch.asked(id(2));
        assert!(!dispatch.may_ask());
        (3..=5).for_each(|entry| dispatch.defer(id(entry)));
        dispatch.recall();
        assert_eq!(dispatch.next(), None, "two are asked about already");
        dispatch.look_again(id(2));
        dispatch.begin(id(2));
        dispatch.recall();
        assert_eq!(dispatch.next(), Some(id(3)), "one more");
        dispatch.asked(id(3));
        assert_eq!(dispatch.next(), None);
        check(&dispatch);
    }

    #[test]
    fn what_waits_can_be_taken_back_whatever_it_waits_for() {
        let mut dispatch = Dispatch::new(Concurrency::Ordered(2));
        (1..=7).for_each(|entry| assert!(dispatch.arrive(id(entry))));
        for (entry, key) in [(1, "a"), (2, "a"), (3, "b"), (4, "c"), (6, "b")] {
            dispatch.keyed(id(entry), Some(Bytes::from(key)));
        }
        dispatch.begin(id(1));
        dispatch.asked(id(3));
        dispatch.defer(id(4));
        assert_eq!((dispatch.waiting(), dispatch.startable()), (6, 2 + 3));
        assert_eq!(dispatch.take_waiting(), [2, 3, 4, 5, 6, 7].map(id));
        check(&dispatch);
        assert_eq!((dispatch.waiting(), dispatch.free()), (0, 1));
        dispatch.remove(id(1));
        assert!(is_empty(&dispatch));
    }

    /// Anything in any order: the rules hold, each key's entries begin in the order of arrival, and nothing is left behind.
    #[test]
    fn whatever_happens_each_lane_keeps_its_order_and_is_forgotten_when_it_is_empty() {
        for seed in 0..200 {
            let mut random = Lcg(seed);
            let slots = 1 + usize::try_from(random.below(4)).unwrap();
            let concurrency = *random.pick(&[
                Concurrency::Serial,
                Concurrency::Concurrent(slots),
                Concurrency::Ordered(slots),
            ]);
            let mut dispatch = Dispatch::new(concurrency);
            let key = |entry: u64| entry % 3;
            let (mut last, mut newest) = (BTreeMap::new(), 0);
            let (mut open, mut unkeyed, mut running) = (BTreeSet::new(), Vec::new(), Vec::new());
            for step in 0..400 {
                let any = |random: &mut Lcg, of: &BTreeSet<u64>| {
                    let all: Vec<u64> = of.iter().copied().collect();
                    if all.is_empty() { 0 } else { *random.pick(&all) }
                };
                match if step < 300 { random.below(8) } else { 6 + random.below(2) } {
                    0..=2 => {
                        newest += 1;
                        open.insert(newest);
                        if dispatch.arrive(id(newest)) {
                            unkeyed.push(newest);
                        }
                    }
                    3 => dispatch.asked(id(any(&mut random, &open))),
                    4 => dispatch.defer(id(any(&mut random, &open))),
                    5 => {
                        let entry = any(&mut random, &open);
                        open.remove(&entry);
                        dispatch.remove(id(entry));
                        running.retain(|running| *running != entry);
                    }
                    6 => {
                        open.iter().for_each(|entry| dispatch.look_again(id(*entry)));
                        for entry in unkeyed.drain(..).rev() {
                            dispatch.keyed(id(entry), Some(Bytes::from(key(entry).to_string())));
                        }
                    }
                    _ => {
                        for entry in running.drain(..) {
                            open.remove(&entry);
                            dispatch.remove(id(entry));
                        }
                    }
                }
                while let Some(next) = dispatch.next() {
                    dispatch.begin(next);
                    running.push(number(next));
                    let lane = match concurrency {
                        Concurrency::Serial => 0,
                        Concurrency::Concurrent(_) => number(next),
                        Concurrency::Ordered(_) => key(number(next)),
                    };
                    let before = last.insert(lane, number(next));
                    assert!(before.is_none_or(|before| before < number(next)), "seed {seed}");
                }
                check(&dispatch);
            }
            for _ in 0..newest {
                open.iter().for_each(|entry| dispatch.look_again(id(*entry)));
                while let Some(next) = dispatch.next() {
                    dispatch.begin(next);
                    running.push(number(next));
                }
                for entry in running.drain(..) {
                    open.remove(&entry);
                    dispatch.remove(id(entry));
                }
            }
            assert!(open.is_empty() && is_empty(&dispatch), "seed {seed}: {dispatch:?}");
        }
    }
}
