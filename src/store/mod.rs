//! SQLite: what is kept between starts, and databases that guests may read.
//!
//! This room is the only one that knows SQL. Others call named methods with the model's words, and never wait for the
//! disk on the event loop.
