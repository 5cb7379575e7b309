//! All side effects: sockets, files, clock, processes.

pub mod account;
pub mod addresses;
pub mod book;
pub mod clock;
pub mod credential_process;
pub mod credentials;
pub mod erase;
pub mod files;
pub mod http;
mod http_error;
pub mod inspect;
pub mod keep;
pub mod lan;
pub mod log;
pub mod names;
pub mod proxy;
pub mod queue;
pub mod random;
pub mod rebuild;
pub mod session;
pub mod stop;
pub mod store;
pub mod tokens;
pub mod withdrawals;
