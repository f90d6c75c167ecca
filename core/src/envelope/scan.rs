//! Envelopes as nearly everybody writes them, read in one pass over their bytes.
//!
//! What is unusual, and all that is wrong, is left to serde_json. What is read here, serde_json would read the same way: the
//! tests compare the two.
//!
//! Each function takes what is left of a text and gives what is left after it; `None` where serde_json is to judge.

use super::parse::Wire;

/// How deep values may be nested here.
const DEPTH: u32 = 32;

/// A string of more words of eight bytes is long.
const LONG: u32 = 8;

/// How nearly all envelopes begin.
const USUAL_START: &[u8] = br#"{"jsonrpc":"2.0","#;

/// The fields of the object that a UTF-8 text is.
pub(super) fn read(text: &[u8]) -> Option<Wire<'_>> {
    let mut wire = Wire::default();
    let mut seen = 0;
    let mut rest = match text.strip_prefix(USUAL_START) {
        Some(rest) => {
            wire.jsonrpc = Some(b"\"2.0\"");
            seen = 1 << Field::Jsonrpc as u8;
            rest
        }
        None => mark(text, b'{')?,
    };
    loop {
        let (field, before) = name(rest)?;
        // Most are strings: those at once.
        let after = match before {
            [b'"', rest @ ..] => string(rest)?,
            _ => value(before, DEPTH)?,
        };
        let value = before.get(..before.len() - after.len())?;
        // Nothing else begins like `null`.
        let unless_null = if value.first() == Some(&b'n') { None } else { Some(value) };
        match field {
            Field::Jsonrpc => wire.jsonrpc = unless_null,
            Field::Method => wire.method = Some(value),
            Field::Params => wire.params = unless_null,
            Field::Id => wire.id = unless_null,
            Field::Result => wire.result = Some(value),
            Field::Error => wire.error = unless_null,
        }
        let bit = 1 << field as u8;
        if seen & bit != 0 {
            return None;
        }
        seen |= bit;
        rest = match after {
            [b',', after @ ..] => after,
            _ => match space(after) {
                [b',', after @ ..] => after,
                [b'}', after @ ..] => return space(after).is_empty().then_some(wire),
                _ => return None,
            },
        };
    }
}

/// Whether a part of a JSON text is free of what ends or escapes something in a string.
pub(super) fn is_plain(text: &[u8]) -> bool {
    plain(text).is_empty()
}

#[derive(Clone, Copy)]
enum Field {
    Jsonrpc,
    Method,
    Params,
    Id,
    Result,
    Error,
}

/// A name, and what comes after its colon and all space.
#[inline]
fn name(rest: &[u8]) -> Option<(Field, &[u8])> {
    // Nearly everybody writes them without space.
    let usual = match rest {
        [_, b'm', ..] => word(rest, b"\"method\":").map(|rest| (Field::Method, rest)),
        [_, b'p', ..] => word(rest, b"\"params\":").map(|rest| (Field::Params, rest)),
        [_, b'i', ..] => word(rest, b"\"id\":").map(|rest| (Field::Id, rest)),
        [_, b'r', ..] => word(rest, b"\"result\":").map(|rest| (Field::Result, rest)),
        _ => None,
    };
    let (field, rest) = match usual {
        Some(usual) => usual,
        None => {
            let (field, rest) = field(mark(rest, b'"')?)?;
            (field, mark(rest, b':')?)
        }
    };
    Some((field, space(rest)))
}

/// A name that means something in an envelope, after its first quote.
fn field(rest: &[u8]) -> Option<(Field, &[u8])> {
    let (first, rest) = rest.split_first()?;
    Some(match first {
        b'j' => (Field::Jsonrpc, word(rest, b"sonrpc\"")?),
        b'm' => (Field::Method, word(rest, b"ethod\"")?),
        b'p' => (Field::Params, word(rest, b"arams\"")?),
        b'i' => (Field::Id, word(rest, b"d\"")?),
        b'r' => (Field::Result, word(rest, b"esult\"")?),
        b'e' => (Field::Error, word(rest, b"rror\"")?),
        _ => return None,
    })
}

/// After this one byte, and the space that may be before it.
#[inline]
fn mark(rest: &[u8], wanted: u8) -> Option<&[u8]> {
    match rest {
        [first, rest @ ..] if *first == wanted => Some(rest),
        _ => match space(rest) {
            [first, rest @ ..] if *first == wanted => Some(rest),
            _ => None,
        },
    }
}

#[inline]
fn word<'a, const LEN: usize>(rest: &'a [u8], wanted: &[u8; LEN]) -> Option<&'a [u8]> {
    let (word, rest) = rest.split_first_chunk::<LEN>()?;
    (word == wanted).then_some(rest)
}

#[inline]
fn space(mut rest: &[u8]) -> &[u8] {
    while let [0..=b' ', after @ ..] = rest
        && let [b' ' | b'\t' | b'\n' | b'\r', ..] = rest
    {
        rest = after;
    }
    rest
}

