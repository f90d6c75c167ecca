//! Without scripts, over a server that has none.
//!
//! `CLAMATOR_REDIS_SERVER` may name a server of another version for this.

use std::time::Duration;

use clamator_core::{Command, Entry, GroupStart, Key, Outcome, Refusal, Reply, StreamId};
use clamator_redis::redis::{Client, Connection, ConnectionLike};
use clamator_redis::translate::{decode_plain, encode_plain};
use clamator_testkit::RedisServer;

const ONE: StreamId = StreamId::new(1, 0);
const TWO: StreamId = StreamId::new(2, 0);
const THREE: StreamId = StreamId::new(3, 0);
const FOUR: StreamId = StreamId::new(4, 0);

fn connect(server: &RedisServer) -> Connection {
    Client::open(server.url()).unwrap().get_connection().unwrap()
}

fn run(redis: &mut Connection, command: &Command) -> Outcome {
    let answers = encode_plain(command).iter().map(|cmd| redis.req_command(cmd).unwrap()).collect();
    decode_plain(command, answers)
}

fn names() -> (Key, String, String) {
    (Key::from("s"), "g".to_owned(), "c".to_owned())
}

fn renew(ids: &[StreamId]) -> Command {
    let (stream, group, consumer) = names();
    Command::Renew { stream, group: group.into(), consumer: consumer.into(), ids: ids.to_vec() }
}

fn release(ids: &[StreamId]) -> Command {
    let (stream, group, consumer) = names();
    Command::Release { stream, group: group.into(), consumer: consumer.into(), ids: ids.to_vec() }
}

fn own_pending(after: StreamId) -> Command {
    let (stream, group, consumer) = names();
    Command::ReadOwnPending {
        stream,
        group: group.into(),
        consumer: consumer.into(),
        after,
        count: 9,
    }
}

fn auto_claim(min_idle: u64) -> Command {
    let (stream, group, consumer) = names();
    let (min_idle, cursor) = (Duration::from_millis(min_idle), StreamId::MIN);
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
    let (stream, group, consumer) = names();
    Command::CountDelivery {
        stream,
        group: group.into(),
        consumer: consumer.into(),
        id,
        raise: true,
    }
}

fn entry(id: StreamId) -> Entry {
    Entry { id, fields: Some(vec![("a".into(), "1".into())]) }
}

/// Four entries: `c` has got 1, 2 and 4, and `d` has got 3. All look idle for an hour.
fn server() -> RedisServer {
    let server = RedisServer::start();
    server.command(&["ACL", "SETUSER", "default", "-eval"]);
    for id in [ONE, TWO, THREE, FOUR] {
        server.command(&["XADD", "s", &id.to_string(), "a", "1"]);
    }
    server.command(&["XGROUP", "CREATE", "s", "g", "0"]);
    for (consumer, count) in [("c", "2"), ("d", "1"), ("c", "1")] {
        server.command(&[
            "XREADGROUP",
            "GROUP",
            "g",
            consumer,
            "COUNT",
            count,
            "STREAMS",
            "s",
            ">",
        ]);
    }
    for (id, owner) in [("1", "c"), ("2", "c"), ("3", "d"), ("4", "c")] {
        server.command(&["XCLAIM", "s", "g", owner, "0", id, "IDLE", "3600000", "JUSTID"]);
    }
    server
}

/// Owner and idle time of what is pending.
fn pending(server: &RedisServer) -> Vec<(String, i64)> {
    let pending = server.command(&["XPENDING", "s", "g", "-", "+", "9"]);
    let pending = pending.as_array().iter().map(clamator_testkit::Value::as_array);
    pending.map(|entry| (entry[1].as_str().to_owned(), entry[2].as_int())).collect()
}

#[test]
fn a_renewal_touches_what_is_still_the_consumers_own_and_nothing_else() {
    let server = server();
    let mut redis = connect(&server);
    let nobodys = StreamId::new(9, 0);
    let ours = Reply::Ids(vec![TWO, FOUR]);
    let all = renew(&[TWO, THREE, FOUR, nobodys]);
    assert_eq!(run(&mut redis, &all), Outcome::Reply(ours));
    let (minute, hour) = (60_000, 3_600_000);
    let idle = pending(&server);
    let idle: Vec<_> = idle.iter().map(|(owner, idle)| (&**owner, *idle)).collect();
    let [("c", first), ("c", second), ("d", third), ("c", fourth)] = idle[..] else {
        panic!("{idle:?}")
    };
    assert!(first >= hour, "it wasn't asked for");
    assert!(second < minute && fourth < minute);
    assert!(third >= hour, "it is another one's");
    assert_eq!(run(&mut redis, &renew(&[])), Outcome::Reply(Reply::Ids(vec![])));
}

