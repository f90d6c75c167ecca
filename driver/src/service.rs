//! A service: a contract and the handlers that fulfil it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use clamator_core::{
    Concurrency, Contract, ContractError, IntoRpcError, JobOutcome, MethodKind, RequestId, codec,
    success_response,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::CallContext;
use crate::order::{Incoming, Order};
use crate::pace::Pace;

pub(crate) type HandlerFuture = Pin<Box<dyn Future<Output = JobOutcome> + Send>>;
pub(crate) type Handler =
    Arc<dyn Fn(Bytes, Option<RequestId>, CallContext) -> HandlerFuture + Send + Sync>;

/// A service to be registered on a server: a contract with a handler for each method.
///
/// The services of a contract trait are made by the macro. One whose methods are known only at run time is built by hand, and
/// stands next to the others on the same server:
///
/// ```
/// use clamator_driver::{CallContext, RpcError, Service};
///
/// #[derive(serde::Deserialize, serde::Serialize)]
/// struct Echo { msg: String }
///
/// let commands = Service::new("custom-commands")?
///     .method("echo", |echo: Echo, _context: CallContext| async move { Ok::<_, RpcError>(echo) })?
///     .notification("log", |echo: Echo, _context: CallContext| async move { println!("{}", echo.msg) })?;
/// assert_eq!(commands.contract().service().as_str(), "custom-commands");
/// # Ok::<(), clamator_driver::ContractError>(())
/// ```
#[derive(Clone)]
pub struct Service {
    contract: Contract,
    handlers: BTreeMap<String, (Handler, Pace)>,
    concurrency: Concurrency,
    order: Option<Order>,
}

impl Service {
    /// A service without methods.
    ///
    /// # Errors
    ///
    /// [`ContractError::Name`] if the wire doesn't allow the name: `^[a-z][a-z0-9-]*$`.
    pub fn new(name: &str) -> Result<Service, ContractError> {
        let (contract, handlers) = (Contract::new(name)?, BTreeMap::new());
        Ok(Service { contract, handlers, concurrency: Concurrency::Serial, order: None })
    }

    /// Lets each server run up to `at_once` requests of this service at the same time, in no order, instead of one after the
    /// other in the order of the stream.
    ///
    /// From 1, which is serial, to 512: [`Server::register`](crate::Server::register) refuses anything else. Handlers share
    /// what they are made of, so that must bear it. They may call their own service, but as many as wait for each other
    /// wait until their timeouts.
    ///
    /// ```
    /// use clamator_driver::{CallContext, RpcError, Service};
    ///
    /// let pages = Service::new("pages")?
    ///     .method("fetch", |url: String, _context: CallContext| async move { Ok::<_, RpcError>(url.len()) })?
    ///     .concurrent(64);
    /// # drop(pages);
    /// # Ok::<(), clamator_driver::ContractError>(())
    /// ```
    #[must_use]
    pub fn concurrent(mut self, at_once: usize) -> Service {
        self.concurrency = Concurrency::Concurrent(at_once);
        self.order = None;
        self
    }

    /// Lets each server run up to `at_once` requests at the same time (1 to 512), but those of one key one after the other, in
    /// the order of the stream. What has no key (`None`) follows nothing.
    ///
    /// `key` is called once for each request, in the server's run loop: it must be quick and always give the same. If it
    /// panics, its request fails with `-32603` and isn't run. Methods share their keys. The order holds within one server:
    /// the servers of a pool don't wait for each other.
    ///
    /// ```
    /// use clamator_driver::{CallContext, RpcError, Service};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Booking { account: u64, cents: i64 }
    ///
    /// let accounts = Service::new("accounts")?
    ///     .method("book", |booking: Booking, _context: CallContext| async move { Ok::<_, RpcError>(booking.cents) })?
    ///     .ordered_by(16, |call| call.param::<u64>("account"));
    /// # drop(accounts);
    /// # Ok::<(), clamator_driver::ContractError>(())
    /// ```
    #[must_use]
    pub fn ordered_by<K: fmt::Display>(
        mut self,
        at_once: usize,
        key: impl Fn(&Incoming<'_>) -> Option<K> + Send + Sync + 'static,
    ) -> Service {
        self.concurrency = Concurrency::Ordered(at_once);
        self.order = Some(Order::by(key));
        self
    }

    /// Adds a method that answers, under its wire name. The params object becomes `P`; the result goes back as JSON.
    ///
    /// # Errors
    ///
    /// [`ContractError`] if the wire doesn't allow the name (`^[a-z][a-zA-Z0-9]*$`) or it is taken.
    pub fn method<P, R, E, F>(
        self,
        name: &str,
        handler: impl Fn(P, CallContext) -> F + Send + Sync + 'static,
    ) -> Result<Service, ContractError>
    where
        P: DeserializeOwned + Send + 'static,
        R: Serialize + 'static,
        E: IntoRpcError + 'static,
        F: Future<Output = Result<R, E>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let run = move |params: Bytes, id: Option<RequestId>, context| -> HandlerFuture {
            let handler = handler.clone();
            Box::pin(async move {
                let params = match codec::from_params::<P>(&params) {
                    Ok(params) => params,
                    Err(error) => return JobOutcome::Failed(error),
                };
                match handler(params, context).await {
                    Ok(result) => JobOutcome::Done(id.map(|id| success_response(&id, &result))),
                    Err(error) => JobOutcome::Failed(error.into_rpc_error()),
                }
            })
        };
        self.add(name, MethodKind::Request, Arc::new(run))
    }

    /// Adds a method that doesn't answer, under its wire name.
    ///
    /// # Errors
    ///
    /// [`ContractError`] if the wire doesn't allow the name (`^[a-z][a-zA-Z0-9]*$`) or it is taken.
    pub fn notification<P, F>(
        self,
        name: &str,
        handler: impl Fn(P, CallContext) -> F + Send + Sync + 'static,
    ) -> Result<Service, ContractError>
    where
        P: DeserializeOwned + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let run = move |params: Bytes, _id: Option<RequestId>, context| -> HandlerFuture {
            let handler = handler.clone();
            Box::pin(async move {
                match codec::from_params::<P>(&params) {
                    Ok(params) => {
                        handler(params, context).await;
                        JobOutcome::Done(None)
                    }
                    Err(error) => JobOutcome::Failed(error),
                }
            })
        };
        self.add(name, MethodKind::Notification, Arc::new(run))
    }

    fn add(
        mut self,
        name: &str,
        kind: MethodKind,
        handler: Handler,
    ) -> Result<Service, ContractError> {
        self.contract = self.contract.with_method(name, kind)?;
        self.handlers.insert(name.to_owned(), (handler, Pace::default()));
        Ok(self)
    }

    /// The names of the service and its methods.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    pub(crate) fn concurrency(&self) -> Concurrency {
        self.concurrency
    }

    pub(crate) fn order(&self) -> Option<&Order> {
        self.order.as_ref()
    }

    pub(crate) fn handler(&self, method: &str) -> Option<&(Handler, Pace)> {
        self.handlers.get(method)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("contract", &self.contract)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}
