//! Values in DER (ITU-T X.690): a tag, a length, content.
//!
//! Only what certificates need: tags of one byte and definite lengths. Nothing here goes into depth on its own, so no nesting can use up the
//! stack, and no length is believed that the bytes do not bear out.

/// A whole number.
pub const INTEGER: u8 = 0x02;
/// Bits.
pub const BIT_STRING: u8 = 0x03;
/// Bytes.
pub const OCTET_STRING: u8 = 0x04;
/// The name of a kind of thing.
pub const OID: u8 = 0x06;
/// A time with a year of two digits.
pub const UTC_TIME: u8 = 0x17;
/// A time with a year of four.
pub const GENERALIZED_TIME: u8 = 0x18;
/// One after the other.
pub const SEQUENCE: u8 = 0x30;
/// In no order.
pub const SET: u8 = 0x31;

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub struct Der<'a>(&'a [u8]);

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    /// Its tag.
    pub tag: u8,
    /// What it holds.
    pub content: &'a [u8],
    /// All of it, tag and length included.
    pub whole: &'a [u8],
}

impl<'a> Der<'a> {
    /// Reads from the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next value; nothing when there is none, or what stands there is no DER.
    pub fn next(&mut self) -> Option<Value<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - rest.len())?;
        self.0 = rest;
        Some(Value {
            tag,
            content,
            whole,
        })
    }

    /// The next value, if it has this tag.
    pub fn take(&mut self, tag: u8) -> Option<Value<'a>> {
        let mut ahead = *self;
        let value = ahead.next().filter(|value| value.tag == tag)?;
        *self = ahead;
        Some(value)
    }

    /// What is in the next value, if it has this tag.
    pub fn enter(&mut self, tag: u8) -> Option<Der<'a>> {
        self.take(tag).map(|value| Self(value.content))
    }
}

/// A length, and what stands behind it. The forms that DER forbids are taken too: it is not ours to refuse them.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    match first {
        0x00..=0x7f => Some((usize::from(first), rest)),
        // More than four bytes of length are no certificate's, and none is the form without an end.
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .fold(0u64, |length, digit| length << 8 | u64::from(*digit));
            Some((usize::try_from(length).ok()?, rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::testing::value;

    #[test]
    fn lengths_that_lie_are_not_believed() {
        for bytes in [
            &[][..],
            &[SEQUENCE],
            &[SEQUENCE, 1],
            &[SEQUENCE, 0x80],
            &[SEQUENCE, 0x81],
            &[SEQUENCE, 0x81, 2, 0],
            &[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff, 0],
            &[SEQUENCE, 0x85, 0, 0, 0, 0, 0],
            &[SEQUENCE, 0xff],
            &[0x1f, 0x81, 0x01, 0],
        ] {
            assert_eq!(Der::new(bytes).next(), None, "{bytes:?}");
        }
    }

    #[test]
    fn another_tag_is_left_where_it_is() {
        let bytes = [INTEGER, 1, 5, OID, 0];
        let mut der = Der::new(&bytes);
        assert_eq!(der.take(OID), None);
        assert_eq!(der.take(INTEGER).unwrap().content, [5]);
        assert_eq!(der.take(OID).unwrap().whole, [OID, 0]);
        assert!(der.is_empty());
    }

    #[test]
    fn long_values_are_read() {
        for length in [127, 128, 255, 256, 65_535, 65_536] {
            let written = value(OCTET_STRING, &vec![7; length]);
            assert_eq!(Der::new(&written).next().unwrap().content.len(), length);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(tag in any::<u8>(), content in prop::collection::vec(any::<u8>(), 0..700)) {
            prop_assume!(tag & 0x1f != 0x1f);
            let written = value(tag, &content);
            let mut der = Der::new(&written);
            let read = der.next().unwrap();
            prop_assert_eq!((read.tag, read.content, read.whole), (tag, &content[..], &written[..]));
            prop_assert!(der.is_empty());
        }

        #[test]
        fn no_bytes_make_it_panic_and_it_comes_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut der = Der::new(&bytes);
            let mut values = 0;
            while der.next().is_some() {
                values += 1;
            }
            prop_assert!(values <= bytes.len());
        }
    }
}
