//! NATS' request and reply, in its own text protocol on blocking sockets: one inbox with a wildcard, everything that is ready in one
//! write. This is less work than any client library does, and so the strictest comparison. NATS keeps nothing: what nobody
//! listens to is lost.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::order::{Order, Permits, Tally, Times};

const PARAMS: &[u8] = br#"{"a":2.0,"b":3.0}"#;
const RESULT: &[u8] = br#"{"sum":5.0}"#;
const READ_AT_ONCE: usize = 256 * 1024;

/// A connection with one subscription.
struct Wire {
    stream: BufReader<TcpStream>,
    /// What is to be written.
    out: Vec<u8>,
    line: Vec<u8>,
    body: Vec<u8>,
    subject: Vec<u8>,
    reply_to: Vec<u8>,
}

impl Wire {
    fn connect(address: &str, subject: &str) -> io::Result<Wire> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let stream = BufReader::with_capacity(READ_AT_ONCE, stream);
        let (out, line, body) = Default::default();
        let (subject_read, reply_to) = Default::default();
        let mut wire = Wire { stream, out, line, body, subject: subject_read, reply_to };
        let hello = r#"CONNECT {"verbose":false,"pedantic":false,"lang":"rust","version":"0"}"#;
        wire.out.extend(format!("{hello}\r\nSUB {subject} 1\r\nPING\r\n").bytes());
        wire.flush()?;
        while wire.read_line()? != b"PONG" {}
        Ok(wire)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.stream.get_mut().write_all(&self.out)?;
            self.out.clear();
        }
        Ok(())
    }

    fn publish(&mut self, subject: &[u8], reply_to: &[u8], body: &[u8]) {
        self.out.extend_from_slice(b"PUB ");
        self.out.extend_from_slice(subject);
        self.out.push(b' ');
        if !reply_to.is_empty() {
            self.out.extend_from_slice(reply_to);
            self.out.push(b' ');
        }
        // Writing to a vector doesn't fail.
        _ = write!(self.out, "{}\r\n", body.len());
        self.out.extend_from_slice(body);
        self.out.extend_from_slice(b"\r\n");
    }

    fn read_line(&mut self) -> io::Result<&[u8]> {
        self.line.clear();
        self.stream.read_until(b'\n', &mut self.line)?;
        match self.line.strip_suffix(b"\r\n") {
            Some(line) => Ok(line),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Reads one message into `subject`, `reply_to` and `body`; writes out what has gathered before it waits.
    fn receive(&mut self) -> io::Result<()> {
        loop {
            if self.stream.buffer().is_empty() {
                self.flush()?;
            }
            self.read_line()?;
            let line = self.line.strip_suffix(b"\r\n").unwrap_or_default();
            if line == b"PING" {
                self.out.extend_from_slice(b"PONG\r\n");
                continue;
            }
            let mut words = line.split(|byte| *byte == b' ');
            match words.next() {
                Some(b"MSG") => {}
                Some(b"-ERR") => return Err(io::Error::other(String::from_utf8_lossy(line))),
                _ => continue,
            }
            self.subject.clear();
            self.subject.extend_from_slice(words.next().unwrap_or_default());
            words.next();
            let (third, fourth) = (words.next().unwrap_or_default(), words.next());
            let (reply_to, length) = fourth.map_or((&b""[..], third), |fourth| (third, fourth));
            self.reply_to.clear();
            self.reply_to.extend_from_slice(reply_to);
            let length = number(length).ok_or(io::ErrorKind::InvalidData)?;
            self.body.resize(length + 2, 0);
            self.stream.read_exact(&mut self.body)?;
            self.body.truncate(length);
            return Ok(());
        }
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    str::from_utf8(digits).ok()?.parse().ok()
}

pub(crate) struct Client {
    wire: Wire,
    /// How the subjects of replies begin: the caller's number and the call's come then.
    inbox: String,
    subject: String,
    made: u64,
}

impl Client {
    pub(crate) fn connect(address: &str, prefix: &str) -> io::Result<Client> {
        let inbox = format!("_INBOX.{prefix}.");
        let wire = Wire::connect(address, &format!("{inbox}>"))?;
        Ok(Client { wire, inbox, subject: subject(prefix), made: 0 })
    }

    pub(crate) fn run(&mut self, order: &Order) -> io::Result<Tally> {
        let permits = Permits::of(order);
        let mut times = Times::new();
        let began = Instant::now();
        // Since when each caller waits, and for which of all calls.
        let mut callers = vec![(began, 0); order.window];
        let mut under_way = 0;
        for (caller, waits) in callers.iter_mut().enumerate() {
            let now = Instant::now();
            if permits.take(now) {
                *waits = (now, self.call(caller));
                under_way += 1;
            }
        }
        while under_way > 0 {
            self.wire.receive()?;
            let Some((caller, call)) = self.answered().filter(|it| it.0 < callers.len()) else {
                times.fail("a reply to nobody");
                continue;
            };
            if call != callers[caller].1 {
                times.fail("a reply that nobody waits for");
                continue;
            }
            let now = Instant::now();
            match self.wire.body == RESULT {
                true => times.record(now - callers[caller].0),
                false => times.fail(String::from_utf8_lossy(&self.wire.body)),
            }
            if permits.take(now) {
                callers[caller] = (now, self.call(caller));
            } else {
                under_way -= 1;
            }
        }
        Ok(times.tally(began))
    }

    /// Makes a call, and gives its number.
    fn call(&mut self, caller: usize) -> u64 {
        self.made += 1;
        let reply_to = format!("{}{caller}.{}", self.inbox, self.made);
        self.wire.publish(self.subject.as_bytes(), reply_to.as_bytes(), PARAMS);
        self.made
    }

    /// The caller and the call that a reply is for.
    fn answered(&self) -> Option<(usize, u64)> {
        let token = self.wire.subject.strip_prefix(self.inbox.as_bytes())?;
        let (caller, call) = str::from_utf8(token).ok()?.split_once('.')?;
        Some((caller.parse().ok()?, call.parse().ok()?))
    }
}

fn subject(prefix: &str) -> String {
    format!("{prefix}.arith.add")
}

/// Serves until the connection is lost.
pub(crate) fn serve(address: &str, prefix: &str, ready: impl FnOnce()) -> io::Result<()> {
    let mut wire = Wire::connect(address, &subject(prefix))?;
    ready();
    let mut body = Vec::new();
    loop {
        wire.receive()?;
        body.clear();
        let sum = sum(&wire.body).ok_or(io::ErrorKind::InvalidData)?;
        write!(body, r#"{{"sum":{sum:?}}}"#)?;
        let reply_to = std::mem::take(&mut wire.reply_to);
        wire.publish(&reply_to, b"", &body);
        wire.reply_to = reply_to;
    }
}

fn sum(params: &[u8]) -> Option<f64> {
    let params = str::from_utf8(params).ok()?;
    let (a, b) = params.strip_prefix(r#"{"a":"#)?.strip_suffix('}')?.split_once(r#","b":"#)?;
    Some(a.parse::<f64>().ok()? + b.parse::<f64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn params_are_added() {
        assert_eq!(sum(PARAMS), Some(5.0));
        assert_eq!(sum(b"{}"), None);
    }
}
