//! A core with a store that costs next to nothing, handed its inputs as the run loop of the driver does.

use std::collections::VecDeque;
use std::hint::black_box;

use clamator_core::{
    Command, Entry, Fields, Lane, LinkInput, Machine, Outcome, Output, Reply, StreamId, Time,
};

/// A client or a server, and its connections.
pub(crate) struct Side<M: Machine> {
    pub(crate) core: M,
    pub(crate) is_started: bool,
    /// What the role asked for.
    pub(crate) effects: VecDeque<M::Effect>,
    /// What was written to the stream that the other side reads.
    pub(crate) written: VecDeque<Entry>,
    /// What can be read.
    pub(crate) arrived: VecDeque<Entry>,
    /// How many entries the read that is under way may bring.
    reading: Option<u32>,
    /// The answers to the pipeline that is under way.
    answers: Vec<LinkInput>,
    last: u64,
}

impl<M: Machine> Side<M> {
    pub(crate) fn new(core: M) -> Side<M> {
        Side {
            core,
            is_started: false,
            effects: VecDeque::new(),
            written: VecDeque::new(),
            arrived: VecDeque::new(),
            reading: None,
            answers: Vec::new(),
            last: 0,
        }
    }

    /// One input, then all outputs.
    pub(crate) fn input(&mut self, now: Time, input: M::Input) {
        self.core.handle_input(now, input);
        self.drain();
    }

    /// What has come back from each lane: the inputs of a pipeline one after the other, then all outputs.
    pub(crate) fn take_in(&mut self, now: Time) {
        let mut answers = std::mem::take(&mut self.answers);
        if !answers.is_empty() {
            for answer in answers.drain(..) {
                self.core.handle_input(now, M::link_input(answer));
            }
            self.answers = answers;
            self.drain();
        }
        if !self.arrived.is_empty()
            && let Some(count) = self.reading.take()
        {
            let count = self.arrived.len().min(count as usize);
            let entries = Reply::Entries(self.arrived.drain(..count).collect());
            let input = LinkInput::Completed(Lane::Reader(0), Outcome::Reply(entries));
            self.input(now, M::link_input(input));
        }
    }

    /// The end of a round: the timer.
    pub(crate) fn arm(&mut self) {
        black_box(self.core.poll_timeout());
    }

    fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Open(lane) => self.answers.push(LinkInput::Opened(lane, Ok(None))),
                Output::Send(lane, command) => self.send(lane, command),
                Output::Started(outcome) => self.is_started = outcome.is_ok(),
                Output::Role(effect) => self.effects.push_back(effect),
                Output::Close(_) | Output::Stopped(_) | Output::Event(_) => {}
            }
        }
    }

    fn send(&mut self, lane: Lane, command: Command) {
        let reply = match command {
            Command::Append { fields, .. } => Reply::Added(self.write(fields)),
            Command::Read { count, .. } | Command::ReadGroup { count, .. } => {
                self.reading = Some(count);
                return;
            }
            Command::CreateGroup { .. } => Reply::Done,
            Command::Ack { ids, .. } => Reply::Count(ids.len() as u64),
            Command::AutoClaim { .. } => {
                Reply::Claimed { cursor: StreamId::MIN, entries: Vec::new() }
            }
            Command::ReadOwnPending { .. } => Reply::Entries(Vec::new()),
            _ => Reply::Count(1),
        };
        self.answers.push(LinkInput::Completed(lane, Outcome::Reply(reply)));
    }

    fn write(&mut self, fields: Fields) -> StreamId {
        self.last += 1;
        let id = StreamId::new(self.last, 0);
        self.written.push_back(Entry { id, fields: Some(fields) });
        id
    }
}
