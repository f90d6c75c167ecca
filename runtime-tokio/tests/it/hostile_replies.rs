//! Bad replies at a client, and names that can't be: a clear error for the caller they concern, and no other.

use std::time::Duration;

use clamator_testkit::eventually;
use clamator_tokio::{
    CallError, Client, ClientBuilder, ConfigError, ContractError, Misuse, NameError, ServerBuilder,
    Service,
};
use serde_json::{Value as Json, json};

use crate::common::{ConfClient, Sum};
use crate::log;
use crate::site::{SOON, Site};

/// A client whose calls the test answers by hand.
struct Target {
    site: Site,
    client: Client,
    instance: String,
    answered: usize,
}

impl Target {
    async fn start(name: &str) -> Target {
        log::listen();
        let site = Site::new(name);
        let instance = format!("{}-target", site.prefix);
        let client = site.client_builder().instance_id(&instance).build().unwrap();
        client.start().await.unwrap();
        let commands = site.commands("conf");
        site.redis.command(&["XGROUP", "CREATE", &commands, "conf", "$", "MKSTREAM"]);
        Target { site, client, instance, answered: 0 }
    }

    fn reply(&self, fields: &[(&str, &[u8])]) {
        let stream = self.site.reply_to(&self.instance);
        let mut words: Vec<&[u8]> = vec![b"XADD", stream.as_bytes(), b"*"];
        for (name, value) in fields {
            words.extend([name.as_bytes(), value]);
        }
        assert_eq!(self.site.redis.command(&words).as_error(), None);
    }

    /// Waits for the next request and gives its id, in its quotes.
    fn next_id(&mut self) -> String {
        let commands = self.site.commands("conf");
        let mut requests = Vec::new();
        eventually(SOON, "the request is there", || {
            requests = self.site.envelopes(&commands);
            requests.len() > self.answered
        });
        let request: Json = serde_json::from_str(&requests[self.answered]).unwrap();
        self.answered += 1;
        request["id"].to_string()
    }

    /// Calls `add`, and answers with these envelopes; `ID` stands for the call's id.
    async fn answers(&mut self, envelopes: &[&[u8]]) -> Result<Sum, CallError> {
        let call = ConfClient::new(&self.client).add(1.0, 2.0);
        let call = tokio::spawn(call.into_future());
        let id = self.next_id();
        for envelope in envelopes {
            let at = envelope.windows(2).position(|two| two == b"ID");
            let envelope = match at {
                Some(at) => [&envelope[..at], id.as_bytes(), &envelope[at + 2..]].concat(),
                None => envelope.to_vec(),
            };
            self.reply(&[("type", b"rpc"), ("envelope", &envelope)]);
        }
        call.await.unwrap()
    }
}

