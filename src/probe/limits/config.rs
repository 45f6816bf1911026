//! Configuration of the limits: what each probe may use, and where one has limits of its own.

use serde::{Deserialize, Serialize};

use crate::model::{ByteSize, Invalid, MAX_LABEL_KEYS, MAX_NAME_BYTES, Span, check_range};

/// Declares each limit once: what it bounds, its key, its type, its default, and the range of its key. Its fields in
/// [`Limits`] and [`LimitOverrides`] and its check come from there, so that no list can lack one.
macro_rules! limits {
    ($($(#[$doc:meta])+ $key:ident: $kind:ty = $default:expr, $least:expr => $most:expr;)+) => {
        /// What one probe may use.
        #[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Limits {
            /// Wall time of one call; unset: 0.8 of the interval, at most 5s.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub deadline: Option<Span>,
            $($(#[$doc])+ pub $key: $kind,)+
        }

        /// One probe's own limits, over those of all probes.
        #[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct LimitOverrides {
            /// Over [`Limits::deadline`].
            #[serde(skip_serializing_if = "Option::is_none")]
            pub deadline: Option<Span>,
            $(
                #[doc = concat!("Over [`Limits::", stringify!($key), "`].")]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $key: Option<$kind>,
            )+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { deadline: None, $($key: $default,)+ }
            }
        }

        impl Limits {
            /// These limits with a probe's own over them.
            #[must_use]
            pub fn with(&self, own: &LimitOverrides) -> Self {
                Self {
                    deadline: own.deadline.or(self.deadline),
                    $($key: own.$key.unwrap_or(self.$key),)+
                }
            }

            fn overriding(&self) -> LimitOverrides {
                LimitOverrides {
                    deadline: self.deadline,
                    $($key: Some(self.$key),)+
                }
            }

            pub(in crate::probe) fn check(&self, faults: &mut Vec<Invalid>) {
                if let Some(deadline) = self.deadline {
                    check_range(faults, "limits.deadline", deadline, SHORTEST, LONGEST);
                }
                $(check_range(faults, concat!("limits.", stringify!($key)), self.$key, $least, $most);)+
            }
        }
    };
}

/// The range of a call's time.
const SHORTEST: Span = Span::millis(1);
const LONGEST: Span = Span::seconds(600);

limits! {
    /// CPU time of one call; looked at every 10 ms.
    cpu: Span = Span::seconds(1), Span::millis(10) => LONGEST;
    /// Calls to the host in one call of the guest: its imports, and what the engine does for it outside of it, such as
    /// growing a memory or dropping a handle.
    host_calls: u32 = 10_000, 1 => 10_000_000;
    /// Each linear memory.
    memory: ByteSize = ByteSize::mib(64), ByteSize::kib(64) => ByteSize::mib(4096);
    /// Linear memories of one instance.
    memories: u32 = 8, 1 => 100;
    /// Core instances that a component is made of.
    instances: u32 = 100, 1 => 10_000;
    /// Tables of one instance.
    tables: u32 = 100, 1 => 10_000;
    /// Elements of each table.
    table_elements: u32 = 100_000, 1 => 10_000_000;
    /// Handles that an instance holds at once.
    handles: u32 = 1000, 1 => 1_000_000;
    /// Bytes that cross to the host in one call.
    crossing: ByteSize = ByteSize::mib(4), ByteSize::kib(4) => ByteSize::mib(256);
    /// Random bytes in one call to the host.
    random: ByteSize = ByteSize::kib(64), ByteSize::kib(1) => ByteSize::mib(64);
    /// Bytes of standard output and error that are kept, the last ones.
    output: ByteSize = ByteSize::kib(64), ByteSize::kib(1) => ByteSize::mib(16);
    /// Metrics of one probe.
    metrics: u32 = 1000, 1 => 100_000;
    /// Series of one probe.
    series: u32 = 1000, 1 => 100_000;
    /// Text of one probe's series where metrics are served as text.
    series_text: ByteSize = ByteSize::mib(2), ByteSize::kib(64) => ByteSize::mib(256);
    /// Label keys of one metric.
    labels: u32 = 20, 1 => MAX_LABEL_KEYS as u32;
    /// A metric's name, a label key, a state.
    name_bytes: ByteSize = ByteSize(128), ByteSize(1) => ByteSize(MAX_NAME_BYTES as u64);
    /// A label's value.
    value_bytes: ByteSize = ByteSize::kib(1), ByteSize(1) => ByteSize::kib(64);
    /// Health checks of one probe.
    checks: u32 = 100, 1 => 10_000;
    /// Events of one call.
    events: u32 = 1000, 1 => 100_000;
    /// Bytes of those.
    event_bytes: ByteSize = ByteSize::mib(1), ByteSize::kib(1) => ByteSize::mib(64);
    /// Log lines a minute.
    log_lines: u32 = 1000, 1 => 1_000_000;
    /// Bytes of log a minute.
    log_bytes: ByteSize = ByteSize::kib(256), ByteSize::kib(1) => ByteSize::mib(64);
    /// Bytes of state, keys included.
    state: ByteSize = ByteSize::mib(1), ByteSize::kib(1) => ByteSize::mib(64);
    /// Rows of one query's answer.
    query_rows: u32 = 10_000, 1 => 1_000_000;
    /// Bytes of the answers of queries that a probe holds at once.
    query_bytes: ByteSize = ByteSize::mib(4), ByteSize::kib(1) => ByteSize::mib(256);
    /// Body of one HTTP request.
    http_request: ByteSize = ByteSize::mib(1), ByteSize::kib(1) => ByteSize::mib(64);
    /// Body of one HTTP answer.
    http_response: ByteSize = ByteSize::mib(4), ByteSize::kib(1) => ByteSize::mib(256);
    /// Size of a component's file.
    file: ByteSize = ByteSize::mib(64), ByteSize::kib(1) => ByteSize::mib(1024);
}

impl LimitOverrides {
    /// Every limit as it is there.
    pub(in crate::probe) fn all(limits: &Limits) -> Self {
        limits.overriding()
    }

    pub(in crate::probe) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
