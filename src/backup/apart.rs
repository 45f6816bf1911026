//! Long work on a thread of its own.

use std::panic::resume_unwind;
use std::thread;

use tokio::sync::oneshot;

use super::BackupError;

/// Does work on a thread of its own, which may stand back for good, and waits for it. It ends by itself: who no longer waits has
/// told it to stop.
pub(super) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    let (done, result) = oneshot::channel();
    let worker = thread::Builder::new()
        .name("backup".to_owned())
        .spawn(move || {
            // Nobody may wait any more.
            let _unheard = done.send(work());
        })
        .map_err(|error| BackupError::machine("the machine gives no thread", &error))?;
    match result.await {
        Ok(done) => done,
        Err(_) => match worker.join() {
            Err(panic) => resume_unwind(panic),
            Ok(()) => unreachable!("work that ends says what came of it"),
        },
    }
}
