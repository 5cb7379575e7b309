//! Pure: no clock, no random numbers, no files, no sockets; all of those are arguments.

pub mod aws_chain;
pub mod aws_environment;
pub mod aws_profile;
pub mod aws_settings;
pub mod aws_xml;
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
pub mod rebuild;
pub mod s3;
pub mod s3_error;
pub mod sign_in;
pub mod sigv4;
pub mod sts;
pub mod table;
pub mod token;
pub mod user;
