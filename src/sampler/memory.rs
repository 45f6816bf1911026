//! Memory and swap from /proc/meminfo. Format: proc_meminfo(5); its `kB` are 1024 bytes.

use std::time::Instant;

use crate::model::{Facts, MemoryFacts, Recorder, SeriesId, Staged};

use super::kernel_file::KernelFile;
use super::scan::{Words, lines};
use super::series::{begin, lone_gauge, recorder, set_known};
use super::{Machine, Malformed, Sampler, SamplerError};

/// The fields read, by name, with the metric and what it says. The names are node_exporter's in the snake case that
/// promtool asks for.
const FIELDS: [(&[u8], &str, &str); 22] = [
    (b"MemTotal", "node_memory_total_bytes", "All memory."),
    (
        b"MemFree",
        "node_memory_free_bytes",
        "Memory not used for anything.",
    ),
    (
        b"MemAvailable",
        "node_memory_available_bytes",
        "Memory a new program could use without swapping.",
    ),
    (
        b"Buffers",
        "node_memory_buffers_bytes",
        "Buffers of block devices.",
    ),
    (b"Cached", "node_memory_cached_bytes", "Page cache."),
    (
        b"SwapCached",
        "node_memory_swap_cached_bytes",
        "Memory that is also in swap.",
    ),
    (
        b"Active",
        "node_memory_active_bytes",
        "Memory used recently.",
    ),
    (
        b"Inactive",
        "node_memory_inactive_bytes",
        "Memory not used recently.",
    ),
    (b"SwapTotal", "node_memory_swap_total_bytes", "All swap."),
    (b"SwapFree", "node_memory_swap_free_bytes", "Swap not used."),
    (
        b"Dirty",
        "node_memory_dirty_bytes",
        "Memory waiting to be written.",
    ),
    (
        b"Writeback",
        "node_memory_writeback_bytes",
        "Memory being written.",
    ),
    (
        b"AnonPages",
        "node_memory_anon_pages_bytes",
        "Memory of programs without a file behind it.",
    ),
    (
        b"Mapped",
        "node_memory_mapped_bytes",
        "Files mapped into programs.",
    ),
    (
        b"Shmem",
        "node_memory_shmem_bytes",
        "Shared memory and tmpfs.",
    ),
    (
        b"Slab",
        "node_memory_slab_bytes",
        "The kernel's own structures.",
    ),
    (
        b"SReclaimable",
        "node_memory_slab_reclaimable_bytes",
        "Kernel structures that can be given back.",
    ),
    (
        b"SUnreclaim",
        "node_memory_slab_unreclaimable_bytes",
        "Kernel structures that cannot be given back.",
    ),
    (
        b"KernelStack",
        "node_memory_kernel_stack_bytes",
        "Stacks of the kernel's tasks.",
    ),
    (
        b"PageTables",
        "node_memory_page_tables_bytes",
        "Page tables.",
    ),
    (
        b"CommitLimit",
        "node_memory_commit_limit_bytes",
        "Memory that may be promised.",
    ),
    (
        b"Committed_AS",
        "node_memory_committed_bytes",
        "Memory promised to programs.",
    ),
];

/// Indices into [`FIELDS`] of what the facts need.
const TOTAL: usize = 0;
const FREE: usize = 1;
const AVAILABLE: usize = 2;
const BUFFERS: usize = 3;
const CACHED: usize = 4;
const SWAP_TOTAL: usize = 8;
const SWAP_FREE: usize = 9;

/// Bytes by field; what this kernel does not show is nothing.
type Fields = [Option<u64>; FIELDS.len()];

/// Samples memory and swap. Facts: [`MemoryFacts`].
pub struct MemorySampler {
    /// /proc/meminfo.
    file: KernelFile,
    /// What it told last.
    fields: Fields,
    /// All series.
    recorder: Recorder,
    /// One a field.
    series: [SeriesId; FIELDS.len()],
}

