//! `rediss://` against a real `redis-server`: whom it trusts, and what it says about those whom it doesn't.

use clamator_testkit::{Certificates, RedisServer, eventually, unique_prefix};
use clamator_tokio::{ClientBuilder, Redis, RpcError, ServerBuilder, StartError};

#[clamator_tokio::contract(service = "arith")]
trait Arith {
    async fn add(&self, a: f64, b: f64) -> Result<f64, RpcError>;
}

struct Calculator;

impl Arith for Calculator {
    async fn add(&self, a: f64, b: f64) -> Result<f64, RpcError> {
        Ok(a + b)
    }
}

/// A Redis that speaks TLS, next to a port without it.
struct Site {
    certificates: Certificates,
    redis: RedisServer,
    port: u16,
}

impl Site {
    /// Asks for client certificates, or doesn't.
    fn new(clients: &str) -> Site {
        Site::with(Certificates::new(), clients)
    }

    fn with(certificates: Certificates, clients: &str) -> Site {
        let (redis, port) = RedisServer::start_tls(&certificates, clients);
        Site { certificates, redis, port }
    }

    fn at(&self, host: &str) -> Redis {
        Redis::url(format!("rediss://{host}:{}", self.port))
            .with_root_certificate(self.certificates.ca())
    }

    async fn refused(&self, redis: Redis) -> String {
        let client = ClientBuilder::new("p").over(redis).build().unwrap();
        match client.start().await.unwrap_err() {
            StartError::Unreachable(fault) => fault.to_string(),
            error => panic!("{error}"),
        }
    }
}

async fn calls_go_through(redis: Redis) {
    let prefix = unique_prefix("tls");
    let server = ServerBuilder::new(&prefix).over(redis.clone()).build().unwrap();
    server.register(ArithService::new(Calculator)).unwrap();
    server.start().await.unwrap();
    let client = ClientBuilder::new(&prefix).over(redis).build().unwrap();
    client.start().await.unwrap();
    let arith = ArithClient::new(&client);
    let calls = (0..200).map(|i| {
        let arith = arith.clone();
        tokio::spawn(async move { arith.add(f64::from(i), 1.0).await.unwrap() })
    });
    for (i, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(call.await.unwrap(), i as f64 + 1.0);
    }
    client.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_through_under_a_name_and_under_an_address() {
    let site = Site::new("no");
    calls_go_through(site.at("localhost")).await;
    calls_go_through(site.at("127.0.0.1")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_is_not_said_in_the_clear() {
    let site = Site::new("no");
    let client = ClientBuilder::new("p").over(site.at("localhost")).build().unwrap();
    client.start().await.unwrap();
    // Its connections came in on the TLS port, all of them.
    let list = site.redis.command(&["CLIENT", "LIST"]);
    let own = format!("laddr=127.0.0.1:{}", site.port);
    assert_eq!(list.as_str().lines().filter(|line| line.contains(&own)).count(), 2);
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_replaced_by_a_safe_one() {
    let site = Site::new("no");
    let prefix = unique_prefix("tls-again");
    let server = ServerBuilder::new(&prefix).over(site.at("localhost")).build().unwrap();
    server.register(ArithService::new(Calculator)).unwrap();
    server.start().await.unwrap();
    let client = ClientBuilder::new(&prefix).over(site.at("localhost")).build().unwrap();
    client.start().await.unwrap();
    let arith = ArithClient::new(&client);
    assert_eq!(arith.add(1.0, 2.0).await.unwrap(), 3.0);
    site.redis.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let own = format!("laddr=127.0.0.1:{}", site.port);
    eventually(std::time::Duration::from_secs(10), "all four are back", || {
        let list = site.redis.command(&["CLIENT", "LIST"]);
        list.as_str().lines().filter(|line| line.contains(&own)).count() == 4
    });
    assert_eq!(arith.add(2.0, 2.0).await.unwrap(), 4.0);
    client.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn an_authority_that_nobody_named_is_not_trusted() {
    let site = Site::new("no");
    let other = Redis::url(format!("rediss://localhost:{}", site.port))
        .with_root_certificate(Certificates::new().ca());
    let error = site.refused(other).await;
    assert!(error.contains("Redis::with_root_certificate"), "{error}");
    assert!(error.contains(&format!("localhost:{}", site.port)), "{error}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_accepted_unless_that_name_is_expected() {
    let site = Site::with(Certificates::of(&["localhost"]), "no");
    let error = site.refused(site.at("127.0.0.1")).await;
    assert!(error.contains("not for \"127.0.0.1\""), "{error}");
    let error = site.refused(site.at("localhost").with_tls_name("redis.example")).await;
    assert!(error.contains("not for \"redis.example\""), "{error}");
    calls_go_through(site.at("127.0.0.1").with_tls_name("localhost")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_certificate_is_shown_where_one_is_asked_for() {
    let site = Site::new("yes");
    let (certificate, key) = site.certificates.client();
    calls_go_through(site.at("localhost").with_client_certificate(certificate, key)).await;
    let error = site.refused(site.at("localhost")).await;
    assert!(error.contains("ertificateRequired") || error.contains("HandshakeFailure"), "{error}");
    let (certificate, key) = Certificates::new().client();
    let error = site.refused(site.at("localhost").with_client_certificate(certificate, key)).await;
    assert!(error.contains("UnknownCA"), "{error}");
}

#[tokio::test]
async fn without_tls_the_tls_port_says_nothing() {
    let site = Site::new("no");
    let error = site.refused(Redis::url(format!("redis://localhost:{}", site.port))).await;
    assert!(error.contains(&format!("localhost:{}", site.port)), "{error}");
}
