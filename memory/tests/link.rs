//! The in-process transport: who waits, who is served, and what ends a wait.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use clamator_core::{
    Command, GroupStart, Key, Lane, MissingService, Outcome, Reply, StreamId, Time,
};
use clamator_driver::{Connection, Link};
use clamator_memory::{Memory, MemoryConnection, VirtualTime};

const BLOCK: Duration = Duration::from_secs(1);

/// What happened, in order.
type Events = Arc<Mutex<Vec<String>>>;

/// A store with a stream `s` and a group `g` on it, a clock, and a connection.
struct World {
    time: VirtualTime,
    memory: Memory,
    connection: MemoryConnection<VirtualTime>,
    events: Events,
}

impl World {
    fn new() -> World {
        let (time, memory) = (VirtualTime::new(), Memory::new());
        let connection = connect(&memory, &time);
        let mut world = World { time, memory, connection, events: Events::default() };
        let stream = Key::from("s");
        let create = Command::CreateGroup { stream, group: "g".into(), start: GroupStart::End };
        assert_eq!(world.now(vec![create]), ["done"]);
        world
    }

    /// Runs what must not have to wait.
    fn now(&mut self, commands: Vec<Command>) -> Vec<String> {
        match poll_once(self.connection.run(commands)) {
            Poll::Ready(outcomes) => outcomes.iter().map(describe).collect(),
            Poll::Pending => panic!("it waits"),
        }
    }

    /// Runs on a connection of its own, in the background, and notes how it ends. Returns the connection's number.
    fn start(&self, name: &'static str, commands: Vec<Command>) -> u64 {
        let mut connection = connect(&self.memory, &self.time);
        let id = connection.id().unwrap();
        self.note(name, connection.run(commands));
        id
    }

    fn note(&self, name: &'static str, run: impl Future<Output = Vec<Outcome>> + Send + 'static) {
        let (events, time) = (Arc::clone(&self.events), self.time.clone());
        self.time.spawn(async move {
            for outcome in run.await {
                let at = time.now().since_start().as_millis();
                events.lock().unwrap().push(format!("{at} {name}: {}", describe(&outcome)));
            }
        });
    }

    /// Lets a while pass; what happened up to then.
    fn after(&self, duration: Duration) -> Vec<String> {
        let time = self.time.clone();
        // The runs of a test are one run of the clock, so that its tasks stay.
        self.time.run(async move { time.sleep(duration).await });
        std::mem::take(&mut *self.events.lock().unwrap())
    }
}

fn connect(memory: &Memory, time: &VirtualTime) -> MemoryConnection<VirtualTime> {
    match poll_once(memory.connect(time, Lane::Commands)) {
        Poll::Ready(Ok(connection)) => connection,
        _ => panic!("connecting waits or fails"),
    }
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// An outcome in a few words. Ids are told from the number of milliseconds since the clock's start.
fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Reply(Reply::Entries(entries)) => {
            let ids = entries.iter().map(|entry| short(entry.id)).collect::<Vec<_>>();
            format!("entries {}", ids.join(",")).trim_end().to_owned()
        }
        Outcome::Reply(Reply::Added(id)) => format!("added {}", short(*id)),
        Outcome::Reply(Reply::Count(count)) => format!("count {count}"),
        Outcome::Reply(Reply::Done) => "done".to_owned(),
        Outcome::Reply(reply) => format!("{reply:?}"),
        Outcome::Refused(refusal) => refusal.to_string(),
        Outcome::Unknown(fault) => format!("unknown, {}", fault.cause),
        Outcome::NotSent(fault) => format!("not sent, {}", fault.cause),
    }
}

fn short(id: StreamId) -> String {
    format!("{}-{}", id.ms - 1_700_000_000_000, id.seq)
}

fn append() -> Command {
    let fields = vec![("a".into(), "1".into())];
    Command::Append { stream: Key::from("s"), fields, max_len: None, create: true }
}

fn read_group(consumer: &str) -> Command {
    let (stream, group, consumer) = (Key::from("s"), "g".into(), consumer.into());
    Command::ReadGroup { stream, group, consumer, count: 16, block: BLOCK }
}

fn read() -> Command {
    Command::Read { stream: Key::from("s"), after: StreamId::MIN, count: 16, block: BLOCK }
}

fn delete() -> Command {
    Command::Delete { key: Key::from("s") }
}

#[test]
fn commands_are_executed_in_order_and_ready_at_once() {
    let mut world = World::new();
    let commands = vec![append(), append(), read_group("c"), Command::Ping, delete()];
    assert_eq!(
        world.now(commands),
        ["added 0-0", "added 0-1", "entries 0-0,0-1", "done", "count 1"]
    );
    assert_eq!(world.now(Vec::new()), [""; 0]);
}

#[test]
fn a_refusal_does_not_stop_the_commands_after_it() {
    let mut world = World::new();
    let outcomes = world.now(vec![delete(), read_group("c"), Command::Ping]);
    let refusal = "NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option";
    assert_eq!(outcomes, ["count 1", refusal, "done"]);
}

