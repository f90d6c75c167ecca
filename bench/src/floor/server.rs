//! The floor's server: serial, two connections, one that reads requests and one for replies and acks.

use std::io::{self, Write};

use super::names::{ID_LEN, SERVICE, command_stream};
use super::resp::{Wire, array, command, unexpected, word};

const COUNT: &[u8] = b"128";
const BLOCK: &[u8] = b"5000";
/// After so many requests those that are done are removed.
const TRIM_EVERY: usize = 4096;

/// How the benchmark's requests begin; `names::request` makes them.
const ADD: &str = r#"{"jsonrpc":"2.0","method":"arith.add","params":{"a":"#;
const ECHO: &str = r#"{"jsonrpc":"2.0","method":"arith.echo","params":{"text":"#;

/// Serves until a connection is lost. `ready` is called once it does.
pub(crate) fn serve(address: &str, prefix: &str, ready: impl FnOnce()) -> io::Result<()> {
    let stream = command_stream(prefix);
    let consumer = format!("{SERVICE}:floor");
    let (mut reader, mut writer) = (Wire::connect(address)?, Wire::connect(address)?);
    let mut out = Vec::new();
    let (key, group) = (stream.as_bytes(), SERVICE.as_bytes());
    command(&mut out, &[b"XGROUP", b"CREATE", key, group, b"0", b"MKSTREAM"]);
    writer.send(&out)?;
    writer.skip()?;
    ready();

    let mut read = Vec::new();
    let words = [&b"XREADGROUP"[..], b"GROUP", group, consumer.as_bytes(), b"COUNT", COUNT];
    command(&mut read, &[&words[..], &[b"BLOCK", BLOCK, b"STREAMS", key, b">"]].concat());
    reader.send(&read)?;
    let (mut acks, mut envelope) = (Vec::new(), Vec::new());
    let (mut unanswered, mut since_trim) = (0, 0);
    loop {
        out.clear();
        acks.clear();
        let (mut count, mut failed) = (0, false);
        reader.entries(|wire, entry| {
            count += 1;
            word(&mut acks, wire.bytes(entry.id));
            envelope.clear();
            failed |= answer(wire.bytes(entry.envelope), &mut envelope).is_none();
            array(&mut out, 10);
            word(&mut out, b"XADD");
            word(&mut out, wire.bytes(entry.reply_to));
            for fixed in [&b"MAXLEN"[..], b"~", b"1024", b"*", b"type", b"rpc", b"envelope"] {
                word(&mut out, fixed);
            }
            word(&mut out, &envelope);
        })?;
        if failed {
            return Err(unexpected("not a request of the benchmark"));
        }
        if count == 0 {
            reader.send(&read)?;
            continue;
        }
        array(&mut out, 3 + count);
        [b"XACK", key, group].iter().for_each(|it| word(&mut out, it));
        out.extend_from_slice(&acks);
        since_trim += count;
        let trims = since_trim >= TRIM_EVERY;
        if trims {
            since_trim = 0;
            // The last entry of this batch stays.
            let last = last_word(&acks);
            command(&mut out, &[b"XTRIM", key, b"MINID", b"~", last]);
        }
        writer.send(&out)?;
        reader.send(&read)?;
        // Those of the batch before: they are there by now, or soon.
        for _ in 0..unanswered {
            writer.skip()?;
        }
        unanswered = count + 1 + usize::from(trims);
    }
}

/// Writes the reply to a request, if it is one of the benchmark's.
fn answer(request: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let request = request.strip_suffix(b"\"}")?;
    let (head, id) = request.split_at_checked(request.len().checked_sub(ID_LEN)?)?;
    let head = head.strip_suffix(br#"},"id":""#)?;
    out.extend_from_slice(br#"{"jsonrpc":"2.0","id":""#);
    out.extend_from_slice(id);
    if let Some(text) = head.strip_prefix(ECHO.as_bytes()) {
        out.extend_from_slice(br#"","result":{"text":"#);
        out.extend_from_slice(text);
    } else {
        let params = head.strip_prefix(ADD.as_bytes())?;
        let comma = params.iter().position(|byte| *byte == b',')?;
        let a: f64 = str::from_utf8(&params[..comma]).ok()?.parse().ok()?;
        let b = params[comma..].strip_prefix(br#","b":"#)?;
        let b: f64 = str::from_utf8(b).ok()?.parse().ok()?;
        out.extend_from_slice(br#"","result":{"sum":"#);
        write!(out, "{:?}", a + b).ok()?;
    }
    out.extend_from_slice(b"}}");
    Some(())
}

/// The last id in words that are packed already.
fn last_word(words: &[u8]) -> &[u8] {
    let text = words.strip_suffix(b"\r\n").unwrap_or(words);
    let start = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(request: &str) -> Option<String> {
        let mut out = Vec::new();
        answer(request.as_bytes(), &mut out)?;
        String::from_utf8(out).ok()
    }

    #[test]
    fn requests_of_the_benchmark_are_answered() {
        let id = "0123456789abcdef0123456789abcdef0123";
        let add = format!(r#"{ADD}2.0,"b":3.0}},"id":"{id}"}}"#);
        let sum = format!(r#"{{"jsonrpc":"2.0","id":"{id}","result":{{"sum":5.0}}}}"#);
        assert_eq!(answered(&add), Some(sum));
        let echo = format!(r#"{ECHO}"xyz"}},"id":"{id}"}}"#);
        let text = format!(r#"{{"jsonrpc":"2.0","id":"{id}","result":{{"text":"xyz"}}}}"#);
        assert_eq!(answered(&echo), Some(text));
        assert_eq!(answered("{}"), None);
    }

    #[test]
    fn the_last_id_is_found_in_packed_words() {
        let mut words = Vec::new();
        word(&mut words, b"1-0");
        word(&mut words, b"22-5");
        assert_eq!(last_word(&words), b"22-5");
    }
}
