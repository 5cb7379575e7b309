//! All side effects: sockets, files, clock, processes.

pub mod clock;
pub mod http;
