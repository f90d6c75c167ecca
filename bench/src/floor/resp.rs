//! Just enough of Redis' protocol: commands are packed into a buffer, answers are read in place.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Range;

/// So much is asked for by one read.
const CHUNK: usize = 256 * 1024;

/// Appends `*count`, the beginning of a command.
pub(crate) fn array(out: &mut Vec<u8>, count: usize) {
    line(out, b'*', count);
}

/// Appends one word of a command.
pub(crate) fn word(out: &mut Vec<u8>, word: &[u8]) {
    line(out, b'$', word.len());
    out.extend_from_slice(word);
    out.extend_from_slice(b"\r\n");
}

/// Appends a whole command.
pub(crate) fn command(out: &mut Vec<u8>, words: &[&[u8]]) {
    array(out, words.len());
    words.iter().for_each(|it| word(out, it));
}

fn line(out: &mut Vec<u8>, kind: u8, number: usize) {
    out.push(kind);
    digits(out, number as u64);
    out.extend_from_slice(b"\r\n");
}

/// Appends a number as text.
pub(crate) fn digits(out: &mut Vec<u8>, mut number: u64) {
    let (mut text, mut at) = ([0; 20], 20);
    loop {
        at -= 1;
        text[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[at..]);
}

/// A blocking connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// What was read and not yet looked at.
    unread: Range<usize>,
}

impl Wire {
    pub(crate) fn connect(address: &str) -> io::Result<Wire> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Wire { stream, buffer: vec![0; 2 * CHUNK], unread: 0..0 })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Begins another answer: ranges of those before are void.
    pub(crate) fn begin(&mut self) {
        if self.unread.is_empty() {
            self.unread = 0..0;
        } else if self.unread.start > CHUNK {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.buffer.len() - self.unread.end < CHUNK {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        match self.stream.read(&mut self.buffer[self.unread.end..])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.unread.end += count;
                Ok(())
            }
        }
    }

    /// A line such as `*3`: its kind and its number, -1 for nothing. An error of Redis is one here.
    pub(crate) fn number(&mut self) -> io::Result<(u8, i64)> {
        let mut at = self.unread.start;
        loop {
            while at < self.unread.end {
                if self.buffer[at] == b'\n' {
                    let line = &self.buffer[self.unread.start..at - 1];
                    let parsed = parse(line);
                    self.unread.start = at + 1;
                    return parsed;
                }
                at += 1;
            }
            self.fill()?;
        }
    }

    /// Where a bulk string lies.
    pub(crate) fn bulk(&mut self) -> io::Result<Range<usize>> {
        let (_, length) = self.number()?;
        let length = usize::try_from(length).map_err(|_| unexpected("nil"))?;
        while self.unread.len() < length + 2 {
            self.fill()?;
        }
        let start = self.unread.start;
        self.unread.start += length + 2;
        Ok(start..start + length)
    }

    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Reads an answer that isn't looked at, unless it is an error.
    pub(crate) fn skip(&mut self) -> io::Result<()> {
        self.begin();
        match self.number()? {
            (b'$', length) if length >= 0 => {
                while self.unread.len() < length as usize + 2 {
                    self.fill()?;
                }
                self.unread.start += length as usize + 2;
            }
            _ => {}
        }
        Ok(())
    }

    /// The entries of one stream, as `XREAD` and `XREADGROUP` give them; none after a `BLOCK` that has passed.
    pub(crate) fn entries(&mut self, mut each: impl FnMut(&Wire, Entry)) -> io::Result<()> {
        self.begin();
        if self.number()?.1 < 1 {
            return Ok(());
        }
        self.number()?;
        self.bulk()?;
        for _ in 0..self.number()?.1 {
            self.number()?;
            let mut entry = Entry { id: self.bulk()?, envelope: 0..0, reply_to: 0..0 };
            for _ in 0..self.number()?.1 / 2 {
                let (name, value) = (self.bulk()?, self.bulk()?);
                match self.bytes(name) {
                    b"envelope" => entry.envelope = value,
                    b"reply-to" => entry.reply_to = value,
                    _ => {}
                }
            }
            each(self, entry);
        }
        Ok(())
    }
}

/// Where the parts of an entry lie.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: Range<usize>,
    pub(crate) envelope: Range<usize>,
    pub(crate) reply_to: Range<usize>,
}

fn parse(line: &[u8]) -> io::Result<(u8, i64)> {
    let (kind, rest) = line.split_first().ok_or_else(|| unexpected("an empty line"))?;
    if *kind == b'-' {
        return Err(unexpected(&String::from_utf8_lossy(rest)));
    }
    if *kind == b'+' {
        return Ok((*kind, 0));
    }
    if rest.first() == Some(&b'-') {
        return Ok((*kind, -1));
    }
    let number = rest.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    Ok((*kind, number))
}

pub(crate) fn unexpected(text: &str) -> io::Error {
    io::Error::other(format!("Redis: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_arrays_of_bulk_strings() {
        let mut out = Vec::new();
        command(&mut out, &[b"GET", b"some-key-1"]);
        assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$10\r\nsome-key-1\r\n");
        out.clear();
        digits(&mut out, 0);
        digits(&mut out, 1_234_567_890);
        assert_eq!(out, b"01234567890");
    }

    #[test]
    fn lines_are_a_kind_and_a_number() {
        assert_eq!(parse(b"*12").unwrap(), (b'*', 12));
        assert_eq!(parse(b"$-1").unwrap(), (b'$', -1));
        assert_eq!(parse(b"+OK").unwrap(), (b'+', 0));
        assert!(parse(b"-ERR no").unwrap_err().to_string().contains("ERR no"));
    }
}
