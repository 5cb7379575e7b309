//! A participant's consent: token, study window, OAuth and the withdrawal's marker as data; `files`
//! keeps them on disk.

pub mod files;
pub mod oauth;
pub mod receipt;
pub mod token;
pub mod window;
pub mod withdrawal;
