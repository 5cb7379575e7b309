//! One file per command, each a short story of calls.

pub mod accounts;
pub mod arguments;
pub mod connect;
pub mod consent;
pub mod context;
pub mod doctor;
mod dry_run;
pub mod fetch;
pub mod login;
pub mod migrate;
mod office;
mod overview;
mod password;
mod planning;
pub mod report;
pub mod serve;
pub mod status;
pub mod sync;
pub mod upload;
pub mod verify;
mod waiting;
pub mod withdraw;
