//! One file per command, each a short story of calls.

pub mod arguments;
pub mod doctor;
pub mod login;
pub mod migrate;
pub mod serve;
pub mod status;
pub mod sync;
pub mod upload;
pub mod verify;
pub mod version;
pub mod withdraw;
