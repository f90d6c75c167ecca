//! Who may do what: Redis' own access rules for clients and servers, and nothing more than they need.
//!
//! ```
//! use clamator_redis::acl::{self, Instances, Services};
//!
//! // ACL SETUSER shop on >password <rules>
//! let server = acl::server_rules("my-app", &["shop"])?;
//! assert!(server.to_string().contains("%RW~my-app:cmds:shop"));
//!
//! // A client of one service, built with `.instance_id(format!("web-{number}"))`.
//! let client = acl::client_rules("my-app", Instances::StartingWith("web-"), Services::Only(&["shop"]))?;
//! assert!(client.to_string().contains("%RW~my-app:replies:web-*"));
//! # Ok::<(), acl::AclError>(())
//! ```
//!
//! They need Redis 7.0 or Valkey: before that there are neither permissions to read or write a key, nor selectors. What they protect
//! from whom, and from what they can't, is told in `docs/security.md`.

use std::fmt;

use clamator_core::{InstanceId, KeyPrefix, NameError, ServiceName};

/// What a role does: these commands, on keys like these, and on no others.
struct Grant {
    keys: Keys,
    commands: &'static [&'static str],
}

/// Which keys a grant is for, and what is done with them.
enum Keys {
    /// The commands have no keys.
    None,
    /// The streams that requests are added to: written.
    Requests,
    /// The streams that requests are taken from: read and written.
    Served,
    /// The reply streams of the client's own: read and written.
    OwnReplies,
    /// All reply streams: written.
    Replies,
    /// Where requests of the served services end that were begun too often: written.
    DeadLetters,
}

/// All that a client does. A new command of the core for it becomes a line here.
const CLIENT: &[Grant] = &[
    Grant { keys: Keys::None, commands: &["ping", "client|info"] },
    Grant { keys: Keys::Requests, commands: &["xadd"] },
    Grant { keys: Keys::OwnReplies, commands: &["xread", "pexpire", "del", "xinfo|stream"] },
];

/// All that a server does, in its scripts too. A new command of the core for it becomes a line here.
const SERVER: &[Grant] = &[
    Grant { keys: Keys::None, commands: &["ping", "client|info", "client|unblock", "client|kill"] },
    Grant {
        keys: Keys::Served,
        commands: &[
            "xgroup|create",
            "xreadgroup",
            "xack",
            "xautoclaim",
            "xpending",
            // Scripts, and what they call.
            "eval",
            "xclaim",
            "xrange",
            "xlen",
            "xinfo|stream",
            "xinfo|groups",
            "xtrim",
            "exists",
            "xinfo|consumers",
            "xgroup|delconsumer",
        ],
    },
    Grant { keys: Keys::Replies, commands: &["xadd", "pexpire"] },
    Grant { keys: Keys::DeadLetters, commands: &["xadd"] },
];

/// What a user had before goes, but for passwords.
const NOTHING: [&str; 4] = ["-@all", "resetkeys", "resetchannels", "clearselectors"];

/// Which reply streams are a client's own: those of its instance id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instances<'a> {
    /// That of one client, built with this `instance_id`.
    Id(&'a str),
    /// Those of all clients whose `instance_id` starts with this.
    StartingWith(&'a str),
    /// All of them: clients with random ids. They can read, and delete, the replies to one another.
    Any,
}

/// Which services a client may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Services<'a> {
    /// All of them under the prefix.
    All,
    /// These.
    Only(&'a [&'a str]),
}

/// Why there are no rules for what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AclError {
    /// A prefix, an instance id or a service that can't be.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Redis can't be told about keys with such a character in them.
    #[error(
        "Redis has no access rules for keys with {character:?} in them, as {text:?} has: leave out white space and quotes"
    )]
    Inexpressible {
        /// The prefix or the instance id.
        text: String,
        /// The first such character in it.
        character: char,
    },
    /// Rules for no service at all would permit nothing that makes sense.
    #[error("no service was named: name those that are served or called")]
    NoServices,
}

/// Access rules of Redis, as `ACL SETUSER <user> on ><password> <rules>` takes them. Shown, they are fit for `redis-cli`, for an
/// ACL file and for `redis.conf`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules(Vec<String>);

