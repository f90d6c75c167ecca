//! Bad input at a server: an error at its caller where there is one, a line in the log, and never a lost neighbour or a stuck
//! stream.

use std::sync::atomic::{AtomicU32, Ordering};

use clamator_testkit::eventually;
use clamator_tokio::{Server, ServerBuilder};
use serde_json::{Value as Json, json};

use crate::common::{at, conf_server_with};
use crate::log;
use crate::site::{SOON, Site};

/// A server of `conf`, to be given what isn't good.
struct Target {
    site: Site,
    server: Server,
    instance: String,
    attempts: AtomicU32,
}

/// What came of a bad entry.
#[derive(Debug)]
struct Fate {
    /// The replies to it, as they were written.
    replies: Vec<String>,
    logged: Vec<String>,
}

impl Target {
    async fn start(name: &str) -> Target {
        log::listen();
        let site = Site::new(name);
        let instance = format!("{}-target", site.prefix);
        let builder = ServerBuilder::new(&site.prefix).over(at(&site.redis));
        let server = conf_server_with(builder.instance_id(&instance));
        server.start().await.unwrap();
        Target { site, server, instance, attempts: AtomicU32::new(0) }
    }

    /// Adds an entry between two good ones. They are answered, and nothing stays pending.
    #[track_caller]
    fn survives(&self, fields: &[(&str, &[u8])], replies: &str) -> Fate {
        let logged = log::lines_of(&self.instance).len();
        let (before, after) = (format!("before-{replies}"), format!("after-{replies}"));
        self.site.request("conf", "add", json!({"a": 1, "b": 2}), &before);
        self.site.add("conf", fields);
        self.site.request("conf", "add", json!({"a": 3, "b": 4}), &after);
        for (neighbour, sum) in [(before, 3.0), (after, 7.0)] {
            let expected = json!({"jsonrpc": "2.0", "id": "raw", "result": {"sum": sum}});
            let mut found = Vec::new();
            eventually(SOON, "the neighbours are served", || {
                found = self.site.replies(&neighbour);
                !found.is_empty()
            });
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(serde_json::from_str::<Json>(&found[0]).unwrap(), expected);
        }
        self.site.eventually_nothing_is_pending("conf");
        let replies = match self.site.redis.command(&["TYPE", &self.site.reply_to(replies)]) {
            stream if stream.as_str() == "stream" => self.site.replies(replies),
            _ => Vec::new(),
        };
        Fate { replies, logged: log::lines_of(&self.instance).split_off(logged) }
    }

    /// Sends an envelope with a `reply-to`.
    #[track_caller]
    fn sends(&self, envelope: impl AsRef<[u8]>) -> Fate {
        let name = self.attempts.fetch_add(1, Ordering::Relaxed).to_string();
        let reply_to = self.site.reply_to(&name);
        let fields = [
            ("type", &b"rpc"[..]),
            ("envelope", envelope.as_ref()),
            ("reply-to", reply_to.as_bytes()),
        ];
        self.survives(&fields, &name)
    }

    /// Sends an envelope that nobody can be answered for.
    #[track_caller]
    fn drops(&self, envelope: impl AsRef<[u8]>, reason: &str) {
        let fate = self.sends(envelope);
        assert!(fate.replies.is_empty(), "{fate:?}");
        fate.logs(reason);
    }

    async fn stop(self) {
        assert_eq!(self.server.stop().await.aborted, 0);
    }
}

impl Fate {
    /// The one reply, which is an error, and its data.
    #[track_caller]
    fn error(&self, code: i64, message: &str) -> Json {
        assert_eq!(self.replies.len(), 1, "{self:?}");
        let reply: Json = serde_json::from_str(&self.replies[0]).unwrap();
        assert_eq!(
            (&reply["error"]["code"], &reply["error"]["message"]),
            (&json!(code), &json!(message)),
            "{reply}"
        );
        reply["error"]["data"].clone()
    }

