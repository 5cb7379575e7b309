//! From an address to a stored consent; what `login`, `serve`, `migrate` share.

pub mod account;
pub mod connect;
pub mod operator;
pub mod overview;
pub mod password;
pub mod study;
pub mod terminal;
pub mod waiting;
