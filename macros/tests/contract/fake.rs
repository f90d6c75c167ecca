//! What the generated code refers to, as little of it as will do: a call runs its handler at once and in place.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use clamator_core::RpcError;
use clamator_core::codec::{self, from_params};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub mod __private {
    pub use super::{Call, CallContext, Client, MethodResult, Notify, Service};
    pub use clamator_core::{Contract, ContractError, MethodKind, codec};
    pub use serde;

    pub fn checked<T>(result: Result<T, ContractError>) -> T {
        result.unwrap()
    }
}

pub trait MethodResult {
    type Ok;
}

impl<T, E> MethodResult for Result<T, E> {
    type Ok = T;
}

pub struct CallContext {
    pub id: u64,
}

type Run = Arc<dyn Fn(&[u8]) -> Result<Vec<u8>, RpcError> + Send + Sync>;

#[derive(Clone)]
pub struct Service {
    name: String,
    methods: Vec<(String, Run)>,
}

impl Service {
    pub fn new(name: &str) -> Result<Service, clamator_core::ContractError> {
        Ok(Service { name: name.to_owned(), methods: Vec::new() })
    }

    pub fn method<P, R, E, F>(
        mut self,
        name: &str,
        run: impl Fn(P, CallContext) -> F + Send + Sync + 'static,
    ) -> Result<Service, clamator_core::ContractError>
    where
        P: DeserializeOwned + Send + 'static,
        R: Serialize + Send,
        E: clamator_core::IntoRpcError,
        F: Future<Output = Result<R, E>> + Send + 'static,
    {
        let run = move |params: &[u8]| {
            let result = now(run(from_params(params)?, CallContext { id: 7 }));
            let mut out = Vec::new();
            let result = result.map_err(E::into_rpc_error)?;
            codec::write(&mut out, &result)?;
            Ok(out)
        };
        self.methods.push((name.to_owned(), Arc::new(run)));
        Ok(self)
    }

    pub fn notification<P, F>(
        self,
        name: &str,
        run: impl Fn(P, CallContext) -> F + Send + Sync + 'static,
    ) -> Result<Service, clamator_core::ContractError>
    where
        P: DeserializeOwned + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.method(name, move |params: P, context| {
            let done = run(params, context);
            async move {
                done.await;
                Ok::<_, RpcError>(())
            }
        })
    }

    /// The result of a call, as JSON.
    pub fn run(&self, method: &str, params: &str) -> Result<String, RpcError> {
        let (_, run) =
            self.methods.iter().find(|(name, _)| name == method).expect("a known method");
        run(params.as_bytes()).map(|result| String::from_utf8(result).unwrap())
    }
}

/// Runs what never waits.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match Box::pin(future).as_mut().poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[derive(Clone)]
pub struct Client {
    service: Service,
    /// What went out.
    pub sent: Arc<Mutex<Vec<String>>>,
}

impl Client {
    pub fn new(service: Service) -> Client {
        Client { service, sent: Arc::default() }
    }

    pub fn last_sent(&self) -> String {
        self.sent.lock().unwrap().last().cloned().unwrap_or_default()
    }

    pub fn call<T: DeserializeOwned>(
        &self,
        service: &str,
        method: &str,
        params: &(impl Serialize + ?Sized),
    ) -> Call<T> {
        assert_eq!(service, self.service.name);
        let mut json = Vec::new();
        codec::write(&mut json, params).unwrap();
        let json = String::from_utf8(json).unwrap();
        self.sent.lock().unwrap().push(format!("{method} {json}"));
        let result = self.service.run(method, &json);
        Call(Some(result.map(|result| codec::from_result(result.as_bytes()).unwrap())))
    }

    pub fn notify(
        &self,
        service: &str,
        method: &str,
        params: &(impl Serialize + ?Sized),
    ) -> Notify {
        self.call(service, method, params)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

impl From<&Client> for Client {
    fn from(client: &Client) -> Client {
        client.clone()
    }
}

#[must_use]
pub struct Call<T>(Option<Result<T, RpcError>>);
pub type Notify = Call<()>;

impl<T> Unpin for Call<T> {}

impl<T> Future for Call<T> {
    type Output = Result<T, RpcError>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(self.0.take().expect("polled once"))
    }
}