#[test]
fn a_read_that_finds_nothing_ends_empty_after_its_time() {
    let world = World::new();
    world.start("c", vec![read_group("c"), Command::Ping]);
    world.start("x", vec![read()]);
    let expected = ["1000 c: entries", "1000 c: done", "1000 x: entries"];
    assert_eq!(world.after(BLOCK + BLOCK), expected);
}

#[test]
fn no_block_at_all_is_a_millisecond() {
    let world = World::new();
    let (stream, after, block) = (Key::from("s"), StreamId::MIN, Duration::ZERO);
    world.start("x", vec![Command::Read { stream, after, count: 1, block }]);
    assert_eq!(world.after(BLOCK), ["1 x: entries"]);
}

#[test]
fn an_entry_goes_to_the_one_who_has_waited_longest() {
    let mut world = World::new();
    for name in ["c", "d", "e"] {
        world.start(name, vec![read_group(name)]);
    }
    world.start("x", vec![read()]);
    assert_eq!(world.now(vec![append(), append()]), ["added 0-0", "added 0-1"]);
    let expected = ["0 c: entries 0-0", "0 d: entries 0-1", "0 x: entries 0-0", "1000 e: entries"];
    assert_eq!(world.after(BLOCK + BLOCK), expected);
}

#[test]
fn who_waits_again_waits_behind_the_others() {
    let mut world = World::new();
    let mut reader = connect(&world.memory, &world.time);
    world.note("c1", reader.run(vec![read_group("c")]));
    world.start("d", vec![read_group("d")]);
    world.note("c2", reader.run(vec![read_group("c")]));
    for _ in 0..3 {
        world.now(vec![append()]);
    }
    assert_eq!(world.after(BLOCK), ["0 c1: entries 0-0", "0 d: entries 0-1", "0 c2: entries 0-2"]);
}

#[test]
fn a_dropped_wait_loses_nothing() {
    let mut world = World::new();
    let mut reader = connect(&world.memory, &world.time);
    drop(reader.run(vec![read_group("c"), append()]));
    assert_eq!(world.now(vec![append(), read_group("d")]), ["added 0-0", "entries 0-0"]);
    let pending = world.memory.with(|store| store.pending(&Key::from("s"), "g"));
    assert_eq!(pending.len(), 1, "what followed in the dropped run was left out");
    assert_eq!(pending[0].consumer, "d");
}

#[test]
fn after_a_dropped_wait_its_connection_goes_on() {
    let mut world = World::new();
    let mut reader = connect(&world.memory, &world.time);
    let dropped = reader.run(vec![read_group("c")]);
    world.note("later", reader.run(vec![Command::Ping]));
    drop(dropped);
    assert_eq!(world.after(BLOCK), ["0 later: done"]);
    assert_eq!(world.now(vec![append()]), ["added 1000-0"]);
}

#[test]
fn a_queued_run_can_be_dropped_too() {
    let world = World::new();
    let mut reader = connect(&world.memory, &world.time);
    world.note("first", reader.run(vec![read_group("c")]));
    drop(reader.run(vec![append()]));
    world.note("last", reader.run(vec![Command::Ping]));
    assert_eq!(world.after(BLOCK + BLOCK), ["1000 first: entries", "1000 last: done"]);
    assert_eq!(world.memory.with(|store| store.len(&Key::from("s"))), 0);
}

#[test]
fn runs_of_one_connection_wait_for_each_other() {
    let world = World::new();
    let mut reader = connect(&world.memory, &world.time);
    world.note("1", reader.run(vec![read_group("c"), append()]));
    world.note("2", reader.run(vec![read_group("c"), read_group("c")]));
    world.note("3", reader.run(vec![Command::Ping]));
    drop(reader);
    let expected = [
        "1000 1: entries",
        "1000 1: added 1000-0",
        "2000 2: entries 1000-0",
        "2000 2: entries",
        "2000 3: done",
    ];
    assert_eq!(world.after(BLOCK * 5), expected);
}

#[test]
fn an_append_that_follows_a_wait_serves_others() {
    let mut world = World::new();
    let blocked = world.start("c", vec![read_group("c"), append()]);
    world.start("d", vec![read_group("d")]);
    assert_eq!(world.now(vec![Command::Unblock { connection: blocked }]), ["count 1"]);
    assert_eq!(world.after(BLOCK), ["0 c: entries", "0 c: added 0-0", "0 d: entries 0-0"]);
}

#[test]
fn a_wait_can_be_ended_by_another_connection() {
    let mut world = World::new();
    let blocked = world.start("c", vec![read_group("c")]);
    let unblock = Command::Unblock { connection: blocked };
    assert_eq!(world.now(vec![unblock.clone(), unblock]), ["count 1", "count 0"]);
    assert_eq!(world.after(BLOCK), ["0 c: entries"]);
}

