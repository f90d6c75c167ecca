//! The harness behind a trait without type parameters, so that the cases are compiled once and not once for each adapter. The run loops
//! still run on the adapter's own types.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use clamator_core::Time;
use clamator_driver::{Client, ClientBuilder, ConfigError, Runtime, Server, ServerBuilder};

use super::setup::{ClientOptions, CommonOptions, ServerOptions};
use crate::fault::{Faults, Faulty};
use crate::harness::Harness;
use crate::place::Place;

pub(super) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub(super) trait Stage: Send + Sync {
    fn now(&self) -> Time;
    fn sleep_until(&self, at: Time) -> Boxed<()>;
    fn spawn(&self, task: Boxed<()>);
    fn client(
        &self,
        common: &CommonOptions,
        own: &ClientOptions,
        faults: &Faults,
    ) -> Result<Client, ConfigError>;
    fn server(
        &self,
        common: &CommonOptions,
        own: &ServerOptions,
        faults: &Faults,
    ) -> Result<Server, ConfigError>;
}

pub(super) struct OnHarness<H: Harness> {
    /// As the adapter gives it: clients and servers bind it themselves.
    runtime: H::Runtime,
    bound: H::Runtime,
    harness: Arc<H>,
    place: Arc<Place>,
}

impl<H: Harness> OnHarness<H> {
    pub(super) fn new(harness: &Arc<H>, place: &Arc<Place>) -> OnHarness<H> {
        let runtime = harness.runtime();
        let bound = match runtime.bind() {
            Ok(bound) => bound,
            Err(error) => panic!("the harness runs no executor: {error}"),
        };
        OnHarness { runtime, bound, harness: harness.clone(), place: place.clone() }
    }

    /// The executor that the case runs on.
    pub(super) fn bound(&self) -> &H::Runtime {
        &self.bound
    }
}

macro_rules! apply {
    ($builder:ident, $common:ident) => {
        if let Some(id) = &$common.instance_id {
            $builder = $builder.instance_id(id.clone());
        }
        if let Some(seed) = $common.seed {
            $builder = $builder.seed(seed);
        }
        if let Some(len) = $common.reply_stream_max_len {
            $builder = $builder.reply_stream_max_len(len);
        }
        if let Some(ttl) = $common.reply_stream_ttl {
            $builder = $builder.reply_stream_ttl(ttl);
        }
        if let Some(bytes) = $common.max_message_bytes {
            $builder = $builder.max_message_bytes(bytes);
        }
        if let Some(timeout) = $common.response_timeout {
            $builder = $builder.response_timeout(timeout);
        }
        if let Some((first, longest)) = $common.backoff {
            $builder = $builder.reconnect_backoff(first, longest);
        }
    };
}

impl<H: Harness> Stage for OnHarness<H> {
    fn now(&self) -> Time {
        self.bound.now()
    }

    fn sleep_until(&self, at: Time) -> Boxed<()> {
        Box::pin(self.bound.sleep_until(at))
    }

    fn spawn(&self, task: Boxed<()>) {
        self.bound.spawn(task);
    }

    fn client(
        &self,
        common: &CommonOptions,
        own: &ClientOptions,
        faults: &Faults,
    ) -> Result<Client, ConfigError> {
        let transport = Faulty::new(self.harness.transport(&self.place), faults.clone());
        let mut builder =
            ClientBuilder::with(common.prefix.clone(), self.runtime.clone(), transport);
        apply!(builder, common);
        if let Some(timeout) = own.default_timeout {
            builder = builder.default_timeout(timeout);
        }
        if let Some(calls) = own.max_queued_calls {
            builder = builder.max_queued_calls(calls);
        }
        builder
            .missing_service(own.missing_service)
            .disconnected(own.disconnected)
            .queue_full(own.queue_full)
            .build()
    }

    fn server(
        &self,
        common: &CommonOptions,
        own: &ServerOptions,
        faults: &Faults,
    ) -> Result<Server, ConfigError> {
        let transport = Faulty::new(self.harness.transport(&self.place), faults.clone());
        let mut builder =
            ServerBuilder::with(common.prefix.clone(), self.runtime.clone(), transport);
        apply!(builder, common);
        if let Some(idle) = own.claim_idle {
            builder = builder.consumer_claim_idle(idle);
        }
        if let Some(grace) = own.grace {
            builder = builder.shutdown_grace(grace);
        }
        if let Some(start) = own.group_start {
            builder = builder.group_start(start);
        }
        if let Some(retention) = own.retention {
            builder = builder.retention(retention);
        }
        if let Some(deliveries) = own.max_deliveries {
            builder = builder.max_deliveries(deliveries);
        }
        builder.build()
    }
}
