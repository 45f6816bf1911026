//! What benches/probe.rs runs: `metrics = 10` sets ten gauges one by one with a label, any other number sends that
//! many values in one crossing.

#[allow(warnings)]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit/0.1.0", world: "probe", generate_all });
}

use std::cell::RefCell;

use bindings::exports::probity::probe::collector::Guest;
use bindings::probity::host::{config, failure::Failure};
use bindings::probity::metrics::metrics::{Gauge, set_bound};

struct Bench {
    gauge: Gauge,
    labels: Vec<Vec<String>>,
    bound: Vec<u32>,
    values: Vec<f64>,
}

thread_local!(static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) });

struct Component;

impl Guest for Component {
    fn start() -> Result<(), Failure> {
        let metrics = config::get("metrics").and_then(|text| text.parse().ok()).unwrap_or(10);
        let gauge = Gauge::define("bench_value_bytes", "bytes", "A value.", &["item".to_owned()])?;
        let labels: Vec<Vec<String>> = (0..metrics).map(|index| vec![format!("item-{index}")]).collect();
        let bound = if metrics == 10 { Vec::new() } else { labels.iter().map(|one| gauge.bind(one)).collect::<Result<_, _>>()? };
        BENCH.set(Some(Bench { gauge, values: vec![0.0; metrics], labels, bound }));
        Ok(())
    }

    fn collect() -> Result<(), Failure> {
        BENCH.with_borrow_mut(|bench| {
            let bench = bench.as_mut().expect("start ran");
            if bench.bound.is_empty() {
                return bench.labels.iter().zip(1..).try_for_each(|(labels, value)| bench.gauge.set(labels, f64::from(value)));
            }
            bench.values.iter_mut().for_each(|value| *value += 1.0);
            set_bound(&bench.bound, &bench.values)
        })
    }
}

bindings::export!(Component with_types_in bindings);
