//! The only source of randomness: a stream that follows from the seed that the driver handed in.

use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::names::InstanceId;

/// The length of a UUID as text.
pub(crate) const UUID_LEN: usize = 36;

/// A version 4 UUID: what a call is told by on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Uuid(u64, u64);

impl Uuid {
    /// Reads the usual lowercase or uppercase form with hyphens.
    pub(crate) fn parse(text: &[u8]) -> Option<Uuid> {
        let text: &[u8; UUID_LEN] = text.try_into().ok()?;
        if [text[8], text[13], text[18], text[23]] != [b'-'; 4] {
            return None;
        }
        let four =
            |at: usize| u32::from_be_bytes([text[at], text[at + 1], text[at + 2], text[at + 3]]);
        let eight = |at: usize, then: usize| u64::from(four(at)) << 32 | u64::from(four(then));
        let (a, b) = (digits(eight(0, 4))?, digits(eight(9, 14))?);
        let (c, d) = (digits(eight(19, 24))?, digits(eight(28, 32))?);
        Some(Uuid(u64::from(a) << 32 | u64::from(b), u64::from(c) << 32 | u64::from(d)))
    }

    /// For tables. All of it is drawn but for six bits, and not by others, so that nothing need be spread.
    pub(crate) fn hash(self) -> u64 {
        self.0 ^ self.1
    }

    /// The usual form, without quotes.
    pub(crate) fn text(self) -> [u8; UUID_LEN] {
        let [a, b] = [self.0 >> 32, self.0].map(|half| text_of(half as u32));
        let [c, d] = [self.1 >> 32, self.1].map(|half| text_of(half as u32));
        let mut text = [b'-'; UUID_LEN];
        text[..8].copy_from_slice(&a);
        text[9..13].copy_from_slice(&b[..4]);
        text[14..18].copy_from_slice(&b[4..]);
        text[19..23].copy_from_slice(&c[..4]);
        text[24..28].copy_from_slice(&c[4..]);
        text[28..].copy_from_slice(&d);
        text
    }
}

/// This byte, eight times.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The number that eight hexadecimal digits say, all of them at once.
#[inline]
fn digits(text: u64) -> Option<u32> {
    // What is no ASCII would carry from one byte to the next.
    if text & each(0x80) != 0 {
        return None;
    }
    let from = |byte: u8| (text + each(0x80 - byte)) & each(0x80);
    let lower = text | each(0x20);
    let from_lower = |byte: u8| (lower + each(0x80 - byte)) & each(0x80);
    let numbers = from(b'0') & !from(b'9' + 1);
    let letters = from_lower(b'a') & !from_lower(b'f' + 1);
    if numbers | letters != each(0x80) {
        return None;
    }
    let values = (text & each(0x0f)) + (letters >> 7) * 9;
    // Two digits are a byte, two bytes a half, two halves the number.
    let values = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let values = (values | values >> 8) & 0x0000_ffff_0000_ffff;
    Some((values | values >> 16) as u32)
}

/// A number as eight hexadecimal digits, all of them at once.
fn text_of(number: u32) -> [u8; 8] {
    let values = u64::from(number);
    let values = (values | values << 16) & 0x0000_ffff_0000_ffff;
    let values = (values | values << 8) & 0x00ff_00ff_00ff_00ff;
    let values = (values | values << 4) & each(0x0f);
    let letters = ((values + each(0x80 - 10)) & each(0x80)) >> 7;
    (values + each(b'0') + letters * u64::from(b'a' - b'0' - 10)).to_be_bytes()
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text()))
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Random numbers that are the same for the same seed.
#[derive(Clone, Debug)]
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Random {
        Random(ChaCha8Rng::from_seed(seed))
    }

    /// A fresh version 4 UUID.
    pub(crate) fn uuid(&mut self) -> Uuid {
        let (high, low) = (self.0.next_u64(), self.0.next_u64());
        Uuid(high & !(0xf << 12) | 4 << 12, low & !(0x3 << 62) | 0x2 << 62)
    }

    /// A number below `bound`, or 0 if that is 0. Slightly biased, which is fine for jitter.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.next_u64() % bound }
    }
}

