//! What a connection makes of what comes, and of what doesn't: the other end of it is held by the test.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use clamator_core::{Command, Key, Refusal, Reply, StreamId};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use super::*;
use crate::directory::Directory;

/// How often somebody was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The other end.
struct Peer(DuplexStream);

impl Peer {
    fn say(&mut self, bytes: &str) {
        let mut context = Context::from_waker(Waker::noop());
        let written = Pin::new(&mut self.0).poll_write(&mut context, bytes.as_bytes());
        assert!(matches!(written, Poll::Ready(Ok(count)) if count == bytes.len()));
    }

    /// All that has come.
    fn heard(&mut self) -> String {
        let mut bytes = [0; 4096];
        let mut buffer = ReadBuf::new(&mut bytes);
        let mut context = Context::from_waker(Waker::noop());
        let _ = Pin::new(&mut self.0).poll_read(&mut context, &mut buffer);
        String::from_utf8(buffer.filled().to_vec()).unwrap()
    }
}

fn connected() -> (Pipe, Peer) {
    let (own, other) = duplex(64 * 1024);
    (Pipe::new(Box::new(own)), Peer(other))
}

fn append() -> Command {
    Command::Append { stream: Key::from("s"), fields: Vec::new(), max_len: None, create: true }
}

fn run(pipe: &Pipe, commands: Vec<Command>) -> Run {
    let pack = |out: &mut Packed| Batch::pack(commands, &Directory::default(), true, out);
    pipe.run("here".into(), pack)
}

fn poll(run: &mut Run) -> Poll<Vec<Outcome>> {
    Pin::new(run).poll(&mut Context::from_waker(Waker::noop()))
}

/// The outcomes of a run that has ended, in short.
fn ended(run: &mut Run) -> Vec<String> {
    let Poll::Ready(outcomes) = poll(run) else { panic!("it hasn't ended") };
    let short = |outcome| match outcome {
        Outcome::Reply(Reply::Added(id)) => id.to_string(),
        Outcome::Reply(reply) => format!("{reply:?}"),
        Outcome::Refused(refusal) => refusal.code,
        Outcome::Unknown(fault) => format!("unknown: {}", fault.cause),
        Outcome::NotSent(fault) => format!("not sent: {}", fault.cause),
    };
    outcomes.into_iter().map(short).collect()
}

const PING: &str = "*1\r\n$4\r\nPING\r\n";

#[test]
fn a_pipeline_ends_with_its_last_answer_however_the_answers_come() {
    let answers = "+PONG\r\n$3\r\n1-2\r\n-NOGROUP no\r\n$-1\r\n";
    let commands = vec![Command::Ping, append(), append(), append()];
    for at_once in [1, 5, 1000] {
        let (pipe, mut peer) = connected();
        let mut run = run(&pipe, commands.clone());
        for bytes in answers.as_bytes().chunks(at_once) {
            assert!(poll(&mut run).is_pending());
            peer.say(std::str::from_utf8(bytes).unwrap());
        }
        let Poll::Ready(outcomes) = poll(&mut run) else { panic!("it hasn't ended") };
        let expected = [
            Outcome::Reply(Reply::Done),
            Outcome::Reply(Reply::Added(StreamId::new(1, 2))),
            Outcome::Refused(Refusal::new("NOGROUP", "no")),
            Outcome::Reply(Reply::Nil),
        ];
        assert_eq!(outcomes, expected);
    }
}

#[test]
fn the_bytes_of_a_pipeline_leave_when_one_before_it_is_polled() {
    let (pipe, mut peer) = connected();
    let (mut first, mut second) = (run(&pipe, vec![Command::Ping]), run(&pipe, vec![append()]));
    assert_eq!(peer.heard(), "");
    assert!(poll(&mut first).is_pending());
    assert_eq!(peer.heard(), format!("{PING}*3\r\n$4\r\nXADD\r\n$1\r\ns\r\n$1\r\n*\r\n"));
    peer.say("+PONG\r\n$3\r\n1-2\r\n");
    assert_eq!(ended(&mut first), ["Done"]);
    assert_eq!(ended(&mut second), ["1-2"]);
}

