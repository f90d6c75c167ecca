//! Commands of the core on a real server, by the translation that applications get: `clamator-redis`' own.

use std::thread;
use std::time::Duration;

use clamator_core::{Command, ConnectionId, Outcome, Refusal, Reply, StreamId};
use clamator_redis::redis::{
    Arg, Client, Cmd, Connection, ConnectionLike, IntoConnectionInfo, ProtocolVersion, cmd,
};
use clamator_redis::translate::{decode, encode};
use clamator_testkit::RedisServer;

/// Longer than any read here blocks; one that blocks for ever is an error.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection whose commands and answers are translated.
pub(crate) struct Translated(Connection);

impl Translated {
    pub(crate) fn open(server: &RedisServer, protocol: ProtocolVersion) -> Translated {
        let info = server.url().into_connection_info().expect("an address of Redis");
        let settings = info.redis_settings().clone().set_protocol(protocol);
        let client = Client::open(info.set_redis_settings(settings)).expect("a way to connect");
        let connection = client.get_connection().expect("Redis takes connections");
        connection.set_read_timeout(Some(PATIENCE)).expect("it can be told so");
        Translated(connection)
    }

    pub(crate) fn id(&mut self) -> ConnectionId {
        cmd("CLIENT").arg("ID").query(&mut self.0).expect("Redis tells")
    }

    /// Runs a command. `id` is what an append must call its entry.
    pub(crate) fn execute(
        &mut self,
        command: &Command,
        id: Option<StreamId>,
    ) -> Result<Reply, Refusal> {
        let encoded = match (command, id) {
            (Command::Append { .. }, Some(id)) => with_id(&encode(command), id),
            // Without an id the append must be refused or change nothing: any id will do.
            _ => encode(command),
        };
        let value = self.0.req_command(&encoded).expect("Redis answers");
        let answer = match decode(command, value) {
            Outcome::Reply(reply) => Ok(reply),
            Outcome::Refused(refusal) => Err(refusal),
            lost => panic!("{lost:?}"),
        };
        if let Command::Expire { key, ttl: Duration::ZERO } = command {
            // What is gone at once in the store is here a millisecond later.
            while cmd("EXISTS").arg(key.as_str()).query::<bool>(&mut self.0).expect("Redis tells") {
                thread::sleep(Duration::from_millis(1));
            }
        }
        answer
    }
}

/// The command with this id in place of "the next one".
fn with_id(append: &Cmd, id: StreamId) -> Cmd {
    let (mut named, mut replaced) = (Cmd::new(), 0);
    for arg in append.args_iter() {
        match arg {
            Arg::Simple(b"*") => {
                named.arg(id.to_string());
                replaced += 1;
            }
            Arg::Simple(word) => {
                named.arg(word);
            }
            _ => panic!("an argument of another kind"),
        }
    }
    assert_eq!(replaced, 1, "a key or a field that is a star can't be told from the id");
    named
}
