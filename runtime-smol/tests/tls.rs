//! `rediss://` on smol. Whom it trusts is tested on tokio: it is the same code.

use clamator_smol::{ClientBuilder, Redis, RpcError, ServerBuilder, StartError};
use clamator_testkit::{Certificates, RedisServer, unique_prefix};

#[clamator_smol::contract(service = "arith")]
trait Arith {
    async fn add(&self, a: f64, b: f64) -> Result<f64, RpcError>;
}

struct Calculator;

impl Arith for Calculator {
    async fn add(&self, a: f64, b: f64) -> Result<f64, RpcError> {
        Ok(a + b)
    }
}

#[test]
fn calls_go_through_and_strangers_are_not_trusted() {
    let certificates = Certificates::new();
    let (_redis, port) = RedisServer::start_tls(&certificates, "yes");
    let (certificate, key) = certificates.client();
    let at = |host: &str, ca: String| {
        Redis::url(format!("rediss://{host}:{port}"))
            .with_root_certificate(ca)
            .with_client_certificate(&*certificate, &*key)
    };
    smol::block_on(async {
        let prefix = unique_prefix("tls-smol");
        let redis = at("localhost", certificates.ca());
        let server = ServerBuilder::new(&prefix).over(redis.clone()).build().unwrap();
        server.register(ArithService::new(Calculator)).unwrap();
        server.start().await.unwrap();
        let client = ClientBuilder::new(&prefix).over(redis).build().unwrap();
        client.start().await.unwrap();
        assert_eq!(ArithClient::new(&client).add(2.0, 3.0).await.unwrap(), 5.0);
        client.stop().await;
        server.stop().await;

        for (redis, advice) in [
            (at("localhost", Certificates::new().ca()), "with_root_certificate"),
            (at("localhost", certificates.ca()).with_tls_name("elsewhere"), "with_tls_name"),
        ] {
            let client = ClientBuilder::new("p").over(redis).build().unwrap();
            let Err(StartError::Unreachable(fault)) = client.start().await else {
                panic!("{advice}")
            };
            assert!(fault.to_string().contains(advice), "{fault}");
        }
    });
}
