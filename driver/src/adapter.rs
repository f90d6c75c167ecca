//! What an adapter supplies: a [`Runtime`] (clock, timer, tasks) and a [`Link`] (stream commands).

use std::future::Future;

use clamator_core::{
    Command, ConnectionId, Fault, Lane, MissingService, Outcome, StartError, Time,
};

use crate::error::ConfigError;

/// An executor: a clock, a timer and tasks.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// Binds this value to a running executor, when a client or server starts.
    ///
    /// # Errors
    ///
    /// [`StartError::NoRuntime`] when there is none to run on.
    fn bind(&self) -> Result<Self, StartError> {
        Ok(self.clone())
    }

    /// What [`sleep_until`](Runtime::sleep_until) returns.
    type Sleep: Future<Output = ()> + Send + 'static;

    /// The time now. Runtimes that share a [`Link`] in one process must share a start.
    fn now(&self) -> Time;

    /// Ready once `at` has come.
    fn sleep_until(&self, at: Time) -> Self::Sleep;

    /// Runs a task in the background. Dropping the executor drops the task.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);
}

/// A way to a stream store, and the place of its defaults.
pub trait Link<R: Runtime>: Send + Sync + 'static {
    /// An open connection.
    type Connection: Connection;

    /// Opens a connection for a lane.
    fn connect(
        &self,
        runtime: &R,
        lane: Lane,
    ) -> impl Future<Output = Result<Self::Connection, Fault>> + Send + 'static;

    /// Where the store is, without credentials. Two links with the same address reach the same store.
    fn address(&self) -> String;

    /// What a client does by default when no server has made a service's stream yet.
    fn missing_service(&self) -> MissingService;

    /// Whether every [`Command`] is done in one step. Without, the core does without those that would be unsafe.
    fn scripts(&self) -> bool {
        true
    }
}

/// How a builder is told where the store is: something that makes a [`Link`].
pub trait Transport<R: Runtime> {
    /// The link that it makes.
    type Link: Link<R>;

    /// Makes the link. Opens nothing yet.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when what was given can't be used.
    fn into_link(self) -> Result<Self::Link, ConfigError>;
}

/// A [`Runtime`] that says what it talks to when a builder isn't told.
pub trait Adapter: Runtime + Default {
    /// The transport of a builder that isn't given one.
    type Transport: Transport<Self> + Default;
}

/// An open connection to a stream store.
pub trait Connection: Send + 'static {
    /// Runs commands as one pipeline. Gives one outcome for each, in order; several runs may be in flight, and
    /// they are executed in the order in which they were started. The run loop polls only the first of those that haven't
    /// ended yet: whatever makes it go on must make the later ones go on too.
    ///
    /// After a loss every command of this and of later runs ends as [`Outcome::Unknown`] or [`Outcome::NotSent`].
    fn run(
        &mut self,
        commands: Vec<Command>,
    ) -> impl Future<Output = Vec<Outcome>> + Send + 'static;

    /// A number that tells this connection from every other one of its link, if the store can unblock and close it.
    fn id(&self) -> Option<ConnectionId>;
}