impl InstanceId {
    /// The id that follows from a random seed: a version 4 UUID.
    ///
    /// ```
    /// use clamator_core::InstanceId;
    /// assert_eq!(InstanceId::from_seed([7; 32]).as_str().len(), 36);
    /// assert_ne!(InstanceId::from_seed([7; 32]), InstanceId::from_seed([8; 32]));
    /// ```
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> InstanceId {
        InstanceId::from_uuid(Random::new(seed).uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_version_4_and_read_back() {
        let mut random = Random::new([1; 32]);
        for _ in 0..100 {
            let uuid = random.uuid();
            let text = uuid.to_string();
            assert_eq!(Uuid::parse(text.as_bytes()), Some(uuid));
            assert_eq!(Uuid::parse(text.to_uppercase().as_bytes()), Some(uuid));
            assert_eq!(&text[14..15], "4");
            assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"), "{text}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_uuids_and_no_uuid_twice() {
        let draw = |seed| {
            let mut random = Random::new([seed; 32]);
            (0..1000).map(|_| random.uuid()).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_eq!(draw(1).len(), 1000);
        assert!(draw(1).is_disjoint(&draw(2)));
    }

    #[test]
    fn every_digit_of_a_uuid_is_drawn_but_those_that_say_the_version() {
        let mut random = Random::new([2; 32]);
        let drawn: Vec<String> = (0..200).map(|_| format!("{:?}", random.uuid())).collect();
        for at in (0..UUID_LEN).filter(|at| !matches!(at, 8 | 13 | 18 | 23)) {
            let seen: std::collections::BTreeSet<u8> =
                drawn.iter().map(|uuid| uuid.as_bytes()[at]).collect();
            let expected = match at {
                14 => 1,
                19 => 4,
                _ => 16,
            };
            assert_eq!(seen.len(), expected, "digit {at}");
        }
    }

    #[test]
    fn only_the_usual_form_is_a_uuid() {
        for bad in [
            "",
            "0b5c1ff4-9d5c-4e7e-8b0a-0123456789a",
            "0b5c1ff4-9d5c-4e7e-8b0a-0123456789abc",
            "0b5c1ff4x9d5c-4e7e-8b0a-0123456789ab",
            "0b5c1ff4-9d5c-4e7e-8b0a-0123456789ag",
            "0b5c1ff449d5c-4e7e-8b0a-0123456789ab",
            "0b5c1ff4-9d5c-4e7e-8b0a-0123456789é",
        ] {
            assert_eq!(Uuid::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn each_byte_at_each_place_of_a_uuid_is_judged_as_if_it_were_alone() {
        let text = "0b5c1FF4-9d5c-4e7e-8b0a-0123456789ab";
        let number = |text: &str| {
            let value = u128::from_str_radix(&text.replace('-', ""), 16).ok()?;
            Some(Uuid((value >> 64) as u64, value as u64))
        };
        assert_eq!(Uuid::parse(text.as_bytes()), number(text));
        for at in 0..UUID_LEN {
            for byte in 0..0x80 {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] = byte;
                let changed = String::from_utf8(bytes).unwrap();
                let hyphen = matches!(at, 8 | 13 | 18 | 23);
                let good = if hyphen { byte == b'-' } else { byte.is_ascii_hexdigit() };
                let expected = number(&changed).filter(|_| good);
                assert_eq!(Uuid::parse(changed.as_bytes()), expected, "{changed}");
            }
        }
    }

    #[test]
    fn a_uuid_is_written_as_its_digits() {
        let mut random = Random::new([4; 32]);
        for _ in 0..1000 {
            let uuid = random.uuid();
            assert_eq!(
                uuid.to_string().replace('-', ""),
                format!("{:016x}{:016x}", uuid.0, uuid.1)
            );
        }
    }

    #[test]
    fn a_number_is_below_its_bound() {
        let mut random = Random::new([3; 32]);
        assert_eq!(random.below(0), 0);
        assert_eq!(random.below(1), 0);
        let drawn: std::collections::BTreeSet<u64> = (0..200).map(|_| random.below(10)).collect();
        assert_eq!(drawn, (0..10).collect());
    }
}
