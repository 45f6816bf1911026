//! The queue against readers that stall, go away, or take bytes one at a time.

#![allow(clippy::unwrap_used)]

use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{OnceLock, Weak};

use super::*;

/// Nothing here takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// An output that says when a write has come, and waits for leave to do it.
struct Gate {
    came: SyncSender<()>,
    leave: Receiver<()>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Once the test has let go of its ends, everything passes.
        let _listens = self.came.send(());
        let _holds = self.leave.recv();
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A queue whose first write is under way and stalled.
struct Stalled {
    queue: Arc<Queue>,
    dropped: TallyCounter,
    written: Arc<Mutex<Vec<u8>>>,
    leave: SyncSender<()>,
}

impl Stalled {
    fn after(first: &str) -> Self {
        let (came, comes) = mpsc::sync_channel(64);
        let (leave, wait) = mpsc::sync_channel(64);
        let (written, dropped) = (Arc::default(), TallyCounter::default());
        let gate = Gate {
            came,
            leave: wait,
            written: Arc::clone(&written),
        };
        let own = Arc::new(OnceLock::<Weak<Queue>>::new());
        let reporter = own.clone();
        let report = move |count| {
            let queue = reporter.get().and_then(Weak::upgrade).unwrap();
            queue.push(format!("{count} dropped\n").as_bytes());
        };
        let queue = Queue::start(gate, dropped.clone(), report).unwrap();
        own.set(Arc::downgrade(&queue)).unwrap();
        queue.push(first.as_bytes());
        comes.recv_timeout(PATIENCE).unwrap();
        Self {
            queue,
            dropped,
            written,
            leave,
        }
    }

    /// Lets the reader read, and gives everything that was written.
    fn resume(self) -> String {
        drop(self.leave);
        assert!(self.queue.flush(PATIENCE));
        let written = self.written.lock().unwrap();
        String::from_utf8(written.clone()).unwrap()
    }
}

#[test]
fn lines_come_out_whole_and_in_order() {
    let stalled = Stalled::after("0\n");
    let wanted: String = (0..1000).map(|number| format!("{number}\n")).collect();
    for number in 1..1000 {
        stalled.queue.push(format!("{number}\n").as_bytes());
    }
    assert_eq!(stalled.dropped.get(), 0);
    assert_eq!(stalled.resume(), wanted);
}

#[test]
fn what_finds_no_room_is_dropped_counted_and_reported_in_its_place() {
    let stalled = Stalled::after("first\n");
    let fill = "x".repeat(CAPACITY_BYTES - 1) + "\n";
    stalled.queue.push(fill.as_bytes());
    assert_eq!(stalled.dropped.get(), 0, "exactly full is not over");
    for _ in 0..3 {
        stalled.queue.push(b"lost\n");
    }
    assert_eq!(stalled.dropped.get(), 3);
    let queue = stalled.queue.clone();
    assert_eq!(
        stalled.resume(),
        format!("first\n{fill}3 dropped\n"),
        "the report comes once, after the lines before the gap"
    );
    queue.push(b"later\n");
    assert!(queue.flush(PATIENCE), "and there is room again");
}

#[test]
fn a_short_line_does_not_slip_past_a_gap() {
    let stalled = Stalled::after("first\n");
    stalled.queue.push(&vec![b'x'; CAPACITY_BYTES + 1]);
    stalled.queue.push(b"short\n");
    assert_eq!(stalled.dropped.get(), 2);
    assert_eq!(stalled.resume(), "first\n2 dropped\n");
}

#[test]
fn a_flush_waits_for_a_stalled_reader_only_so_long() {
    let stalled = Stalled::after("first\n");
    assert!(!stalled.queue.flush(Duration::from_millis(1)));
    assert_eq!(stalled.resume(), "first\n");
}

/// Gives each write the next of these answers, then takes everything.
struct Moody(Vec<io::Result<usize>>, Vec<u8>);

impl Write for Moody {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.0.pop().unwrap_or(Ok(bytes.len()))?;
        self.1.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn interruptions_and_short_writes_lose_nothing() {
    let answers = vec![
        Ok(1),
        Err(ErrorKind::WouldBlock.into()),
        Ok(2),
        Err(ErrorKind::Interrupted.into()),
    ];
    let mut out = Moody(answers, Vec::new());
    assert_eq!(write(&mut out, b"one\ntwo\n"), 0);
    assert_eq!(out.1, b"one\ntwo\n");
}

#[test]
fn lines_for_a_reader_that_is_gone_are_counted() {
    let answers = vec![Err(ErrorKind::BrokenPipe.into()), Ok(4)];
    let mut out = Moody(answers, Vec::new());
    assert_eq!(write(&mut out, b"one\ntwo\nthree\n"), 2);
    assert_eq!(write(&mut out, b"back\n"), 0, "and it is tried again");
}
