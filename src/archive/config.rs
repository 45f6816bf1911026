//! Configuration of the archive.

use serde::{Deserialize, Serialize};

use crate::model::{ByteSize, Invalid, Span, check_range};

/// `[archive]`: how much of the past is kept on disk.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `[archive.series]`: every series of the history, made few.
    pub series: SeriesConfig,
    /// `[archive.snapshots]`: whole snapshots.
    pub snapshots: SnapshotsConfig,
}

/// `[archive.series]`: every series of the history, made few.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeriesConfig {
    /// Whether they are kept.
    pub enabled: bool,
    /// What the samples of so long a time come to is one row.
    pub step: Span,
    /// How far back they go.
    pub retention: Span,
    /// How much of the disk they may take; what is oldest goes first.
    pub max_size: ByteSize,
}

/// `[archive.snapshots]`: whole snapshots.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SnapshotsConfig {
    /// Whether they are kept.
    pub enabled: bool,
    /// How often the newest is kept, if there was a new one.
    pub interval: Span,
    /// How far back they go.
    pub retention: Span,
    /// How much of the disk they may take; what is oldest goes first.
    pub max_size: ByteSize,
}

impl Default for SeriesConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            step: Span::seconds(300),
            retention: Span::seconds(720 * 3_600),
            max_size: ByteSize::mib(256),
        }
    }
}

impl Default for SnapshotsConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            interval: Span::seconds(60),
            retention: Span::seconds(24 * 3_600),
            max_size: ByteSize::mib(64),
        }
    }
}

impl Config {
    /// What is not acceptable in it; `history` is how far back memory goes, if there is a history at all.
    pub fn check(&self, history: Option<Span>) -> Vec<Invalid> {
        let mut faults = Vec::new();
        let (series, snapshots) = (&self.series, &self.snapshots);
        let day = Span::seconds(86_400);
        let step = Span::seconds(1);
        check_range(&mut faults, "series.step", series.step, step, day);
        check_range(
            &mut faults,
            "snapshots.interval",
            snapshots.interval,
            step,
            day,
        );
        for (name, retention, size) in [
            ("series", series.retention, series.max_size),
            ("snapshots", snapshots.retention, snapshots.max_size),
        ] {
            let (least, most) = (Span::seconds(60), Span::seconds(87_600 * 3_600));
            let key = format!("{name}.retention");
            check_range(&mut faults, &key, retention, least, most);
            let (least, most) = (ByteSize::mib(1), ByteSize::mib(1 << 20));
            check_range(&mut faults, &format!("{name}.max_size"), size, least, most);
        }
        if series.enabled {
            faults.extend(series.without_source(history));
        }
        faults
    }
}

impl SeriesConfig {
    /// What keeps it from getting its samples.
    fn without_source(&self, history: Option<Span>) -> Option<Invalid> {
        let Some(memory) = history else {
            let rule =
                "must be false while history.enabled is false: its samples are the history's";
            return Some(Invalid::new("series.enabled", true, rule));
        };
        // Twice: what could not be written is tried again as long as memory has it.
        (self.step.0 * 2 > memory.0).then(|| {
            let rule = format!("must fit twice into history.retention ({memory})");
            Invalid::new("series.step", self.step, rule)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(change: impl FnOnce(&mut Config), history: Option<Span>) -> Vec<String> {
        let mut config = Config::default();
        change(&mut config);
        let faults = config.check(history);
        faults
            .into_iter()
            .map(|fault| format!("{} {}", fault.key, fault.rule))
            .collect()
    }

    #[test]
    fn what_is_kept_has_to_come_from_somewhere() {
        let hour = Some(Span::seconds(3_600));
        let on = |config: &mut Config| config.series.enabled = true;
        assert_eq!(faults(on, hour), [""; 0]);
        assert_eq!(faults(|_| (), None), [""; 0]);
        let off = faults(on, None);
        assert!(off[0].contains("series.enabled must be false while history.enabled"));
        let long = |config: &mut Config| {
            config.series.enabled = true;
            config.series.step = Span::seconds(1_801);
        };
        assert!(
            faults(long, hour)[0].contains("series.step must fit twice into history.retention")
        );
        let both = |config: &mut Config| {
            config.snapshots.retention = Span::seconds(1);
            config.snapshots.max_size = ByteSize(1);
        };
        assert_eq!(faults(both, hour).len(), 2);
    }
}
