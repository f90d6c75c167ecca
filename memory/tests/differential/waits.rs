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
use clamator_testkit::{Connection, RedisServer, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::command::{append, count, group, key};
use super::redis::{ask, entries_of_read, execute, read, read_group, refused};

const READERS: usize = 4;

/// Longer than a case takes, and shorter than the test's client waits for an answer.
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
        Step::Run(Command::CreateGroup { stream, group, start: GroupStart::Beginning })
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
        Step::Run(Command::CreateGroup { stream, group, start: GroupStart::Beginning })
    };
    let prelude = vec![create("g"), create("h")];
    vec(step(), 1..40).prop_map(move |steps| [prelude.clone(), steps].concat())
}

#[test]
fn reads_wait_and_end_as_in_redis() {
    let server = RedisServer::start();
    let readers: Vec<Reader> = (0..READERS).map(|_| Reader::start(&server)).collect();
    let config = Config {
        cases: 128,
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

/// A connection to Redis that may wait, on a thread of its own.
struct Reader {
    id: ConnectionId,
    commands: Sender<Vec<String>>,
    answers: Receiver<Value>,
}

impl Reader {
    fn start(server: &RedisServer) -> Reader {
        let mut connection = server.connect().expect("Redis takes connections");
        let id =
            connection.command(&["CLIENT", "ID"]).expect("Redis answers").as_int().unsigned_abs();
        let (commands, to_run) = channel::<Vec<String>>();
        let (to_answer, answers) = channel();
        thread::spawn(move || {
            for words in to_run {
                let answer = connection.command(&words).expect("Redis answers");
                if to_answer.send(answer).is_err() {
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
    redis: Connection,
    readers: &'a [Reader],
    memory: Memory,
    /// The first one gives the commands, the others read.
    connections: Vec<MemoryConnection<VirtualTime>>,
    /// The reads that wait in the transport.
    waiting: Vec<Option<Run>>,
}

impl<'a> Case<'a> {
    fn new(server: &RedisServer, readers: &'a [Reader]) -> Case<'a> {
        let mut redis = server.connect().expect("Redis takes connections");
        ask(&mut redis, &["FLUSHALL"]).expect("it can be emptied");
        // The clock stands still: nothing times out.
        let (memory, time) = (Memory::new(), VirtualTime::new());
        let connect = |_| match poll_once(pin!(memory.connect(&time, Lane::Commands))) {
            Poll::Ready(Ok(connection)) => connection,
            _ => panic!("connecting waits or fails"),
        };
        let connections = (0..=READERS).map(connect).collect();
        let waiting = (0..READERS).map(|_| None).collect();
        Case { redis, readers, memory, connections, waiting }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Read(reader, stream, after, count) => {
                let words = read(stream.as_str(), *after, *count, Some(BLOCK));
                let (stream, after) = (stream.clone(), *after);
                let command = Command::Read { stream, after, count: *count, block: BLOCK };
                self.begin(*reader, command, words);
            }
            Step::ReadGroup(reader, stream, group, count) => {
                let consumer = format!("c{reader}");
                let words = read_group(stream.as_str(), group, &consumer, *count, ">", Some(BLOCK));
                let (stream, group) = (stream.clone(), group.clone());
                let command =
                    Command::ReadGroup { stream, group, consumer, count: *count, block: BLOCK };
                self.begin(*reader, command, words);
            }
            Step::Unblock(reader) => {
                let connection = self.connections[reader + 1].id().expect("it has a number");
                let modelled = self.command(Command::Unblock { connection });
                let connection = self.readers[*reader].id;
                let real = execute(&mut self.redis, &Command::Unblock { connection }, None);
                same(step, &modelled, &real)?;
            }
            Step::Run(command) => {
                let modelled = self.command(command.clone());
                let id = match modelled {
                    Ok(Reply::Added(id)) => Some(id),
                    _ => None,
                };
                let real = execute(&mut self.redis, command, id);
                same(step, &modelled, &real)?;
            }
            Step::SetString(key) => {
                self.memory.with(|store| store.set_string(key, "text"));
                let _ = ask(&mut self.redis, &["SET", key.as_str(), "text"]);
            }
            Step::DestroyGroup(key, group) => {
                self.memory.with(|store| store.destroy_group(key, group));
                let _ = ask(&mut self.redis, &["XGROUP", "DESTROY", key.as_str(), group]);
            }
            Step::FlushAll => {
                self.memory.with(|store| store.flush_all());
                let _ = ask(&mut self.redis, &["FLUSHALL"]);
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

    fn begin(&mut self, reader: usize, command: Command, words: Vec<String>) {
        if self.waiting[reader].is_none() {
            self.waiting[reader] = Some(Box::pin(self.connections[reader + 1].run(vec![command])));
            self.readers[reader].commands.send(words).expect("the reader lives");
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
            same(step, &modelled, &refused(real).and_then(|answer| entries_of_read(&answer)))?;
        }
        // What began to wait just now may not have arrived yet.
        let (waiting, begun) = (self.waiting.iter().flatten().count(), Instant::now());
        loop {
            let in_redis = blocked_clients(&mut self.redis);
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
            if execute(&mut self.redis, &unblock, None) == Ok(Reply::Count(1)) {
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
