//! Envelopes as nearly everybody writes them, read in one pass over their bytes.
//!
//! What is unusual, and all that is wrong, is left to serde_json. What is read here, serde_json would read the same way: the
//! tests compare the two.

use super::parse::Wire;

/// How deep values may be nested here.
const DEPTH: u32 = 32;

/// How nearly all envelopes begin.
const USUAL_START: &[u8] = br#"{"jsonrpc":"2.0","#;

/// The fields of the object that a UTF-8 text is; `None` where serde_json is to judge.
pub(super) fn read(text: &[u8]) -> Option<Wire<'_>> {
    let mut scan = Scan { text, at: 0 };
    let mut wire = Wire::default();
    let mut seen = 0;
    if text.starts_with(USUAL_START) {
        wire.jsonrpc = Some(b"\"2.0\"");
        seen = 1 << Field::Jsonrpc as u8;
        scan.at = USUAL_START.len();
    } else {
        scan.space();
        scan.take(b'{')?;
    }
    loop {
        scan.space();
        scan.take(b'"')?;
        let field = scan.field()?;
        scan.space();
        scan.take(b':')?;
        scan.space();
        let start = scan.at;
        scan.skip(DEPTH)?;
        let value = text.get(start..scan.at)?;
        let unless_null = if value == b"null" { None } else { Some(value) };
        match field {
            Field::Jsonrpc => wire.jsonrpc = unless_null,
            Field::Method => wire.method = Some(value),
            Field::Params => wire.params = unless_null,
            Field::Id => wire.id = unless_null,
            Field::Result => wire.result = Some(value),
            Field::Error => wire.error = unless_null,
        }
        if seen & 1 << field as u8 != 0 {
            return None;
        }
        seen |= 1 << field as u8;
        scan.space();
        match scan.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    scan.space();
    (scan.at == text.len()).then_some(wire)
}

/// Whether a part of a JSON text is free of what ends or escapes something in a string.
pub(super) fn is_plain(text: &[u8]) -> bool {
    plain(text) == text.len()
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

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    #[inline]
    fn space(&mut self) {
        while let Some(0..=b' ') = self.peek()
            && let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek()
        {
            self.at += 1;
        }
    }

    /// A name that means something in an envelope, after its first quote.
    #[inline]
    fn field(&mut self) -> Option<Field> {
        let (field, rest): (_, &[u8]) = match self.next()? {
            b'j' => (Field::Jsonrpc, b"sonrpc\""),
            b'm' => (Field::Method, b"ethod\""),
            b'p' => (Field::Params, b"arams\""),
            b'i' => (Field::Id, b"d\""),
            b'r' => (Field::Result, b"esult\""),
            b'e' => (Field::Error, b"rror\""),
            _ => return None,
        };
        self.skip_rest(rest)?;
        Some(field)
    }

    fn skip(&mut self, depth: u32) -> Option<()> {
        match self.next()? {
            b'"' => self.skip_string(),
            b'-' => {
                let first = self.next()?;
                self.skip_number(first)
            }
            first @ b'0'..=b'9' => self.skip_number(first),
            b'{' => self.skip_object(depth.checked_sub(1)?),
            b'[' => self.skip_array(depth.checked_sub(1)?),
            b't' => self.skip_rest(b"rue"),
            b'f' => self.skip_rest(b"alse"),
            b'n' => self.skip_rest(b"ull"),
            _ => None,
        }
    }

    #[inline]
    fn skip_rest(&mut self, of_word: &[u8]) -> Option<()> {
        self.text.get(self.at..)?.starts_with(of_word).then_some(())?;
        self.at += of_word.len();
        Some(())
    }

    fn skip_object(&mut self, depth: u32) -> Option<()> {
        self.space();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.space();
            self.take(b'"')?;
            self.skip_string()?;
            self.space();
            self.take(b':')?;
            self.space();
            self.skip(depth)?;
            self.space();
            match self.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn skip_array(&mut self, depth: u32) -> Option<()> {
        self.space();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.space();
            self.skip(depth)?;
            self.space();
            match self.next()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// What follows the quote at the beginning of a string.
    fn skip_string(&mut self) -> Option<()> {
        loop {
            self.at += plain(self.text.get(self.at..)?);
            match self.next()? {
                b'"' => return Some(()),
                b'\\' => self.skip_escape()?,
                _ => return None,
            }
        }
    }

    fn skip_escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => (0..4).try_for_each(|_| self.next()?.is_ascii_hexdigit().then_some(())),
            _ => None,
        }
    }

    /// What follows the first digit of a number.
    fn skip_number(&mut self, first: u8) -> Option<()> {
        match first {
            b'0' if self.peek().is_some_and(|byte| byte.is_ascii_digit()) => return None,
            b'0' => {}
            b'1'..=b'9' => self.skip_digits(),
            _ => return None,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.next()?.is_ascii_digit().then_some(())?;
            self.skip_digits();
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.next()?.is_ascii_digit().then_some(())?;
            self.skip_digits();
        }
        Some(())
    }

    #[inline]
    fn skip_digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }
}

/// This byte, eight times.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// How many bytes come before the first that isn't itself in a string: a quote, a backslash or a control character.
#[inline]
fn plain(bytes: &[u8]) -> usize {
    let mut before = 0;
    let (words, rest) = bytes.as_chunks();
    for word in words {
        let word = u64::from_le_bytes(*word);
        let is_below = |word: u64, bound: u8| word.wrapping_sub(each(bound)) & !word;
        // Borrows only go up, so the lowest one that is found is one.
        let found =
            is_below(word, b' ') | is_below(word ^ each(b'"'), 1) | is_below(word ^ each(b'\\'), 1);
        let found = found & each(0x80);
        if found != 0 {
            return before + found.trailing_zeros() as usize / 8;
        }
        before += 8;
    }
    let is_plain = |byte: &&u8| !matches!(**byte, 0..b' ' | b'"' | b'\\');
    before + rest.iter().take_while(is_plain).count()
}
