//! All side effects: sockets, files, clock, processes.

pub mod circuit;
pub mod clock;
pub mod dns;
pub mod files;
pub mod http;
pub mod http_error;
pub mod lan;
pub mod log;
pub mod proxy;
pub mod random;
pub mod rarely;
pub mod stop;
pub mod terminal;
