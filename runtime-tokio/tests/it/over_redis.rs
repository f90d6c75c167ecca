//! The whole way over a real Redis.

use std::time::Duration;

use crate::common::*;
use clamator_testkit::{RedisServer, eventually, unique_prefix};
use clamator_tokio::{CallError, ClientBuilder, Misuse, ServerBuilder, StartError};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_there_and_back() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("basic");
    let server = started_server(&redis, &prefix).await;
    let client = started_client(&redis, &prefix).await;
    let conf = ConfClient::new(&client);

    assert_eq!(conf.add(2.0, 3.0).await.unwrap(), Sum { sum: 5.0 });
    assert_eq!(
        conf.echo(json!({"é": [1, null, "\u{1F600}"]})).await.unwrap().value,
        json!({"é": [1, null, "\u{1F600}"]})
    );

    let Err(CallError::Rpc(error)) = conf.divide(1.0, 0.0).await else { panic!() };
    assert_eq!(
        (error.code, error.message.as_str(), error.data),
        (-32001, "division by zero", Some(json!({"a": 1.0})))
    );
    let Err(CallError::Rpc(error)) = conf.fail("boom".into()).await else { panic!() };
    assert_eq!((error.code, error.message.as_str()), (-32603, "Internal error"));
    assert_eq!(error.data, Some(json!({"name": "Failure", "message": "boom"})));
    let Err(CallError::Rpc(error)) = conf.bad_result().await else { panic!() };
    assert_eq!((error.code, error.message.as_str()), (-32603, "Result validation failed"));

    conf.ping(1).await.unwrap();
    conf.ping(2).await.unwrap();
    let seen = conf.seen().await.unwrap();
    assert_eq!(seen.pings, 2);

    client.stop().await;
    let report = server.stop().await;
    assert_eq!(report.aborted, 0);
    let keys = redis.command(&["KEYS", &format!("{prefix}*")]);
    let keys: Vec<&str> = keys.as_array().iter().map(|key| key.as_str()).collect();
    assert_eq!(keys, [format!("{prefix}:cmds:conf")], "the reply stream is gone");
    let consumers = redis.command(&["XINFO", "CONSUMERS", &format!("{prefix}:cmds:conf"), "conf"]);
    assert_eq!(consumers.as_array().len(), 0, "so is the consumer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_comes_after_its_client_has_gone_does_not_stay() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("late");
    let server = started_server(&redis, &prefix).await;
    let client = started_client(&redis, &prefix).await;
    let conf = ConfClient::new(&client);
    let timeout = conf.sleep(300).timeout(Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(timeout, CallError::Timeout { .. }), "{timeout}");
    client.stop().await;
    assert_eq!(server.stop().await.finished, 1, "it was still running");
    let keys = redis.command(&["KEYS", &format!("{prefix}:replies:*")]);
    let ttl = redis.command(&["PTTL", keys.as_array()[0].as_str()]).as_int();
    assert!(ttl > 0, "the late reply made the stream anew, but with a time to live: {ttl}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_all_come_back_and_leave_nothing() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("many");
    let server = started_server(&redis, &prefix).await;
    let client = started_client(&redis, &prefix).await;
    let conf = ConfClient::new(&client);
    let calls = (0..900).map(|i| {
        let conf = conf.clone();
        tokio::spawn(async move { (i, conf.add(f64::from(i), 1.0).await) })
    });
    for call in calls.collect::<Vec<_>>() {
        let (i, sum) = call.await.unwrap();
        assert_eq!(sum.unwrap().sum, f64::from(i) + 1.0);
    }
    let stream = format!("{prefix}:cmds:conf");
    eventually(Duration::from_secs(5), "done requests are removed", || {
        redis.command(&["XLEN", &stream]).as_int() == 0
    });
    client.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_may_start_before_its_server() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("early");
    let client = started_client(&redis, &prefix).await;
    let conf = ConfClient::new(&client);
    let early = tokio::spawn({
        let conf = conf.clone();
        async move { conf.add(1.0, 1.0).await }
    });
    let stream = format!("{prefix}:cmds:conf");
    let never = conf.add(1.0, 1.0).timeout(Duration::from_millis(500)).await.unwrap_err();
    assert!(
        matches!(&never, CallError::NoSuchService { stream: missing, .. } if *missing == stream),
        "{never}"
    );
    let server = started_server(&redis, &prefix).await;
    assert_eq!(early.await.unwrap().unwrap().sum, 2.0);
    client.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_named() {
    let port = clamator_testkit::free_port();
    let url = format!("redis://:secret@127.0.0.1:{port}");
    let client = ClientBuilder::new("p").over(clamator_tokio::Redis::url(&url)).build().unwrap();
    let error = client.start().await.unwrap_err();
    assert!(matches!(error, StartError::Unreachable(_)), "{error}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    let server = conf_server_with(ServerBuilder::new("p").over(clamator_tokio::Redis::url(&url)));
    let error = server.start().await.unwrap_err();
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_calls_itself_is_told_so() {
    struct Selfish(clamator_tokio::Client);
    #[clamator_tokio::contract(service = "selfish")]
    trait Selfishness {
        async fn outer(&self) -> Result<String, clamator_tokio::RpcError>;
        async fn inner(&self) -> Result<String, clamator_tokio::RpcError>;
    }
    impl Selfishness for Selfish {
        async fn outer(&self) -> Result<String, clamator_tokio::RpcError> {
            let error = SelfishnessClient::new(&self.0).inner().await.unwrap_err();
            assert!(matches!(error, CallError::Misuse(Misuse::Reentrant { .. })), "{error}");
            Ok(error.to_string())
        }
        async fn inner(&self) -> Result<String, clamator_tokio::RpcError> {
            Ok("inner".into())
        }
    }
    let redis = RedisServer::start();
    let prefix = unique_prefix("selfish");
    let client = started_client(&redis, &prefix).await;
    let server = ServerBuilder::new(&prefix).over(at(&redis)).build().unwrap();
    server.register(SelfishnessService::new(Selfish(client.clone()))).unwrap();
    server.start().await.unwrap();
    let selfish = SelfishnessClient::new(&client);
    assert!(selfish.outer().await.unwrap().contains("its own server"));
    assert_eq!(selfish.inner().await.unwrap(), "inner");
    client.stop().await;
    server.stop().await;
}
