//! The runtimes' crates have one surface: the same example is compiled against all three, and only the crate's name differs.

/// The example, in a module of its own.
macro_rules! example {
    ($name:ident, $runtime:ident, $run:expr) => {
        mod $name {
            use std::time::Duration;

            use $runtime::{
                CallContext, CallError, Client, ClientBuilder, ConfigError, GroupStart, Memory,
                MissingService, Redis, Retention, RpcError, Server, ServerBuilder, Service,
            };

            #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
            struct Sum {
                sum: f64,
            }

            #[$runtime::contract(service = "arith")]
            trait Arith {
                async fn add(&self, a: f64, b: f64) -> Result<Sum, RpcError>;
                async fn divide(&self, ctx: &CallContext, a: f64, b: f64) -> Result<f64, RpcError>;
                #[notification]
                async fn ping(&self, n: u64);
            }

            struct Calculator;

            impl Arith for Calculator {
                async fn add(&self, a: f64, b: f64) -> Result<Sum, RpcError> {
                    Ok(Sum { sum: a + b })
                }

                async fn divide(&self, ctx: &CallContext, a: f64, b: f64) -> Result<f64, RpcError> {
                    assert!(!ctx.is_redelivery());
                    if b == 0.0 {
                        return Err(RpcError::new(-32001, "division by zero"));
                    }
                    Ok(a / b)
                }

                async fn ping(&self, _n: u64) {}
            }

            fn build(memory: &Memory) -> Result<(Server, Client), ConfigError> {
                let server = ServerBuilder::new("example")
                    .over(memory)
                    .instance_id("server")
                    .consumer_claim_idle(Duration::from_secs(30))
                    .shutdown_grace(Duration::from_secs(1))
                    .group_start(GroupStart::Beginning)
                    .retention(Retention::TrimDone)
                    .build()?;
                let client = ClientBuilder::new("example")
                    .over(memory)
                    .default_timeout(Duration::from_secs(5))
                    .missing_service(MissingService::Fail)
                    .build()?;
                Ok((server, client))
            }

            /// Without `over`, it is Redis.
            fn over_redis() -> Result<(Server, Client), ConfigError> {
                let server: ServerBuilder = ServerBuilder::new("example");
                let client: ClientBuilder<Redis> = ClientBuilder::new("example");
                Ok((server.build()?, client.over(Redis::url("redis://localhost")).build()?))
            }

            async fn example() -> Result<(), Box<dyn std::error::Error>> {
                over_redis()?;
                let (server, client) = build(&Memory::new())?;
                server.register(ArithService::new(Calculator))?;
                let by_hand = |text: String, _: CallContext| async { Ok::<_, RpcError>(text) };
                server.register(Service::new("echo")?.method("echo", by_hand)?)?;
                server.start().await?;
                client.start().await?;

                let arith = ArithClient::new(&client);
                assert_eq!(arith.add(2.0, 3.0).await?, Sum { sum: 5.0 });
                let outcome = arith.divide(1.0, 0.0).timeout(Duration::from_secs(1)).await;
                assert!(matches!(outcome, Err(CallError::Rpc(error)) if error.code == -32001));
                arith.ping(1).await?;
                assert_eq!(client.call::<String>("echo", "echo", "text").await?, "text");

                assert_eq!(client.stop().await.aborted, 0);
                assert_eq!(server.stop().await.aborted, 0);
                Ok(())
            }

            #[test]
            fn runs() {
                let outcome: Result<(), Box<dyn std::error::Error>> = $run(example());
                outcome.unwrap();
            }

            /// Ready when the process is to end. It compiles; nobody waits for it.
            #[allow(dead_code)]
            async fn serve(server: Server) {
                server.serve_until($runtime::shutdown_signal()).await.unwrap();
            }
        }
    };
}

fn on_tokio<T>(example: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap().block_on(example)
}

example!(on_tokio_runtime, clamator_tokio, super::on_tokio);
example!(on_smol, clamator_smol, clamator_conformance::block_on);
example!(on_async_std, clamator_async_std, clamator_conformance::block_on);
