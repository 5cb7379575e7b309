//! fitsync

pub mod core;
