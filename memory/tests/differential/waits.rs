//! Blocking reads, in the transport and on Redis: what ends them, in which order, and with what answer.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use clamator_core::{
    Command, ConnectionId, GroupStart, Key, Lane, Outcome, Refusal, Reply, StreamId,
};
use clamator_driver::{Connection as _, Link};
use clamator_memory::{Memory, MemoryConnection, VirtualTime};
use clamator_redis::redis::ProtocolVersion;
use clamator_testkit::{Connection, RedisServer};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::command::{append, count, group, key};
use super::redis::{ask, modelled};
use super::translated::Translated;

const READERS: usize = 4;

/// Longer than a case takes.
const BLOCK: Duration = Duration::from_secs(8);

/// For how long to wait for what must come.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the transport's ids begin.
const EPOCH_MS: u64 = 1_700_000_000_000;

#[derive(Clone, Debug)]
enum Step {
    /// A reader begins to read, unless it waits already.
    Read(usize, Key, StreamId, u32),
    ReadGroup(usize, Key, String, u32),
    Unblock(usize),
    Run(Command),
    SetString(Key),
    DestroyGroup(Key, String),
    FlushAll,
}

fn step() -> impl Strategy<Value = Step> {
    let after = (0_u64..6).prop_map(|seq| StreamId::new(EPOCH_MS, seq));
    let create = (key(), group()).prop_map(|(stream, group)| {
        Step::Run(Command::CreateGroup {
            stream,
            group: group.into(),
            start: GroupStart::Beginning,
        })
    });
    let gone_at_once = key().prop_map(|stream| {
        let fields = vec![("a".into(), "1".into())];
        Step::Run(Command::Append { stream, fields, max_len: Some(0), create: true })
    });
    prop_oneof![
        1 => gone_at_once,
        4 => (0..READERS, key(), after, count())
            .prop_map(|(reader, key, after, count)| Step::Read(reader, key, after, count)),
        10 => (0..READERS, key(), group(), count())
            .prop_map(|(reader, key, group, count)| Step::ReadGroup(reader, key, group, count)),
        2 => (0..READERS).prop_map(Step::Unblock),
        10 => append().prop_map(Step::Run),
        4 => create,
        1 => key().prop_map(|key| Step::Run(Command::Delete { key })),
        1 => key().prop_map(|key| Step::Run(Command::Expire { key, ttl: Duration::ZERO })),
        1 => key().prop_map(|stream| Step::Run(Command::TrimDone { stream })),
        1 => key().prop_map(Step::SetString),
        1 => (key(), group()).prop_map(|(key, group)| Step::DestroyGroup(key, group)),
        1 => Just(Step::FlushAll),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let create = |group: &str| {
        let (stream, group) = (Key::from("s"), group.to_owned());
        Step::Run(Command::CreateGroup {
            stream,
            group: group.into(),
            start: GroupStart::Beginning,
        })
    };
    let prelude = vec![create("g"), create("h")];
    vec(step(), 1..40).prop_map(move |steps| [prelude.clone(), steps].concat())
}

#[test]
fn reads_wait_and_end_as_in_redis() {
    let Some(server) = modelled() else { return };
    let readers = readers(&server);
    let config = Config {
        cases: 512,
        failure_persistence: None,
        max_shrink_iters: 100,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&steps(), |steps| {
            let mut case = Case::new(&server, &readers);
            let result = steps.iter().try_for_each(|step| case.take(step));
            case.finish();
            result
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// By chance alone this is rare: a group reads from before an entry that is gone, and another group is destroyed.
#[test]
fn a_destroyed_group_ends_the_waits_for_what_was_trimmed() {
    let Some(server) = modelled() else { return };
    let stream = Key::from("s");
    let readers = readers(&server);
    let create = |group: &str| {
        let (stream, group) = (stream.clone(), group.to_owned());
        Step::Run(Command::CreateGroup {
            stream,
            group: group.into(),
            start: GroupStart::Beginning,
        })
    };
    let fields = vec![("a".into(), "1".into())];
    let append = Command::Append { stream: stream.clone(), fields, max_len: Some(0), create: true };
    let steps = [
        create("g"),
        create("h"),
        Step::Run(append),
        Step::ReadGroup(0, stream.clone(), "g".to_owned(), 1),
        Step::Read(1, stream.clone(), StreamId::MIN, 1),
        Step::DestroyGroup(stream, "h".to_owned()),
    ];
    let mut case = Case::new(&server, &readers);
    let result = steps.iter().try_for_each(|step| case.take(step));
    case.finish();
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn a_connection_is_killed_once() {
    let server = RedisServer::start();
    let mut victim = Translated::open(&server, ProtocolVersion::RESP2);
    let mut case = Case::new(&server, &[]);
    let kill_modelled = Command::Kill { connection: case.connections[1].id().unwrap() };
    let kill = Command::Kill { connection: victim.id() };
    for killed in [1, 0] {
        assert_eq!(case.command(kill_modelled.clone()), Ok(Reply::Count(killed)));
        assert_eq!(case.redis.execute(&kill, None), Ok(Reply::Count(killed)));
    }
}

/// Half of them in either protocol.
fn readers(server: &RedisServer) -> Vec<Reader> {
    let protocols = [ProtocolVersion::RESP2, ProtocolVersion::RESP3].into_iter().cycle();
    protocols.take(READERS).map(|protocol| Reader::start(server, protocol)).collect()
}

/// A connection to Redis that may wait, on a thread of its own.
struct Reader {
    id: ConnectionId,
    commands: Sender<Command>,
    answers: Receiver<Result<Reply, Refusal>>,
}

impl Reader {
    fn start(server: &RedisServer, protocol: ProtocolVersion) -> Reader {
        let mut connection = Translated::open(server, protocol);
        let id = connection.id();
        let (commands, to_run) = channel::<Command>();
        let (to_answer, answers) = channel();
        thread::spawn(move || {
            for command in to_run {
                if to_answer.send(connection.execute(&command, None)).is_err() {
                    break;
                }
            }
        });
        Reader { id, commands, answers }
    }
}

type Run = Pin<Box<dyn Future<Output = Vec<Outcome>>>>;

/// One case, on both.
struct Case<'a> {
    redis: Translated,
    /// Past the translation.
    plain: Connection,
    readers: &'a [Reader],
    memory: Memory,
    /// The first one gives the commands, the others read.
    connections: Vec<MemoryConnection<VirtualTime>>,
    /// The reads that wait in the transport.
    waiting: Vec<Option<Run>>,
}

impl<'a> Case<'a> {
    fn new(server: &RedisServer, readers: &'a [Reader]) -> Case<'a> {
        let mut plain = server.connect().expect("Redis takes connections");
        ask(&mut plain, &["FLUSHALL"]).expect("it can be emptied");
        let redis = Translated::open(server, ProtocolVersion::RESP2);
        // The clock stands still: nothing times out.
        let (memory, time) = (Memory::new(), VirtualTime::new());
        let connect = |_| match poll_once(pin!(memory.connect(&time, Lane::Commands))) {
            Poll::Ready(Ok(connection)) => connection,
            _ => panic!("connecting waits or fails"),
        };
        let connections = (0..=READERS).map(connect).collect();
        let waiting = (0..READERS).map(|_| None).collect();
        Case { redis, plain, readers, memory, connections, waiting }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Read(reader, stream, after, count) => {
                let (stream, after) = (stream.clone(), *after);
                let command = Command::Read { stream, after, count: *count, block: BLOCK };
                self.begin(*reader, command);
            }
            Step::ReadGroup(reader, stream, group, count) => {
                let consumer = format!("c{reader}");
                let (stream, group) = (stream.clone(), group.clone());
                let command = Command::ReadGroup {
                    stream,
                    group: group.into(),
                    consumer: consumer.into(),
                    count: *count,
                    block: BLOCK,
                };
                self.begin(*reader, command);
            }
            Step::Unblock(reader) => {
                let connection = self.connections[reader + 1].id().expect("it has a number");
                let modelled = self.command(Command::Unblock { connection });
                let connection = self.readers[*reader].id;
                let real = self.redis.execute(&Command::Unblock { connection }, None);
                same(step, &modelled, &real)?;
            }
            Step::Run(command) => {
                let modelled = self.command(command.clone());
                let id = match modelled {
                    Ok(Reply::Added(id)) => Some(id),
                    _ => None,
                };
                let real = self.redis.execute(command, id);
                same(step, &modelled, &real)?;
            }
            Step::SetString(key) => {
                self.memory.with(|store| store.set_string(key, "text"));
                let _ = ask(&mut self.plain, &["SET", key.as_str(), "text"]);
            }
            Step::DestroyGroup(key, group) => {
                self.memory.with(|store| store.destroy_group(key, group));
                let _ = ask(&mut self.plain, &["XGROUP", "DESTROY", key.as_str(), group]);
            }
            Step::FlushAll => {
                self.memory.with(|store| store.flush_all());
                let _ = ask(&mut self.plain, &["FLUSHALL"]);
            }
        }
        self.compare(step)
    }

    fn command(&mut self, command: Command) -> Result<Reply, Refusal> {
        match poll_once(pin!(self.connections[0].run(vec![command]))) {
            Poll::Ready(outcomes) => answer(outcomes),
            Poll::Pending => panic!("it waits"),
        }
    }

    fn begin(&mut self, reader: usize, command: Command) {
        if self.waiting[reader].is_none() {
            self.readers[reader].commands.send(command.clone()).expect("the reader lives");
            self.waiting[reader] = Some(Box::pin(self.connections[reader + 1].run(vec![command])));
        }
    }

    /// Whoever is answered in one must be in the other, alike; and nobody else.
    fn compare(&mut self, step: &Step) -> Result<(), TestCaseError> {
        for (waiting, reader) in self.waiting.iter_mut().zip(self.readers) {
            let Some(run) = waiting else { continue };
            let Poll::Ready(outcomes) = poll_once(run.as_mut()) else { continue };
            *waiting = None;
            let modelled = answer(outcomes);
            let Ok(real) = reader.answers.recv_timeout(PATIENCE) else {
                let what = format!("{step:?}\ntransport: {modelled:?}\nRedis: still waits");
                return Err(TestCaseError::fail(what));
            };
            same(step, &modelled, &real)?;
        }
        // What began to wait just now may not have arrived yet.
        let (waiting, begun) = (self.waiting.iter().flatten().count(), Instant::now());
        loop {
            let in_redis = blocked_clients(&mut self.plain);
            if in_redis == waiting {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                let what = format!("{step:?}\ntransport: {waiting} wait\nRedis: {in_redis} wait");
                return Err(TestCaseError::fail(what));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends all waits, so that the next case finds the readers free.
    fn finish(mut self) {
        for reader in self.readers {
            let unblock = Command::Unblock { connection: reader.id };
            if self.redis.execute(&unblock, None) == Ok(Reply::Count(1)) {
                let _ = reader.answers.recv_timeout(PATIENCE);
            }
            // After a failure there may be answers that nobody asked for.
            while reader.answers.try_recv().is_ok() {}
        }
    }
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn answer(mut outcomes: Vec<Outcome>) -> Result<Reply, Refusal> {
    match outcomes.pop() {
        Some(Outcome::Reply(reply)) => Ok(reply),
        Some(Outcome::Refused(refusal)) => Err(refusal),
        lost => panic!("{lost:?}"),
    }
}

fn same(
    step: &Step,
    modelled: &Result<Reply, Refusal>,
    real: &Result<Reply, Refusal>,
) -> Result<(), TestCaseError> {
    if modelled == real {
        return Ok(());
    }
    Err(TestCaseError::fail(format!("{step:?}\ntransport: {modelled:?}\nRedis: {real:?}")))
}

fn blocked_clients(redis: &mut Connection) -> usize {
    let info = ask(redis, &["INFO", "clients"]).expect("Redis tells");
    let line = info.as_str().lines().find_map(|line| line.strip_prefix("blocked_clients:"));
    line.and_then(|count| count.trim().parse().ok()).expect("it tells how many wait")
}
