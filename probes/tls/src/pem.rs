//! Certificates in a file: PEM (RFC 7468), one or more of them among other things, or a single one in DER.

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
/// The first byte of a certificate in DER.
const SEQUENCE: u8 = 0x30;
/// More certificates than this are a machine's list of roots, not a server's chain.
const MOST: usize = 64;

/// The certificates of a file, in DER, in their order.
///
/// # Errors
/// What is wrong with it.
pub fn certificates(file: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    if file.first() == Some(&SEQUENCE) {
        return Ok(vec![file.to_vec()]);
    }
    let text = String::from_utf8_lossy(file);
    let mut found = Vec::new();
    let mut rest = &*text;
    while let Some((_, behind)) = rest.split_once(BEGIN) {
        if found.len() == MOST {
            return Err(format!("it has more than {MOST} certificates"));
        }
        let which = found.len() + 1;
        let Some((inside, after)) = behind.split_once(END) else {
            return Err(format!("certificate {which} has no end"));
        };
        let bytes =
            base64(inside).ok_or_else(|| format!("certificate {which} is not in base64"))?;
        found.push(bytes);
        rest = after;
    }
    match found.is_empty() {
        true => Err("there is no certificate in it, neither in PEM nor in DER".to_owned()),
        false => Ok(found),
    }
}

/// Bytes from base64 (RFC 4648, section 4), white space passed over.
fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut count) = (0u32, 0);
    let mut bytes = Vec::new();
    let mut padding = 0;
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    // Of the last byte nothing may be left over but zeros.
    let whole = padding <= 2 && count < 6 && bits == 0;
    whole.then_some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn written(bytes: &[u8]) -> String {
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for part in bytes.chunks(3) {
            let mut three = [0; 3];
            three[..part.len()].copy_from_slice(part);
            let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
            for place in 0..4 {
                let letter = letters[(bits >> (18 - 6 * place) & 63) as usize];
                text.push(if place > part.len() {
                    '='
                } else {
                    char::from(letter)
                });
            }
            if text.len() % 65 == 64 {
                text.push('\n');
            }
        }
        text
    }

    #[test]
    fn a_file_may_hold_several_and_other_things() {
        let one = |bytes: &[u8]| format!("{BEGIN}\r\n{}\r\n{END}\r\n", written(bytes));
        let file = format!(
            "# a chain\n{}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n{}",
            one(b"first"),
            one(b"second!")
        );
        let found = certificates(file.as_bytes()).unwrap();
        assert_eq!(found, [b"first".to_vec(), b"second!".to_vec()]);
        assert_eq!(certificates(&[SEQUENCE, 0]).unwrap(), [[SEQUENCE, 0]]);
    }

    #[test]
    fn what_is_none_is_told() {
        for (file, told) in [
            (
                String::new(),
                "there is no certificate in it, neither in PEM nor in DER",
            ),
            (
                "-----BEGIN PRIVATE KEY-----".into(),
                "there is no certificate in it, neither in PEM nor in DER",
            ),
            (format!("{BEGIN}\nAAAA\n"), "certificate 1 has no end"),
            (
                format!("{BEGIN}\nAA*A\n{END}"),
                "certificate 1 is not in base64",
            ),
            (
                format!("{BEGIN}\nAA=A\n{END}"),
                "certificate 1 is not in base64",
            ),
            (
                format!("{BEGIN}\nAAAAA\n{END}"),
                "certificate 1 is not in base64",
            ),
            (
                format!("{BEGIN}AAAA{END}").repeat(65),
                "it has more than 64 certificates",
            ),
        ] {
            assert_eq!(certificates(file.as_bytes()).unwrap_err(), told, "{file}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            prop_assert_eq!(base64(&written(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = certificates(&bytes);
            let _ = certificates(format!("{BEGIN}{}{END}", String::from_utf8_lossy(&bytes)).as_bytes());
        }
    }
}
