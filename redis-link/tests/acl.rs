//! The access rules against a real Redis: all of them are needed, they are enough, and nothing else is possible.

use std::time::Duration;

use clamator_core::{Command, GroupStart, Key, Outcome, Reply, StreamId};
use clamator_redis::acl::{self, Instances, Rules, Services};
use clamator_redis::redis::{Client, Connection, ConnectionLike};
use clamator_redis::translate::{decode, encode};
use clamator_testkit::RedisServer;

/// All that means something to Redis' patterns or to the lines that it reads rules from.
const PREFIX: &str = r"a*b?[c]\d)e{f}(g%~&é#:\";
const ID: StreamId = StreamId::new(1, 0);

fn stream(service: &str) -> Key {
    Key::from(format!("{PREFIX}:cmds:{service}"))
}

fn replies(instance: &str) -> Key {
    Key::from(format!("{PREFIX}:replies:{instance}"))
}

fn client() -> Rules {
    acl::client_rules(PREFIX, Instances::Id("me)"), Services::Only(&["a"])).unwrap()
}

fn server() -> Rules {
    acl::server_rules(PREFIX, &["a", "b"]).unwrap()
}

/// What a client asks of Redis.
fn of_a_client() -> Vec<Command> {
    let key = || replies("me)");
    vec![
        Command::Ping,
        append(stream("a")),
        Command::Expire { key: key(), ttl: Duration::from_secs(9) },
        Command::Read { stream: key(), after: ID, count: 1, block: Duration::ZERO },
        Command::Info { stream: key() },
        Command::Delete { key: key() },
    ]
}

/// What a server asks of Redis. It has `1-0` from the start.
fn of_a_server() -> Vec<Command> {
    let (stream, group, consumer) = (|| stream("a"), || "a".to_owned(), || "c".to_owned());
    let key = || replies("anybody");
    vec![
        Command::Ping,
        Command::Unblock { connection: 1 << 40 },
        Command::Kill { connection: 1 << 40 },
        Command::CreateGroup {
            stream: stream(),
            group: "new".to_owned().into(),
            start: GroupStart::End,
        },
        Command::ReadGroup {
            stream: stream(),
            group: group().into(),
            consumer: consumer().into(),
            count: 1,
            block: Duration::ZERO,
        },
        Command::ReadOwnPending {
            stream: stream(),
            group: group().into(),
            consumer: consumer().into(),
            after: StreamId::MIN,
            count: 1,
        },
        Command::AutoClaim {
            stream: stream(),
            group: group().into(),
            consumer: consumer().into(),
            min_idle: Duration::ZERO,
            cursor: StreamId::MIN,
            count: 1,
        },
        Command::CreateGroup {
            stream: stream(),
            group: "after".to_owned().into(),
            start: GroupStart::After(ID),
        },
        Command::CountDelivery {
            stream: stream(),
            group: group().into(),
            consumer: consumer().into(),
            id: ID,
            raise: true,
        },
        Command::Renew {
            stream: stream(),
            group: group().into(),
            consumer: consumer().into(),
            ids: vec![ID],
        },
        Command::Release {
            stream: stream(),
            group: group().into(),
            consumer: consumer().into(),
            ids: vec![ID],
        },
        append(key()),
        Command::Expire { key: key(), ttl: Duration::from_secs(9) },
        Command::TrimDone { stream: stream() },
        Command::Ack {
            stream: stream(),
            group: group().into(),
            ids: vec![ID, StreamId::new(2, 0)],
        },
        Command::TrimDone { stream: stream() },
        Command::RemoveIdleConsumers {
            stream: stream(),
            group: group().into(),
            min_idle: Duration::from_secs(9),
            except: consumer().into(),
        },
        Command::RemoveConsumer {
            stream: stream(),
            group: group().into(),
            consumer: consumer().into(),
        },
        append(Key::from(format!("{PREFIX}:dead:a"))),
        // One that isn't there.
        Command::TrimDone { stream: Key::from(format!("{PREFIX}:cmds:b")) },
    ]
}

