//! Names of refs and objects (git-check-ref-format(1)), as far as they keep a path within the repository.

/// A label's value has at most 1024 bytes; git itself takes no longer one on most file systems.
pub const MAX_BYTES: usize = 1000;

/// Whether it is a ref's full name that leads nowhere else: parts without dots in front of them, joined by `/`, below `refs/`.
pub fn is_ref(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let byte = |byte: u8| byte >= b' ' && byte != 0x7f && byte != b'\\';
    name.len() <= MAX_BYTES
        && name.starts_with("refs/")
        && name.split('/').all(part)
        && name.bytes().all(byte)
}

/// Whether it is an object's name: SHA-1 or SHA-256 in hexadecimal digits.
pub fn is_object(word: &[u8]) -> bool {
    matches!(word.len(), 40 | 64) && word.iter().all(u8::is_ascii_hexdigit)
}

/// The absolute path that `path` means inside the folder `base`, without `.` and `..`.
pub fn resolve(base: &str, path: &str) -> String {
    let whole = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{base}/{path}"),
    };
    let mut parts = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_stay_below_refs() {
        for name in [
            "refs/heads/main",
            "refs/heads/a/b-c_d.e",
            "refs/heads/ä",
            "refs/x",
        ] {
            assert!(is_ref(name), "{name}");
        }
        for name in [
            "",
            "refs/",
            "refs",
            "HEAD",
            "heads/main",
            "/refs/heads/a",
            "refs//a",
            "refs/a/",
            "refs/../x",
            "refs/heads/../../../etc/passwd",
            "refs/heads/.hidden",
            "refs/heads/a.lock",
            "refs/heads/a\nb",
            "refs/a\\b",
        ] {
            assert!(!is_ref(name), "{name}");
        }
        assert!(!is_ref(&format!("refs/{}", "x".repeat(1000))));
    }

    #[test]
    fn paths_are_resolved() {
        for (base, path, whole) in [
            ("/srv/app", ".git", "/srv/app/.git"),
            ("/srv/app", "../.git/modules/app", "/srv/.git/modules/app"),
            ("/srv/app", "/other//./git/", "/other/git"),
            ("/srv/app", "../../../../..", "/"),
        ] {
            assert_eq!(resolve(base, path), whole);
        }
        assert!(is_object(b"0123456789abcdefABCDEF0123456789abcdefab"));
        assert!(!is_object(b"0123456789abcdefABCDEF0123456789abcdefa"));
        assert!(!is_object(b"g123456789abcdefABCDEF0123456789abcdefab"));
    }

    proptest! {
        #[test]
        fn a_resolved_path_has_no_way_up(base in "(/[a.]{1,3}){0,4}", path in "[a./]{0,20}") {
            let whole = resolve(&base, &path);
            prop_assert!(whole.starts_with('/'));
            prop_assert!(!whole.split('/').any(|part| part == ".." || part == "."), "{whole}");
        }
    }
}
