//! The throwaway server is what it promises to be.

use std::net::TcpStream;
use std::time::Duration;

use clamator_testkit::{RedisServer, Value, eventually};

#[test]
fn commands_are_answered() {
    let redis = RedisServer::start();
    assert_eq!(redis.command(&["PING"]).as_str(), "PONG");
    assert_eq!(redis.command(&["GET", "nothing"]), Value::Nil);
    let id = redis.command(&["XADD", "stream", "*", "field", "välue"]);
    let entries = redis.command(&["XRANGE", "stream", "-", "+"]);
    let entry = entries.as_array()[0].as_array();
    assert_eq!(entry[0], id);
    assert_eq!(entry[1].field("field").unwrap().as_str(), "välue");
    let error = redis.command(&["LPUSH", "stream", "x"]);
    assert!(error.as_error().unwrap().starts_with("WRONGTYPE"), "{error:?}");
}

#[test]
fn two_servers_know_nothing_of_each_other() {
    let (one, other) = (RedisServer::start(), RedisServer::start());
    one.command(&["SET", "key", "value"]);
    assert!(other.command(&["GET", "key"]).is_nil());
    assert_ne!(one.port(), other.port());
}

#[test]
fn a_restarted_server_is_empty_and_has_the_same_address() {
    let redis = RedisServer::start();
    let (pid, url) = (redis.pid(), redis.url());
    redis.command(&["SET", "key", "value"]);
    redis.restart();
    assert!(redis.command(&["GET", "key"]).is_nil());
    assert_eq!(redis.url(), url);
    assert_ne!(redis.pid(), pid);
    redis.kill9();
    assert!(redis.try_command(&["PING"]).is_err());
    redis.start_again();
    assert_eq!(redis.command(&["PING"]).as_str(), "PONG");
}

#[test]
fn a_paused_server_answers_later() {
    let redis = RedisServer::start();
    redis.pause();
    let mut connection = redis.connect().expect("the kernel still accepts");
    let waiting = std::thread::spawn(move || connection.command(&["PING"]).unwrap());
    std::thread::sleep(Duration::from_millis(50));
    assert!(!waiting.is_finished());
    redis.resume();
    assert_eq!(waiting.join().unwrap().as_str(), "PONG");
}

#[test]
fn a_dropped_server_is_gone() {
    let redis = RedisServer::start();
    let address = redis.address();
    drop(redis);
    eventually(Duration::from_secs(5), "nobody listens any more", || {
        TcpStream::connect(address).is_err()
    });
}

#[test]
#[should_panic(expected = "Bad directive")]
fn a_server_that_does_not_start_shows_why() {
    RedisServer::start_with(&["--no-such-option", "1"]);
}
