//! From an entry of the command stream to what is done with it. The only place where a request is judged.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::command::Fields;
use crate::contract::{Contract, MethodKind};
use crate::envelope::{ENVELOPE, REPLY_TO, Request, RequestId, error_response, parse_request};
use crate::error::{RpcError, codes};
use crate::names::{Key, KeyPrefix, MethodName};
use crate::text::shorten;

/// What to do with an entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Admission {
    /// Run the handler; answer, if somebody waits.
    Run {
        id: Option<RequestId>,
        method: MethodName,
        params: Bytes,
        kind: MethodKind,
        reply_to: Option<Key>,
    },
    /// Answer at once. `reason` is for the log.
    Answer { reply_to: Key, envelope: Bytes, reason: String },
    /// Nobody can be answered.
    Drop { reason: String },
}

/// Judges an entry by its fields, one of which says where replies go.
pub(crate) fn admit(
    fields: &Fields,
    reply_to: Result<Option<Key>, String>,
    contract: &Contract,
    max_message_bytes: usize,
) -> Admission {
    let reply_to = match reply_to {
        Ok(reply_to) => reply_to,
        Err(reason) => return Admission::Drop { reason },
    };
    let Some(envelope) = field(fields, ENVELOPE) else {
        return Admission::Drop { reason: "it has no envelope".to_owned() };
    };
    let parsed = parse_request(envelope);
    if envelope.len() > max_message_bytes {
        let reason = format!(
            "the message has {} bytes, more than max_message_bytes ({max_message_bytes})",
            envelope.len()
        );
        let id = parsed.map_or_else(|invalid| invalid.id, |request| request.id);
        return answer(reply_to, id, refuse("Message too large", reason));
    }
    match parsed {
        Err(invalid) => answer(reply_to, invalid.id, invalid.error),
        Ok(request) => judge(request, contract, reply_to),
    }
}

/// What is said of a method whose name anybody may have chosen.
fn no_such_method(name: &str) -> String {
    format!("there is no method {:?}", shorten(name))
}

fn judge(request: Request<'_>, contract: &Contract, reply_to: Option<Key>) -> Admission {
    let Request { id, method: name, params } = request;
    match (contract.find(&name), reply_to, id) {
        (None, Some(reply_to), Some(id)) => Admission::Answer {
            reply_to,
            envelope: error_response(&id, &RpcError::method_not_found()),
            reason: no_such_method(&name),
        },
        (None, ..) => Admission::Drop { reason: no_such_method(&name) },
        // The others never answer this, so that the caller waits for its timeout.
        (Some((_, MethodKind::Notification)), Some(reply_to), Some(id)) => {
            let reason = format!("{name:?} is a notification: send it without an id");
            let error = refuse("Method is a notification", reason.clone());
            Admission::Answer { reply_to, envelope: error_response(&id, &error), reason }
        }
        (Some((method, kind)), reply_to, id) => {
            let reply_to = reply_to.filter(|_| id.is_some());
            Admission::Run { id, method: method.clone(), params, kind, reply_to }
        }
    }
}

fn answer(reply_to: Option<Key>, id: Option<RequestId>, error: RpcError) -> Admission {
    let reason = error.to_string();
    match (reply_to, id) {
        (Some(reply_to), Some(id)) => {
            Admission::Answer { reply_to, envelope: error_response(&id, &error), reason }
        }
        _ => Admission::Drop { reason },
    }
}

fn refuse(message: &str, reason: String) -> RpcError {
    RpcError::new(codes::INVALID_REQUEST, message).with_data(reason)
}

/// How many reply streams are remembered.
const MAX_STREAMS: usize = 1024;

/// The streams that replies go to: of each there is one key, however many requests name it.
#[derive(Debug, Default)]
pub(crate) struct ReplyStreams {
    known: BTreeSet<Key>,
    /// What was named last is often what is named next.
    last: Option<Key>,
}

impl ReplyStreams {
    /// Where the reply to an entry with these fields goes, if it says so; or why it may not.
    pub(crate) fn of(
        &mut self,
        fields: &Fields,
        prefix: &KeyPrefix,
    ) -> Result<Option<Key>, String> {
        let Some(named) = field(fields, REPLY_TO) else { return Ok(None) };
        if let Some(last) = self.last.as_ref().filter(|last| last.as_str().as_bytes() == named) {
            return Ok(Some(last.clone()));
        }
        let known = std::str::from_utf8(named).ok().and_then(|key| self.known.get(key));
        let key = match known {
            Some(key) => key.clone(),
            None => {
                let key = confined(named, prefix)?;
                if self.known.len() >= MAX_STREAMS {
                    self.known.clear();
                }
                self.known.insert(key.clone());
                key
            }
        };
        Ok(Some(self.last.insert(key).clone()))
    }
}

fn field<'a>(fields: &'a Fields, wanted: &[u8]) -> Option<&'a Bytes> {
    fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value)
}

