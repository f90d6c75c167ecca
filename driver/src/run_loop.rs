//! The one run loop: it carries inputs and outputs between a core and the world, for every role, link and executor.

use std::collections::VecDeque;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use clamator_core::{Lane, Machine, Time};

use crate::adapter::{Link, Runtime};
use crate::bell::Bell;
use crate::hub::{Desk, Hub, LinkRequest};
use crate::lanes::LaneDriver;

/// What a role does in its run loop besides commands.
pub(crate) trait Work<M: Machine, D>: Send + 'static {
    /// Does what has been put on the desk, but for no longer than a [`SLICE`] at once.
    fn work(&mut self, hub: &Arc<Hub<M, D>>, context: &Context<'_>) -> Worked;
}

/// How much work there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worked {
    /// There was none.
    Nothing,
    /// All of it is done.
    All,
    /// There is more, but what was done must leave now.
    Enough,
}

/// For how long what is ready may wait for more that leaves with it.
pub(crate) const SLICE: Duration = Duration::from_micros(100);

/// How many rounds one poll may take before others get the thread.
const ROUNDS: usize = 32;

/// A run loop. Dropping it before the core has stopped fails everything that waits.
pub(crate) struct RunLoop<
    R: Runtime,
    L: Link<R>,
    M: Machine + Send + 'static,
    D: Desk<M::Effect>,
    W,
> {
    runtime: R,
    link: L,
    hub: Arc<Hub<M, D>>,
    work: W,
    lanes: Vec<LaneDriver<L::Connection>>,
    /// What is to be done with the link; empty between the rounds.
    requests: VecDeque<LinkRequest>,
    /// Whether the core had stopped at the last look.
    is_stopped: bool,
    timer: Option<(Time, Pin<Box<R::Sleep>>)>,
}

impl<R, L, M, D, W> RunLoop<R, L, M, D, W>
where
    R: Runtime,
    L: Link<R>,
    M: Machine + Send + 'static,
    D: Desk<M::Effect>,
    W: Work<M, D>,
{
    pub(crate) fn new(runtime: R, link: L, hub: Arc<Hub<M, D>>, work: W) -> Self {
        let (lanes, requests) = (Vec::new(), VecDeque::new());
        RunLoop { runtime, link, hub, work, lanes, requests, is_stopped: false, timer: None }
    }

    fn lane(&mut self, lane: Lane) -> &mut LaneDriver<L::Connection> {
        while self.lanes.len() <= lane.index() {
            let next = match self.lanes.len() {
                0 => Lane::Commands,
                reader => Lane::Reader(u16::try_from(reader - 1).unwrap_or(u16::MAX)),
            };
            self.lanes.push(LaneDriver::new(next, Bell::new(self.hub.run_loop())));
        }
        &mut self.lanes[lane.index()]
    }

    /// Carries out what the core asks of the link. Whether there was anything.
    fn carry_out(&mut self) -> bool {
        self.is_stopped = self.hub.take_requests(&mut self.requests);
        if self.requests.is_empty() {
            return false;
        }
        let mut requests = std::mem::take(&mut self.requests);
        for request in requests.drain(..) {
            match request {
                LinkRequest::Open(lane) => {
                    self.lane(lane);
                    self.lanes[lane.index()].open(&self.link, &self.runtime);
                }
                LinkRequest::Close(lane) => self.lane(lane).close(),
                LinkRequest::Send(lane, command) => self.lane(lane).send(command),
            }
        }
        self.requests = requests;
        true
    }

    /// Takes in what has come back from the link, for as long as there is something. Whether there was.
    fn take_in(&mut self) -> bool {
        let mut any = false;
        for at in 0..self.lanes.len() {
            if let Poll::Ready(inputs) = self.lanes[at].poll() {
                any = true;
                // One lock for a whole pipeline.
                self.hub.with(|state, now| {
                    for input in inputs {
                        state.core.handle_input(now, M::link_input(input));
                    }
                });
                // At once, so that no answer of a connection that the core gives up here reaches it.
                self.carry_out();
            }
        }
        any
    }

    /// Sends what has gathered. Whether there was anything.
    fn flush(&mut self) -> bool {
        self.lanes.iter_mut().fold(false, |any, lane| lane.flush() | any)
    }

    /// Arms the timer, and gives the timeout if it is due. Whether it was.
    fn time(&mut self, context: &mut Context<'_>) -> bool {
        let Some(at) = self.hub.timeout() else {
            self.timer = None;
            return false;
        };
        // Arming again costs more than being woken early: an armed timer that is early enough stays.
        if self.timer.as_ref().is_none_or(|(armed, _)| *armed > at) {
            self.timer = Some((at, Box::pin(self.runtime.sleep_until(at))));
        }
        let due = match &mut self.timer {
            Some((_, sleep)) => sleep.as_mut().poll(context).is_ready(),
            None => false,
        };
        if due {
            self.timer = None;
            self.hub.input(M::timeout_input());
            self.carry_out();
        }
        due
    }

    /// Runs until the core has stopped.
    pub(crate) async fn run(mut self) {
        std::future::poll_fn(|context| self.poll(context)).await;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.hub.register_run_loop(context.waker());
        for _ in 0..ROUNDS {
            let mut busy = self.take_in();
            let worked = self.work.work(&self.hub, context);
            busy |= worked != Worked::Nothing;
            busy |= self.carry_out();
            if self.is_stopped {
                return Poll::Ready(());
            }
            // What is ready together leaves together: only when nothing more is ready, or it has waited for long enough.
            if worked == Worked::Enough || !self.lanes.iter().any(LaneDriver::may_have_news) {
                busy |= self.flush();
            }
            if !busy {
                busy |= self.time(context);
            }
            if !busy {
                return Poll::Pending;
            }
        }
        self.flush();
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<R: Runtime, L: Link<R>, M: Machine + Send + 'static, D: Desk<M::Effect>, W> Drop
    for RunLoop<R, L, M, D, W>
{
    fn drop(&mut self) {
        self.hub.end();
    }
}