const GOOD: &[u8] = br#"{"jsonrpc":"2.0","id":ID,"result":{"sum":3}}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_that_belong_to_no_call_do_not_disturb_those_that_do() {
    let mut target = Target::start("strange-replies").await;
    target.reply(&[("type", b"rpc")]);
    target.reply(&[("", b"")]);
    let deep = "[".repeat(10_000);
    for strange in [
        &b""[..],
        b"nonsense",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        deep.as_bytes(),
        br#"{"jsonrpc":"2.0","id":true,"result":1}"#,
        br#"{"jsonrpc":"2.0","id":{},"result":1}"#,
        br#"{"jsonrpc":"2.0","id":1,"result":1}"#,
        br#"{"jsonrpc":"2.0","id":"not ours","result":1}"#,
        br#"{"jsonrpc":"2.0","id":"00000000-0000-4000-8000-000000000000","result":1}"#,
        br#"{"jsonrpc":"2.0","method":"conf.add","params":{},"id":"1"}"#,
    ] {
        let sum = target.answers(&[strange, GOOD, GOOD]).await.unwrap();
        assert_eq!(sum, Sum { sum: 3.0 }, "{}", String::from_utf8_lossy(strange));
    }
    let logged = log::lines_of(&target.instance);
    assert!(logged.iter().any(|line| line.contains("not UTF-8")), "{logged:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_cannot_be_used_fails_its_call() {
    let mut target = Target::start("bad-replies").await;
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":ID,"result":{{"sum":{}{}}}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    for (envelope, reason) in [
        (&br#"{"id":ID,"result":{"sum":1}}"#[..], "jsonrpc is not"),
        (br#"{"jsonrpc":"2.0","id":ID}"#, "neither a result nor an error"),
        (br#"{"jsonrpc":"2.0","id":ID,"result":1,"error":{"code":1,"message":""}}"#, "both"),
        (br#"{"jsonrpc":"2.0","id":ID,"error":"no"}"#, "its error is not an object"),
        (br#"{"jsonrpc":"2.0","id":ID,"error":{"message":"x"}}"#, "code"),
        (br#"{"jsonrpc":"2.0","id":ID,"error":{"code":1.5,"message":"x"}}"#, "whole number"),
        (br#"{"jsonrpc":"2.0","id":ID,"result":{"sum":"3"}}"#, "sum: "),
        (br#"{"jsonrpc":"2.0","id":ID,"result":null}"#, "null"),
        (br#"{"jsonrpc":"2.0","id":ID,"result":{}}"#, "missing field `sum`"),
        (deep.as_bytes(), "sum: "),
    ] {
        let error = target.answers(&[envelope]).await.unwrap_err();
        let shown = error.to_string();
        assert!(matches!(error, CallError::Protocol { .. }), "{shown}");
        assert!(shown.contains("conf.add") && shown.contains(reason), "{reason:?} in {shown}");
    }
    assert_eq!(target.answers(&[GOOD]).await.unwrap(), Sum { sum: 3.0 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_reply_may_lack_its_data() {
    let mut target = Target::start("error-replies").await;
    for data in ["", r#","data":null"#] {
        let envelope = format!(
            r#"{{"jsonrpc":"2.0","id":ID,"error":{{"code":-32001,"message":"no"{data}}}}}"#
        );
        let Err(CallError::Rpc(error)) = target.answers(&[envelope.as_bytes()]).await else {
            panic!()
        };
        assert_eq!((error.code, error.message.as_str(), error.data), (-32001, "no", None));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_stream_of_another_type_is_logged_and_others_still_time_out() {
    let target = Target::start("reply-type").await;
    target.site.redis.command(&["SET", &target.site.reply_to(&target.instance), "text"]);
    let call = ConfClient::new(&target.client).add(1.0, 2.0).timeout(Duration::from_millis(200));
    assert!(matches!(call.await, Err(CallError::Timeout { .. })));
    eventually(SOON, "it is logged", || {
        log::lines_of(&target.instance).iter().any(|line| line.contains("WRONGTYPE"))
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_cannot_be_made_says_why_and_sends_nothing() {
    let target = Target::start("misuse").await;
    let (client, commands) = (&target.client, target.site.commands("conf"));
    for service in ["", "Conf", "conf.add", "conf:x", "1conf", "cönf", " conf"] {
        let error = client.call::<Json>(service, "add", &json!({})).await.unwrap_err();
        let name = NameError::Service(service.to_owned());
        assert_eq!(error, CallError::Misuse(Misuse::Name(name)), "{service:?}");
    }
    for method in ["", "Add", "add.x", "a-b", "1add", "add x"] {
        let error = client.call::<Json>("conf", method, &json!({})).await.unwrap_err();
        let name = NameError::Method(method.to_owned());
        assert_eq!(error, CallError::Misuse(Misuse::Name(name)), "{method:?}");
        let error = client.notify("conf", method, &json!({})).await.unwrap_err();
        assert!(matches!(error, CallError::Misuse(Misuse::Name(_))), "{method:?}");
    }
    let error = ConfClient::new(client).add(1.0, f64::NAN).await.unwrap_err();
    assert!(matches!(&error, CallError::Misuse(Misuse::Params { .. })), "{error}");
    assert!(error.to_string().contains("conf.add") && error.to_string().contains('b'), "{error}");
    let error = ConfClient::new(client).echo(json!("x".repeat(20_000_000))).await.unwrap_err();
    assert!(matches!(error, CallError::Misuse(Misuse::TooLarge { limit: 16_777_216, .. })));
    assert_eq!(target.site.redis.command(&["XLEN", &commands]).as_int(), 0);
}

#[test]
fn names_that_cannot_be_are_refused_when_they_are_given() {
    for name in ["", "Arith", "arith.add", "arith:x", "1arith", "-arith", "ärith"] {
        let error = Service::new(name).unwrap_err();
        assert_eq!(error, ContractError::Name(NameError::Service(name.to_owned())), "{name:?}");
    }
    for name in ["", "Add", "a.b", "group-cancel", "1add"] {
        let service = Service::new("arith").unwrap();
        let error = service.notification(name, |_: Json, _| async {}).unwrap_err();
        assert_eq!(error, ContractError::Name(NameError::Method(name.to_owned())), "{name:?}");
    }
    let twice = Service::new("arith")
        .and_then(|service| service.notification("a", |_: Json, _| async {}))
        .and_then(|service| service.notification("a", |_: Json, _| async {}));
    assert!(matches!(twice, Err(ContractError::DuplicateMethod { .. })));

    let empty = ConfigError::Name(NameError::EmptyPrefix);
    assert_eq!(<ClientBuilder>::new("").build().unwrap_err(), empty);
    assert_eq!(<ServerBuilder>::new("").build().unwrap_err(), empty);
    let empty = ConfigError::Name(NameError::EmptyInstanceId);
    assert_eq!(<ClientBuilder>::new("p").instance_id("").build().unwrap_err(), empty);
    assert_eq!(<ServerBuilder>::new("p").instance_id("").build().unwrap_err(), empty);
    let option = <ServerBuilder>::new("p").consumer_claim_idle(Duration::ZERO).build();
    assert!(option.unwrap_err().to_string().contains("consumer_claim_idle"));
    let option = <ClientBuilder>::new("p").reply_stream_max_len(0).build();
    assert!(option.unwrap_err().to_string().contains("reply_stream_max_len"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_other_text_is_a_key_prefix() {
    use crate::common::{conf_server, started_client};
    let site = Site::new("prefixes");
    for prefix in
        ["my-app/tenant-42", "a:b:c", "{tag} and spaces", "*?[x]", "é\u{1F600}\n\"\\", "0"]
    {
        let server = conf_server(&site.redis, prefix);
        server.start().await.unwrap();
        let client = started_client(&site.redis, prefix).await;
        assert_eq!(ConfClient::new(&client).add(1.0, 2.0).await.unwrap().sum, 3.0, "{prefix:?}");
        let commands = format!("{prefix}:cmds:conf");
        assert_eq!(site.redis.command(&["EXISTS", &commands]).as_int(), 1, "{prefix:?}");
        client.stop().await;
        server.stop().await;
    }
}
