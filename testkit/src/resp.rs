//! A blocking Redis client, just large enough to look into a server from a test.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// What Redis answers (RESP2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing: a null bulk string or a null array.
    Nil,
    /// An integer.
    Int(i64),
    /// Bytes.
    Bulk(Vec<u8>),
    /// A status line, `OK` for example.
    Simple(String),
    /// An error, its code first: `WRONGTYPE Operation against …`.
    Error(String),
    /// Several values.
    Array(Vec<Value>),
}

impl Value {
    /// The integer; panics if it is anything else. A number in a bulk string is taken too.
    #[track_caller]
    pub fn as_int(&self) -> i64 {
        let number = match self {
            Self::Int(number) => Some(*number),
            Self::Bulk(bytes) => str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()),
            _ => None,
        };
        number.unwrap_or_else(|| panic!("not an integer: {self:?}"))
    }

    /// The text of a bulk string or a status; panics if it is anything else.
    #[track_caller]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Bulk(bytes) => str::from_utf8(bytes).ok(),
            Self::Simple(text) => Some(text.as_str()),
            _ => None,
        }
        .unwrap_or_else(|| panic!("not a text: {self:?}"))
    }

    /// The bytes of a bulk string; panics if it is anything else.
    #[track_caller]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Bulk(bytes) => bytes,
            _ => panic!("not a bulk string: {self:?}"),
        }
    }

    /// The values of an array, none for nil; panics if it is anything else.
    #[track_caller]
    pub fn as_array(&self) -> &[Value] {
        match self {
            Self::Array(values) => values,
            Self::Nil => &[],
            _ => panic!("not an array: {self:?}"),
        }
    }

    /// The text of an error, if it is one.
    pub fn as_error(&self) -> Option<&str> {
        match self {
            Self::Error(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is nil.
    pub fn is_nil(&self) -> bool {
        *self == Self::Nil
    }

    /// The value behind `key` in an array of pairs, as `XINFO` and `HGETALL` give them.
    #[track_caller]
    pub fn field(&self, key: &str) -> Option<&Value> {
        let mut pairs = self.as_array().chunks_exact(2);
        pairs.find(|pair| pair[0].as_bytes() == key.as_bytes()).map(|pair| &pair[1])
    }
}

/// One connection to a Redis server.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects. Replies are waited for 10 s at most.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        stream.set_write_timeout(Some(REPLY_TIMEOUT))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends one command and waits for its reply. An error that Redis gives is a [`Value::Error`].
    ///
    /// After an `Err` the connection is of no more use.
    pub fn command<A: AsRef<[u8]>>(&mut self, words: &[A]) -> io::Result<Value> {
        self.stream.get_mut().write_all(&encode(words))?;
        read_value(&mut self.stream)
    }
}

fn encode<A: AsRef<[u8]>>(words: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words.iter().map(AsRef::as_ref) {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn read_value(stream: &mut impl BufRead) -> io::Result<Value> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let Some(line) = line.strip_suffix("\r\n").filter(|line| !line.is_empty()) else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| malformed(line))?;
    let number = || rest.parse::<i64>().map_err(|_| malformed(line));
    Ok(match kind {
        "+" => Value::Simple(rest.to_owned()),
        "-" => Value::Error(rest.to_owned()),
        ":" => Value::Int(number()?),
        "$" | "*" if number()? < 0 => Value::Nil,
        "$" => {
            let length = number()? as usize;
            let mut bytes = vec![0; length + 2];
            stream.read_exact(&mut bytes)?;
            bytes.truncate(length);
            Value::Bulk(bytes)
        }
        "*" => Value::Array((0..number()?).map(|_| read_value(stream)).collect::<Result<_, _>>()?),
        _ => return Err(malformed(line)),
    })
}

fn malformed(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not a RESP2 reply: {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut bytes: &[u8]) -> io::Result<Value> {
        let value = read_value(&mut bytes)?;
        assert_eq!(bytes, b"", "all of it is read");
        Ok(value)
    }

    #[test]
    fn commands_are_arrays_of_bulk_strings() {
        assert_eq!(encode(&["GET", "käse"]), "*2\r\n$3\r\nGET\r\n$5\r\nkäse\r\n".as_bytes());
    }

    #[test]
    fn replies_of_all_kinds_are_read() {
        assert_eq!(read(b"$-1\r\n").unwrap(), Value::Nil);
        assert_eq!(read(b"*-1\r\n").unwrap(), Value::Nil);
        assert_eq!(read(b":-7\r\n").unwrap(), Value::Int(-7));
        assert_eq!(read(b"+OK\r\n").unwrap().as_str(), "OK");
        assert_eq!(read(b"-ERR no\r\n").unwrap().as_error(), Some("ERR no"));
        assert_eq!(read(b"$4\r\na\r\nb\r\n").unwrap().as_bytes(), b"a\r\nb");
        let pairs = read(b"*4\r\n$1\r\nk\r\n:1\r\n$1\r\nl\r\n*1\r\n$1\r\n2\r\n").unwrap();
        assert_eq!(pairs.field("k").unwrap().as_int(), 1);
        assert_eq!(pairs.field("l").unwrap().as_array()[0].as_int(), 2);
        assert_eq!(pairs.field("m"), None);
    }

    #[test]
    fn a_cut_or_foreign_reply_is_an_error() {
        for bytes in [&b""[..], b"$5\r\nab", b":x\r\n", b"HTTP/1.1 400\r\n"] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }
}
