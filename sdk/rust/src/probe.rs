//! What a probe is, and how the host gets at it.

use crate::Result;

/// A probe: what is set up once for an instance, and what is done in each run.
pub trait Probe: Sized + 'static {
    /// The probe's own section of the operator's configuration. `()` for a probe without any; derive `serde::Deserialize` with
    /// `deny_unknown_fields`, so that a mistyped key is told.
    type Config: serde::de::DeserializeOwned;

    /// Called in each new instance until it answers `Ok`, before its first run: define metrics and checks, bind series. The configuration
    /// does not change while an instance lives.
    ///
    /// # Errors
    /// Nothing runs then: [`Failure::bad_config`](crate::Failure::bad_config) rejects the probe, [`Failure::not_applicable`](crate::Failure::not_applicable) lets it lie dormant, any other is tried
    /// again when the next run is due.
    fn start(config: Self::Config) -> Result<Self>;

    /// Called for each run: observe, write metrics, report checks.
    ///
    /// # Errors
    /// Everything that the run wrote is discarded, and earlier values go stale. The same instance runs again.
    fn collect(&mut self) -> Result<()>;
}

/// Makes a type that is a [`Probe`] the component's own. Once in a crate.
#[macro_export]
macro_rules! probe {
    ($probe:ty) => {
        const _: () = {
            #[cfg(target_arch = "wasm32")]
            mod component {
                use super::*;
                use $crate::host::Exported;

                struct Component;

                ::std::thread_local! {
                    /// What `start` made for the runs of this instance.
                    static STARTED: $crate::host::Started<$probe> = const { $crate::host::Started::new(None) };
                }

                impl Exported for Component {
                    fn start() -> ::core::result::Result<(), $crate::host::Refusal> {
                        STARTED.with($crate::host::start)
                    }

                    fn collect() -> ::core::result::Result<(), $crate::host::Refusal> {
                        STARTED.with($crate::host::collect)
                    }
                }

                $crate::host::export_probe!(Component with_types_in $crate::host::bindings);
            }

            const fn is_a_probe<T: $crate::Probe>() {}
            is_a_probe::<$probe>();
        };
    };
}
