//! Where Redis is.

use std::fmt;

use clamator_driver::{ConfigError, Transport};
use redis::aio::MultiplexedConnection;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::link::{Connect, RedisLink};
use crate::sentinel::Sentinels;
use crate::tls::{Tls, TlsOptions};

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
    sentinels: Option<(String, Vec<String>)>,
    without_scripts: bool,
    pub(crate) tls: TlsOptions,
}

/// Where Redis is, and how it is spoken to.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) info: ConnectionInfo,
    pub(crate) tls: Option<Tls>,
    /// Who knows the host and port, if they aren't in `info`.
    pub(crate) sentinels: Option<Sentinels>,
}

impl Target {
    /// Without credentials.
    pub(crate) fn address(&self) -> String {
        match &self.sentinels {
            Some(sentinels) => format!("sentinel {}", sentinels.primary),
            None => self.info.addr().to_string(),
        }
    }
}

impl Redis {
    /// As the environment says.
    #[must_use]
    pub fn new() -> Redis {
        Redis::default()
    }

    /// At a URL: `redis://[user][:password]@host[:port][/db]` or `redis+unix:///path`; with the feature `tls` also
    /// `rediss://…`, which is the same over TLS.
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

    /// At the primary that Redis Sentinel calls this, wherever that is at the time: sentinels (`redis://host:26379`) are asked
    /// for each new connection. Credentials and database of the primary come from [`with_url`](Redis::with_url), whose host and
    /// port mean nothing then; `rediss://` there speaks TLS to the primary.
    ///
    /// ```
    /// use clamator_redis::Redis;
    ///
    /// let redis = Redis::sentinel("mymaster", ["redis://10.0.0.1:26379", "redis://10.0.0.2:26379"])
    ///     .with_url("redis://user:password@mymaster/2");
    /// ```
    #[must_use]
    pub fn sentinel<S: Into<String>>(
        primary: impl Into<String>,
        sentinels: impl IntoIterator<Item = S>,
    ) -> Redis {
        let at = sentinels.into_iter().map(Into::into).collect();
        Redis { sentinels: Some((primary.into(), at)), ..Redis::default() }
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
    ///
    /// Give it a response timeout, as `redis` does by default: should its task end in the very moment in which something is
    /// handed to it, that is noticed by a timeout alone, at the latest by the option `response_timeout`.
    #[must_use]
    pub fn with_shared_connection(mut self, connection: MultiplexedConnection) -> Redis {
        self.shared = Some(connection);
        self
    }

    /// For a Redis that refuses `EVAL`, as some managed services do: a server does without scripts. Clients have none.
    ///
    /// Calls, leases, taking over and reconnecting work as ever. What is given up, since it can't be done safely by single
    /// commands:
    ///
    /// - Nothing is removed: done requests stay in the stream, as with
    ///   [`Retention::KeepAll`](clamator_core::Retention::KeepAll), and the consumers of stopped servers in the group. Trim
    ///   the stream yourself while nothing is pending.
    /// - `max_deliveries` is an error, and `CallContext` may tell of more deliveries than there were: a renewal counts as one.
    /// - A renewal brings the whole request along again, every third of the claim idle.
    /// - A stop hands back only what it certainly still owns; the rest waits for the claim idle.
    ///
    /// Without this, a server doesn't start there: [`StartError::NoScripts`](clamator_core::StartError::NoScripts).
    ///
    /// ```
    /// let redis = clamator_redis::Redis::url("rediss://managed.example:6380").without_scripts();
    /// ```
    #[must_use]
    pub fn without_scripts(mut self) -> Redis {
        self.without_scripts = true;
        self
    }

    fn target(&self) -> Result<Target, ConfigError> {
        let mut target = self.primary()?;
        if let Some((primary, urls)) = &self.sentinels {
            if urls.is_empty() {
                return Err(ConfigError::Url {
                    url: primary.clone(),
                    reason: "no sentinel was given that knows where it is".to_owned(),
                });
            }
            let at = urls.iter().map(|url| self.sentinel_at(url)).collect::<Result<_, _>>()?;
            target.sentinels = Some(Sentinels { primary: primary.clone(), at });
        }
        Ok(target)
    }

    fn sentinel_at(&self, url: &str) -> Result<Target, ConfigError> {
        let (info, secure) = parsed(url)?;
        let tls = if secure { Some(self.tls.build(url)?) } else { None };
        Ok(Target { info, tls, sentinels: None })
    }

    fn primary(&self) -> Result<Target, ConfigError> {
        let url = match (&self.url, &self.client) {
            (Some(_), Some(_)) => return Err(ConfigError::UrlAndClient),
            (None, Some(client)) => return self.target_of(client.get_connection_info()),
            (Some(url), None) => url.clone(),
            (None, None) if self.shared.is_some() => {
                return Err(ConfigError::SharedConnectionAlone);
            }
            (None, None) if self.sentinels.is_some() => DEFAULT_URL.to_owned(),
            (None, None) => match std::env::var("REDIS_URL") {
                Ok(url) if !url.is_empty() => url,
                _ => DEFAULT_URL.to_owned(),
            },
        };
        let (info, secure) = parsed(&url)?;
        Ok(Target { info, tls: self.tls_if(secure, &url)?, sentinels: None })
    }

    /// `redis` knows TLS addresses only when somebody has turned on its own TLS, which isn't used here.
    fn target_of(&self, info: &ConnectionInfo) -> Result<Target, ConfigError> {
        let address = info.addr().to_string();
        let ConnectionAddr::TcpTls { host, port, insecure, tls_params } = info.addr() else {
            return Ok(Target {
                info: info.clone(),
                tls: self.tls_if(false, &address)?,
                sentinels: None,
            });
        };
        if *insecure {
            return Err(insecure_url(&address));
        }
        if tls_params.is_some() {
            return Err(ConfigError::Tls(
                "the certificates that a redis::Client was built with can't be read from it: give them to \
                 Redis::with_root_certificate and Redis::with_client_certificate, and the address as a URL"
                    .to_owned(),
            ));
        }
        let plain = info.clone().set_addr(ConnectionAddr::Tcp(host.clone(), *port));
        Ok(Target { info: plain, tls: self.tls_if(true, &address)?, sentinels: None })
    }

    fn tls_if(&self, secure: bool, url: &str) -> Result<Option<Tls>, ConfigError> {
        if secure {
            return self.tls.build(url).map(Some);
        }
        if self.tls.is_given() {
            return Err(ConfigError::Tls(format!(
                "certificates were given, but {} is spoken to without TLS: say rediss://",
                without_credentials(url)
            )));
        }
        Ok(None)
    }
}

impl<R: Connect> Transport<R> for Redis {
    type Link = RedisLink;

