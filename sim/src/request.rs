//! What the world needs of an envelope: which call it belongs to. Looked for in the bytes, since each is looked at.

use bytes::Bytes;

use crate::event::CallId;

/// The name of the param that carries the number of a call.
const NUMBER: &[u8] = br#""n":"#;
const ID: &[u8] = br#""id":""#;

/// The envelope among the fields of an entry.
pub(crate) fn envelope(fields: &[(Bytes, Bytes)]) -> Option<&[u8]> {
    fields.iter().find(|(name, _)| name.as_ref() == b"envelope").map(|(_, value)| value.as_ref())
}

/// The number of the call that a request makes.
pub(crate) fn number(envelope: &[u8]) -> Option<CallId> {
    let digits = &envelope[after(envelope, NUMBER)?..];
    let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&digits[..len]).ok()?.parse().ok()
}

/// The id of a request or reply, as a number: its hexadecimal digits.
pub(crate) fn id(envelope: &[u8]) -> Option<u128> {
    let text = &envelope[after(envelope, ID)?..];
    let digits = text.iter().take_while(|byte| **byte != b'"').filter(|byte| **byte != b'-');
    digits
        .take(32)
        .try_fold(0_u128, |id, byte| Some(id << 4 | u128::from(char::from(*byte).to_digit(16)?)))
}

/// The id of a request as it is written.
pub(crate) fn id_text(envelope: &[u8]) -> Option<String> {
    let text = &envelope[after(envelope, ID)?..];
    let len = text.iter().position(|byte| *byte == b'"')?;
    String::from_utf8(text[..len].to_vec()).ok()
}

fn after(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what).map(|at| at + what.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_known_by_their_number_and_by_their_id() {
        let request =
            br#"{"jsonrpc":"2.0","method":"s.run","params":{"n":17,"key":3},"id":"0a-ff"}"#;
        assert_eq!((number(request), id(request)), (Some(17), Some(0xaff)));
        assert_eq!(number(b"{}"), None);
        assert_eq!(id(br#"{"id":7}"#), None);
        let fields = [("type".into(), "rpc".into()), ("envelope".into(), "{}".into())];
        assert_eq!(envelope(&fields), Some(&b"{}"[..]));
        assert_eq!(envelope(&fields[..1]), None);
    }
}
