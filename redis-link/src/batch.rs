//! What leaves together: what is sent to Redis for each command of the core, and which answers belong to it.

use bytes::{Buf, BytesMut};
use clamator_core::{Command, Fault, Outcome, Reply};
use redis::Value;

use crate::decode::{decode, decode_number, decode_packed, unreadable};
use crate::directory::Directory;
use crate::encode::pack;
use crate::plain::{decode_plain, pack_plain};
use crate::words::Words;

/// Commands of the core on their way.
pub(crate) struct Batch {
    commands: std::vec::IntoIter<(Command, Asked)>,
    outcomes: Vec<Outcome>,
    /// The answers so far to the command that is the first of those without an outcome.
    parts: Vec<Value>,
    /// Whether one of them can't be read.
    unreadable: bool,
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
    /// Packs commands.
    pub(crate) fn pack(
        commands: Vec<Command>,
        directory: &Directory,
        scripts: bool,
        out: &mut impl Words,
    ) -> Batch {
        let mut len = 0;
        let outcomes = Vec::with_capacity(commands.len());
        let commands: Vec<(Command, Asked)> = commands
            .into_iter()
            .map(|command| {
                let asked = match &command {
                    Command::Kill { connection } => of_one(directory.kill(*connection, out)),
                    Command::Unblock { connection } => of_one(directory.unblock(*connection, out)),
                    command if scripts => {
                        pack(command, out);
                        Asked::One
                    }
                    command => Asked::Plain(pack_plain(command, out)),
                };
                len += match &asked {
                    Asked::One => 1,
                    Asked::Plain(len) => *len,
                    Asked::Known(_) => 0,
                };
                (command, asked)
            })
            .collect();
        let commands = commands.into_iter();
        let mut batch = Batch { commands, outcomes, parts: Vec::new(), unreadable: false, len };
        batch.pass_known();
        batch
    }

    /// How many answers Redis gives.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether every command has its outcome.
    pub(crate) fn is_done(&self) -> bool {
        self.commands.len() == 0
    }

    /// Takes the next answer, the first so many bytes of what came in.
    pub(crate) fn answer(&mut self, input: &mut BytesMut, len: usize) {
        if let Some((command, Asked::One)) = self.commands.as_slice().first() {
            let outcome = match decode_number(command, &input[..len]) {
                Some(outcome) => {
                    input.advance(len);
                    outcome
                }
                None => decode_packed(command, &input.split_to(len).freeze()),
            };
            return self.next(outcome);
        }
        let value = redis::parse_redis_value(&input.split_to(len));
        self.unreadable |= value.is_err();
        self.value(value.unwrap_or(Value::Nil));
    }

    /// Takes the next answer.
    pub(crate) fn value(&mut self, value: Value) {
        let Some((command, asked)) = self.commands.as_slice().first() else { return };
        let outcome = match asked {
            Asked::Plain(wanted) => {
                self.parts.push(value);
                if self.parts.len() < *wanted {
                    return;
                }
                let parts = std::mem::take(&mut self.parts);
                match std::mem::take(&mut self.unreadable) {
                    true => unreadable(),
                    false => decode_plain(command, parts),
                }
            }
            _ => decode(command, value),
        };
        self.next(outcome);
    }

    fn next(&mut self, outcome: Outcome) {
        self.commands.next();
        self.outcomes.push(outcome);
        self.pass_known();
    }

    /// The outcomes of those at the front that nothing was asked for.
    fn pass_known(&mut self) {
        while let Some((command, asked)) = self.commands.as_slice().first() {
            let outcome = match asked {
                Asked::Known(reply) => Outcome::Reply(reply.clone()),
                Asked::Plain(0) => decode_plain(command, Vec::new()),
                Asked::One | Asked::Plain(_) => return,
            };
            self.commands.next();
            self.outcomes.push(outcome);
        }
    }

    /// The outcomes, of which there is one for every command.
    pub(crate) fn outcomes(self) -> Vec<Outcome> {
        self.outcomes
    }

    /// The outcomes so far, and the same one for the rest, of a connection that was lost.
    pub(crate) fn lost(mut self, outcome: fn(Fault) -> Outcome, fault: &Fault) -> Vec<Outcome> {
        self.outcomes.extend(self.commands.map(|_| outcome(fault.clone())));
        self.outcomes
    }
}

/// A connection that was forgotten long ago isn't there.
fn of_one(is_packed: bool) -> Asked {
    if is_packed { Asked::One } else { Asked::Known(Reply::Count(0)) }
}

#[cfg(test)]
mod tests {
    use clamator_core::{Key, Refusal};

    use super::*;
    use crate::words::Cmds;

    #[test]
    fn without_scripts_an_answer_that_cannot_be_read_is_not_taken_for_nothing() {
        let append = Command::Append {
            stream: Key::from("s"),
            fields: Vec::new(),
            max_len: None,
            create: false,
        };
        let commands = vec![append.clone(), append];
        let mut batch = Batch::pack(commands, &Directory::default(), false, &mut Cmds::default());
        for answer in ["(x\r\n", "$-1\r\n"] {
            batch.answer(&mut BytesMut::from(answer), answer.len());
        }
        let unreadable = Refusal::new("UNREADABLE", "the answer has an unknown form");
        let expected = [Outcome::Refused(unreadable), Outcome::Reply(Reply::Nil)];
        assert_eq!(batch.outcomes(), expected);
    }
}
