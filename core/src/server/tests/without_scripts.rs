//! A store that runs no scripts: a server that wasn't told so doesn't start, and one that was does without what would be unsafe.

use super::*;
use crate::command::Refusal;
use crate::testing::secs;

fn no_eval() -> Refusal {
    Refusal::new("ERR", "unknown command 'EVAL', with args beginning with: 'return'")
}

fn options_without() -> ServerOptions {
    ServerOptions { scripts: false, ..options() }
}

fn without() -> Server {
    running_with(options_without(), &["arith"])
}

#[test]
fn a_start_that_needs_scripts_fails_where_there_are_none_and_says_what_to_do() {
    let mut server = idle(options(), &["arith"]);
    server.input(ServerInput::Start);
    server.connect(Lane::Commands);
    server.answer_to("create arith at 0", Outcome::Refused(no_eval()));
    let error = server.started.pop().unwrap().unwrap_err();
    assert_eq!(error, StartError::NoScripts { refusal: no_eval() });
    assert!(error.to_string().contains("Redis::without_scripts()"), "{error}");
    assert_eq!((server.core.phase(), server.open_lanes()), (Phase::Idle, vec![]));
    server.start();
    assert_eq!(server.started, [Ok(())], "it may be tried again");
}

#[test]
fn scripts_that_are_taken_away_later_are_told_with_what_to_do() {
    let mut server = running();
    server.advance(secs(1));
    server.answer_to("trim", Outcome::Refused(no_eval()));
    let told = server.take_events();
    assert!(told.iter().any(|event| event.to_string().contains("Redis::without_scripts()")));
}

#[test]
fn nothing_is_removed_however_long_it_runs() {
    let mut server = without();
    server.trace.clear();
    server.idle_for(secs(3600));
    let removes = |command: &Command| {
        matches!(command, Command::TrimDone { .. } | Command::RemoveIdleConsumers { .. })
    };
    let removed = server
        .trace
        .iter()
        .any(|output| matches!(output, Output::Send(_, command) if removes(command)));
    assert!(!removed);
}

#[test]
fn a_lost_group_begins_after_what_was_done_since_all_of_that_is_still_in_the_stream() {
    let mut server = without();
    server.deliver(vec![ping(7)]);
    server.told();
    server.finish(7);
    server.ok("ack 7", Reply::Count(1));
    server.answer(ARITH, Outcome::Refused(Refusal::new("NOGROUP", "x")));
    assert_eq!(server.sent(Lane::Commands), ["create arith after 7-0"]);
}

#[test]
fn a_stop_hands_back_what_is_certainly_its_own_and_its_consumer_stays() {
    let mut server = without();
    server.deliver(vec![ping(1), ping(2)]);
    server.told();
    server.stop(secs(5));
    server.ok("release 2", Reply::Ids(vec![id(2)]));
    server.finish(1);
    while let Some(sent) = server.sent(Lane::Commands).first() {
        assert!(!sent.starts_with("remove"), "{sent}");
        server.answer(Lane::Commands, Outcome::Reply(Reply::Count(1)));
    }
    assert_eq!(server.stopped, [StopReport { finished: 1, handed_back: 1, aborted: 0 }]);
}

#[test]
fn a_stop_leaves_alone_what_may_be_somebody_elses_by_now() {
    for scripts in [false, true] {
        let mut server = running_with(ServerOptions { scripts, ..options() }, &["arith"]);
        server.deliver(vec![ping(1), ping(2)]);
        server.told();
        // The whole process stands still, and its renewal isn't answered before the stop.
        server.freeze(secs(40));
        server.stop(secs(5));
        let released = server.sent(Lane::Commands).contains(&"release 2".to_owned());
        assert_eq!(released, scripts, "a script looks whose it is");
    }
}
