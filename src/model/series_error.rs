//! Why a write or a definition was not taken.

/// Why a write or a definition was not taken. Nothing was staged by the refused call.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SeriesError {
    /// A name is already defined in another way.
    #[error("metric `{name}` is already defined as a {kind} with other labels, unit or buckets")]
    Redefined {
        /// The metric.
        name: String,
        /// What it is now.
        kind: &'static str,
    },
    /// Label values and label keys differ in number.
    #[error("metric `{name}` has {keys} label keys, {values} values were given")]
    LabelMismatch {
        /// The metric.
        name: String,
        /// Keys defined.
        keys: usize,
        /// Values given.
        values: usize,
    },
    /// A label value is too long.
    #[error("a label value of metric `{name}` has {bytes} bytes: at most {limit}")]
    LabelTooLong {
        /// The metric.
        name: String,
        /// The value's length.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The source has as many series as it may.
    #[error("series limit: metric `{name}` would be series {wanted} of at most {limit}")]
    TooManySeries {
        /// The metric.
        name: String,
        /// How many there would be.
        wanted: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The source's series would make more text than they may.
    #[error(
        "with a series of metric `{name}` the text of all series would be {wanted} bytes: at most {limit}"
    )]
    TooMuchText {
        /// The metric.
        name: String,
        /// How many bytes there would be.
        wanted: usize,
        /// How many there may be.
        limit: usize,
    },
    /// So many series have come and gone that no id is left for one more.
    #[error("metric `{name}`: the numbers of series are used up until there is a new instance")]
    NoIds {
        /// The metric.
        name: String,
    },
    /// One series written twice in a run.
    #[error("a series of metric `{0}` is set twice in one run")]
    Duplicate(String),
    /// A counter that would go back.
    #[error("counter `{name}` cannot grow by {delta}")]
    Decrease {
        /// The metric.
        name: String,
        /// The refused step.
        delta: f64,
    },
    /// A number a counter or a histogram cannot take.
    #[error("metric `{0}` cannot take a number that is not finite")]
    NotFinite(String),
    /// No such state.
    #[error("metric `{name}` has no state `{state}`")]
    UnknownState {
        /// The metric.
        name: String,
        /// The state given.
        state: String,
    },
    /// A series id that was never given out or is retired.
    #[error("no series has the number {0}")]
    UnknownSeries(u32),
    /// The wrong kind of write for this metric.
    #[error("metric `{name}` is a {kind}")]
    WrongKind {
        /// The metric.
        name: String,
        /// What it is.
        kind: &'static str,
    },
}

impl SeriesError {
    /// The stable dotted word that a guest gets.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Redefined { .. } => "metrics.redefined",
            Self::LabelMismatch { .. } => "metrics.label-mismatch",
            Self::LabelTooLong { .. } => "metrics.label-too-long",
            Self::TooManySeries { .. } | Self::NoIds { .. } => "metrics.too-many-series",
            Self::TooMuchText { .. } => "limits.series_text",
            Self::Duplicate(_) => "metrics.duplicate",
            Self::Decrease { .. } => "metrics.decrease",
            Self::NotFinite(_) => "metrics.not-finite",
            Self::UnknownState { .. } => "metrics.unknown-state",
            Self::UnknownSeries(_) => "metrics.unknown-series",
            Self::WrongKind { .. } => "metrics.wrong-kind",
        }
    }
}
