//! What differs between the runtimes: the builders, how to block on a future, how to sleep, how to hear `SIGTERM`.

/// One module for each runtime, with `run`.
macro_rules! runtime {
    ($name:ident, $api:ident, $sleep:expr, $block_on:expr) => {
        pub(crate) mod $name {
            use std::time::Duration;

            use $api::{ClientBuilder, Redis, ServerBuilder, shutdown_signal};

            use crate::{Options, Role, client, conf, server};

            /// Does what the command line asks for, until it is done.
            pub(crate) fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
                let block_on = $block_on;
                let ms = |ms: Option<u64>| ms.map(Duration::from_millis);
                match options.role {
                    Role::Server => {
                        let mut builder = ServerBuilder::new(&options.prefix);
                        if let Some(id) = &options.instance {
                            builder = builder.instance_id(id);
                        }
                        if let Some(idle) = ms(options.claim_idle_ms) {
                            builder = builder.consumer_claim_idle(idle);
                        }
                        if let Some(entries) = options.reply_maxlen {
                            builder = builder.reply_stream_max_len(entries);
                        }
                        let server = builder.over(Redis::url(&options.redis)).build()?;
                        server.register(conf::service(|duration| Box::pin($sleep(duration))))?;
                        block_on(Box::pin(server::serve(server, shutdown_signal)))
                    }
                    Role::Client => {
                        let mut builder = ClientBuilder::new(&options.prefix);
                        if let Some(id) = &options.instance {
                            builder = builder.instance_id(id);
                        }
                        if let Some(timeout) = ms(options.timeout_ms) {
                            builder = builder.default_timeout(timeout);
                        }
                        let client = builder.over(Redis::url(&options.redis)).build()?;
                        block_on(Box::pin(client::converse(client)))
                    }
                }
            }

            type Run =
                std::pin::Pin<Box<dyn Future<Output = Result<(), Box<dyn std::error::Error>>>>>;
        }
    };
}

runtime!(
    tokio,
    clamator_tokio,
    |duration| async move { ::tokio::time::sleep(duration).await },
    |run: Run| ::tokio::runtime::Runtime::new()?.block_on(run)
);
runtime!(
    smol,
    clamator_smol,
    |duration| async move {
        ::smol::Timer::after(duration).await;
    },
    |run: Run| ::smol::block_on(run)
);
runtime!(
    async_std,
    clamator_async_std,
    |duration| async move { ::async_std::task::sleep(duration).await },
    |run: Run| ::async_std::task::block_on(run)
);