/// Fails to compile when the core learns a new command: put it into the lists above, for whoever sends it.
fn is_in_a_list(command: &Command) -> bool {
    match command {
        Command::Append { .. }
        | Command::CreateGroup { .. }
        | Command::ReadGroup { .. }
        | Command::ReadOwnPending { .. }
        | Command::Read { .. }
        | Command::Ack { .. }
        | Command::AutoClaim { .. }
        | Command::CountDelivery { .. }
        | Command::RemoveIdleConsumers { .. }
        | Command::Info { .. }
        | Command::Renew { .. }
        | Command::Release { .. }
        | Command::TrimDone { .. }
        | Command::RemoveConsumer { .. }
        | Command::Delete { .. }
        | Command::Expire { .. }
        | Command::Unblock { .. }
        | Command::Kill { .. }
        | Command::Ping => true,
    }
}

fn append(stream: Key) -> Command {
    let fields = vec![("type".into(), "rpc".into())];
    Command::Append { stream, fields, max_len: Some(9), create: true }
}

/// Redis before 7.0 doesn't know such rules; that it says so is all there is to test there.
fn redis() -> Option<RedisServer> {
    let redis = RedisServer::start();
    let answer = set_user(&redis, server().words());
    if let Err(error) = &answer {
        let info = redis.command(&["INFO", "server"]);
        assert!(info.as_str().contains("redis_version:6."), "{error}");
        println!("rules need Redis 7.0: {error}");
        return None;
    }
    Some(redis)
}

fn set_user(redis: &RedisServer, rules: &[String]) -> Result<(), String> {
    let mut words = ["ACL", "SETUSER", "user", "on", ">secret"].map(str::to_owned).to_vec();
    words.extend_from_slice(rules);
    match redis.command(&words).as_error() {
        None => Ok(()),
        Some(error) => Err(error.to_owned()),
    }
}

/// Sets the user's rules and connects as that user, to a Redis with one request that a server has got.
fn connect(redis: &RedisServer, rules: &[String]) -> Connection {
    set_user(redis, rules).unwrap_or_else(|error| panic!("{rules:?}: {error}"));
    redis.command(&["FLUSHALL"]);
    redis.command(&["ACL", "LOG", "RESET"]);
    let stream = stream("a");
    redis.command(&["XADD", stream.as_str(), &ID.to_string(), "a", "1"]);
    redis.command(&["XGROUP", "CREATE", stream.as_str(), "a", "0"]);
    redis.command(&["XREADGROUP", "GROUP", "a", "c", "STREAMS", stream.as_str(), ">"]);
    redis.command(&["XADD", stream.as_str(), "2-0", "a", "1"]);
    redis.command(&["XADD", replies("me)").as_str(), "2-0", "a", "1"]);
    redis.command(&["XADD", replies("other").as_str(), "2-0", "a", "1"]);
    let url = format!("redis://user:secret@{}", redis.address());
    let connection = Client::open(url).unwrap().get_connection().unwrap();
    // From 7.2 on the library introduces itself, and does without.
    redis.command(&["ACL", "LOG", "RESET"]);
    connection
}

fn run(redis: &mut Connection, command: &Command) -> Outcome {
    decode(command, redis.req_command(&encode(command)).unwrap())
}

/// Whether Redis has denied the user anything since it [connected](connect), in a script too. Its words for that differ.
fn is_denied(redis: &RedisServer) -> bool {
    !redis.command(&["ACL", "LOG"]).as_array().is_empty()
}

#[test]
fn they_are_enough_for_all_that_the_core_asks_for() {
    let Some(redis) = redis() else { return };
    for (rules, commands) in [(client(), of_a_client()), (server(), of_a_server())] {
        let mut user = connect(&redis, rules.words());
        for command in commands {
            assert!(is_in_a_list(&command));
            let outcome = run(&mut user, &command);
            assert!(matches!(outcome, Outcome::Reply(_)), "{command:?}: {outcome:?}\n{rules}");
        }
        let info = clamator_redis::redis::cmd("CLIENT").arg("INFO").query::<String>(&mut user);
        assert!(info.unwrap().contains("user=user"));
        assert!(!is_denied(&redis), "something was denied: {:?}", redis.command(&["ACL", "LOG"]));
    }
}

