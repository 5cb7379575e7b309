//! Where the credentials of the store come from, as the AWS tools find them: environment, profiles,
//! roles, helper programs. What reads texts is pure; `process` and `credentials` ask.

pub mod chain;
pub mod container;
pub mod credentials;
pub mod endpoint;
pub mod environment;
pub mod keys;
pub mod process;
pub mod profile;
pub mod settings;
pub mod sigv4;
pub mod sts;
pub mod xml;
