//! Where an answer of Redis ends, in RESP2 and RESP3, and the reading of those that come often. All others are read by `redis`.

use std::ops::Range;

use clamator_core::StreamId;

/// Looks for the end of an answer, and goes on where it stopped when more bytes have come.
#[derive(Debug)]
pub(crate) struct Scan {
    at: usize,
    /// How many values are still to come.
    missing: u64,
}

/// How far an answer is there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Its length.
    Whole(usize),
    /// So many bytes at least it will have.
    Part(usize),
}

/// Something that is no answer in either protocol.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What a value begins with.
const KINDS: &[u8] = b"+-:_#,($!=*~>%|";
/// No line of Redis is longer: they are numbers and messages.
const MOST_LINE: usize = 1024 * 1024;

impl Default for Scan {
    fn default() -> Self {
        Scan { at: 0, missing: 1 }
    }
}

impl Scan {
    /// Looks at all bytes from the answer's first on.
    pub(crate) fn go_on(&mut self, bytes: &[u8]) -> Result<Found, Malformed> {
        while self.missing > 0 {
            let Some((kind, line, next)) = line(bytes, self.at) else {
                let rest = bytes.get(self.at..).unwrap_or_default();
                if rest.first().is_some_and(|kind| !KINDS.contains(kind)) || is_endless(rest) {
                    return Err(Malformed);
                }
                // A kind and the end of a line.
                return Ok(Found::Part(bytes.len().max(self.at) + 3));
            };
            let mut end = next;
            self.missing -= 1;
            match kind {
                b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => {}
                b'$' | b'!' | b'=' => {
                    if let Some(length) = length(line)? {
                        end = next
                            .checked_add(length)
                            .and_then(|end| end.checked_add(2))
                            .ok_or(Malformed)?;
                        if bytes.len() < end {
                            self.missing += 1;
                            return Ok(Found::Part(end));
                        }
                        if bytes.get(end - 2..end) != Some(b"\r\n") {
                            return Err(Malformed);
                        }
                    }
                }
                b'*' | b'~' | b'>' => self.expect(line, 1)?,
                b'%' => self.expect(line, 2)?,
                // Attributes, and then what they are about.
                b'|' => {
                    self.expect(line, 2)?;
                    self.missing += 1;
                }
                _ => return Err(Malformed),
            }
            self.at = end;
        }
        let whole = self.at;
        *self = Scan::default();
        Ok(Found::Whole(whole))
    }

    fn expect(&mut self, line: &[u8], each: u64) -> Result<(), Malformed> {
        let values = length(line)?.unwrap_or(0) as u64;
        self.missing = values
            .checked_mul(each)
            .and_then(|more| self.missing.checked_add(more))
            .ok_or(Malformed)?;
        Ok(())
    }
}

/// The kind of the value that begins here, the rest of its line, and where the next line begins.
fn line(bytes: &[u8], at: usize) -> Option<(u8, &[u8], usize)> {
    let rest = bytes.get(at..)?;
    let (kind, rest) = rest.split_first()?;
    // Lines are short, but for errors and the like.
    let end = rest.iter().position(|byte| *byte == b'\r')?;
    (rest.get(end + 1) == Some(&b'\n')).then(|| (*kind, &rest[..end], at + end + 3))
}

/// Whether a line whose end hasn't come will never have one.
fn is_endless(line: &[u8]) -> bool {
    let end = line.iter().position(|byte| *byte == b'\r');
    line.len() > MOST_LINE || end.is_some_and(|end| line.len() > end + 1)
}

/// A length, or nothing for one that isn't there (`-1`).
fn length(line: &[u8]) -> Result<Option<usize>, Malformed> {
    if line == b"-1" {
        return Ok(None);
    }
    let length = number(line).and_then(|length| usize::try_from(length).ok());
    length.filter(|length| *length <= isize::MAX as usize).map(Some).ok_or(Malformed)
}

/// A number without a sign.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Reads the values of a whole answer one after the other. `None` is: something else is here.
pub(crate) struct Values<'a> {
    answer: &'a [u8],
    at: usize,
}

impl<'a> Values<'a> {
    pub(crate) fn of(answer: &'a [u8]) -> Values<'a> {
        Values { answer, at: 0 }
    }

    /// Whether all was read.
    pub(crate) fn is_over(&self) -> bool {
        self.at == self.answer.len()
    }

    fn line(&mut self, kind: u8) -> Option<&'a [u8]> {
        let (found, line, next) = line(self.answer, self.at)?;
        if found != kind {
            return None;
        }
        self.at = next;
        Some(line)
    }

    /// The number of values of an array.
    pub(crate) fn array(&mut self) -> Option<usize> {
        number(self.line(b'*')?)?.try_into().ok()
    }

    /// A number, as far as one with a sign goes.
    pub(crate) fn number(&mut self) -> Option<u64> {
        number(self.line(b':')?).filter(|number| i64::try_from(*number).is_ok())
    }