#[test]
fn who_asks_too_early_is_woken_when_it_is_their_turn() {
    let (pipe, mut peer) = connected();
    let (mut first, mut second) = (run(&pipe, vec![Command::Ping]), run(&pipe, vec![append()]));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    assert!(Pin::new(&mut second).poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(poll(&mut first).is_pending());
    peer.say("+PONG\r\n$3\r\n1-2\r\n");
    assert_eq!(ended(&mut first), ["Done"]);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert_eq!(ended(&mut second), ["1-2"]);
}

#[test]
fn what_never_left_is_not_sent() {
    let (pipe, peer) = connected();
    drop(peer);
    // Lost while it had nothing to do.
    let (mut first, mut second) = (run(&pipe, vec![Command::Ping]), run(&pipe, vec![append()]));
    assert_eq!(ended(&mut first), ["not sent: the connection was closed"]);
    assert_eq!(ended(&mut second), ["not sent: the connection was closed"]);
    assert_eq!(ended(&mut run(&pipe, vec![append()])), ["not sent: the connection was closed"]);
}

#[test]
fn what_left_without_an_answer_is_unknown_and_what_was_answered_is_not() {
    let (pipe, mut peer) = connected();
    let mut first = run(&pipe, vec![append(), append()]);
    assert!(poll(&mut first).is_pending());
    peer.say("$3\r\n1-2\r\n$3\r\n1-");
    drop(peer);
    assert_eq!(ended(&mut first), ["1-2", "unknown: the connection was closed"]);
    assert_eq!(ended(&mut run(&pipe, vec![append()])), ["not sent: the connection was closed"]);
}

#[test]
fn a_pipeline_that_is_given_up_ends_the_connection_as_its_answers_would_be_taken_for_others() {
    let (pipe, mut peer) = connected();
    let (mut first, mut second) = (run(&pipe, vec![Command::Ping]), run(&pipe, vec![append()]));
    assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
    drop(first);
    peer.say("+PONG\r\n$3\r\n1-2\r\n");
    assert_eq!(ended(&mut second), ["unknown: a pipeline was given up"]);
}

#[test]
fn what_is_no_answer_ends_the_connection() {
    let (pipe, mut peer) = connected();
    let mut first = run(&pipe, vec![Command::Ping]);
    assert!(poll(&mut first).is_pending());
    peer.say("HTTP/1.1 400 Bad Request\r\n");
    assert_eq!(ended(&mut first), ["unknown: what came from there is no answer of Redis"]);
}

#[test]
fn what_redis_says_unasked_is_no_answer() {
    let (pipe, mut peer) = connected();
    peer.say(">2\r\n+a\r\n+b\r\n");
    let mut first = run(&pipe, vec![Command::Ping]);
    assert!(poll(&mut first).is_pending());
    assert_eq!(peer.heard(), PING);
    peer.say(">1\r\n+c\r\n+PONG\r\n");
    assert_eq!(ended(&mut first), ["Done"]);
    // An answer before its question is none that could be told from the next one.
    peer.say("+PONG\r\n");
    let expected = ["not sent: an answer came that nothing was asked for"];
    assert_eq!(ended(&mut run(&pipe, vec![Command::Ping])), expected);
}

#[test]
fn what_follows_something_that_is_no_answer_is_none_either() {
    let (pipe, mut peer) = connected();
    let (mut first, mut second) = (run(&pipe, vec![Command::Ping]), run(&pipe, vec![append()]));
    assert!(poll(&mut first).is_pending());
    peer.say("$-2\r\n$3\r\n1-2\r\n");
    let unknown = ["unknown: what came from there is no answer of Redis"];
    assert_eq!(ended(&mut first), unknown);
    assert_eq!(ended(&mut second), unknown);
}

#[test]
fn nothing_to_ask_is_answered_at_once() {
    let (pipe, mut peer) = connected();
    assert_eq!(ended(&mut run(&pipe, Vec::new())), [""; 0]);
    assert_eq!(ended(&mut run(&pipe, vec![Command::Kill { connection: 7 }])), ["Count(0)"]);
    assert_eq!(peer.heard(), "");
}

#[test]
fn large_payloads_go_both_ways() {
    let (own, other) = duplex(3 * 1024);
    let (pipe, mut peer) = (Pipe::new(Box::new(own)), Peer(other));
    let payload = "x".repeat(100_000);
    let fields = vec![("payload".into(), payload.clone().into())];
    let add = Command::Append { stream: Key::from("s"), fields, max_len: None, create: true };
    let read = Command::Read {
        stream: Key::from("s"),
        after: StreamId::MIN,
        count: 1,
        block: std::time::Duration::from_millis(1),
    };
    let mut both = run(&pipe, vec![add, read]);
    let mut heard = String::new();
    while !heard.contains("XREAD") {
        assert!(poll(&mut both).is_pending());
        heard.push_str(&peer.heard());
    }
    assert!(heard.contains(&payload));
    let entry = format!("*2\r\n$3\r\n1-2\r\n*2\r\n$7\r\npayload\r\n$100000\r\n{payload}\r\n");
    let answer = format!("$3\r\n1-2\r\n*1\r\n*2\r\n$1\r\ns\r\n*1\r\n{entry}");
    for bytes in answer.as_bytes().chunks(3 * 1024) {
        assert!(poll(&mut both).is_pending());
        peer.say(std::str::from_utf8(bytes).unwrap());
    }
    let Poll::Ready(outcomes) = poll(&mut both) else { panic!("it hasn't ended") };
    let [_, Outcome::Reply(Reply::Entries(entries))] = &outcomes[..] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(entries[0].fields, Some(vec![("payload".into(), payload.into())]));
}
