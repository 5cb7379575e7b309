//! All side effects: sockets, files, clock, processes.

pub mod aside;
pub mod circuit;
pub mod clock;
pub mod damage;
pub mod dns;
pub mod files;
pub mod http;
pub mod http_error;
pub mod lan;
pub mod log;
pub mod proxy;
pub mod random;
pub mod removal;
pub mod rarely;
pub mod stop;
pub mod terminal;
pub mod tls;
pub mod trust;
