//! fitsync

pub mod command;
pub mod config;
pub mod core;
pub mod io;
pub mod portal;
pub mod provider;
