//! Where Redis is.

use std::fmt;

use clamator_driver::{ConfigError, Transport};
use redis::aio::MultiplexedConnection;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::link::{Connect, RedisLink};

/// What is used when nothing else is given and `REDIS_URL` isn't set.
const DEFAULT_URL: &str = "redis://localhost:6379";

/// Where Redis is: a URL, or a client that exists already; else the environment's `REDIS_URL`; else
/// `redis://localhost:6379`.
///
/// ```
/// use clamator_redis::Redis;
///
/// let by_environment = Redis::new();
/// let by_url = Redis::url("redis://:secret@10.0.0.7:6379/2");
/// assert!(!format!("{by_url:?}").contains("secret"));
/// ```
#[derive(Clone, Default)]
pub struct Redis {
    url: Option<String>,
    client: Option<Client>,
    shared: Option<MultiplexedConnection>,
}

impl Redis {
    /// As the environment says.
    #[must_use]
    pub fn new() -> Redis {
        Redis::default()
    }

    /// At a URL: `redis://[user][:password]@host[:port][/db]` or `redis+unix:///path`.
    #[must_use]
    pub fn url(url: impl Into<String>) -> Redis {
        Redis::new().with_url(url)
    }

    /// Where this client points at, with its credentials. It is never asked for a connection; connections are opened by the
    /// runtime that the clamator client or server was built for.
    #[must_use]
    pub fn client(client: Client) -> Redis {
        Redis::new().with_client(client)
    }

    /// The same, at a URL.
    #[must_use]
    pub fn with_url(mut self, url: impl Into<String>) -> Redis {
        self.url = Some(url.into());
        self
    }

    /// The same, where this client points at.
    #[must_use]
    pub fn with_client(mut self, client: Client) -> Redis {
        self.client = Some(client);
        self
    }

    /// Sends commands that don't block over this connection, which others may use too. It is never closed. Once it is lost, a
    /// connection of its own takes its place. Blocking reads always have connections of their own: give the client or the URL
    /// that it was made from too.
    #[must_use]
    pub fn with_shared_connection(mut self, connection: MultiplexedConnection) -> Redis {
        self.shared = Some(connection);
        self
    }

    fn info(&self) -> Result<ConnectionInfo, ConfigError> {
        let url = match (&self.url, &self.client) {
            (Some(_), Some(_)) => return Err(ConfigError::UrlAndClient),
            (None, Some(client)) => return Ok(client.get_connection_info().clone()),
            (Some(url), None) => url.clone(),
            (None, None) if self.shared.is_some() => {
                return Err(ConfigError::SharedConnectionAlone);
            }
            (None, None) => match std::env::var("REDIS_URL") {
                Ok(url) if !url.is_empty() => url,
                _ => DEFAULT_URL.to_owned(),
            },
        };
        url.as_str().into_connection_info().map_err(|error| ConfigError::Url {
            url: without_credentials(&url),
            reason: error.to_string(),
        })
    }
}

impl<R: Connect> Transport<R> for Redis {
    type Link = RedisLink;

    fn into_link(self) -> Result<RedisLink, ConfigError> {
        let info = self.info()?;
        if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            return Err(ConfigError::Url {
                url: info.addr().to_string(),
                reason: "TLS is not supported yet".to_owned(),
            });
        }
        Ok(RedisLink::new(info, self.shared))
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("url", &self.url.as_deref().map(without_credentials))
            .field(
                "client",
                &self.client.as_ref().map(|client| client.get_connection_info().addr().to_string()),
            )
            .field("shared", &self.shared.is_some())
            .finish()
    }
}

/// A URL as it may be shown.
fn without_credentials(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}{}", &url[..scheme + 3], &url[at + 1..])
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(redis: &Redis) -> Result<String, ConfigError> {
        redis.info().map(|info| info.addr().to_string())
    }

    #[test]
    fn a_url_or_a_client_but_not_both() {
        let url = "redis://127.0.0.1:7001/3";
        let client = Client::open("redis://127.0.0.1:7002").unwrap();
        assert_eq!(address(&Redis::url(url)).unwrap(), "127.0.0.1:7001");
        assert_eq!(address(&Redis::client(client.clone())).unwrap(), "127.0.0.1:7002");
        assert_eq!(address(&Redis::url(url).with_client(client)), Err(ConfigError::UrlAndClient));
    }

    #[test]
    fn what_is_not_a_url_says_so_without_its_password() {
        let error = address(&Redis::url("http://me:secret@host")).unwrap_err().to_string();
        assert!(error.contains("host") && !error.contains("secret"), "{error}");
        let error = address(&Redis::url("nonsense")).unwrap_err().to_string();
        assert!(error.contains("nonsense"), "{error}");
    }

    #[test]
    fn credentials_are_not_shown() {
        assert_eq!(without_credentials("redis://u:p@h:1/2"), "redis://h:1/2");
        assert_eq!(without_credentials("redis://u:p@x@h"), "redis://h");
        assert_eq!(without_credentials("redis://h:1"), "redis://h:1");
        assert_eq!(without_credentials("h@x"), "h@x");
    }
}
