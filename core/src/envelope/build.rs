//! From values to bytes, in the field order that the other implementations write.

use bytes::Bytes;
use serde::Serialize;

use super::parse::RequestId;
use super::{ENVELOPE, REPLY_TO};
use crate::call_name::CallName;
use crate::codec;
use crate::command::Fields;
use crate::contract::MethodKind;
use crate::error::{Misuse, RpcError};
use crate::names::{NameError, is_method_name, is_service_name};
use crate::random::{UUID_LEN, Uuid};
use crate::spare::Spare;

/// A request or a notification with its params, written once, into the buffer that will be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub(crate) kind: MethodKind,
    name: CallName,
    envelope: Vec<u8>,
}

impl Outgoing {
    /// Writes a call's params. The id comes when the core takes it.
    ///
    /// # Errors
    ///
    /// [`Misuse::Name`] or [`Misuse::Params`].
    pub fn new(
        kind: MethodKind,
        service: &str,
        method: &str,
        params: &(impl Serialize + ?Sized),
    ) -> Result<Outgoing, Misuse> {
        if !is_service_name(service) {
            return Err(NameError::Service(service.to_owned()).into());
        }
        if !is_method_name(method) {
            return Err(NameError::Method(method.to_owned()).into());
        }
        // For small params. Large ones make it grow.
        let mut envelope = Vec::with_capacity(128 + service.len() + method.len());
        envelope.extend_from_slice(br#"{"jsonrpc":"2.0","method":""#);
        envelope.extend_from_slice(service.as_bytes());
        envelope.push(b'.');
        envelope.extend_from_slice(method.as_bytes());
        envelope.extend_from_slice(br#"","params":"#);
        codec::write(&mut envelope, params).map_err(|error| Misuse::Params {
            service: service.to_owned(),
            method: method.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Outgoing { kind, name: CallName::new(service, method), envelope })
    }

    /// What is called.
    #[must_use]
    pub fn name(&self) -> &CallName {
        &self.name
    }

    /// The service that is called.
    #[must_use]
    pub fn service(&self) -> &str {
        self.name.service()
    }

    /// The method that is called, without the service.
    #[must_use]
    pub fn method(&self) -> &str {
        self.name.method()
    }

    /// How many bytes it will have.
    pub(crate) fn len(&self) -> usize {
        self.envelope.len()
            + match self.kind {
                MethodKind::Request => r#","id":""}"#.len() + UUID_LEN,
                MethodKind::Notification => "}".len(),
            }
    }

    /// The finished envelope of a request.
    pub(crate) fn into_request(mut self, id: Uuid, spare: &mut Spare) -> Bytes {
        let mut end = *br#","id":"________-____-____-____-____________"}"#;
        end[7..7 + UUID_LEN].copy_from_slice(&id.text());
        self.envelope.extend_from_slice(&end);
        spare.share(self.envelope)
    }

    /// The finished envelope of a notification.
    pub(crate) fn into_notification(mut self, spare: &mut Spare) -> Bytes {
        self.envelope.push(b'}');
        spare.share(self.envelope)
    }
}

/// The fields of an entry that carries `envelope`.
pub(crate) fn fields(envelope: Bytes, reply_to: Option<Bytes>, spare: &mut Spare) -> Fields {
    let mut fields = spare.list();
    fields.push((Bytes::from_static(b"type"), Bytes::from_static(b"rpc")));
    fields.push((Bytes::from_static(ENVELOPE), envelope));
    if let Some(key) = reply_to {
        fields.push((Bytes::from_static(REPLY_TO), key));
    }
    fields
}

/// A reply with a result. A result that can't be written as JSON becomes the error that says so.
#[must_use]
pub fn success_response(id: &RequestId, result: &(impl Serialize + ?Sized)) -> Bytes {
    let mut envelope = begin_response(id);
    envelope.extend_from_slice(br#","result":"#);
    match codec::write_result(&mut envelope, result) {
        Ok(()) => {
            envelope.push(b'}');
            envelope.into()
        }
        Err(error) => error_response(id, &error),
    }
}

/// A reply with an error.
pub(crate) fn error_response(id: &RequestId, error: &RpcError) -> Bytes {
    #[derive(Serialize)]
    struct WireError<'a> {
        code: i64,
        message: &'a str,
        data: &'a Option<serde_json::Value>,
    }
    let mut envelope = begin_response(id);
    envelope.extend_from_slice(br#","error":"#);
    let wire = WireError { code: error.code, message: &error.message, data: &error.data };
    // A code, a text and a `Value` always can be written.
    if codec::write(&mut envelope, &wire).is_err() {
        envelope.extend_from_slice(br#"{"code":-32603,"message":"Internal error","data":null}"#);
    }
    envelope.push(b'}');
    envelope.into()
}

fn begin_response(id: &RequestId) -> Vec<u8> {
    let mut envelope = Vec::with_capacity(96 + id.as_bytes().len());
    envelope.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    envelope.extend_from_slice(id.as_bytes());
    envelope
}
