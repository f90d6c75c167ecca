//! The keys and envelopes of `docs/wire.md`, as text.

use super::resp::{array, word};

pub(crate) const SERVICE: &str = "arith";
/// A UUID has so many characters.
pub(crate) const ID_LEN: usize = 36;

pub(crate) fn command_stream(prefix: &str) -> String {
    format!("{prefix}:cmds:{SERVICE}")
}

pub(crate) fn reply_stream(prefix: &str) -> String {
    format!("{prefix}:replies:{}", id(u64::MAX, 0).escape_ascii())
}

/// A text with the shape of a UUID v4 that holds two numbers: the caller that waits, and how many it has made.
pub(crate) fn id(caller: u64, number: u64) -> [u8; ID_LEN] {
    let mut text = *b"00000000-0000-4000-8000-000000000000";
    for (digit, at) in (0..8).chain(9..13).enumerate() {
        text[at] = hex(number >> (4 * digit));
    }
    for digit in 0..12 {
        text[ID_LEN - 1 - digit] = hex(caller >> (4 * digit));
    }
    text
}

/// The caller in an [`id`].
pub(crate) fn caller(id: &[u8]) -> Option<usize> {
    let digits = id.get(ID_LEN - 12..ID_LEN)?;
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + value(digit)? as usize))
}

fn hex(number: u64) -> u8 {
    b"0123456789abcdef"[(number & 15) as usize]
}

/// A whole `XADD` of a request, and where in it the id is to be written.
pub(crate) fn request(prefix: &str, payload: usize) -> (Vec<u8>, usize) {
    let mut out = Vec::new();
    array(&mut out, 10);
    word(&mut out, b"XADD");
    word(&mut out, command_stream(prefix).as_bytes());
    [&b"NOMKSTREAM"[..], b"*", b"type", b"rpc", b"envelope"]
        .iter()
        .for_each(|it| word(&mut out, it));
    let (method, params) = match payload {
        0 => ("add", r#"{"a":2.0,"b":3.0}"#.to_owned()),
        bytes => ("echo", format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes))),
    };
    let head =
        format!(r#"{{"jsonrpc":"2.0","method":"{SERVICE}.{method}","params":{params},"id":""#);
    let envelope = format!(r#"{head}{}"}}"#, "0".repeat(ID_LEN));
    word(&mut out, envelope.as_bytes());
    let at = out.len() - 2 - 2 - ID_LEN;
    word(&mut out, b"reply-to");
    word(&mut out, reply_stream(prefix).as_bytes());
    (out, at)
}

/// What stands between two marks in an envelope.
pub(crate) fn between<'a>(text: &'a [u8], before: &[u8], after: u8) -> Option<&'a [u8]> {
    let start = find(text, before)? + before.len();
    let rest = &text[start..];
    Some(&rest[..rest.iter().position(|byte| *byte == after)?])
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_caller() {
        let id = id(1234, 0xabc);
        assert_eq!(&id, b"cba00000-0000-4000-8000-0000000004d2");
        assert_eq!(caller(&id), Some(1234));
        assert_eq!(caller(b"short"), None);
    }

    #[test]
    fn the_id_of_a_request_is_at_its_place() {
        let (mut request, at) = request("p", 0);
        request[at..at + ID_LEN].copy_from_slice(&id(7, 1));
        let text = String::from_utf8(request).unwrap();
        assert!(text.contains(r#""id":"10000000-0000-4000-8000-000000000007"}"#), "{text}");
        assert_eq!(between(text.as_bytes(), b"\"a\":", b','), Some(&b"2.0"[..]));
    }
}