    /// Where a text is.
    pub(crate) fn text(&mut self) -> Option<Range<usize>> {
        let length = usize::try_from(number(self.line(b'$')?)?).ok()?;
        let text = self.at..self.at.checked_add(length)?;
        self.at = text.end.checked_add(2).filter(|end| *end <= self.answer.len())?;
        Some(text)
    }

    /// The id of an entry.
    pub(crate) fn id(&mut self) -> Option<StreamId> {
        let text = &self.answer[self.text()?];
        let dash = text.iter().position(|byte| *byte == b'-')?;
        Some(StreamId::new(number(&text[..dash])?, number(&text[dash + 1..])?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of every kind.
    const ANSWERS: [&str; 20] = [
        "+OK\r\n",
        "+\r\n",
        "-ERR no\r\n",
        ":17\r\n",
        "$5\r\nhello\r\n",
        "$0\r\n\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*2\r\n:1\r\n*1\r\n$4\r\n\r\n\r\n\r\n",
        "_\r\n",
        "#t\r\n",
        ",1.5\r\n",
        "(123456789012345678901234567890\r\n",
        "!5\r\nERR x\r\n",
        "=7\r\ntxt:abc\r\n",
        "%1\r\n+a\r\n*1\r\n:1\r\n",
        "~2\r\n:1\r\n:2\r\n",
        ">2\r\n+message\r\n+x\r\n",
        "|1\r\n+ttl\r\n:3\r\n:1\r\n",
    ];

    #[test]
    fn every_kind_of_answer_ends_where_it_ends() {
        for answer in ANSWERS {
            let followed = format!("{answer}:99\r\n");
            assert_eq!(
                Scan::default().go_on(followed.as_bytes()),
                Ok(Found::Whole(answer.len())),
                "{answer:?}"
            );
        }
    }

    #[test]
    fn an_answer_may_come_byte_by_byte() {
        for answer in ANSWERS {
            let mut scan = Scan::default();
            for len in 0..answer.len() {
                match scan.go_on(&answer.as_bytes()[..len]) {
                    Ok(Found::Part(needs)) => assert!(needs > len, "{answer:?} {len}"),
                    found => panic!("{answer:?} {len}: {found:?}"),
                }
            }
            let whole = Found::Whole(answer.len());
            assert_eq!(scan.go_on(answer.as_bytes()), Ok(whole), "{answer:?}");
        }
    }

    #[test]
    fn what_is_missing_of_a_large_value_is_known_at_once() {
        let answer = b"*1\r\n$1048576\r\nxxxx";
        assert_eq!(Scan::default().go_on(answer), Ok(Found::Part(14 + 1_048_576 + 2)));
    }

    #[test]
    fn what_is_no_answer_is_malformed() {
        for bytes in [
            "HTTP/1.1 400\r\n",
            "$x\r\n",
            "$-2\r\n",
            "$\r\n",
            "*99999999999999999999\r\n",
            "$18446744073709551615\r\n",
            "*18446744073709551615\r\n*18446744073709551615\r\n",
            "\r\n",
            "something that never ends",
            "+a\rb",
            "$1\r\nab\r\n",
            &format!("+{}", "a".repeat(MOST_LINE)),
        ] {
            assert_eq!(Scan::default().go_on(bytes.as_bytes()), Err(Malformed), "{bytes:?}");
        }
    }

    #[test]
    fn values_are_read_one_by_one_and_only_as_what_they_are() {
        let mut values = Values::of(b"*3\r\n$5\r\nhello\r\n:7\r\n$3\r\n1-2\r\n");
        assert_eq!(values.array(), Some(3));
        assert_eq!(values.number(), None, "something else is here");
        assert_eq!(values.text(), Some(8..13));
        assert_eq!(values.number(), Some(7));
        assert!(!values.is_over());
        assert_eq!(values.id(), Some(StreamId::new(1, 2)));
        assert!(values.is_over());
        assert_eq!(values.text(), None, "there is nothing more");
    }

    #[test]
    fn no_number_is_larger_than_one_with_a_sign() {
        assert_eq!(Values::of(b":9223372036854775807\r\n").number(), Some(i64::MAX as u64));
        assert_eq!(Values::of(b":9223372036854775808\r\n").number(), None);
    }

    #[test]
    fn a_text_without_its_end_is_none() {
        for bytes in ["$5\r\nhello", "$5\r\nhell", "$18446744073709551615\r\n", "$-1\r\n", "$5"] {
            assert_eq!(Values::of(bytes.as_bytes()).text(), None, "{bytes:?}");
        }
        for id in ["1", "-", "1-", "1-2-3", "+1-2", "18446744073709551616-0"] {
            let answer = format!("${}\r\n{id}\r\n", id.len());
            assert_eq!(Values::of(answer.as_bytes()).id(), None, "{id}");
        }
    }
}
