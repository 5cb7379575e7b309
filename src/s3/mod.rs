//! Keys, requests, sums, errors and lists of an S3 store as data; `store` and `erase` send them.

pub mod endpoint;
pub mod erase;
pub mod error;
pub mod key;
pub mod list;
pub mod refusal;
pub mod request;
pub mod send;
pub mod store;
pub mod sums;
