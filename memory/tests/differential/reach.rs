//! What the random steps get to: every command that the core has, and every kind of answer to it.

use std::collections::{BTreeMap, BTreeSet};

use clamator_core::{Command, Refusal, Reply};
use clamator_memory::Store;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::command::{Step, steps};
use super::stored::NOW;

/// Its name and its place in the core's list. A new command doesn't compile before it is here, and fails the test before it is
/// thrown at both stores.
fn kind(command: &Command) -> (usize, &'static str) {
    match command {
        Command::Append { .. } => (0, "Append"),
        Command::CreateGroup { .. } => (1, "CreateGroup"),
        Command::ReadGroup { .. } => (2, "ReadGroup"),
        Command::ReadOwnPending { .. } => (3, "ReadOwnPending"),
        Command::Read { .. } => (4, "Read"),
        Command::Info { .. } => (5, "Info"),
        Command::Ack { .. } => (6, "Ack"),
        Command::AutoClaim { .. } => (7, "AutoClaim"),
        Command::CountDelivery { .. } => (8, "CountDelivery"),
        Command::Renew { .. } => (9, "Renew"),
        Command::Release { .. } => (10, "Release"),
        Command::TrimDone { .. } => (11, "TrimDone"),
        Command::RemoveConsumer { .. } => (12, "RemoveConsumer"),
        Command::RemoveIdleConsumers { .. } => (13, "RemoveIdleConsumers"),
        Command::Delete { .. } => (14, "Delete"),
        Command::Expire { .. } => (15, "Expire"),
        Command::Unblock { .. } => (16, "Unblock"),
        Command::Kill { .. } => (17, "Kill"),
        Command::Ping => (18, "Ping"),
    }
}

/// Each with the kinds of answers that it must get in the cases; errors by their code.
const REACHED: [(&str, &[&str]); 19] = [
    ("Append", &["added", "nil", "WRONGTYPE"]),
    ("CreateGroup", &["done", "BUSYGROUP", "WRONGTYPE"]),
    ("ReadGroup", &["entries", "nothing", "NOGROUP", "WRONGTYPE"]),
    ("ReadOwnPending", &["entries", "nothing", "NOGROUP", "WRONGTYPE"]),
    ("Read", &["entries", "nothing", "WRONGTYPE"]),
    ("Info", &["stream", "ERR", "WRONGTYPE"]),
    ("Ack", &["0", "more", "WRONGTYPE"]),
    ("AutoClaim", &["entries", "to be continued", "nothing", "ERR", "NOGROUP", "WRONGTYPE"]),
    ("CountDelivery", &["deliveries", "lost", "NOGROUP", "WRONGTYPE"]),
    ("Renew", &["ids", "nothing", "NOGROUP", "WRONGTYPE"]),
    ("Release", &["ids", "nothing", "NOGROUP", "WRONGTYPE"]),
    ("TrimDone", &["0", "kept", "more", "WRONGTYPE"]),
    ("RemoveConsumer", &["0", "more", "WRONGTYPE"]),
    ("RemoveIdleConsumers", &["0", "more", "WRONGTYPE"]),
    ("Delete", &["0", "more"]),
    ("Expire", &["0", "more"]),
    ("Unblock", &["0"]),
    ("Kill", &["0"]),
    ("Ping", &["done"]),
];

fn count(count: u64) -> &'static str {
    if count == 0 { "0" } else { "more" }
}

/// What kind of answer it is.
fn answers(answer: Result<Reply, Refusal>) -> Vec<String> {
    let kinds: Vec<&str> = match &answer {
        Err(refusal) => vec![&refusal.code],
        Ok(Reply::Done) => vec!["done"],
        Ok(Reply::Nil) => vec!["nil"],
        Ok(Reply::Added(_)) => vec!["added"],
        Ok(Reply::Count(number)) => vec![count(*number)],
        Ok(Reply::Entries(entries)) if entries.is_empty() => vec!["nothing"],
        Ok(Reply::Entries(entries)) => {
            let gone = entries.iter().any(|entry| entry.fields.is_none());
            if gone { vec!["entries", "gone"] } else { vec!["entries"] }
        }
        Ok(Reply::Stream(_)) => vec!["stream"],
        Ok(Reply::Claimed { cursor, entries }) => {
            let found = if entries.is_empty() { "nothing" } else { "entries" };
            if cursor.ms == 0 { vec![found] } else { vec![found, "to be continued"] }
        }
        Ok(Reply::Deliveries(None)) => vec!["lost"],
        Ok(Reply::Deliveries(Some(_))) => vec!["deliveries"],
        Ok(Reply::Trimmed(trimmed)) => {
            let kept = if trimmed.kept.is_some() { "kept" } else { count(trimmed.removed) };
            vec![count(trimmed.removed), kept]
        }
        Ok(Reply::Ids(ids)) if ids.is_empty() => vec!["nothing"],
        Ok(Reply::Ids(_)) => vec!["ids"],
    };
    kinds.into_iter().map(str::to_owned).collect()
}

#[test]
fn every_command_is_thrown_and_every_kind_of_answer_comes() {
    // The same cases every time, so that this says something of how they are made, not of luck.
    let mut runner = TestRunner::deterministic();
    let mut reached = BTreeMap::<(usize, &str), BTreeSet<String>>::new();
    for _ in 0..1000 {
        let mut store = Store::new();
        for step in steps().new_tree(&mut runner).expect("there are steps").current() {
            match step {
                Step::Run(command) => {
                    let answer = store.execute(NOW, &command);
                    reached.entry(kind(&command)).or_default().extend(answers(answer));
                }
                Step::AppendMany(stream, count) => {
                    let fields = vec![("a".into(), "1".into())];
                    let append = Command::Append { stream, fields, max_len: None, create: true };
                    for _ in 0..count {
                        let _ = store.execute(NOW, &append);
                    }
                }
                Step::TrimTo(key, len) => {
                    store.trim_to(&key, len);
                }
                Step::AWhilePasses => {}
                Step::SetString(key) => store.set_string(&key, "text"),
                Step::DestroyGroup(key, group) => {
                    store.destroy_group(&key, &group);
                }
                Step::DeleteEntry(key, id) => {
                    store.delete_entry(&key, id);
                }
            }
        }
    }
    let found: Vec<(&str, Vec<&str>)> = reached
        .iter()
        .map(|((_, name), answers)| (*name, answers.iter().map(String::as_str).collect()))
        .collect();
    for ((name, found), (expected, answers)) in found.iter().zip(REACHED) {
        assert_eq!(*name, expected, "a command is never thrown");
        let missing: Vec<&&str> = answers.iter().filter(|it| !found.contains(it)).collect();
        assert!(missing.is_empty(), "{name} never gets {missing:?}, only {found:?}");
    }
    assert_eq!(found.len(), REACHED.len(), "a command is never thrown");
}
