//! The scripts against a server that refuses them, or that is older: that they do what the model does is tested with that.
//!
//! `CLAMATOR_REDIS_SERVER` may name a server of Redis 6.2 for this.

use std::time::Duration;

use clamator_core::{Command, Entry, Key, Outcome, Refusal, Reply, StreamId, Trimmed};
use clamator_redis::redis::{Client, Connection, ConnectionLike};
use clamator_redis::translate::{decode, encode};
use clamator_testkit::{RedisServer, eventually};

const ONE: StreamId = StreamId::new(1, 0);
const TWO: StreamId = StreamId::new(2, 0);
const THREE: StreamId = StreamId::new(3, 0);

fn connect(server: &RedisServer) -> Connection {
    Client::open(server.url()).unwrap().get_connection().unwrap()
}

fn run(redis: &mut Connection, command: &Command) -> Outcome {
    decode(command, redis.req_command(&encode(command)).unwrap())
}

fn renew(ids: &[StreamId]) -> Command {
    let (stream, group, consumer) = (Key::from("s"), "g".to_owned(), "c".to_owned());
    Command::Renew { stream, group: group.into(), consumer: consumer.into(), ids: ids.to_vec() }
}

fn release(ids: &[StreamId]) -> Command {
    let (stream, group, consumer) = (Key::from("s"), "g".to_owned(), "c".to_owned());
    Command::Release { stream, group: group.into(), consumer: consumer.into(), ids: ids.to_vec() }
}

fn remove_consumer(consumer: &str) -> Command {
    let (stream, group, consumer) = (Key::from("s"), "g".to_owned(), consumer.to_owned());
    Command::RemoveConsumer { stream, group: group.into(), consumer: consumer.into() }
}

fn trim_done() -> Command {
    Command::TrimDone { stream: Key::from("s") }
}

fn trimmed(removed: u64, len: u64) -> Reply {
    Reply::Trimmed(Trimmed { removed, len, kept: Some((TWO, "g".to_owned())) })
}

fn own_pending() -> Command {
    let (stream, group, consumer) = (Key::from("s"), "g".to_owned(), "c".to_owned());
    Command::ReadOwnPending {
        stream,
        group: group.into(),
        consumer: consumer.into(),
        after: StreamId::MIN,
        count: 9,
    }
}

fn auto_claim() -> Command {
    let (stream, group, consumer) = (Key::from("s"), "g".to_owned(), "c".to_owned());
    let (min_idle, cursor) = (Duration::ZERO, StreamId::MIN);
    Command::AutoClaim {
        stream,
        group: group.into(),
        consumer: consumer.into(),
        min_idle,
        cursor,
        count: 9,
    }
}

fn count_delivery(id: StreamId) -> Command {
    let (stream, group, consumer) = (Key::from("s"), "g".to_owned(), "c".to_owned());
    Command::CountDelivery {
        stream,
        group: group.into(),
        consumer: consumer.into(),
        id,
        raise: true,
    }
}

fn remove_idle_consumers() -> Command {
    let (stream, group, except) = (Key::from("s"), "g".to_owned(), "c".to_owned());
    Command::RemoveIdleConsumers {
        stream,
        group: group.into(),
        min_idle: Duration::ZERO,
        except: except.into(),
    }
}

/// Three entries, of which `c` has got two and acknowledged one; `d` has nothing.
fn server() -> RedisServer {
    let server = RedisServer::start();
    for id in [ONE, TWO, THREE] {
        server.command(&["XADD", "s", &id.to_string(), "a", "1"]);
    }
    server.command(&["XGROUP", "CREATE", "s", "g", "0"]);
    for idle in ["d", "e"] {
        server.command(&["XGROUP", "CREATECONSUMER", "s", "g", idle]);
    }
    server.command(&["XREADGROUP", "GROUP", "g", "c", "COUNT", "2", "STREAMS", "s", ">"]);
    server.command(&["XACK", "s", "g", &ONE.to_string()]);
    server
}