impl MemorySampler {
    /// Opens /proc/meminfo.
    ///
    /// # Errors
    /// The file is there and cannot be opened.
    pub fn new(machine: &Machine) -> Result<Self, SamplerError> {
        let mut recorder = recorder();
        let mut series = [SeriesId::from_number(0); FIELDS.len()];
        for (series, (_, name, help)) in series.iter_mut().zip(FIELDS) {
            *series = lone_gauge(&mut recorder, (name, "bytes", help))?;
        }
        Ok(Self {
            file: KernelFile::open(machine.proc("meminfo"))?,
            fields: Fields::default(),
            recorder,
            series,
        })
    }

    fn facts(&self) -> MemoryFacts {
        let field = |index: usize| self.fields[index].unwrap_or(0);
        let (total, free) = (field(TOTAL), field(FREE));
        let cached = field(BUFFERS).saturating_add(field(CACHED));
        // Kernels before 3.14 leave the estimate to the reader; this is the one `free` used to make.
        let estimate = free.saturating_add(cached);
        let available = self.fields[AVAILABLE].unwrap_or(estimate).min(total);
        let used = total - available;
        MemoryFacts {
            total_bytes: total,
            available_bytes: available,
            used_bytes: used,
            free_bytes: free,
            cached_bytes: cached,
            swap_total_bytes: field(SWAP_TOTAL),
            swap_used_bytes: field(SWAP_TOTAL).saturating_sub(field(SWAP_FREE)),
            used_percent: (total > 0).then(|| 100.0 * used as f64 / total as f64),
        }
    }
}

impl Sampler for MemorySampler {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn sample(&mut self, _now: Instant) -> Result<(), SamplerError> {
        begin(&mut self.recorder);
        let Some(fields) = self.file.parse(parse)? else {
            return Err(self.file.absent());
        };
        self.fields = fields;
        for (series, bytes) in self.series.iter().zip(fields) {
            set_known(&mut self.recorder, *series, bytes.map(|bytes| bytes as f64))?;
        }
        Ok(())
    }

    fn take(&mut self) -> (Facts, Staged) {
        (
            Facts::Memory(Box::new(self.facts())),
            self.recorder.commit(),
        )
    }
}

fn parse(text: &[u8]) -> Result<Fields, Malformed> {
    let mut fields = Fields::default();
    for (line, text) in lines(text) {
        let mut words = Words::new(line, text);
        let Some(name) = words.word()?.strip_suffix(b":") else {
            return Err(words.fault("a field name with a colon is expected"));
        };
        if let Some(index) = FIELDS.iter().position(|(field, _, _)| *field == name) {
            let bytes = words.number()?.checked_mul(1024);
            fields[index] = Some(bytes.ok_or_else(|| words.fault("a size too large"))?);
        }
    }
    match fields[TOTAL] {
        Some(_) => Ok(fields),
        None => Err(Malformed::new(1, "no field `MemTotal`")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const TEXT: &[u8] = b"MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    600 kB\n\
        Buffers:          50 kB\nCached:          400 kB\nSwapTotal:       200 kB\nSwapFree:        150 kB\n\
        HugePages_Total:       0\n";

    #[test]
    fn fields_are_bytes_and_missing_ones_nothing() {
        let fields = parse(TEXT).unwrap();
        assert_eq!(fields[TOTAL], Some(1_024_000));
        assert_eq!(fields[SWAP_FREE], Some(153_600));
        assert_eq!(fields[10], None, "this text has no `Dirty`");
    }

    #[test]
    fn what_is_no_meminfo_is_refused_with_the_line() {
        for (text, line, reason) in [
            (&b""[..], 1, "no field `MemTotal`"),
            (
                b"MemTotal: 1 kB\nMemFree: x kB\n",
                2,
                "a whole number is expected",
            ),
            (
                b"MemTotal: 18446744073709551615 kB\n",
                1,
                "a size too large",
            ),
            (b"\0\0\0\0", 1, "a field name with a colon is expected"),
        ] {
            assert_eq!(parse(text), Err(Malformed::new(line, reason)));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>, place in 0..TEXT.len()) {
            let _refused = parse(&bytes);
            let mut text = TEXT.to_vec();
            text.truncate(place);
            text.append(&mut bytes);
            let _damaged = parse(&text);
        }
    }
}
