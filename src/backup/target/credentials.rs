//! What object storage wants to see, and never shows.

use std::fmt;

use zeroize::Zeroizing;

use super::super::config::S3Config;

/// The variables of the environment that hold them where no secrets are named, as AWS' own programs have it.
const ID: &str = "AWS_ACCESS_KEY_ID";
const KEY: &str = "AWS_SECRET_ACCESS_KEY";
const TOKEN: &str = "AWS_SESSION_TOKEN";

/// An access key. Neither shown nor left in memory.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub(super) id: Zeroizing<String>,
    pub(super) key: Zeroizing<String>,
    pub(super) token: Option<Zeroizing<String>>,
}

/// The key of `[backup.s3]` at fault, and the rule that it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialsError {
    /// The key.
    pub key: &'static str,
    /// The value, which is a secret's name.
    pub value: String,
    /// The rule.
    pub rule: String,
}

impl Credentials {
    /// Those that `config` names, of the secrets that `secret` gives by name and the variables that `variable` does.
    ///
    /// # Errors
    /// One that is not there, or is no text that a header can hold.
    pub fn find<'a>(
        config: &S3Config,
        secret: impl Fn(&str) -> Option<&'a [u8]>,
        variable: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, CredentialsError> {
        let named = |key, name: Option<&str>, unset: &str| {
            let fault = |rule: String| CredentialsError {
                key,
                value: name.unwrap_or_default().to_owned(),
                rule,
            };
            let found = match name {
                Some(name) => {
                    let missing = || fault("must be the name of a secret in [secrets]".to_owned());
                    std::str::from_utf8(secret(name).ok_or_else(missing)?).unwrap_or_default()
                }
                None => variable(unset).ok_or_else(|| {
                    fault(format!(
                        "must name a secret, for {unset} is not set in the environment"
                    ))
                })?,
            };
            let good = !found.is_empty() && found.bytes().all(|byte| byte.is_ascii_graphic());
            let rule = || fault("must hold visible ASCII characters alone".to_owned());
            good.then(|| Zeroizing::new(found.to_owned()))
                .ok_or_else(rule)
        };
        let id = named("access_key", config.access_key.as_deref(), ID)?;
        let key = named("secret_key", config.secret_key.as_deref(), KEY)?;
        // A token goes with the pair of the environment.
        let token = variable(TOKEN).filter(|_| config.access_key.is_none());
        let token = token.map(|token| Zeroizing::new(token.to_owned()));
        Ok(Self { id, key, token })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(config: &S3Config, variables: &[(&str, &'static str)]) -> Result<Credentials, String> {
        let secret = |name: &str| match name {
            "id" => Some(b"AKID".as_slice()),
            "key" => Some(b"hunter2".as_slice()),
            "odd" => Some(b"two lines\n".as_slice()),
            _ => None,
        };
        let variable = |name: &str| {
            let found = variables.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| *value)
        };
        let found = Credentials::find(config, secret, variable);
        found.map_err(|error| format!("{} {} {}", error.key, error.value, error.rule))
    }

    #[test]
    fn they_come_from_secrets_or_from_the_environment_and_are_not_shown() {
        let named = |id: &str, key: &str| S3Config {
            access_key: Some(id.to_owned()),
            secret_key: Some(key.to_owned()),
            ..S3Config::default()
        };
        let found = find(&named("id", "key"), &[(TOKEN, "of another")]).expect("both are there");
        assert_eq!((found.id.as_str(), found.key.as_str()), ("AKID", "hunter2"));
        assert_eq!(found.token, None);
        assert_eq!(format!("{found:?}"), "Credentials");
        let told = find(&named("id", "none"), &[]).expect_err("there is no such secret");
        assert_eq!(
            told,
            "secret_key none must be the name of a secret in [secrets]"
        );
        let told = find(&named("odd", "key"), &[]).expect_err("it has a line break");
        assert!(
            told.contains("access_key odd") && !told.contains("two"),
            "{told}"
        );
        let of_environment = [(ID, "AKID"), (KEY, "hunter2"), (TOKEN, "token")];
        let found = find(&S3Config::default(), &of_environment).expect("all are set");
        assert_eq!(found.token.as_deref().map(String::as_str), Some("token"));
        let told = find(&S3Config::default(), &[(ID, "AKID")]).expect_err("one is not set");
        assert!(told.contains("AWS_SECRET_ACCESS_KEY is not set"), "{told}");
    }
}