#[test]
fn every_supported_version_can_run_them() {
    let server = server();
    let mut redis = connect(&server);
    let two = || vec![Entry { id: TWO, fields: Some(vec![("a".into(), "1".into())]) }];
    let claimed = Reply::Claimed { cursor: StreamId::MIN, entries: two() };
    for (command, reply) in [
        (own_pending(), Reply::Entries(two())),
        (auto_claim(), claimed),
        (count_delivery(TWO), Reply::Deliveries(Some(2))),
        (count_delivery(ONE), Reply::Deliveries(None)),
        (renew(&[ONE, TWO, THREE]), Reply::Ids(vec![TWO])),
        (release(&[ONE, TWO, THREE]), Reply::Ids(vec![TWO])),
        (remove_consumer("c"), Reply::Count(0)),
        (remove_consumer("e"), Reply::Count(1)),
        (remove_consumer("e"), Reply::Count(0)),
        (remove_idle_consumers(), Reply::Count(1)),
        (remove_idle_consumers(), Reply::Count(0)),
        (trim_done(), trimmed(1, 2)),
        (trim_done(), trimmed(0, 2)),
    ] {
        assert_eq!(run(&mut redis, &command), Outcome::Reply(reply), "{command:?}");
    }
    let pending = server.command(&["XPENDING", "s", "g", "-", "+", "9"]);
    let [pending] = pending.as_array() else { panic!("{pending:?}") };
    let pending = pending.as_array();
    assert!(pending[2].as_int() >= 86_400_000, "it looks idle for a day");
    assert_eq!(pending[3].as_int(), 2, "one delivery was counted, beside the first");
}

#[test]
fn what_is_done_with_is_told_by_numbers_not_by_text() {
    let server = RedisServer::start();
    let mut redis = connect(&server);
    for [earlier, later] in [["1-9", "1-10"], ["9-10", "10-9"], ["99-0", "100-0"]] {
        for [g, h] in [[earlier, later], [later, earlier]] {
            server.command(&["DEL", "s"]);
            for id in [earlier, later] {
                server.command(&["XADD", "s", id, "a", "1"]);
            }
            server.command(&["XGROUP", "CREATE", "s", "g", g]);
            server.command(&["XGROUP", "CREATE", "s", "h", h]);
            let done = run(&mut redis, &trim_done());
            let Outcome::Reply(Reply::Trimmed(Trimmed { removed: 1, len: 1, .. })) = done else {
                panic!("{g} and {h}: {done:?}")
            };
            let left = server.command(&["XRANGE", "s", "-", "+"]);
            assert_eq!(left.as_array()[0].as_array()[0].as_str(), later);
        }
    }
}

#[test]
fn refusals_are_passed_on_in_the_words_of_redis() {
    let server = server();
    let mut redis = connect(&server);
    let scripts = [
        renew(&[TWO]),
        release(&[TWO]),
        remove_consumer("d"),
        remove_idle_consumers(),
        own_pending(),
        auto_claim(),
        count_delivery(TWO),
        trim_done(),
    ];
    let refused = |redis: &mut Connection, scripts: &[Command], code: &str, message: &str| {
        for script in scripts {
            let expected = Outcome::Refused(Refusal::new(code, message));
            assert_eq!(run(redis, script), expected, "{script:?}");
        }
    };
    // A replica whose primary is lost still answers what only reads.
    server.command(&["REPLICAOF", "127.0.0.1", "1"]);
    refused(&mut redis, &scripts, "READONLY", "You can't write against a read only replica.");
    server.command(&["REPLICAOF", "NO", "ONE"]);
    server.command(&["XGROUP", "DESTROY", "s", "g"]);
    let missing = "No such key 's' or consumer group 'g'";
    refused(&mut redis, &scripts[..7], "NOGROUP", missing);
    server.command(&["SET", "s", "text"]);
    let wrong = "Operation against a key holding the wrong kind of value";
    refused(&mut redis, &scripts, "WRONGTYPE", wrong);
}

#[test]
fn a_consumer_that_was_removed_while_it_waits_gets_its_next_entry_all_the_same() {
    let server = server();
    server.command(&["XGROUP", "SETID", "s", "g", "$"]);
    let waiting = std::thread::spawn({
        let mut waiting = server.connect().unwrap();
        let read = ["XREADGROUP", "GROUP", "g", "d", "BLOCK", "30000", "STREAMS", "s", ">"];
        move || waiting.command(&read).unwrap()
    });
    eventually(Duration::from_secs(10), "the read blocks", || {
        server.command(&["INFO", "clients"]).as_str().contains("blocked_clients:1")
    });
    assert_eq!(
        run(&mut connect(&server), &remove_idle_consumers()),
        Outcome::Reply(Reply::Count(2))
    );
    server.command(&["XADD", "s", "9-0", "a", "1"]);
    let got = waiting.join().unwrap();
    let entry = &got.as_array()[0].as_array()[1].as_array()[0];
    assert_eq!(entry.as_array()[0].as_str(), "9-0");
    let owner = server.command(&["XPENDING", "s", "g", "9-0", "9-0", "1"]);
    assert_eq!(owner.as_array()[0].as_array()[1].as_str(), "d");
}
