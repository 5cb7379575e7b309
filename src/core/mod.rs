//! Pure: no clock, no random numbers, no files, no sockets; all of those are arguments.

pub mod address;
pub mod backoff;
pub mod day;
pub mod error;
pub mod exchange;
pub mod hash;
pub mod json;
pub mod json_scan;
pub mod near;
pub mod said;
pub mod table;
pub mod user;
