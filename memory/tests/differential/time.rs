//! What time does: to what expires, to reads that wait, and to ids when the clock goes back.

use std::time::Duration;

use clamator_core::{Command, GroupStart, Key, Lane, Outcome, Refusal, Reply, StreamId};
use clamator_driver::{Connection as _, Link};
use clamator_memory::{Memory, Store, VirtualTime};
use clamator_redis::redis::ProtocolVersion;
use clamator_testkit::eventually;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::redis::{ask, modelled};
use super::translated::Translated;

fn stream() -> Key {
    Key::from("s")
}

fn append() -> Command {
    let fields = vec![("a".into(), "1".into())];
    Command::Append { stream: stream(), fields, max_len: None, create: true }
}

fn create() -> Command {
    Command::CreateGroup { stream: stream(), group: "g".into(), start: GroupStart::Beginning }
}

fn read_group(block: Duration) -> Command {
    let (group, consumer) = ("g".into(), "c".into());
    Command::ReadGroup { stream: stream(), group, consumer, count: 1, block }
}

/// Far beyond the real server's clock: to it, this is what a clock that went back looks like.
const AHEAD: u64 = 1 << 45;

#[test]
fn ids_grow_when_the_clock_goes_back() {
    let Some(server) = modelled() else { return };
    // What happens, at which time of the model: an append, or the end of all entries.
    let steps = vec((any::<bool>(), AHEAD - 1000..AHEAD), 1..20);
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&steps, |steps| {
            let mut plain = server.connect().expect("Redis takes connections");
            ask(&mut plain, &["FLUSHALL"]).expect("it can be emptied");
            let mut real = Translated::open(&server, ProtocolVersion::RESP2);
            let mut store = Store::new();
            let first = StreamId::new(AHEAD, 0);
            prop_assert_eq!(store.execute(AHEAD, &append()), Ok(Reply::Added(first)));
            prop_assert_eq!(real.execute(&append(), Some(first)), Ok(Reply::Added(first)));
            for (is_append, now) in steps {
                if is_append {
                    // The real server chooses the id by itself.
                    let command = append();
                    let added = store.execute(now, &command);
                    prop_assert_eq!(added, real.execute(&command, None));
                } else {
                    store.trim_to(&stream(), 0);
                    ask(&mut plain, &["XTRIM", "s", "MAXLEN", "=", "0"]).expect("it is a stream");
                }
            }
            Ok::<(), TestCaseError>(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn what_expires_is_gone_with_its_groups_and_what_is_written_to_it_changes_nothing_about_that() {
    let Some(server) = modelled() else { return };
    let mut real = Translated::open(&server, ProtocolVersion::RESP2);
    let mut store = Store::new();
    let ttl = Duration::from_millis(50);
    let mut both = |now: u64, command: &Command| -> Result<Reply, Refusal> {
        let modelled = store.execute(now, command);
        let id = match modelled {
            Ok(Reply::Added(id)) => Some(id),
            _ => None,
        };
        assert_eq!(modelled, real.execute(command, id), "{command:?}");
        modelled
    };
    let expire = Command::Expire { key: stream(), ttl };
    for command in [append(), create(), expire, append()] {
        both(1000, &command).expect("it is done");
    }
    let is_gone = || server.command(&["EXISTS", "s"]).as_int() == 0;
    eventually(Duration::from_secs(5), "the key is gone", is_gone);
    let read = both(1051, &read_group(Duration::ZERO)).unwrap_err();
    assert_eq!(read.code, "NOGROUP");
    let again =
        Command::Append { stream: stream(), fields: Vec::new(), max_len: None, create: false };
    let _ = both(1051, &again);
    // What is made anew doesn't expire.
    both(1051, &append()).expect("it is added");
    both(99_000, &Command::Info { stream: stream() }).expect("it is there");
}

#[test]
fn a_wait_in_vain_ends_with_nothing_when_its_time_is_over() {
    let Some(server) = modelled() else { return };
    let block = Duration::from_millis(30);
    for protocol in [ProtocolVersion::RESP2, ProtocolVersion::RESP3] {
        let mut real = Translated::open(&server, protocol);
        let (memory, time) = (Memory::new(), VirtualTime::new());
        let connecting = time.run(memory.connect(&time, Lane::Commands));
        let mut connection = connecting.unwrap_or_else(|fault| panic!("{fault}"));
        let made = time.run(connection.run(vec![create()]));
        assert_eq!(made, [Outcome::Reply(Reply::Done)]);
        let _ = real.execute(&create(), None);
        let read = Command::Read { stream: stream(), after: StreamId::MIN, count: 1, block };
        for command in [read, read_group(block)] {
            let begun = time.now();
            let outcomes = time.run(connection.run(vec![command.clone()]));
            assert_eq!(time.now() - begun, block);
            let [Outcome::Reply(modelled)] = &outcomes[..] else { panic!("{outcomes:?}") };
            assert_eq!(Ok(modelled.clone()), real.execute(&command, None));
        }
    }
}
