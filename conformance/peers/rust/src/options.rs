//! The command line.

use lexopt::prelude::*;

pub(crate) const HELP: &str = "\
Usage: clamator-peer server|client --redis URL --prefix P [option]…

  --instance ID                    the instance id; default: a random one
  --runtime tokio|smol|async-std   what it runs on; default: tokio
  --claim-idle-ms N                server: when an entry of another consumer is claimed
  --reply-maxlen N                 server: about how many entries a reply stream keeps
  --timeout-ms N                   client: how long a call without a timeout of its own waits";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Client,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RuntimeName {
    Tokio,
    Smol,
    AsyncStd,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) role: Role,
    pub(crate) runtime: RuntimeName,
    pub(crate) redis: String,
    pub(crate) prefix: String,
    pub(crate) instance: Option<String>,
    pub(crate) claim_idle_ms: Option<u64>,
    pub(crate) reply_maxlen: Option<u64>,
    pub(crate) timeout_ms: Option<u64>,
}

impl Options {
    pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Options, lexopt::Error> {
        let (mut role, mut redis, mut prefix, mut instance) = (None, None, None, None);
        let (mut claim_idle_ms, mut reply_maxlen, mut timeout_ms) = (None, None, None);
        let mut runtime = RuntimeName::Tokio;
        while let Some(argument) = parser.next()? {
            match argument {
                Value(word) if role.is_none() => role = Some(parse_role(&word.string()?)?),
                Long("redis") => redis = Some(parser.value()?.string()?),
                Long("prefix") => prefix = Some(parser.value()?.string()?),
                Long("instance") => instance = Some(parser.value()?.string()?),
                Long("runtime") => runtime = parse_runtime(&parser.value()?.string()?)?,
                Long("claim-idle-ms") => claim_idle_ms = Some(parser.value()?.parse()?),
                Long("reply-maxlen") => reply_maxlen = Some(parser.value()?.parse()?),
                Long("timeout-ms") => timeout_ms = Some(parser.value()?.parse()?),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Options {
            role: role.ok_or("server or client?")?,
            runtime,
            redis: redis.ok_or("--redis is missing")?,
            prefix: prefix.ok_or("--prefix is missing")?,
            instance,
            claim_idle_ms,
            reply_maxlen,
            timeout_ms,
        })
    }
}

fn parse_role(word: &str) -> Result<Role, lexopt::Error> {
    match word {
        "server" => Ok(Role::Server),
        "client" => Ok(Role::Client),
        _ => Err(format!("{word:?} is no role: server or client?").into()),
    }
}

fn parse_runtime(word: &str) -> Result<RuntimeName, lexopt::Error> {
    match word {
        "tokio" => Ok(RuntimeName::Tokio),
        "smol" => Ok(RuntimeName::Smol),
        "async-std" => Ok(RuntimeName::AsyncStd),
        _ => Err(format!("{word:?} is no runtime: tokio, smol or async-std?").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let words = line.split_whitespace();
        Options::parse(lexopt::Parser::from_args(words)).map_err(|e| e.to_string())
    }

    #[test]
    fn a_full_line_is_read() {
        let options = parse(
            "server --redis redis://h:1 --prefix p --instance i --claim-idle-ms 5 --reply-maxlen=7 --runtime smol",
        )
        .unwrap();
        assert_eq!((options.role, options.runtime), (Role::Server, RuntimeName::Smol));
        assert_eq!((options.redis.as_str(), options.prefix.as_str()), ("redis://h:1", "p"));
        assert_eq!(options.instance.as_deref(), Some("i"));
        assert_eq!((options.claim_idle_ms, options.reply_maxlen), (Some(5), Some(7)));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (line, word) in [
            ("", "server or client"),
            ("both --redis r --prefix p", "both"),
            ("client --prefix p", "--redis"),
            ("client --redis r", "--prefix"),
            ("client --redis r --prefix p --timeout-ms soon", "soon"),
            ("client --redis r --prefix p --runtime glommio", "glommio"),
            ("client --redis r --prefix p --fast", "--fast"),
            ("client server --redis r --prefix p", "server"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(word), "{line}: {error}");
        }
    }
}
