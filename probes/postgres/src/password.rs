//! The older ways of showing a password.

use md5::{Digest, Md5};

/// What is sent to a server that asks for MD5: of the password and the user, and of that and the server's salt.
pub fn md5(user: &str, password: &[u8], salt: [u8; 4]) -> String {
    let inner = hex(&Md5::new()
        .chain_update(password)
        .chain_update(user)
        .finalize());
    format!(
        "md5{}",
        hex(&Md5::new().chain_update(inner).chain_update(salt).finalize())
    )
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 15)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inner hash is what PostgreSQL keeps in pg_authid, so it is known from there.
    #[test]
    fn the_hash_is_salted_twice() {
        assert_eq!(hex(&Md5::digest("")), "d41d8cd98f00b204e9800998ecf8427e");
        let inner = hex(&Md5::digest("secretuser"));
        let outer = hex(&Md5::digest([inner.as_bytes(), &[1, 2, 3, 4]].concat()));
        assert_eq!(md5("user", b"secret", [1, 2, 3, 4]), format!("md5{outer}"));
    }
}
