//! Every input of the corpus, and some that are nearly the same, through its target.

mod common;

use clamator_fuzz::{TARGETS, Target, target};
use common::{corpus, folder, on_a_large_stack};

/// What a repository can carry.
const MOST_FILES: usize = 220;
const MOST_BYTES: usize = 300 * 1024;

/// So many damaged inputs for each target.
const DAMAGED: usize = 2000;

fn replay(name: &str) {
    let target = target(name).expect("it is a target");
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "{name} has no corpus");
    for (file, data) in &corpus {
        println!("fuzz/corpus/{name}/{file}");
        on_a_large_stack(target.run, data.clone()).expect("it goes well");
    }
    let bytes: usize = corpus.iter().map(|(_, data)| data.len()).sum();
    assert!(corpus.len() <= MOST_FILES && bytes <= MOST_BYTES, "{} files, {bytes}", corpus.len());
    damage(target, &corpus);
}

/// A few bytes of each are others, or are gone.
fn damage(target: &Target, corpus: &[(String, Vec<u8>)]) {
    let mut state = 7_u64;
    let mut below = |bound: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or_default() % bound.max(1)
    };
    for _ in 0..DAMAGED {
        let (file, data) = &corpus[below(corpus.len())];
        let mut data = data.clone();
        for _ in 0..=below(4) {
            let at = below(data.len() + 1);
            match below(3) {
                0 if at < data.len() => data[at] = below(256) as u8,
                1 if at < data.len() => drop(data.remove(at)),
                _ => data.insert(at, below(256) as u8),
            }
        }
        let outcome = on_a_large_stack(target.run, data.clone());
        assert!(outcome.is_ok(), "{file}, damaged: {:?}", data.escape_ascii().to_string());
    }
}

#[test]
fn envelope() {
    replay("envelope");
}

#[test]
fn server_core() {
    replay("server_core");
}

#[test]
fn client_core() {
    replay("client_core");
}

#[test]
fn resp() {
    replay("resp");
}

#[test]
fn outcome() {
    replay("outcome");
}

#[test]
fn every_target_has_a_test_here_and_every_corpus_a_target() {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, ["envelope", "server_core", "client_core", "resp", "outcome"]);
    for entry in folder("").read_dir().expect("there are corpora") {
        let name = entry.expect("it can be read").file_name();
        assert!(names.iter().any(|it| name.to_str() == Some(it)), "{name:?}");
    }
}
