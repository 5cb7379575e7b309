//! All side effects: sockets, files, clock, processes.

pub mod book;
pub mod clock;
pub mod files;
pub mod http;
pub mod log;
pub mod random;
pub mod session;
pub mod stop;
pub mod tokens;