impl Rules {
    /// One by one, for a command of their own: each is one argument of `ACL SETUSER`.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// The rules for a client: it calls these services and reads the replies to itself. It takes away what the user might do before.
///
/// # Errors
///
/// [`AclError`] when a name can't be one, or can't be told to Redis.
pub fn client_rules(
    prefix: &str,
    instances: Instances<'_>,
    services: Services<'_>,
) -> Result<Rules, AclError> {
    let prefix = KeyPrefix::new(prefix)?;
    let requests = match services {
        Services::All => vec![format!("%W~{}:cmds:*", escaped(prefix.as_str())?)],
        Services::Only(services) => streams(services, |service| {
            Ok(format!("%W~{}", escaped(prefix.command_stream(service).as_str())?))
        })?,
    };
    let own = match instances {
        Instances::Any => format!("%RW~{}:replies:*", escaped(prefix.as_str())?),
        Instances::Id(id) => format!("%RW~{}", reply_stream(&prefix, id)?),
        Instances::StartingWith(start) => format!("%RW~{}*", reply_stream(&prefix, start)?),
    };
    let patterns = Patterns { requests, own: vec![own], ..Patterns::default() };
    Ok(rules(CLIENT, &patterns))
}

/// The rules for a server of these services: it takes their requests, and replies to whoever asks. They take away what the user might do
/// before.
///
/// # Errors
///
/// [`AclError`] when a name can't be one, or can't be told to Redis.
pub fn server_rules(prefix: &str, services: &[&str]) -> Result<Rules, AclError> {
    let prefix = KeyPrefix::new(prefix)?;
    let served = streams(services, |service| {
        Ok(format!("%RW~{}", escaped(prefix.command_stream(service).as_str())?))
    })?;
    let dead = streams(services, |service| {
        Ok(format!("%W~{}", escaped(prefix.dead_letter_stream(service).as_str())?))
    })?;
    let replies = format!("%W~{}:replies:*", escaped(prefix.as_str())?);
    let patterns = Patterns { served, replies: vec![replies], dead, ..Patterns::default() };
    Ok(rules(SERVER, &patterns))
}

/// What each kind of keys is in Redis' words.
#[derive(Default)]
struct Patterns {
    requests: Vec<String>,
    own: Vec<String>,
    served: Vec<String>,
    replies: Vec<String>,
    dead: Vec<String>,
}

fn rules(grants: &[Grant], patterns: &Patterns) -> Rules {
    let mut rules: Vec<String> = NOTHING.map(str::to_owned).into();
    for grant in grants {
        let commands = grant.commands.iter().map(|command| format!("+{command}"));
        let keys = match grant.keys {
            Keys::None => {
                rules.extend(commands);
                continue;
            }
            Keys::Requests => &patterns.requests,
            Keys::Served => &patterns.served,
            Keys::OwnReplies => &patterns.own,
            Keys::Replies => &patterns.replies,
            Keys::DeadLetters => &patterns.dead,
        };
        // A selector: these commands on these keys, and neither on others.
        let words: Vec<String> = commands.chain(keys.iter().cloned()).collect();
        rules.push(format!("({})", words.join(" ")));
    }
    Rules(rules)
}

fn streams(
    services: &[&str],
    pattern: impl Fn(&ServiceName) -> Result<String, AclError>,
) -> Result<Vec<String>, AclError> {
    if services.is_empty() {
        return Err(AclError::NoServices);
    }
    services.iter().map(|service| pattern(&ServiceName::new(service)?)).collect()
}

fn reply_stream(prefix: &KeyPrefix, instance: &str) -> Result<String, AclError> {
    escaped(prefix.reply_stream(&InstanceId::new(instance)?).as_str())
}

/// A pattern that means this text and nothing else. Redis takes no pattern with white space in it, and loses quotes when it reads
/// back what it has saved.
fn escaped(text: &str) -> Result<String, AclError> {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r' | '\0' | '"' | '\'' => {
                return Err(AclError::Inexpressible { text: text.to_owned(), character });
            }
            '*' | '?' | '[' | ']' | '\\' => pattern.extend(['\\', character]),
            // At the end of a word it would end the selector.
            ')' => pattern.push_str("[)]"),
            other => pattern.push(other),
        }
    }
    Ok(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_serves_what_it_is_named_for() {
        let rules = server_rules("p", &["a", "b"]).unwrap();
        let [.., served, replies, dead] = rules.words() else { panic!("{rules}") };
        assert_eq!(dead, "(+xadd %W~p:dead:a %W~p:dead:b)");
        assert!(served.ends_with(" %RW~p:cmds:a %RW~p:cmds:b)"), "{served}");
        assert_eq!(replies, "(+xadd +pexpire %W~p:replies:*)");
        assert!(
            rules.to_string().starts_with("-@all resetkeys resetchannels clearselectors +ping")
        );
    }

    #[test]
    fn a_client_adds_requests_and_reads_its_own_replies() {
        for (instances, services, expected) in [
            (Instances::Id("me"), Services::All, ["(+xadd %W~p:cmds:*)", "me)"]),
            (
                Instances::StartingWith("web-"),
                Services::Only(&["a"]),
                ["(+xadd %W~p:cmds:a)", "web-*)"],
            ),
            (
                Instances::Any,
                Services::Only(&["a", "b"]),
                ["(+xadd %W~p:cmds:a %W~p:cmds:b)", "*)"],
            ),
        ] {
            let rules = client_rules("p", instances, services).unwrap();
            let [.., requests, own] = rules.words() else { panic!("{rules}") };
            assert_eq!(requests, expected[0]);
            assert_eq!(
                *own,
                format!("(+xread +pexpire +del +xinfo|stream %RW~p:replies:{}", expected[1])
            );
        }
    }

    #[test]
    fn a_pattern_means_its_text_only() {
        assert_eq!(escaped(r"a*b?[c]\d)é{}(~%").unwrap(), r"a\*b\?\[c\]\\d[)]é{}(~%");
        for character in [' ', '\t', '\n', '\u{b}', '\u{c}', '\r', '\0', '"', '\''] {
            let text = format!("a{character}b");
            let inexpressible = AclError::Inexpressible { text: text.clone(), character };
            assert_eq!(
                server_rules(&text, &["a"]),
                Err(AclError::Inexpressible { text: format!("{text}:cmds:a"), character })
            );
            assert_eq!(escaped(&text), Err(inexpressible));
        }
    }

    #[test]
    fn names_are_checked() {
        let no_id = AclError::Name(NameError::EmptyInstanceId);
        for instances in [Instances::Id(""), Instances::StartingWith("")] {
            assert_eq!(client_rules("p", instances, Services::All), Err(no_id.clone()));
        }
        assert_eq!(server_rules("", &["a"]), Err(AclError::Name(NameError::EmptyPrefix)));
        assert_eq!(server_rules("p", &["A"]), Err(AclError::Name(NameError::Service("A".into()))));
        assert_eq!(server_rules("p", &[]), Err(AclError::NoServices));
        let only = Services::Only(&[]);
        assert_eq!(client_rules("p", Instances::Any, only), Err(AclError::NoServices));
    }
}