#[inline]
fn value(rest: &[u8], depth: u32) -> Option<&[u8]> {
    match rest {
        [b'"', rest @ ..] => string(rest),
        [b'-', rest @ ..] => number(rest),
        [b'0'..=b'9', ..] => number(rest),
        [b'{', rest @ ..] => object(rest, depth.checked_sub(1)?),
        [b'[', rest @ ..] => array(rest, depth.checked_sub(1)?),
        [b't', rest @ ..] => word(rest, b"rue"),
        [b'f', rest @ ..] => word(rest, b"alse"),
        [b'n', rest @ ..] => word(rest, b"ull"),
        _ => None,
    }
}

/// After the brace at its beginning.
fn object(rest: &[u8], depth: u32) -> Option<&[u8]> {
    let mut rest = space(rest);
    if let [b'}', rest @ ..] = rest {
        return Some(rest);
    }
    loop {
        let after = string(mark(rest, b'"')?)?;
        let after = value(space(mark(after, b':')?), depth)?;
        match space(after) {
            [b',', after @ ..] => rest = after,
            [b'}', after @ ..] => return Some(after),
            _ => return None,
        }
    }
}

/// After the bracket at its beginning.
fn array(rest: &[u8], depth: u32) -> Option<&[u8]> {
    let mut rest = space(rest);
    if let [b']', rest @ ..] = rest {
        return Some(rest);
    }
    loop {
        match space(value(space(rest), depth)?) {
            [b',', after @ ..] => rest = after,
            [b']', after @ ..] => return Some(after),
            _ => return None,
        }
    }
}

/// After the quote at its beginning.
#[inline]
fn string(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        match plain(rest) {
            [b'"', after @ ..] => return Some(after),
            [b'\\', after @ ..] => rest = escape(after)?,
            _ => return None,
        }
    }
}

/// After the backslash.
fn escape(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', rest @ ..] => Some(rest),
        [b'u', rest @ ..] => {
            let (digits, rest) = rest.split_first_chunk::<4>()?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(rest)
        }
        _ => None,
    }
}

/// After its sign.
fn number(rest: &[u8]) -> Option<&[u8]> {
    let mut rest = match rest {
        [b'0', b'0'..=b'9', ..] => return None,
        rest => digits(rest)?,
    };
    if let [b'.', after @ ..] = rest {
        rest = digits(after)?;
    }
    if let [b'e' | b'E', after @ ..] = rest {
        let ([b'+' | b'-', after @ ..] | after) = after;
        rest = digits(after)?;
    }
    Some(rest)
}

/// One or more.
#[inline]
fn digits(mut rest: &[u8]) -> Option<&[u8]> {
    let [b'0'..=b'9', after @ ..] = rest else { return None };
    rest = after;
    while let [b'0'..=b'9', after @ ..] = rest {
        rest = after;
    }
    Some(rest)
}

/// After all that is itself in a string: from the first quote, backslash or control character on.
#[inline]
fn plain(mut rest: &[u8]) -> &[u8] {
    let mut words = 0;
    while let Some((word, after)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*word);
        // One bit turns the quote into what comes right after the control characters, and those into each other.
        let quote_or_control = (word ^ each(0x02)).wrapping_sub(each(0x21));
        let backslash = (word ^ each(b'\\')).wrapping_sub(each(1));
        // Borrows only go up, so the lowest one that is found is one.
        let found = (quote_or_control | backslash) & !word & each(0x80);
        if found != 0 {
            return rest.get(found.trailing_zeros() as usize / 8..).unwrap_or_default();
        }
        words += 1;
        rest = if words == LONG { plain_blocks(after) } else { after };
    }
    while let [b' '..=b'!' | b'#'..=b'[' | b']'.., after @ ..] = rest {
        rest = after;
    }
    rest
}

/// After all whole blocks of the same, which vector instructions go through.
#[inline(never)]
fn plain_blocks(mut rest: &[u8]) -> &[u8] {
    let is_special = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    while let Some((block, after)) = rest.split_first_chunk::<64>()
        && !block.iter().fold(false, |found, byte| found | is_special(*byte))
    {
        rest = after;
    }
    rest
}

/// Whether all bytes are ASCII, and so a text.
pub(super) fn is_ascii(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks::<32>();
    let all = |words: &[[u8; 8]]| words.iter().fold(0, |all, word| all | u64::from_le_bytes(*word));
    let high = blocks.iter().fold(0, |high, block| high | all(block.as_chunks().0));
    let (words, bytes) = rest.as_chunks();
    let high = bytes.iter().fold(high | all(words), |high, byte| high | u64::from(*byte));
    high & each(0x80) == 0
}

/// This byte, eight times.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_plain_ends_at_the_first_special_byte_wherever_it_is() {
        for len in 0..260 {
            let text = "ä~!#[] z".repeat(30).into_bytes();
            assert_eq!(plain(&text[..len.min(text.len())]), b"");
            for special in [b'"', b'\\', 0, b'\n', 31] {
                let mut text = text.clone();
                text.insert(len.min(text.len()), special);
                assert_eq!(plain(&text).first(), Some(&special));
                assert_eq!(plain(&text).len(), text.len() - len.min(text.len() - 1));
            }
        }
    }
}
