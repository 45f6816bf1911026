//! The probe folder: which files are there, what runs because of them, and what happens when they change.
//!
//! This room watches, decides and commands. It compiles nothing and runs nothing itself: loading is the probe room's, and
//! when a probe runs is the schedule's.
