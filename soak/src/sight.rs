//! What the bench sees in Redis.

use clamator_testkit::Value;
use serde_json::Value as Json;

use crate::record::What;
use crate::setup::{PREFIX, SERVICES, command_stream, dead_stream};

/// Asks Redis; nothing if it is away.
pub(crate) type Ask<'a> = &'a mut dyn FnMut(&[&str]) -> Option<Value>;

/// The groups of the command streams.
pub(crate) fn groups(ask: Ask<'_>) -> Vec<What> {
    let mut found = Vec::new();
    for (service, _) in SERVICES {
        let stream = command_stream(service);
        for group in list(ask(&["XINFO", "GROUPS", &stream])) {
            found.push(What::Group {
                stream: stream.clone(),
                group: text(group.field("name")),
                pending: count(group.field("pending")),
                consumers: count(group.field("consumers")),
            });
        }
    }
    found
}

/// The consumers of the services' groups.
pub(crate) fn consumers(ask: Ask<'_>) -> Vec<What> {
    let mut found = Vec::new();
    for (service, _) in SERVICES {
        let stream = command_stream(service);
        for consumer in list(ask(&["XINFO", "CONSUMERS", &stream, service])) {
            found.push(What::Consumer {
                stream: stream.clone(),
                name: text(consumer.field("name")),
                pending: count(consumer.field("pending")),
                idle_ms: count(consumer.field("idle")),
            });
        }
    }
    found
}

/// How long the streams of commands and replies are.
pub(crate) fn lengths(ask: Ask<'_>) -> Vec<What> {
    let replies = list(ask(&["KEYS", &format!("{PREFIX}:replies:*")]));
    let replies = replies.iter().map(|key| text(Some(key)));
    let commands = SERVICES.iter().map(|(service, _)| command_stream(service));
    let keys: Vec<String> = commands.chain(replies).collect();
    let length = |key: String| {
        let len = length(&mut *ask, &key);
        What::Length { key, len }
    };
    keys.into_iter().map(length).collect()
}

/// Every key there is.
pub(crate) fn keys(ask: Ask<'_>) -> Vec<What> {
    let mut found = Vec::new();
    for key in list(ask(&["KEYS", "*"])).iter().map(|key| text(Some(key))) {
        let kind = text(ask(&["TYPE", &key]).as_ref());
        let ttl_ms = number(ask(&["PTTL", &key]).as_ref());
        let len = length(&mut *ask, &key);
        found.push(What::Key { key, kind, ttl_ms, len });
    }
    found
}

/// Every request that was given up.
pub(crate) fn dead(ask: Ask<'_>) -> Vec<What> {
    let mut found = Vec::new();
    for (service, _) in SERVICES {
        let stream = dead_stream(service);
        for entry in list(ask(&["XRANGE", &stream, "-", "+"])) {
            let Value::Array(parts) = entry else { continue };
            let Some(fields @ Value::Array(_)) = parts.get(1) else { continue };
            let envelope: Option<Json> = serde_json::from_str(&text(fields.field("envelope"))).ok();
            let id = envelope.as_ref().and_then(|it| it.pointer("/params/id")?.as_str());
            let deliveries = text(fields.field("dead-deliveries")).parse().unwrap_or(0);
            let id = id.unwrap_or_default().to_owned();
            found.push(What::Dead { stream: stream.clone(), id, deliveries });
        }
    }
    found
}

pub(crate) fn length(ask: Ask<'_>, key: &str) -> u64 {
    count(ask(&["XLEN", key]).as_ref())
}

fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(values)) => values,
        _ => Vec::new(),
    }
}

fn count(value: Option<&Value>) -> u64 {
    u64::try_from(number(value)).unwrap_or(0)
}

fn number(value: Option<&Value>) -> i64 {
    match value {
        Some(Value::Int(number)) => *number,
        _ => 0,
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::Bulk(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(Value::Simple(text)) => text.clone(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.into())
    }

    #[test]
    fn a_request_that_was_given_up_is_known_by_the_id_in_its_params() {
        let fields = ["envelope", r#"{"params":{"id":"c0.1-7","ms":0}}"#, "dead-deliveries", "3"];
        let entry = Value::Array(vec![bulk("5-0"), Value::Array(fields.map(bulk).into())]);
        let found = dead(&mut |command| {
            let is_fragile = command == ["XRANGE", "soak:dead:fragile", "-", "+"];
            is_fragile.then(|| Value::Array(vec![entry.clone()]))
        });
        let stream = "soak:dead:fragile".to_owned();
        assert_eq!(found, [What::Dead { stream, id: "c0.1-7".to_owned(), deliveries: 3 }]);
    }

    #[test]
    fn a_redis_that_is_away_or_loading_shows_nothing() {
        for answer in [None, Some(Value::Error("LOADING".to_owned())), Some(Value::Nil)] {
            let mut ask = |_: &[&str]| answer.clone();
            assert!(groups(&mut ask).is_empty() && consumers(&mut ask).is_empty());
            assert!(keys(&mut ask).is_empty() && dead(&mut ask).is_empty());
            assert!(lengths(&mut ask).iter().all(|it| matches!(it, What::Length { len: 0, .. })));
        }
    }
}