/// The stream that a reply may go to: whoever can add a request must not choose any key of the store.
fn confined(key: &Bytes, prefix: &KeyPrefix) -> Result<Key, String> {
    match std::str::from_utf8(key) {
        Ok(key) if prefix.confines_reply_to(key) => Ok(Key::from(key)),
        _ => Err(format!(
            "its reply-to {:?} is not below {prefix}:replies:",
            String::from_utf8_lossy(&key[..key.len().min(200)])
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract() -> Contract {
        Contract::new("arith")
            .and_then(|c| c.with_method("add", MethodKind::Request))
            .and_then(|c| c.with_method("ping", MethodKind::Notification))
            .unwrap()
    }

    fn admitted(fields: &[(&str, &str)]) -> Admission {
        let fields = fields
            .iter()
            .map(|(name, value)| {
                (Bytes::copy_from_slice(name.as_bytes()), Bytes::copy_from_slice(value.as_bytes()))
            })
            .collect();
        let reply_to = ReplyStreams::default().of(&fields, &KeyPrefix::new("p").unwrap());
        admit(&fields, reply_to, &contract(), 200)
    }

    const ADD: &str = r#"{"jsonrpc":"2.0","method":"arith.add","params":{},"id":1}"#;
    const PING: &str = r#"{"jsonrpc":"2.0","method":"arith.ping","params":{}}"#;

    /// (fields, what becomes of it)
    #[test]
    fn every_kind_of_entry_has_its_fate() {
        let run =
            |admission: &Admission| matches!(admission, Admission::Run { reply_to: Some(_), .. });
        let run_silently =
            |admission: &Admission| matches!(admission, Admission::Run { reply_to: None, .. });
        let dropped = |admission: &Admission| matches!(admission, Admission::Drop { .. });
        let answered = |code: &'static str| {
            move |admission: &Admission| match admission {
                Admission::Answer { envelope, reply_to, .. } => {
                    reply_to.as_str() == "p:replies:c"
                        && String::from_utf8_lossy(envelope).contains(code)
                }
                _ => false,
            }
        };
        let to = ("reply-to", "p:replies:c");
        let big = format!(
            r#"{{"jsonrpc":"2.0","method":"arith.add","params":{{"s":"{}"}},"id":1}}"#,
            "x".repeat(200)
        );
        type Check<'a> = Box<dyn Fn(&Admission) -> bool + 'a>;
        let table: Vec<(Vec<(&str, &str)>, Check<'_>)> = vec![
            (vec![("type", "rpc"), ("envelope", ADD), to], Box::new(run)),
            (vec![to, ("more", "x"), ("envelope", ADD)], Box::new(run)),
            (vec![("envelope", ADD)], Box::new(run_silently)),
            (vec![("envelope", PING)], Box::new(run_silently)),
            (vec![("envelope", PING), to], Box::new(run_silently)),
            (vec![("type", "rpc"), to], Box::new(dropped)),
            (vec![], Box::new(dropped)),
            (vec![("envelope", ADD), ("reply-to", "elsewhere")], Box::new(dropped)),
            (vec![("envelope", ADD), ("reply-to", "p:cmds:arith")], Box::new(dropped)),
            (vec![("envelope", "{"), to], Box::new(dropped)),
            (
                vec![("envelope", r#"{"method":"arith.add","id":1}"#), to],
                Box::new(answered("-32600")),
            ),
            (
                vec![("envelope", r#"{"jsonrpc":"2.0","method":"arith.sub","id":1}"#), to],
                Box::new(answered("-32601")),
            ),
            (
                vec![("envelope", r#"{"jsonrpc":"2.0","method":"arith.group-cancel","id":1}"#), to],
                Box::new(answered("-32601")),
            ),
            (vec![("envelope", r#"{"jsonrpc":"2.0","method":"arith.sub"}"#)], Box::new(dropped)),
            (
                vec![("envelope", r#"{"jsonrpc":"2.0","method":"arith.ping","id":1}"#), to],
                Box::new(answered("notification")),
            ),
            (
                vec![("envelope", r#"{"jsonrpc":"2.0","method":"arith.add"}"#), to],
                Box::new(run_silently),
            ),
            (vec![("envelope", &big), to], Box::new(answered("Message too large"))),
            (vec![("envelope", &big)], Box::new(dropped)),
        ];
        for (fields, check) in table {
            let admission = admitted(&fields);
            assert!(check(&admission), "{fields:?}: {admission:?}");
        }
    }

    #[test]
    fn a_message_of_exactly_the_limit_is_taken() {
        let padding = 200 - ADD.len();
        let exact = ADD.replace("{}", &format!("{{{}}}", " ".repeat(padding)));
        assert_eq!(exact.len(), 200);
        assert!(matches!(admitted(&[("envelope", &exact)]), Admission::Run { .. }));
        let over = exact.replace("{ ", "{  ");
        assert!(matches!(admitted(&[("envelope", &over)]), Admission::Drop { .. }));
    }

    #[test]
    fn a_request_to_another_service_on_this_stream_is_taken_as_the_others_take_it() {
        let other = ADD.replace("arith", "other");
        assert!(matches!(admitted(&[("envelope", &other)]), Admission::Run { .. }));
    }
}