    #[track_caller]
    fn result(&self) -> Json {
        assert_eq!(self.replies.len(), 1, "{self:?}");
        let reply: Json = serde_json::from_str(&self.replies[0]).unwrap();
        reply.get("result").unwrap_or_else(|| panic!("{reply}")).clone()
    }

    #[track_caller]
    fn logs(&self, text: &str) {
        assert!(self.logged.iter().any(|line| line.contains(text)), "{text:?} in {self:?}");
    }
}

fn call(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"conf.{method}","params":{params},"id":"bad"}}"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_json_is_dropped_and_logged() {
    let target = Target::start("not-json").await;
    let good = call("add", r#"{"a":1,"b":2}"#);
    for envelope in
        ["", " ", "{", "hello", "\0", "[1,", &good[..good.len() - 1], &format!("{good}}}")]
    {
        target.drops(envelope, "Parse error");
    }
    target.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_utf8_is_dropped_and_logged() {
    let target = Target::start("not-utf8").await;
    let call = call("add", r#"{"a":1,"b":2}"#);
    target.drops(b"\xff\xfe", "not UTF-8");
    target
        .drops([&call.as_bytes()[..20], b"\xc3\x28", &call.as_bytes()[20..]].concat(), "not UTF-8");
    target.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_json_but_no_request_is_dropped_and_logged() {
    let target = Target::start("no-request").await;
    for envelope in ["[]", &format!("[{}]", call("add", "{}")), "null", "7", "\"text\""] {
        target.drops(envelope, "it is not an object");
    }
    target.drops("{}", "jsonrpc is not");
    for id in ["true", "false", "[]", "[1]", "{}", r#"{"a":1}"#] {
        let envelope = format!(
            r#"{{"jsonrpc":"2.0","method":"conf.add","params":{{"a":1,"b":2}},"id":{id}}}"#
        );
        target.drops(envelope, "its id is neither a string nor a number");
    }
    target.drops(format!(r#"{{"jsonrpc":"2.0","id":{}}}"#, nested(10_000)), "its id is neither");
    target.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_request_with_an_id_is_answered() {
    let target = Target::start("invalid").await;
    for (envelope, reason) in [
        (r#"{"method":"conf.add","params":{"a":1,"b":2},"id":"bad"}"#, "jsonrpc is not"),
        (
            r#"{"jsonrpc":"1.0","method":"conf.add","params":{"a":1,"b":2},"id":"bad"}"#,
            "jsonrpc is not",
        ),
        (
            r#"{"jsonrpc":2.0,"method":"conf.add","params":{"a":1,"b":2},"id":"bad"}"#,
            "jsonrpc is not",
        ),
        (r#"{"jsonrpc":"2.0","params":{"a":1,"b":2},"id":"bad"}"#, "it has no method"),
        (r#"{"jsonrpc":"2.0","method":7,"id":"bad"}"#, "it has no method"),
        (r#"{"jsonrpc":"2.0","method":"add","id":"bad"}"#, "add"),
        (r#"{"jsonrpc":"2.0","method":"Conf.add","id":"bad"}"#, "Conf"),
        (r#"{"jsonrpc":"2.0","method":"conf.add","id":"bad","result":1}"#, "it is a response"),
    ] {
        let fate = target.sends(envelope);
        let data = fate.error(-32600, "Invalid Request");
        assert!(data.as_str().unwrap().contains(reason), "{envelope}: {data}");
        fate.logs(reason);
    }
    let fate = target.sends(call("nothing", "{}"));
    assert_eq!(fate.error(-32601, "Method not found"), Json::Null);
    fate.logs("there is no method \"nothing\"");
    let fate = target.sends(call("group-cancel", "{}"));
    fate.error(-32601, "Method not found");
    target.stop().await;
}

fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_nested_10_000_deep_are_answered_with_an_error() {
    let target = Target::start("deep").await;
    let deep = nested(10_000);
    let data = target
        .sends(call("echo", &format!(r#"{{"value":{deep}}}"#)))
        .error(-32602, "Invalid params");
    assert_eq!(data["errors"][0]["loc"][0], json!("value"), "{data}");
    target.sends(call("add", &format!(r#"{{"a":{deep},"b":1}}"#))).error(-32602, "Invalid params");
    target.sends(call("add", &deep)).error(-32602, "Invalid params");
    target.drops(&deep, "it is not an object");
    target.drops(&deep[..10_000], "Parse error");
    // Nobody asks for this one.
    let unknown = format!(r#"{{"a":1,"b":2,"c":{deep}}}"#);
    assert_eq!(target.sends(call("add", &unknown)).result(), json!({"sum": 3.0}));
    let fine = format!(r#"{{"value":{}}}"#, nested(100));
    assert_eq!(target.sends(call("echo", &fine)).result().to_string(), fine);
    target.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_of_20_mb_is_answered_with_an_error() {
    let target = Target::start("large").await;
    let large = "x".repeat(20_000_000);
    let fate = target.sends(call("echo", &format!(r#"{{"value":"{large}"}}"#)));
    let data = fate.error(-32600, "Message too large");
    assert!(data.as_str().unwrap().contains("max_message_bytes (16777216)"), "{data}");
    fate.logs("max_message_bytes");
    target.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_without_an_envelope_is_dropped_and_logged() {
    let target = Target::start("no-envelope").await;
    let reply_to = target.site.reply_to("nobody");
    target
        .survives(&[("type", b"rpc"), ("reply-to", reply_to.as_bytes())], "1")
        .logs("no envelope");
    target.survives(&[("", b"")], "2").logs("no envelope");
    target.survives(&[("ENVELOPE", call("add", "{}").as_bytes())], "3").logs("no envelope");
    target.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_to_that_is_no_stream_is_logged_and_left_alone() {
    let target = Target::start("wrongtype").await;
    let (key, push) = (target.site.reply_to("text"), call("push", r#"{"item":1}"#));
    target.site.redis.command(&["SET", &key, "mine"]);
    let fields = [("envelope", push.as_bytes()), ("reply-to", key.as_bytes())];
    target.survives(&fields, "1").logs("WRONGTYPE");
    assert_eq!(target.site.redis.command(&["GET", &key]).as_str(), "mine");
    assert_eq!(
        target.site.redis.command(&["PTTL", &key]).as_int(),
        -1,
        "its life is not cut short"
    );
    assert_eq!(
        target.sends(call("push", r#"{"item":2}"#)).result(),
        json!({"items": [1, 2]}),
        "the handler ran once: its entry isn't retried"
    );
    target.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_to_outside_of_the_reply_streams_is_never_written_to() {
    let target = Target::start("outside").await;
    let (redis, prefix) = (&target.site.redis, &target.site.prefix);
    let push = call("push", r#"{"item":1}"#);
    let keys = [
        "victim".to_owned(),
        format!("{prefix}:replies"),
        format!("{prefix}:replies:"),
        format!("{prefix}:other:x"),
        format!("{prefix}x:replies:x"),
        format!("x{prefix}:replies:x"),
        String::new(),
    ];
    for (number, key) in keys.iter().enumerate() {
        redis.command(&["XADD", key, "*", "field", "value"]);
        let fields = [("envelope", push.as_bytes()), ("reply-to", key.as_bytes())];
        target.survives(&fields, &format!("stream-{number}")).logs("its reply-to");
        assert_eq!(redis.command(&["XLEN", key]).as_int(), 1, "{key:?} is as it was");
        redis.command(&["SET", key, "mine"]);
        target.survives(&fields, &format!("string-{number}")).logs("its reply-to");
        assert_eq!(redis.command(&["GET", key]).as_str(), "mine");
    }
    let binary = [("envelope", push.as_bytes()), ("reply-to", &b"\xff\xfe"[..])];
    target.survives(&binary, "binary").logs("its reply-to");
    let commands = target.site.commands("conf");
    let own = [("envelope", push.as_bytes()), ("reply-to", commands.as_bytes())];
    target.survives(&own, "own").logs("its reply-to");
    assert_eq!(
        target.sends(call("push", r#"{"item":7}"#)).result(),
        json!({"items": [7]}),
        "none ran"
    );
    target.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn params_that_do_not_fit_say_where() {
    let target = Target::start("params").await;
    for (method, params, loc, msg) in [
        ("push", r#"{"item":"1"}"#, json!(["item"]), "string"),
        ("push", r#"{"item":true}"#, json!(["item"]), "bool"),
        ("push", r#"{"item":1.5}"#, json!(["item"]), "1.5"),
        ("push", r#"{"item":1e300}"#, json!(["item"]), "1e+300"),
        ("push", r#"{"item":null}"#, json!(["item"]), "null"),
        ("push", "{}", json!(["item"]), "missing"),
        ("push", "[1]", json!([]), "array"),
        ("push", "7", json!([]), "7"),
        ("add", r#"{"a":1,"b":[2]}"#, json!(["b"]), "sequence"),
    ] {
        let data = target.sends(call(method, params)).error(-32602, "Invalid params");
        let error = &data["errors"][0];
        assert_eq!(error["loc"], loc, "{method} {params}: {data}");
        assert!(error["msg"].as_str().unwrap().contains(msg), "{method} {params}: {data}");
    }
    assert_eq!(
        target.sends(call("push", r#"{"item":5.0,"more":1}"#)).result(),
        json!({"items": [5]})
    );
    target.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absent_and_null_params_are_no_params() {
    let target = Target::start("absent").await;
    for params in ["", r#","params":null"#, r#","params":{}"#] {
        let envelope = format!(r#"{{"jsonrpc":"2.0","method":"conf.seen","id":"bad"{params}}}"#);
        assert_eq!(target.sends(envelope).result()["pings"], json!(0));
    }
    target.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_that_is_not_a_number_is_an_error() {
    let target = Target::start("nan").await;
    let data = target.sends(call("badResult", "{}")).error(-32603, "Result validation failed");
    assert!(data["errors"][0]["msg"].as_str().unwrap().contains("NaN"), "{data}");
    target.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_is_echoed_exactly_as_it_came() {
    let target = Target::start("ids").await;
    for id in [
        "1",
        "\"1\"",
        "1.5",
        "-0",
        "1e3",
        "123456789012345678901234567890",
        "0.1000",
        r#""""#,
        r#""\u00e9 \"quoted\" \ud83d\ude00""#,
        "\"é\"",
    ] {
        let fate = target.sends(format!(
            r#"{{"jsonrpc":"2.0","method":"conf.add","params":{{"a":1,"b":2}},"id":{id}}}"#
        ));
        assert_eq!(fate.replies.len(), 1, "{id}: {fate:?}");
        assert!(fate.replies[0].contains(&format!(r#""id":{id},"#)), "{id}: {fate:?}");
    }
    target.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_to_a_notification_is_answered_at_once() {
    let target = Target::start("request-to-notification").await;
    let fate = target.sends(call("ping", r#"{"n":1}"#));
    fate.error(-32600, "Method is a notification");
    fate.logs("is a notification");
    let seen = target.sends(call("seen", "{}")).result();
    assert_eq!(seen["pings"], json!(0), "and doesn't run");
    target.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_notification_is_logged() {
    let target = Target::start("bad-notification").await;
    for (number, id) in ["", r#","id":null"#].into_iter().enumerate() {
        let envelope =
            format!(r#"{{"jsonrpc":"2.0","method":"conf.ping","params":{{"n":"x"}}{id}}}"#);
        let fate = target.survives(&[("envelope", envelope.as_bytes())], &number.to_string());
        fate.logs("conf.ping failed: Invalid params");
    }
    target.stop().await;
}
