//! The probe `{{name}}`.

use probity_sdk::prelude::*;

/// The probe's section of the configuration.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who asks.
    #[serde(default = "nobody")]
    who: String,
}

fn nobody() -> String {
    "nobody".into()
}

pub struct {{Type}} {
    settings: Settings,
    answer: Gauge<1>,
    check: Check,
}

impl Probe for {{Type}} {
    type Config = Settings;

    /// Runs once in each instance.
    fn start(settings: Settings) -> Result<Self> {
        Ok(Self {
            settings,
            answer: Gauge::define("{{metric}}_answer", "The answer.", ["asked_by"])?,
            check: Check::define("answer", "There is an answer")?,
        })
    }

    /// Runs on schedule. What it sets counts only if it answers `Ok`.
    fn collect(&mut self) -> Result<()> {
        self.answer.set([&self.settings.who], 42.0)?;
        self.check.pass("42");
        Ok(())
    }
}

probity_sdk::probe!({{Type}});

#[cfg(test)]
mod tests {
    use super::*;
    use probity_sdk::testing::Host;

    #[test]
    fn everybody_gets_the_answer() {
        let mut host = Host::new().config(r#"{ "who": "everybody" }"#);
        let mut probe = host.start::<{{Type}}>().expect("its configuration is right");
        let report = host.collect(&mut probe).expect("it has an answer");
        assert_eq!(report.value("{{metric}}_answer", ["everybody"]), Some(42.0));
        assert_eq!(report.check("answer"), Some((Status::Pass, "42")));
    }
}