/// The rules without one thing: a command, or the right to read or to write a kind of keys.
fn weaker(rules: &Rules) -> Vec<(String, Vec<String>)> {
    let mut weaker = Vec::new();
    for (at, word) in rules.words().iter().enumerate() {
        let parts: Vec<&str> = word.trim_matches(['(', ')']).split(' ').collect();
        for part in word.split(' ').map(|part| part.trim_start_matches('(')) {
            let replaced = |with: &str| {
                let mut words = rules.words().to_vec();
                words[at] = word.replacen(part, with, 1);
                words
            };
            if let Some(command) = part.strip_prefix('+') {
                weaker.push((part.to_owned(), replaced(&format!("-{command}"))));
            } else if part.starts_with("%RW~") {
                weaker.push((part.replace("RW", "R"), replaced(&part.replacen("RW", "R", 1))));
                weaker.push((part.replace("RW", "W"), replaced(&part.replacen("RW", "W", 1))));
            } else if part.starts_with("%W~") {
                weaker.push((part.replace('W', "R"), replaced(&part.replacen('W', "R", 1))));
            } else {
                assert_eq!(parts.len(), 1, "{part} of {word} isn't known");
            }
        }
    }
    weaker
}

#[test]
fn without_any_of_them_something_fails() {
    let Some(redis) = redis() else { return };
    // One service each, so that each pattern is for something.
    let server = acl::server_rules(PREFIX, &["a"]).unwrap();
    let gone = Command::Delete { key: stream("a") };
    let mut of_a_server = of_a_server();
    of_a_server.pop();
    of_a_server.push(gone.clone());
    for (rules, commands) in [(client(), of_a_client()), (server, of_a_server)] {
        let weaker = weaker(&rules);
        assert!(weaker.len() > commands.len(), "{weaker:?}");
        for (without, words) in weaker {
            let mut user = connect(&redis, &words);
            for command in &commands {
                // The last one of a server is ours: the stream is gone, and `TrimDone` looks whether it is.
                if *command == gone {
                    redis.command(&["DEL", stream("a").as_str()]);
                    run(&mut user, &Command::TrimDone { stream: stream("a") });
                } else {
                    run(&mut user, command);
                }
            }
            let info = clamator_redis::redis::cmd("CLIENT").arg("INFO").clone();
            user.req_command(&info).unwrap();
            assert!(is_denied(&redis), "nobody misses {without}");
        }
    }
}

#[test]
fn nothing_else_is_possible() {
    let Some(redis) = redis() else { return };
    let (own, other) = (replies("me)"), replies("other"));
    let (called, foreign) = (stream("a"), stream("z"));
    let dead = format!("{PREFIX}:dead:a");
    let of_a_client = [
        // The replies to others: neither read nor written nor deleted.
        vec!["XREAD", "STREAMS", other.as_str(), "0"],
        vec!["XRANGE", other.as_str(), "-", "+"],
        vec!["DEL", other.as_str()],
        vec!["XADD", other.as_str(), "*", "a", "1"],
        vec!["XREAD", "STREAMS", own.as_str(), other.as_str(), "0", "0"],
        // Replies to itself that it makes up are nobody's trouble, but it has no need of them.
        vec!["XADD", own.as_str(), "*", "a", "1"],
        // Requests: only added, and only to services that it may call.
        vec!["XADD", foreign.as_str(), "*", "a", "1"],
        vec!["XREAD", "STREAMS", called.as_str(), "0"],
        vec!["XRANGE", called.as_str(), "-", "+"],
        vec!["XREADGROUP", "GROUP", "a", "me", "STREAMS", called.as_str(), ">"],
        vec!["XGROUP", "CREATE", called.as_str(), "mine", "0"],
        vec!["XACK", called.as_str(), "a", "1-0"],
        vec!["XDEL", called.as_str(), "1-0"],
        vec!["XTRIM", called.as_str(), "MAXLEN", "0"],
        vec!["DEL", called.as_str()],
        vec!["XADD", dead.as_str(), "*", "a", "1"],
        vec!["PEXPIRE", called.as_str(), "1"],
        vec!["EVAL", "return redis.call('XLEN', KEYS[1])", "1", called.as_str()],
    ];
    let of_a_server = [
        // Other services: neither served nor called.
        vec!["XREADGROUP", "GROUP", "z", "me", "STREAMS", foreign.as_str(), ">"],
        vec!["XADD", foreign.as_str(), "*", "a", "1"],
        vec!["XADD", called.as_str(), "*", "a", "1"],
        // What was put aside: neither read nor removed.
        vec!["XRANGE", dead.as_str(), "-", "+"],
        vec!["DEL", dead.as_str()],
        // Replies: only written. A claim could read what it forces to be pending.
        vec!["XREAD", "STREAMS", own.as_str(), "0"],
        vec!["XRANGE", own.as_str(), "-", "+"],
        vec!["XGROUP", "CREATE", own.as_str(), "mine", "0"],
        vec!["XCLAIM", own.as_str(), "mine", "me", "0", "2-0", "FORCE"],
        vec!["DEL", own.as_str()],
        vec![
            "EVAL",
            "return redis.call('XRANGE', ARGV[1], '-', '+')",
            "1",
            called.as_str(),
            own.as_str(),
        ],
    ];
    let of_nobody = [
        vec!["GET", "elsewhere"],
        vec!["KEYS", "*"],
        vec!["FLUSHALL"],
        vec!["CONFIG", "GET", "*"],
        vec!["ACL", "LIST"],
        vec!["CLIENT", "LIST"],
        vec!["SUBSCRIBE", "a"],
        vec!["PUBLISH", "a", "b"],
        vec!["EVAL", "return redis.call('GET', 'elsewhere')", "0"],
    ];
    for (rules, denied) in [(client(), &of_a_client[..]), (server(), &of_a_server[..])] {
        for words in denied.iter().chain(&of_nobody) {
            let mut user = connect(&redis, rules.words());
            let mut cmd = clamator_redis::redis::cmd(words[0]);
            cmd.arg(&words[1..]);
            user.req_command(&cmd).unwrap();
            assert!(is_denied(&redis), "it may {words:?}\n{rules}");
        }
    }
}