#[test]
fn a_renewal_leaves_what_was_trimmed_to_others() {
    let server = server();
    server.command(&["XDEL", "s", "2"]);
    let mut redis = connect(&server);
    let ours = Outcome::Reply(Reply::Ids(vec![ONE]));
    assert_eq!(run(&mut redis, &renew(&[ONE, TWO])), ours);
}

#[test]
fn what_is_handed_back_looks_idle_for_a_day() {
    let server = server();
    let mut redis = connect(&server);
    let released = Outcome::Reply(Reply::Ids(vec![ONE, TWO]));
    assert_eq!(run(&mut redis, &release(&[ONE, TWO])), released);
    let day = pending(&server).iter().filter(|(_, idle)| *idle >= 86_400_000).count();
    assert_eq!(day, 2);
    assert_eq!(run(&mut redis, &release(&[])), Outcome::Reply(Reply::Ids(vec![])));
}

#[test]
fn what_a_neighbour_left_is_taken_over_and_counted_once_it_is() {
    let server = server();
    let mut redis = connect(&server);
    let claim = auto_claim(3_600_000);
    run(&mut redis, &renew(&[ONE, TWO, FOUR]));
    let claimed = Reply::Claimed { cursor: StreamId::MIN, entries: vec![entry(THREE)] };
    assert_eq!(run(&mut redis, &claim), Outcome::Reply(claimed));
    let none = Reply::Claimed { cursor: StreamId::MIN, entries: vec![] };
    assert_eq!(run(&mut redis, &claim), Outcome::Reply(none), "it is young now");
    for (id, deliveries) in [(THREE, Some(2)), (StreamId::new(9, 0), None)] {
        let counted = Outcome::Reply(Reply::Deliveries(deliveries));
        assert_eq!(run(&mut redis, &count_delivery(id)), counted);
        assert_eq!(run(&mut redis, &count_delivery(id)), counted, "to ask counts nothing");
    }
}

#[test]
fn what_was_trimmed_while_it_was_pending_holds_up_nothing() {
    let server = server();
    server.command(&["XDEL", "s", "3"]);
    let mut redis = connect(&server);
    let Outcome::Reply(Reply::Claimed { cursor, entries }) = run(&mut redis, &auto_claim(0)) else {
        panic!()
    };
    assert_eq!((cursor, entries), (StreamId::MIN, vec![entry(ONE), entry(TWO), entry(FOUR)]));
    server.command(&["XDEL", "s", "2"]);
    let Outcome::Reply(Reply::Entries(own)) = run(&mut redis, &own_pending(ONE)) else { panic!() };
    let gone = Entry { id: TWO, fields: None };
    // 6.2 has claimed the third one as well.
    let own: Vec<_> = own.into_iter().filter(|entry| entry.id != THREE).collect();
    assert_eq!(own, [gone, entry(FOUR)]);
}

#[test]
fn a_group_begins_where_it_is_told() {
    let server = server();
    let mut redis = connect(&server);
    let create = |group: &str, start| {
        let (stream, group) = (Key::from("s"), group.to_owned());
        Command::CreateGroup { stream, group: group.into(), start }
    };
    for (group, start, left) in [
        ("all", GroupStart::Beginning, 4),
        ("some", GroupStart::After(TWO), 2),
        ("none", GroupStart::End, 0),
    ] {
        assert_eq!(run(&mut redis, &create(group, start)), Outcome::Reply(Reply::Done));
        let read = server.command(&["XREADGROUP", "GROUP", group, "x", "STREAMS", "s", ">"]);
        let read =
            if read.is_nil() { 0 } else { read.as_array()[0].as_array()[1].as_array().len() };
        assert_eq!(read, left, "{group}");
    }
    let Outcome::Refused(again) = run(&mut redis, &create("g", GroupStart::End)) else { panic!() };
    assert_eq!(again.code, "BUSYGROUP");
}

#[test]
fn refusals_are_passed_on_in_the_words_of_redis() {
    let server = server();
    let mut redis = connect(&server);
    let all =
        [renew(&[ONE, TWO]), release(&[ONE]), own_pending(ONE), auto_claim(0), count_delivery(ONE)];
    let refused = |redis: &mut Connection, code: &str| {
        for command in &all {
            let outcome = run(redis, command);
            let is =
                matches!(&outcome, Outcome::Refused(Refusal { code: found, .. }) if found == code);
            assert!(is, "{command:?}: {outcome:?}");
        }
    };
    server.command(&["XGROUP", "DESTROY", "s", "g"]);
    refused(&mut redis, "NOGROUP");
    server.command(&["SET", "s", "text"]);
    refused(&mut redis, "WRONGTYPE");
}
