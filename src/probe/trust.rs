//! Whose bytes a probe's section, and with it its grants, is meant for: one content, or whatever one key has signed.

use std::io::{self, Read};
use std::path::Path;

use super::ProbeConfig;
use super::regular::{self, Unfit};
use crate::model::{Failure, Invalid};
use minisign_verify::{PublicKey, Signature};

/// A signature has four short lines.
const MAX_SIGNATURE_BYTES: u64 = 4096;

/// What is not acceptable in a section's `digest` and `signer`.
pub(super) fn check_keys(config: &ProbeConfig) -> Vec<Invalid> {
    let mut faults = Vec::new();
    if let Some(digest) = &config.digest
        && !is_digest(digest)
    {
        let rule = "must be `blake3:` and 64 hexadecimal digits, as /api/v1/probes shows them";
        faults.push(Invalid::new("digest", digest, rule));
    }
    if let Some(signer) = &config.signer
        && PublicKey::from_base64(signer).is_err()
    {
        let rule = "must be the second line of a minisign public key, such as \"RW…\"";
        faults.push(Invalid::new("signer", signer, rule));
    }
    faults
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("blake3:").is_some_and(|digits| {
        digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Holds the bytes of `file`, whose digest is already known, against the section. Reads the signature only if one is asked
/// for.
///
/// # Errors
/// `trust.digest` or `trust.signature`.
pub(super) fn check(
    file: &Path,
    bytes: &[u8],
    digest: &str,
    config: &ProbeConfig,
) -> Result<(), Failure> {
    let signature = config
        .signer
        .as_ref()
        .map(|_| signature(file))
        .transpose()?;
    verify(bytes, digest, signature.as_deref(), config)
}

/// Holds bytes, their digest and their signature against the section.
///
/// # Errors
/// `trust.digest` when they are others than those named, `trust.signature` when the key has not signed them.
fn verify(
    bytes: &[u8],
    digest: &str,
    signature: Option<&str>,
    config: &ProbeConfig,
) -> Result<(), Failure> {
    if let Some(wanted) = &config.digest
        && !wanted.eq_ignore_ascii_case(digest)
    {
        let message = format!(
            "the file is {digest}, and its section is for {wanted} (digest): change the key once the new content is trusted"
        );
        return Err(Failure::new("trust.digest", message));
    }
    let Some(signer) = &config.signer else {
        return Ok(());
    };
    let refused = |why: String| {
        let message = format!("not signed by {signer} (signer): {why}");
        Failure::new("trust.signature", message)
    };
    let signature = signature.ok_or_else(|| refused("there is no signature".to_owned()))?;
    let told = |error: minisign_verify::Error| refused(error.to_string());
    let key = PublicKey::from_base64(signer).map_err(told)?;
    let signature = Signature::decode(signature).map_err(told)?;
    // Signatures over the bytes themselves are those of old versions.
    key.verify(bytes, &signature, false).map_err(told)
}

fn signature(file: &Path) -> Result<String, Failure> {
    let path = file.with_extension("wasm.minisig");
    let unreadable = |error: io::Error| {
        let message = format!("{}: {error}", path.display());
        Failure::new("trust.signature", message)
    };
    let (file, _) = regular::open(&path).map_err(|unfit| match unfit {
        Unfit::Unreadable(error) => unreadable(error),
        Unfit::Irregular(_) => unreadable(io::Error::other("not a regular file")),
    })?;
    let mut text = String::new();
    file.take(MAX_SIGNATURE_BYTES)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    const BYTES: &[u8] = b"\0asm\x0d\0\x01\0";
    const KEY: &str = "RWRwcm9iaXR5MTvrVDCBMkW2YEdXBy8ep6zZB44TCqq+EVVVEwcoF25S";
    const SIGNATURE: &str = "untrusted comment: a test\n\
        RURwcm9iaXR5MVxudrc48miYnhAR57WEmMW2UBINm/dkovzpxd2szfVdH5kw4LwE+SjjImISSBj4eGAkqSH0WrV6usTqqa6Ciwg=\n\
        trusted comment: a test\n\
        OFzQdA4BWtejos5xMtfsfv4v0CETeyoik3oJmyGsisNq//jTh85gUkahnkoeMFBbrwnoMROQHI17BpeSoF57CQ==\n";

    fn digest(bytes: &[u8]) -> String {
        format!("blake3:{}", blake3::hash(bytes).to_hex())
    }

    fn code(bytes: &[u8], signature: Option<&str>, config: &ProbeConfig) -> Result<(), String> {
        let verified = verify(bytes, &digest(bytes), signature, config);
        verified.map_err(|failure| failure.code)
    }

    #[test]
    fn only_the_named_content_passes() {
        let config = ProbeConfig {
            digest: Some(digest(BYTES).to_uppercase().replace("BLAKE3", "blake3")),
            ..ProbeConfig::unmentioned("a")
        };
        assert_eq!(code(BYTES, None, &config), Ok(()));
        assert_eq!(code(b"other", None, &config), Err("trust.digest".into()));
        assert_eq!(code(b"other", None, &ProbeConfig::unmentioned("a")), Ok(()));
    }

    #[test]
    fn only_what_the_key_has_signed_passes() {
        let config = ProbeConfig {
            signer: Some(KEY.into()),
            ..ProbeConfig::unmentioned("a")
        };
        assert_eq!(code(BYTES, Some(SIGNATURE), &config), Ok(()));
        let damaged = SIGNATURE.replace("RURwcm9iaXR5MVxu", "RURwcm9iaXR5MVyu");
        let comment =
            SIGNATURE.replace("trusted comment: a test\nOF", "trusted comment: other\nOF");
        for (bytes, signature) in [
            (&b"other"[..], Some(SIGNATURE)),
            (BYTES, None),
            (BYTES, Some("")),
            (BYTES, Some(&damaged)),
            (BYTES, Some(&comment)),
        ] {
            let refused = code(bytes, signature, &config);
            assert_eq!(refused, Err("trust.signature".into()), "{signature:?}");
        }
    }

    #[test]
    fn the_signature_stands_beside_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.wasm");
        let config = ProbeConfig {
            signer: Some(KEY.into()),
            ..ProbeConfig::unmentioned("a")
        };
        let checked =
            || check(&file, BYTES, &digest(BYTES), &config).map_err(|failure| failure.code);
        assert_eq!(checked(), Err("trust.signature".into()));
        fs::write(folder.path().join("a.wasm.minisig"), SIGNATURE).unwrap();
        assert_eq!(checked(), Ok(()));
    }

    #[test]
    fn keys_and_digests_are_checked_at_the_door() {
        let faults = |digest: &str, signer: &str| {
            let config = ProbeConfig {
                digest: Some(digest.into()),
                signer: Some(signer.into()),
                ..ProbeConfig::unmentioned("a")
            };
            check_keys(&config).len()
        };
        assert_eq!(faults(&digest(b""), KEY), 0);
        assert_eq!(faults("blake3:00", "RW"), 2);
        assert_eq!(faults(&digest(b"").replace("blake3", "sha256"), ""), 2);
    }
}
