#![forbid(unsafe_code)]
pub mod data;
pub mod hash;
pub mod metric;
pub mod person;
pub mod truth;