#[test]
fn a_pattern_is_not_for_keys_that_only_look_like_it() {
    let Some(redis) = redis() else { return };
    let mut user = connect(&redis, client().words());
    assert_eq!(
        run(&mut user, &Command::Delete { key: replies("me)") }),
        Outcome::Reply(Reply::Count(1))
    );
    for prefix in [r"aXb?[c]\d)e{f}(g%~&é#:\", r"a*bX[c]\d)e{f}(g%~&é#:\", r"a*b?c\d)e{f}(g%~&é#:\"]
    {
        for key in [format!("{prefix}:replies:me)"), format!("{PREFIX}:replies:me)x")] {
            let delete = Command::Delete { key: Key::from(key) };
            let outcome = run(&mut user, &delete);
            assert!(matches!(&outcome, Outcome::Refused(no) if no.code == "NOPERM"), "{outcome:?}");
        }
    }
}

#[test]
fn they_can_be_given_again_and_be_read_back_from_a_file() {
    let Some(redis) = redis() else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    let line = |name: &str, rules: &Rules| format!("user {name} on >secret {rules}\n");
    let text = format!(
        "user default on nopass ~* &* +@all\n{}{}",
        line("user", &client()),
        line("other", &server())
    );
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().to_string_lossy().into_owned();
    // A directory of its own, where the server may write.
    let redis = {
        drop(redis);
        RedisServer::start_with(&["--aclfile", &path])
    };
    // Redis says the rules of one command in an order of its own, and after a reload in another one.
    let list = || {
        let list = redis.command(&["ACL", "LIST"]);
        let sorted = |line: &str| {
            let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            words.sort();
            words
        };
        list.as_array().iter().map(|line| sorted(line.as_str())).collect::<Vec<_>>()
    };
    let before = list();
    for again in [["ACL", "SAVE"], ["ACL", "LOAD"], ["ACL", "SAVE"]] {
        assert_eq!(redis.command(&again).as_error(), None, "{again:?}");
        assert_eq!(list(), before, "{again:?}");
    }
    set_user(&redis, client().words()).unwrap();
    assert_eq!(list(), before, "the same rules change nothing");
    let url = format!("redis://user:secret@{}", redis.address());
    let mut user = Client::open(url).unwrap().get_connection().unwrap();
    assert!(matches!(run(&mut user, &append(stream("a"))), Outcome::Reply(_)));
    run(&mut user, &append(replies("me)")));
    assert!(is_denied(&redis));
}
