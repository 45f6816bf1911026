//! In the steady state a sampler's `sample` allocates nothing.
//!
//! Counted is every allocation and reallocation on the thread that calls `sample`. Not counted are `take`, which makes
//! the facts and the list of writes that leave the sampler, and the measured runtime's and ping thread's own threads.
//! Steady means: no device, mount or processor appeared, and no file outgrew its buffer.

// The allocator trait is unsafe to implement; this one only counts and hands on to the system's.
#![allow(unsafe_code, clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Instant;

use probity::sampler::{Config, Machine, Sampler, WatchConfig, build, watched};
use tokio::runtime::Builder;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: every call goes unchanged to the system's allocator; the counter is a plain cell without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// The first of twenty runs that allocates something, if one does.
fn allocates(sampler: &mut dyn Sampler) -> Option<u32> {
    (0..20).find(|_| {
        let steady = allocations(|| sampler.sample(Instant::now()).unwrap());
        let taken = allocations(|| drop(sampler.take()));
        assert!(taken > 0, "the counter counts");
        steady > 0
    })
}

#[test]
fn sampling_allocates_nothing_in_the_steady_state() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    let machine = Machine::local(runtime.handle().clone());
    let own = WatchConfig {
        name: "own".into(),
        pid: Some(std::process::id()),
        ..WatchConfig::default()
    };
    let watched = watched(&[own], &machine);
    for maker in build(&Config::default(), &machine)
        .into_iter()
        .chain(watched)
    {
        let mut sampler = maker.make().unwrap();
        let cold = allocations(|| sampler.sample(Instant::now()).unwrap());
        sampler.take();
        sampler.sample(Instant::now()).unwrap();
        sampler.take();
        // What appears on the machine meanwhile, as a mount or a longer file, takes its room once.
        if let Some(run) = allocates(&mut *sampler) {
            let again = allocates(&mut *sampler);
            let name = maker.name();
            assert_eq!(again, None, "{name} allocated, first in run {run}");
        }
        assert!(
            cold > 0 || maker.name() == "event-loop",
            "{}: the first run makes its buffers",
            maker.name()
        );
    }
}
