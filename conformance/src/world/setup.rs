//! Clients and servers of a case: with its prefix and its faults, and with waits that suit a test.

use std::ops::Deref;
use std::time::Duration;

use clamator_driver::{
    Client, ConfigError, Disconnected, GroupStart, MissingService, QueueFull, Retention, Server,
    Service, StartError,
};

use super::{Started, Worker, World, conf_service, ms};
use crate::fault::Faults;

/// What is set for both.
#[derive(Clone, Debug)]
pub(super) struct CommonOptions {
    pub(super) prefix: String,
    pub(super) instance_id: Option<String>,
    pub(super) seed: Option<[u8; 32]>,
    pub(super) reply_stream_max_len: Option<u64>,
    pub(super) reply_stream_ttl: Option<Duration>,
    pub(super) max_message_bytes: Option<usize>,
    pub(super) response_timeout: Option<Duration>,
    pub(super) backoff: Option<(Duration, Duration)>,
}

#[derive(Clone, Debug)]
pub(super) struct ClientOptions {
    pub(super) default_timeout: Option<Duration>,
    pub(super) missing_service: MissingService,
    pub(super) disconnected: Disconnected,
    pub(super) max_queued_calls: Option<usize>,
    pub(super) queue_full: QueueFull,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ServerOptions {
    pub(super) claim_idle: Option<Duration>,
    pub(super) grace: Option<Duration>,
    pub(super) group_start: Option<GroupStart>,
    pub(super) retention: Option<Retention>,
    pub(super) max_deliveries: Option<u64>,
}

/// A client, and what may go wrong on its connections.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) client: Client,
    pub(crate) faults: Faults,
}

impl Deref for Guest {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// A server, and what may go wrong on its connections.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) server: Server,
    pub(crate) faults: Faults,
}

impl Deref for Host {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

macro_rules! common_options {
    ($setup:ident) => {
        impl<'w> $setup<'w> {
            pub(crate) fn prefix(mut self, prefix: &str) -> Self {
                self.common.prefix = prefix.to_owned();
                self
            }

            pub(crate) fn instance_id(mut self, id: &str) -> Self {
                self.common.instance_id = Some(id.to_owned());
                self
            }

            pub(crate) fn random_instance_id(mut self) -> Self {
                self.common.instance_id = None;
                self
            }

            pub(crate) fn reply_stream_max_len(mut self, len: u64) -> Self {
                self.common.reply_stream_max_len = Some(len);
                self
            }

            pub(crate) fn reply_stream_ttl(mut self, ttl: Duration) -> Self {
                self.common.reply_stream_ttl = Some(ttl);
                self
            }

            pub(crate) fn max_message_bytes(mut self, bytes: usize) -> Self {
                self.common.max_message_bytes = Some(bytes);
                self
            }

            pub(crate) fn response_timeout(mut self, timeout: Duration) -> Self {
                self.common.response_timeout = Some(timeout);
                self
            }

            /// What goes wrong from the beginning.
            pub(crate) fn faults(mut self, faults: &Faults) -> Self {
                self.faults = faults.clone();
                self
            }
        }
    };
}

/// A client to be built.
pub(crate) struct ClientSetup<'w> {
    world: &'w World,
    common: CommonOptions,
    own: ClientOptions,
    faults: Faults,
}

/// A server to be built.
pub(crate) struct ServerSetup<'w> {
    world: &'w World,
    common: CommonOptions,
    own: ServerOptions,
    faults: Faults,
    services: Vec<Service>,
}

common_options!(ClientSetup);
common_options!(ServerSetup);

impl World {
    fn common(&self) -> CommonOptions {
        // Numbered, so that over memory every run is the same run.
        let seed = self.number().to_le_bytes();
        let seed: [u8; 32] = std::array::from_fn(|at| seed.get(at).copied().unwrap_or(0));
        CommonOptions {
            prefix: self.prefix().to_owned(),
            instance_id: None,
            seed: Some(seed),
            reply_stream_max_len: None,
            reply_stream_ttl: None,
            max_message_bytes: None,
            response_timeout: None,
            backoff: Some((ms(10), ms(50))),
        }
    }

