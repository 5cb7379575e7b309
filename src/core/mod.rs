//! Pure: no clock, no random numbers, no files, no sockets; all of those are arguments.

pub mod backoff;
pub mod completeness;
pub mod day;
pub mod error;
pub mod exchange;
pub mod hash;
pub mod json;
pub mod ledger;
pub mod month;
pub mod picture;
pub mod plan;
pub mod s3;
pub mod sign_in;
pub mod table;
pub mod token;
pub mod user;