#[test]
fn a_killed_connection_says_what_may_have_happened() {
    let mut world = World::new();
    let mut reader = connect(&world.memory, &world.time);
    let kill = Command::Kill { connection: reader.id().unwrap() };
    world.note("1", reader.run(vec![Command::Ping, read_group("c"), append()]));
    world.note("2", reader.run(vec![append()]));
    assert_eq!(world.now(vec![kill.clone(), kill]), ["count 1", "count 0"]);
    world.note("3", reader.run(vec![append()]));
    let expected = [
        "0 1: done",
        "0 1: unknown, the connection was killed",
        "0 1: not sent, the connection was killed",
        "0 2: not sent, the connection was killed",
        "0 3: not sent, the connection was killed",
    ];
    assert_eq!(world.after(BLOCK), expected);
    assert_eq!(world.now(vec![append(), read_group("d")]), ["added 1000-0", "entries 1000-0"]);
}

#[test]
fn a_connection_can_kill_itself() {
    let mut world = World::new();
    let kill = Command::Kill { connection: world.connection.id().unwrap() };
    assert_eq!(world.now(vec![kill, append()]), ["count 1", "not sent, the connection was killed"]);
    assert_eq!(world.now(vec![Command::Ping]), ["not sent, the connection was killed"]);
    assert!(world.memory.with(|store| store.entries(&Key::from("s")).is_empty()));
}

#[test]
fn a_closed_connection_is_not_found() {
    let mut world = World::new();
    let other = connect(&world.memory, &world.time);
    let connection = other.id().unwrap();
    drop(other);
    let commands = vec![Command::Kill { connection }, Command::Unblock { connection }];
    assert_eq!(world.now(commands), ["count 0", "count 0"]);
}

#[test]
fn a_group_reader_hears_that_its_stream_is_gone() {
    const GONE: &str = "0 c: UNBLOCKED the stream key no longer exists";
    const DESTROYED: &str =
        "0 c: NOGROUP the consumer group this client was blocked on no longer exists";
    let key = Key::from("s");
    let expire = Command::Expire { key: key.clone(), ttl: Duration::ZERO };
    type Meddle<'a> = Box<dyn Fn(&mut World) + 'a>;
    let table: [(&str, Meddle<'_>); 5] = [
        (GONE, Box::new(|world| drop(world.now(vec![delete()])))),
        (GONE, Box::new(|world| drop(world.now(vec![expire.clone()])))),
        (GONE, Box::new(|world| world.memory.with(|store| store.flush_all()))),
        (GONE, Box::new(|world| world.memory.with(|store| store.set_string(&key, "text")))),
        (
            DESTROYED,
            Box::new(|world| assert!(world.memory.with(|store| store.destroy_group(&key, "g")))),
        ),
    ];
    for (expected, meddle) in table {
        let mut world = World::new();
        world.start("c", vec![read_group("c")]);
        world.start("x", vec![read()]);
        meddle(&mut world);
        assert_eq!(
            world.after(BLOCK + BLOCK),
            [expected, "1000 x: entries"],
            "a plain reader waits on"
        );
    }
}

#[test]
fn a_stream_that_expires_under_a_wait_is_gone() {
    let mut world = World::new();
    world.start("c", vec![read_group("c")]);
    world.now(vec![Command::Expire { key: Key::from("s"), ttl: Duration::from_millis(100) }]);
    let time = world.time.clone();
    let mut other = connect(&world.memory, &world.time);
    world.time.spawn(async move {
        time.sleep(Duration::from_millis(200)).await;
        other.run(vec![Command::Ping]).await;
    });
    assert_eq!(world.after(BLOCK), ["200 c: UNBLOCKED the stream key no longer exists"]);
}

#[test]
fn a_wait_ends_even_if_its_entry_is_trimmed_at_once() {
    let mut world = World::new();
    world.start("c", vec![read_group("c")]);
    let fields = vec![("a".into(), "1".into())];
    world.now(vec![Command::Append {
        stream: Key::from("s"),
        fields,
        max_len: Some(0),
        create: true,
    }]);
    assert_eq!(world.after(BLOCK), ["0 c: entries"]);
}

#[test]
fn entries_that_were_slipped_in_are_handed_out() {
    let world = World::new();
    world.start("c", vec![read_group("c")]);
    world.memory.with(|store| store.execute(store.now_ms(), &append())).unwrap();
    assert_eq!(world.after(BLOCK), ["0 c: entries 0-0"]);
}

#[test]
fn each_memory_is_a_world_of_its_own() {
    let (one, two) = (Memory::new(), Memory::default());
    let address = |memory: &Memory| Link::<VirtualTime>::address(memory);
    assert_eq!(address(&one), address(&one.clone()));
    assert_ne!(address(&one), address(&two));
    assert!(address(&one).starts_with("memory:"));
    assert_eq!(Link::<VirtualTime>::missing_service(&one), MissingService::Fail);
}

#[test]
fn two_threads_can_share_a_memory() {
    // Real threads without a clock of their own: nothing here waits for one.
    let (memory, time) = (Memory::new(), VirtualTime::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let mut connection = connect(&memory, &time);
            scope.spawn(move || {
                for _ in 0..500 {
                    assert!(poll_once(connection.run(vec![append()])).is_ready());
                }
            });
        }
    });
    assert_eq!(memory.with(|store| store.len(&Key::from("s"))), 1000);
    assert_eq!(time.now(), Time::ZERO);
}