    fn into_link(self) -> Result<RedisLink, ConfigError> {
        let target = self.target()?;
        Ok(RedisLink::new(target, self.shared, !self.without_scripts))
    }
}

/// What a URL says, and whether it asks for TLS.
fn parsed(url: &str) -> Result<(ConnectionInfo, bool), ConfigError> {
    let (plain, secure) = without_tls(url)?;
    match plain.as_str().into_connection_info() {
        Ok(info) => Ok((info, secure)),
        Err(error) => {
            Err(ConfigError::Url { url: without_credentials(url), reason: error.to_string() })
        }
    }
}

/// The same URL without TLS, and whether it asks for TLS.
fn without_tls(url: &str) -> Result<(String, bool), ConfigError> {
    for (scheme, plain) in [("rediss://", "redis://"), ("valkeys://", "valkey://")] {
        if let Some(rest) = url.strip_prefix(scheme) {
            return match rest.split_once('#') {
                None => Ok((format!("{plain}{rest}"), true)),
                Some((_, "insecure")) => Err(insecure_url(url)),
                Some(_) => Err(ConfigError::Url {
                    url: without_credentials(url),
                    reason: "nothing is expected after a `#`".to_owned(),
                }),
            };
        }
    }
    Ok((url.to_owned(), false))
}

fn insecure_url(url: &str) -> ConfigError {
    ConfigError::Url {
        url: without_credentials(url),
        reason: "`#insecure` would trust whoever answers, and hand them the password: trust the server's own certificate with \
                 Redis::with_root_certificate, or expect another name in it with Redis::with_tls_name"
            .to_owned(),
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
            .field("sentinel", &self.sentinels.as_ref().map(|(primary, _)| primary))
            .field("shared", &self.shared.is_some())
            .field("scripts", &!self.without_scripts)
            .finish()
    }
}

/// A URL as it may be shown.
pub(crate) fn without_credentials(url: &str) -> String {
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
        redis.target().map(|target| target.info.addr().to_string())
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
    fn a_primary_is_known_by_its_name() {
        let redis = Redis::sentinel("main", ["redis://h:1", "redis://:secret@h:2"]);
        let target = redis.clone().with_url("redis://u:p@main/3").target();
        let target = target.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            (target.address().as_str(), target.info.redis_settings().db()),
            ("sentinel main", 3)
        );
        assert!(!format!("{redis:?}").contains("secret"));
        for (sentinels, text) in [(&[][..], "no sentinel"), (&["http://me:secret@h"], "http://h")] {
            let redis = Redis::sentinel("main", sentinels.iter().copied());
            let error = address(&redis).unwrap_err().to_string();
            assert!(error.contains(text) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn what_would_trust_anybody_is_refused() {
        for url in ["rediss://u:secret@h/#insecure", "valkeys://u:secret@h:1#insecure"] {
            let error = address(&Redis::url(url)).unwrap_err().to_string();
            assert!(error.contains("with_root_certificate"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let error = address(&Redis::url("rediss://h/#sure")).unwrap_err().to_string();
        assert!(error.contains("after a `#`"), "{error}");
    }

    #[cfg(feature = "tls")]
    #[test]
    fn tls_is_asked_for_by_the_scheme_and_certificates_are_for_nothing_else() {
        let ca = clamator_testkit::Certificates::new().ca();
        let target = |url: &str| Redis::url(url).with_root_certificate(&*ca).target();
        for (url, address) in
            [("rediss://h/2", "h:6379"), ("valkeys://h:7", "h:7"), ("rediss://[::1]:7", "::1:7")]
        {
            let target = target(url).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(
                (target.info.addr().to_string(), target.tls.is_some()),
                (address.into(), true)
            );
        }
        let Err(error) = target("redis://me:secret@h") else { panic!("certificates for nothing") };
        let error = error.to_string();
        assert!(error.contains("rediss://") && !error.contains("secret"), "{error}");
        let plain = Redis::url("redis://h").target().unwrap_or_else(|error| panic!("{error}"));
        assert!(plain.tls.is_none());
    }

    #[test]
    fn credentials_are_not_shown() {
        assert_eq!(without_credentials("redis://u:p@h:1/2"), "redis://h:1/2");
        assert_eq!(without_credentials("redis://u:p@x@h"), "redis://h");
        assert_eq!(without_credentials("redis://h:1"), "redis://h:1");
        assert_eq!(without_credentials("h@x"), "h@x");
    }
}
