//! What is said to a server: who we are, a ping, and the question for its report.

use std::time::Duration;

use probity_sdk::{Failure, Result, clock};
use targets::{Stream, Talk, without};

use crate::{Info, Reply, command, reply};

/// What was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// How long the ping took, in seconds.
    pub ping: f64,
    /// What stood in the place of PONG: `LOADING` and `MASTERDOWN` come from servers that are there and do not serve.
    pub trouble: Option<String>,
    /// The report; why there is none; nothing when it was not asked for.
    pub info: Option<std::result::Result<Info, String>>,
}

impl Heard {
    /// Without the password, wherever the server repeats it.
    fn without(self, password: &[u8]) -> Self {
        let hidden = |words: String| without(&words, password);
        Self {
            trouble: self.trouble.map(hidden),
            info: self.info.map(|info| info.map_err(hidden)),
            ..self
        }
    }

    /// The report, where there is one.
    pub fn report(&self) -> Option<&Info> {
        self.info.as_ref()?.as_ref().ok()
    }
}

/// Talks with a server. `login`: the user, if any, and the password.
///
/// # Errors
/// When it does not answer, speaks another protocol, or does not let us in.
pub fn talk<S: Stream>(
    talk: &mut Talk<S>,
    login: Option<(Option<&str>, &[u8])>,
    wants_info: bool,
) -> Result<Heard> {
    let heard = hear(talk, login, wants_info);
    match login {
        Some((_, password)) => heard
            .map(|heard| heard.without(password))
            .map_err(|failure| Failure::unavailable(without(&failure.message(), password))),
        None => heard,
    }
}

fn hear<S: Stream>(
    talk: &mut Talk<S>,
    login: Option<(Option<&str>, &[u8])>,
    wants_info: bool,
) -> Result<Heard> {
    if let Some((user, password)) = login {
        let auth = match user {
            Some(user) => command(&[b"AUTH", user.as_bytes(), password]),
            None => command(&[b"AUTH", password]),
        };
        talk.send(&auth)?;
        match reply(talk)? {
            Reply::Word(_) => {}
            Reply::Error(error) => return Err(refused(&error)),
            other => return Err(odd(&other)),
        }
    }
    let (ping, trouble) = ping(talk)?;
    let info = match wants_info {
        true => Some(info(talk)?),
        false => None,
    };
    Ok(Heard {
        ping: ping.as_secs_f64(),
        trouble,
        info,
    })
}

fn ping<S: Stream>(talk: &mut Talk<S>) -> Result<(Duration, Option<String>)> {
    let began = clock::steady();
    talk.send(&command(&[b"PING"]))?;
    let reply = reply(talk)?;
    let took = clock::steady() - began;
    match reply {
        Reply::Word(word) if word == "PONG" => Ok((took, None)),
        // Without these we are not let in, and would not be told anything else either.
        Reply::Error(error) if ["NOAUTH", "WRONGPASS", "DENIED"].contains(&kind(&error)) => {
            Err(refused(&error))
        }
        Reply::Error(error) => Ok((took, Some(error))),
        other => Err(odd(&other)),
    }
}

fn info<S: Stream>(talk: &mut Talk<S>) -> Result<std::result::Result<Info, String>> {
    talk.send(&command(&[b"INFO"]))?;
    match reply(talk)? {
        Reply::Text(Some(text)) => Ok(Ok(Info::parse(&String::from_utf8_lossy(&text)))),
        Reply::Error(error) => Ok(Err(error)),
        other => Err(odd(&other)),
    }
}

/// An error's first word.
fn kind(error: &str) -> &str {
    error.split(' ').next().unwrap_or_default()
}

fn refused(error: &str) -> Failure {
    // A command that it does not know is repeated, its arguments cut somewhere.
    let error = error.split(", with args").next().unwrap_or_default();
    let hint = match kind(error) {
        "NOAUTH" => " (`password` names the secret)",
        _ => "",
    };
    Failure::unavailable(format!("it does not let us in: {error}{hint}"))
}

fn odd(reply: &Reply) -> Failure {
    let what = match reply {
        Reply::Word(word) => format!("\"{word}\""),
        Reply::Number(number) => number.to_string(),
        Reply::Text(_) => "text".to_owned(),
        Reply::Error(error) => error.clone(),
    };
    Failure::unavailable(format!("it replies {what}, which is no answer"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::tests::Said;

    fn heard(
        said: &str,
        login: Option<(Option<&str>, &[u8])>,
        info: bool,
    ) -> std::result::Result<Heard, String> {
        let mut stream = Talk::over(Said(said.as_bytes().to_vec(), 3), 1000, 10_000);
        talk(&mut stream, login, info).map_err(|failure| failure.message().into_owned())
    }

    #[test]
    fn a_server_that_is_well_is_heard() {
        let heard = heard(
            "+OK\r\n+PONG\r\n$11\r\n# A\r\nrole:x\r\n",
            Some((None, b"p")),
            true,
        )
        .expect("it is well");
        assert_eq!(heard.trouble, None);
        assert_eq!(
            heard
                .info
                .expect("it was asked for")
                .expect("it is there")
                .text("role"),
            Some("x")
        );
    }

    #[test]
    fn a_server_that_does_not_serve_still_tells_of_itself() {
        let loading = "-LOADING Redis is loading the dataset in memory\r\n-NOPERM no\r\n";
        let heard = heard(loading, None, true).expect("it is there");
        assert_eq!(
            heard.trouble.as_deref(),
            Some("LOADING Redis is loading the dataset in memory")
        );
        assert_eq!(heard.info, Some(Err("NOPERM no".into())));
    }

    #[test]
    fn who_is_not_let_in_is_told_why() {
        for (said, told) in [
            (
                "-NOAUTH Authentication required.\r\n",
                "it does not let us in: NOAUTH Authentication required. (`password` names the secret)",
            ),
            ("-WRONGPASS no\r\n", "it does not let us in: WRONGPASS no"),
            (":5\r\n", "it replies 5, which is no answer"),
            ("+HELLO\r\n", "it replies \"HELLO\", which is no answer"),
            ("$2\r\nab\r\n", "it replies text, which is no answer"),
            ("", "the other side ended in the middle of its answer"),
        ] {
            assert_eq!(heard(said, None, false), Err(told.to_owned()));
        }
        let echoed = heard(
            "-ERR unknown command `AUTH`, with args beginning with: `hunt\r\n",
            Some((None, b"hunter2")),
            false,
        );
        assert_eq!(
            echoed,
            Err("it does not let us in: ERR unknown command `AUTH`".into())
        );
        let repeated = heard(
            "+OK\r\n-LOADING hunter2\r\n-NOPERM hunter2\r\n",
            Some((None, b"hunter2")),
            true,
        )
        .expect("it is there");
        assert_eq!(repeated.trouble.as_deref(), Some("LOADING (the password)"));
        assert_eq!(repeated.info, Some(Err("NOPERM (the password)".into())));
        let wrong = heard("-WRONGPASS no\r\n", Some((Some("u"), b"p")), false);
        assert_eq!(wrong, Err("it does not let us in: WRONGPASS no".into()));
    }
}