    /// A client with a fixed instance id.
    pub(crate) fn client(&self, name: &str) -> ClientSetup<'_> {
        let own = ClientOptions {
            default_timeout: Some(super::SOON),
            missing_service: MissingService::Wait,
            disconnected: Disconnected::Wait,
            max_queued_calls: None,
            queue_full: QueueFull::Fail,
        };
        ClientSetup { world: self, common: self.common(), own, faults: Faults::new() }
            .instance_id(name)
    }

    /// A server without services, with a fixed instance id.
    pub(crate) fn bare_server(&self, name: &str) -> ServerSetup<'_> {
        let (common, own) = (self.common(), ServerOptions::default());
        ServerSetup { world: self, common, own, faults: Faults::new(), services: Vec::new() }
            .instance_id(name)
    }

    /// A server of `conf`, with a fixed instance id.
    pub(crate) fn server(&self, name: &str) -> ServerSetup<'_> {
        self.bare_server(name).service(self.conf("conf", name))
    }

    /// The service `conf` under another name, as the server of this name serves it.
    pub(crate) fn conf(&self, service: &str, server: &str) -> Service {
        match conf_service(service, &Worker::new(server, &self.book, &self.stage)) {
            Ok(service) => service,
            Err(error) => panic!("{error}"),
        }
    }
}

impl ClientSetup<'_> {
    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.own.default_timeout = Some(timeout);
        self
    }

    pub(crate) fn missing_service(mut self, missing: MissingService) -> Self {
        self.own.missing_service = missing;
        self
    }

    pub(crate) fn disconnected(mut self, disconnected: Disconnected) -> Self {
        self.own.disconnected = disconnected;
        self
    }

    /// How many calls may wait in the client, and what becomes of the others.
    pub(crate) fn queue(mut self, calls: usize, full: QueueFull) -> Self {
        (self.own.max_queued_calls, self.own.queue_full) = (Some(calls), full);
        self
    }

    pub(crate) fn try_build(self) -> Result<Guest, ConfigError> {
        let client = self.world.stage.client(&self.common, &self.own, &self.faults)?;
        Ok(Guest { client, faults: self.faults })
    }

    /// The client, that nobody but the case holds.
    #[track_caller]
    pub(crate) fn build_alone(self) -> Guest {
        self.try_build().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The client, not started; stopped when the case is over.
    #[track_caller]
    pub(crate) fn build(self) -> Guest {
        let world = self.world;
        let guest = self.build_alone();
        world.lock_started().push(Started::Client(guest.clone()));
        guest
    }

    pub(crate) async fn try_start(self) -> Result<Guest, StartError> {
        let guest = self.build();
        guest.start().await.map(|()| guest)
    }

    pub(crate) async fn start(self) -> Guest {
        self.try_start().await.unwrap_or_else(|error| panic!("{error}"))
    }
}

impl ServerSetup<'_> {
    pub(crate) fn claim_idle(mut self, idle: Duration) -> Self {
        self.own.claim_idle = Some(idle);
        self
    }

    pub(crate) fn grace(mut self, grace: Duration) -> Self {
        self.own.grace = Some(grace);
        self
    }

    pub(crate) fn group_start(mut self, start: GroupStart) -> Self {
        self.own.group_start = Some(start);
        self
    }

    pub(crate) fn max_deliveries(mut self, deliveries: u64) -> Self {
        self.own.max_deliveries = Some(deliveries);
        self
    }

    pub(crate) fn retention(mut self, retention: Retention) -> Self {
        self.own.retention = Some(retention);
        self
    }

    pub(crate) fn service(mut self, service: Service) -> Self {
        self.services.push(service);
        self
    }

    /// The server, that nobody but the case holds.
    #[track_caller]
    pub(crate) fn build_alone(self) -> Host {
        let built = self.world.stage.server(&self.common, &self.own, &self.faults);
        let server = built.unwrap_or_else(|error| panic!("{error}"));
        for service in self.services {
            server.register(service).unwrap_or_else(|error| panic!("{error}"));
        }
        Host { server, faults: self.faults }
    }

    /// The server, not started; stopped when the case is over.
    #[track_caller]
    pub(crate) fn build(self) -> Host {
        let world = self.world;
        let host = self.build_alone();
        world.lock_started().push(Started::Server(host.clone()));
        host
    }

    pub(crate) async fn try_start(self) -> Result<Host, StartError> {
        let host = self.build();
        host.start().await.map(|()| host)
    }

    pub(crate) async fn start(self) -> Host {
        self.try_start().await.unwrap_or_else(|error| panic!("{error}"))
    }
}
