//! Watches web servers by their own status pages: nginx's `stub_status` and Apache's `server-status?auto`.
//!
//! `nginx` and `apache` read the pages, `page` is what they have in common, `judge` gives the verdict; `settings` reads the configuration
//! and `probe` is what the host calls.

mod apache;
mod judge;
mod nginx;
mod page;
mod probe;
mod settings;

pub use judge::{Judgement, judge};
pub use page::Page;
pub use settings::{Kind, Settings, Target};
