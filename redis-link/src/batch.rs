//! What leaves as one pipeline: what is sent to Redis for each command of the core, and which answers belong to it.

use clamator_core::{Command, Fault, Outcome, Reply};
use redis::{Pipeline, Value};

use crate::decode::decode;
use crate::directory::Directory;
use crate::encode::encode;
use crate::plain::{decode_plain, encode_plain};

/// Commands of the core on their way.
pub(crate) struct Batch {
    commands: Vec<(Command, Asked)>,
    pipeline: Pipeline,
    /// How many commands of Redis there are.
    len: usize,
}

/// What became of a command of the core.
enum Asked {
    /// One command of Redis.
    One,
    /// So many, without scripts.
    Plain(usize),
    /// Nothing: the answer is known.
    Known(Reply),
}

impl Batch {
    pub(crate) fn new(commands: Vec<Command>, directory: &Directory, scripts: bool) -> Batch {
        let mut pipeline = Pipeline::with_capacity(commands.len());
        pipeline.ignore_errors();
        let mut len = 0;
        let mut ask = |command: &Command| {
            let own = match command {
                Command::Kill { connection } => Some(directory.kill(*connection)),
                Command::Unblock { connection } => Some(directory.unblock(*connection)),
                _ if scripts => Some(Some(encode(command))),
                _ => None,
            };
            match own {
                Some(Some(cmd)) => {
                    pipeline.add_command(cmd);
                    len += 1;
                    Asked::One
                }
                // Forgotten long ago: there is no such connection.
                Some(None) => Asked::Known(Reply::Count(0)),
                None => {
                    let cmds = encode_plain(command);
                    let asked = Asked::Plain(cmds.len());
                    len += cmds.len();
                    for cmd in cmds {
                        pipeline.add_command(cmd);
                    }
                    asked
                }
            }
        };
        let commands = commands
            .into_iter()
            .map(|command| {
                let asked = ask(&command);
                (command, asked)
            })
            .collect();
        Batch { commands, pipeline, len }
    }

    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// How many answers Redis gives.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The outcomes, from as many answers as there must be.
    pub(crate) fn answered(self, values: Vec<Value>) -> Vec<Outcome> {
        let mut values = values.into_iter();
        let outcomes = self.commands.into_iter().map(|(command, asked)| match asked {
            Asked::One => decode(&command, values.next().unwrap_or(Value::Nil)),
            Asked::Plain(len) => decode_plain(&command, values.by_ref().take(len).collect()),
            Asked::Known(reply) => Outcome::Reply(reply),
        });
        outcomes.collect()
    }

    /// The same outcome for all, of a connection that was lost.
    pub(crate) fn lost(self, outcome: fn(Fault) -> Outcome, fault: &Fault) -> Vec<Outcome> {
        self.commands.iter().map(|_| outcome(fault.clone())).collect()
    }
}
