//! The only source of randomness: a stream that follows from the seed that the driver handed in.

use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::names::InstanceId;

/// The length of a UUID as text.
pub(crate) const UUID_LEN: usize = 36;

/// A version 4 UUID: what a call is told by on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Uuid(u128);

impl Uuid {
    /// Reads the usual lowercase or uppercase form with hyphens.
    pub(crate) fn parse(text: &str) -> Option<Uuid> {
        let bytes = text.as_bytes();
        if bytes.len() != UUID_LEN {
            return None;
        }
        let mut value = 0u128;
        for (at, byte) in bytes.iter().enumerate() {
            if matches!(at, 8 | 13 | 18 | 23) {
                if *byte != b'-' {
                    return None;
                }
                continue;
            }
            let digit = char::from(*byte).to_digit(16)?;
            value = value << 4 | u128::from(digit);
        }
        Some(Uuid(value))
    }

    /// Appends the usual form, without quotes.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for nibble in 0..32 {
            if matches!(nibble, 8 | 12 | 16 | 20) {
                out.push(b'-');
            }
            let digit = (self.0 >> (124 - 4 * nibble)) as usize & 0xf;
            out.push(DIGITS[digit]);
        }
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(UUID_LEN);
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
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
        let random = u128::from(self.0.next_u64()) << 64 | u128::from(self.0.next_u64());
        let version = random & !(0xf << 76) | 4 << 76;
        Uuid(version & !(0x3 << 62) | 0x2 << 62)
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
            assert_eq!(Uuid::parse(&text), Some(uuid));
            assert_eq!(Uuid::parse(&text.to_uppercase()), Some(uuid));
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
        ] {
            assert_eq!(Uuid::parse(bad), None, "{bad}");
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
