//! A folder for a test's files.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// A folder of its own below the machine's temporary one, removed with what is in it when it is dropped. Whatever fails here fails the
/// test.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Folder {
    /// An empty one.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("probity-sdk-{}-{number}", process::id());
        let path = std::env::temp_dir().join(name);
        // One that a killed test of this number has left behind is in nobody's way.
        if path.exists() {
            fs::remove_dir_all(&path).expect("what is left of another test can be removed");
        }
        fs::create_dir(&path).expect("a folder can be made");
        Self(path)
    }

    /// The absolute path of a name below it; of itself for an empty name.
    pub fn path(&self, name: &str) -> String {
        let path = match name {
            "" => self.0.clone(),
            name => self.0.join(name),
        };
        path.to_str()
            .expect("a temporary folder of plain letters")
            .to_owned()
    }

    /// Writes a file, and makes the folders on its way.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.0.join(name);
        let folder = path.parent().expect("it is below the folder");
        fs::create_dir_all(folder).expect("a folder can be made");
        fs::write(path, content).expect("a file can be written");
        self
    }

    /// Says that a file or folder was last changed at this time, in Unix seconds.
    pub fn modified(&self, name: &str, time: f64) -> &Self {
        let file = File::open(self.0.join(name)).expect("it is there");
        let time = UNIX_EPOCH + Duration::from_secs_f64(time);
        file.set_modified(time).expect("it is this user's");
        self
    }

    /// Removes a file, or a folder with all that is below it.
    pub fn remove(&self, name: &str) -> &Self {
        let path = self.0.join(name);
        match path.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        }
        .expect("it can be removed");
        self
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that fails is told about that, and not about this.
        let _ = fs::remove_dir_all(&self.0);
    }
}
