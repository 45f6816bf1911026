//! The interface version 0.1.0 as Rust traits, generated from `wit/0.1.0`.
//!
//! A later version gets a folder and a file like this one; which is used is decided once, when a probe is loaded.

#![allow(
    missing_docs,
    clippy::all,
    reason = "generated: the WIT is the documentation"
)]

wasmtime::component::bindgen!({
    path: "wit/0.1.0",
    inline: "
        package probity:runtime;
        world everything {
            include probity:probe/imports@0.1.0;
            import probity:lines/lines@0.1.0;
            import probity:notify/notification@0.1.0;
            export probity:probe/collector@0.1.0;
        }
    ",
    imports: {
        // Waits for a disk, and must not hold a thread of the guests meanwhile.
        "probity:sql/sql.query": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "probity:host/failure.failure": crate::model::Failure,
        "probity:metrics/metrics.gauge": crate::probe::host::Gauge,
        "probity:metrics/metrics.counter": crate::probe::host::Counter,
        "probity:metrics/metrics.histogram": crate::probe::host::Histogram,
        "probity:metrics/metrics.state-set": crate::probe::host::StateSet,
        "probity:metrics/metrics.info": crate::probe::host::Info,
        "probity:health/health.check": crate::probe::host::Check,
        "probity:sql/sql.rows": crate::probe::host::Rows,
    },
});
