//! A Redis with a prefix of its own, and what a test does to it by hand.

#![allow(unreachable_pub)]

use std::sync::Arc;
use std::time::Duration;

use clamator_testkit::{RedisServer, eventually, unique_prefix};
use clamator_tokio::{Client, ClientBuilder, Server, ServerBuilder, Service};
use serde_json::{Value as Json, json};

use crate::common::at;
use crate::work::{Book, WorkService, Worker};

/// Long enough for everything that is to happen soon.
pub const SOON: Duration = Duration::from_secs(10);

pub struct Site {
    pub redis: RedisServer,
    pub prefix: String,
    /// What the handlers of every [`Worker`] of this site write into.
    pub book: Arc<Book>,
}

impl Site {
    pub fn new(name: &str) -> Site {
        let (redis, prefix) = (RedisServer::start(), unique_prefix(name));
        Site { redis, prefix, book: Arc::default() }
    }

    pub fn server_builder(&self) -> ServerBuilder {
        ServerBuilder::new(&self.prefix).over(at(&self.redis))
    }

    pub fn client_builder(&self) -> ClientBuilder {
        ClientBuilder::new(&self.prefix).over(at(&self.redis))
    }

    /// A server of `work`, to be started.
    pub fn worker(&self, name: &'static str, builder: ServerBuilder) -> Server {
        let server = builder.instance_id(name).build().unwrap();
        server.register(self.service(name)).unwrap();
        server
    }

    /// The service `work`, whose handlers write into this site's book.
    pub fn service(&self, worker: &'static str) -> Service {
        WorkService::new(Worker::new(worker, self.book.clone()))
    }

    /// A started server of `work` that takes over what was silent for 300 ms.
    pub async fn started_worker(&self, name: &'static str) -> Server {
        let idle = Duration::from_millis(300);
        let server = self.worker(name, self.server_builder().consumer_claim_idle(idle));
        server.start().await.unwrap();
        server
    }

    pub async fn started_client(&self) -> Client {
        let client = self.client_builder().build().unwrap();
        client.start().await.unwrap();
        client
    }

    pub fn commands(&self, service: &str) -> String {
        format!("{}:cmds:{service}", self.prefix)
    }

    pub fn reply_to(&self, name: &str) -> String {
        format!("{}:replies:{name}", self.prefix)
    }

    /// Adds an entry to a service's stream, whatever it is.
    pub fn add(&self, service: &str, fields: &[(&str, &[u8])]) -> String {
        let stream = self.commands(service);
        let mut words: Vec<&[u8]> = vec![b"XADD", stream.as_bytes(), b"*"];
        for (name, value) in fields {
            words.extend([name.as_bytes(), value]);
        }
        self.redis.command(&words).as_str().to_owned()
    }

    /// Adds a request to a service's stream, as a peer writes it.
    pub fn request(&self, service: &str, method: &str, params: Json, reply_to: &str) -> String {
        let method = format!("{service}.{method}");
        let envelope = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": "raw"});
        let envelope = envelope.to_string();
        let reply_to = self.reply_to(reply_to);
        let fields = [("type", "rpc"), ("envelope", &*envelope), ("reply-to", &*reply_to)];
        self.add(service, &fields.map(|(name, value)| (name, value.as_bytes())))
    }

    /// The replies in a reply stream, as they were written.
    pub fn replies(&self, name: &str) -> Vec<String> {
        self.envelopes(&self.reply_to(name))
    }

    /// The envelopes in a stream, as they were written.
    pub fn envelopes(&self, stream: &str) -> Vec<String> {
        let entries = self.redis.command(&["XRANGE", stream, "-", "+"]);
        let envelope = |entry: &clamator_testkit::Value| {
            let fields = &entry.as_array()[1];
            fields.field("envelope").expect("an entry has an envelope").as_str().to_owned()
        };
        entries.as_array().iter().map(envelope).collect()
    }

    /// How many entries of a service's stream are pending.
    pub fn pending(&self, service: &str) -> i64 {
        let reply = self.redis.command(&["XPENDING", &self.commands(service), service]);
        reply.as_array()[0].as_int()
    }

    #[track_caller]
    pub fn eventually_nothing_is_pending(&self, service: &str) {
        eventually(SOON, "nothing is pending", || self.pending(service) == 0);
    }

    /// The names of the consumers of a service's group.
    pub fn consumers(&self, service: &str) -> Vec<String> {
        let reply = self.redis.command(&["XINFO", "CONSUMERS", &self.commands(service), service]);
        let name = |consumer: &clamator_testkit::Value| {
            consumer.field("name").unwrap().as_str().to_owned()
        };
        reply.as_array().iter().map(name).collect()
    }

    /// The connections to this Redis but the test's own: what `CLIENT LIST` says of each.
    pub fn connections(&self) -> Vec<Connection> {
        let own = self.redis.command(&["CLIENT", "ID"]).as_int();
        let list = self.redis.command(&["CLIENT", "LIST"]);
        list.as_str()
            .lines()
            .map(Connection::parse)
            .filter(|connection| connection.id != own)
            .collect()
    }

    #[track_caller]
    pub fn eventually_connections(&self, number: usize) {
        eventually(SOON, &format!("there are {number} connections"), || {
            self.connections().len() == number
        });
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    pub id: i64,
    /// The command that it ran last, or is blocked in: `xreadgroup`.
    pub command: String,
}

impl Connection {
    fn parse(line: &str) -> Connection {
        let field = |name: &str| {
            let mut fields = line.split(' ').filter_map(|field| field.split_once('='));
            fields.find(|(found, _)| *found == name).expect("CLIENT LIST has it").1.to_owned()
        };
        Connection { id: field("id").parse().unwrap(), command: field("cmd") }
    }
}
