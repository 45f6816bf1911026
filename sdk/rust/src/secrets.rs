//! Secrets by name, each granted by the operator.

use crate::host::secrets as host;
use crate::{Failure, Result};

/// Text that stands for the secret. The host replaces it on its way to a granted origin, so the probe never sees what it sends.
///
/// # Errors
/// `denied` unless the operator grants the name.
pub fn placeholder(name: &str) -> Result<String> {
    Ok(host::placeholder(name)?)
}

/// `text` with [`placeholder`]s in the places of `{secret:NAME}`, as an operator writes them into a header or a query: `Bearer {secret:api}`.
///
/// # Errors
/// `bad-config` for one that has no end, and as [`placeholder`].
pub fn fill(text: &str) -> Result<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(brace) = rest.find('{') {
        let (before, behind) = rest.split_at(brace);
        filled.push_str(before);
        let Some(name) = behind.strip_prefix("{secret:") else {
            filled.push('{');
            rest = behind.get(1..).unwrap_or_default();
            continue;
        };
        let Some((name, after)) = name.split_once('}') else {
            return Err(Failure::bad_config(format!(
                "`{text}` has a {{secret: without a }} behind it"
            )));
        };
        filled.push_str(&placeholder(name)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The secret itself, for protocols in which the host cannot put it in.
///
/// # Errors
/// `denied` unless the operator grants that too.
pub fn reveal(name: &str) -> Result<Vec<u8>> {
    Ok(host::reveal(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Host;
    use crate::{Probe, Result};

    struct Filling;

    impl Probe for Filling {
        type Config = (String, String);

        fn start((text, filled): (String, String)) -> Result<Self> {
            assert_eq!(fill(&text)?, filled);
            Ok(Self)
        }

        fn collect(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn names_of_secrets_are_filled_in() {
        let mut host = Host::new().secret("a", "1").secret("b", "2");
        for (text, filled) in [
            ("", ""),
            ("Bearer {secret:a}", "Bearer {{a}}"),
            ("{secret:a}:{secret:b}!", "{{a}}:{{b}}!"),
            ("{a} {secret}", "{a} {secret}"),
        ] {
            host = host.config(&format!(r#"["{text}", "{filled}"]"#));
            host.start::<Filling>().expect(text);
        }
        for (text, code) in [("{secret:c}", "denied"), ("{secret:a", "bad-config")] {
            host = host.config(&format!(r#"["{text}", ""]"#));
            let refused = host.start::<Filling>().err().expect(text);
            assert_eq!(refused.code(), code, "{text}");
        }
    }
}
