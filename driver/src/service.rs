//! A service: a contract and the handlers that fulfil it.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use clamator_core::{
    Contract, ContractError, IntoRpcError, JobOutcome, MethodKind, RequestId, codec,
    success_response,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::CallContext;
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
    handlers: HashMap<String, (Handler, Pace)>,
}

impl Service {
    /// A service without methods.
    ///
    /// # Errors
    ///
    /// [`ContractError::Name`] if the wire doesn't allow the name: `^[a-z][a-z0-9-]*$`.
    pub fn new(name: &str) -> Result<Service, ContractError> {
        Ok(Service { contract: Contract::new(name)?, handlers: HashMap::new() })
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

    pub(crate) fn handler(&self, method: &str) -> Option<&(Handler, Pace)> {
        self.handlers.get(method)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("contract", &self.contract).finish_non_exhaustive()
    }
}
