//! Where the primary is now: Redis Sentinel is asked anew for each connection.

use futures_util::future::select_ok;
use redis::aio::MultiplexedConnection;
use redis::{ConnectionAddr, Value};

use crate::config::Target;
use crate::greeting::greet;
use crate::link::{Connect, open};

/// Sentinels, and the primary that they watch.
#[derive(Clone)]
pub(crate) struct Sentinels {
    pub(crate) primary: String,
    pub(crate) at: Vec<Target>,
}

impl Sentinels {
    /// The primary's address. All are asked at once, for one of them may be gone without a word.
    pub(crate) async fn find<R: Connect>(&self) -> Result<ConnectionAddr, String> {
        let asked = self.at.iter().map(|sentinel| Box::pin(ask::<R>(sentinel, &self.primary)));
        match select_ok(asked).await {
            Ok((address, _)) => Ok(address),
            Err(error) => Err(format!("no sentinel tells where {:?} is: {error}", self.primary)),
        }
    }
}

async fn ask<R: Connect>(sentinel: &Target, primary: &str) -> Result<ConnectionAddr, String> {
    let at = sentinel.info.addr();
    let failed = |error: &dyn std::fmt::Display| format!("{error} ({at})");
    let stream = open::<R>(at, sentinel.tls.as_ref()).await.map_err(|error| failed(&error))?;
    let question = async |connection: &mut MultiplexedConnection| {
        let mut question = redis::cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(primary);
        let answer = question.query_async::<Option<(String, u16)>>(connection).await;
        answer.map_err(|error| error.to_string())
    };
    match greet(sentinel.info.redis_settings(), stream, question).await {
        Ok((_, Some((host, port)))) => Ok(ConnectionAddr::Tcp(host, port)),
        Ok((_, None)) => Err(failed(&"it watches none of that name")),
        Err(error) => Err(failed(&error)),
    }
}

/// Whether this is a primary: what a sentinel says may be a moment old.
pub(crate) async fn is_primary(connection: &mut MultiplexedConnection) -> Result<(), String> {
    match redis::cmd("ROLE").query_async::<Vec<Value>>(connection).await {
        Err(error) => Err(format!("it doesn't tell its role: {error}")),
        Ok(role) => match role.first() {
            Some(Value::BulkString(role)) if role == b"master" => Ok(()),
            Some(Value::BulkString(role)) => {
                Err(format!("it is a {}, not the primary", String::from_utf8_lossy(role)))
            }
            _ => Err("its role can't be read".to_owned()),
        },
    }
}
