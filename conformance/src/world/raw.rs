//! Requests and replies as a foreign peer writes and reads them: raw entries, no adapter involved.

use clamator_core::{Entry, StreamId};
use serde_json::json;

use super::World;
use crate::probe::Pending;

/// Any JSON.
pub(crate) type Json = serde_json::Value;

/// The envelope of a request, with the id as JSON.
pub(crate) fn request_envelope(method: &str, params: &Json, id: &Json) -> String {
    json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": id }).to_string()
}

/// The envelope of an entry; it must have one.
#[track_caller]
pub(crate) fn envelope(entry: &Entry) -> String {
    let fields = entry.fields.iter().flatten();
    let found = fields.clone().find(|(name, _)| name == "envelope");
    let (_, envelope) = found.unwrap_or_else(|| panic!("an entry without an envelope: {entry:?}"));
    String::from_utf8_lossy(envelope).into_owned()
}

/// The names of an entry's fields with their values, in order.
pub(crate) fn fields(entry: &Entry) -> Vec<(String, String)> {
    let text = |bytes: &bytes::Bytes| String::from_utf8_lossy(bytes).into_owned();
    entry.fields.iter().flatten().map(|(name, value)| (text(name), text(value))).collect()
}

impl World {
    /// The command stream of a service.
    pub(crate) fn commands(&self, service: &str) -> String {
        format!("{}:cmds:{service}", self.prefix())
    }

    /// The reply stream of a client.
    pub(crate) fn replies_of(&self, client: &str) -> String {
        format!("{}:replies:{client}", self.prefix())
    }

    /// Adds an entry to a service's command stream, whatever it is.
    pub(crate) fn append(&self, service: &str, fields: &[(&str, &[u8])]) -> StreamId {
        let fields: Vec<(&[u8], &[u8])> =
            fields.iter().map(|(name, value)| (name.as_bytes(), *value)).collect();
        self.probe().append(&self.commands(service), &fields)
    }

    /// Adds an envelope, to be answered to the reply stream of this name.
    pub(crate) fn send(&self, service: &str, envelope: impl AsRef<[u8]>, client: &str) -> StreamId {
        let reply_to = self.replies_of(client);
        let fields = [
            ("type", b"rpc".as_slice()),
            ("envelope", envelope.as_ref()),
            ("reply-to", reply_to.as_bytes()),
        ];
        self.append(service, &fields)
    }

    /// Adds a request with the id `"raw"`.
    pub(crate) fn request(
        &self,
        service: &str,
        method: &str,
        params: Json,
        client: &str,
    ) -> StreamId {
        let envelope = request_envelope(&format!("{service}.{method}"), &params, &json!("raw"));
        self.send(service, envelope, client)
    }

    /// Adds a reply to a client's stream, as a server would.
    pub(crate) fn reply_to(&self, client: &str, envelope: impl AsRef<[u8]>) -> StreamId {
        let stream = self.replies_of(client);
        self.probe().append(&stream, &[(b"type", b"rpc"), (b"envelope", envelope.as_ref())])
    }

    /// The replies in a reply stream so far, as they were written.
    pub(crate) fn raw_replies(&self, client: &str) -> Vec<String> {
        let stream = self.replies_of(client);
        self.probe().entries(&stream).iter().map(envelope).collect()
    }

    /// The one reply in a reply stream, once it is there.
    pub(crate) async fn raw_reply(&self, client: &str) -> String {
        let what = format!("there is a reply to {client}");
        let look = || Some(self.raw_replies(client)).filter(|all| !all.is_empty());
        let replies = self.eventually_some(&what, look).await;
        assert_eq!(replies.len(), 1, "one reply to {client}: {replies:?}");
        replies[0].clone()
    }

    /// The same, as JSON.
    pub(crate) async fn reply(&self, client: &str) -> Json {
        let reply = self.raw_reply(client).await;
        serde_json::from_str(&reply).unwrap_or_else(|error| panic!("{reply} is not JSON: {error}"))
    }

    /// Sends an envelope and waits for the one reply to it.
    pub(crate) async fn answer(&self, service: &str, envelope: impl AsRef<[u8]>) -> Json {
        let client = format!("raw-{}", self.number());
        self.send(service, envelope, &client);
        self.reply(&client).await
    }

    /// What a service has pending.
    pub(crate) fn pending(&self, service: &str) -> Vec<Pending> {
        let stream = self.commands(service);
        self.probe().pending(&stream, service)
    }

    /// Waits until everything that is in a service's stream was delivered and is done.
    pub(crate) async fn all_done(&self, service: &str) {
        let stream = self.commands(service);
        self.eventually(&format!("all of {service} is done"), || {
            let mut probe = self.probe();
            let newest = probe.entries(&stream).last().map(|entry| entry.id);
            let delivered = probe.last_delivered(&stream, service);
            probe.pending(&stream, service).is_empty()
                && newest.is_none_or(|newest| delivered.is_some_and(|id| id >= newest))
        })
        .await;
    }
}
