//! fitsync: Fitbit data of a study's participants, from the Google Health API to CSV files in S3.
//!
//! Start at `main.rs`: arguments → one command → exit code. Below it, arrows point down only:
//!
//! ```text
//! command    one file per command, each a short story of calls
//!    │         sync → fetch (the loop that reads data) → planning;  upload;  verify;
//!    │         login → waiting, connect → accounts;  serve → office;  migrate;  withdraw;
//!    │         status;  doctor
//! portal     the sign-in pages: guard (accept loop) → relay → desk (who is where) → pages, texts
//! io         all side effects
//!    │         http (one agent)    session (token refresh, pace, retries)    store (S3)
//!    │         credentials (the AWS chain)
//!    │         files (durable writes, locks)    tokens, ledger (what is kept on disk)    queue
//! provider   pure: job → Request, Reply → rows;  metric_table has a row for every metric
//!    │
//! core       pure: day, plan, job, ledger, table, json, token, backoff, sign_in, s3, sigv4, error
//! ```
//!
//! The seam to the world is data: `core` and `provider` make [`core::exchange::Request`] values and
//! read [`core::exchange::Reply`] values; `io` sends them. Time is always an argument.
//! `config` holds every setting and every limit. A test holds the layers to this.

#![forbid(unsafe_code)]

pub mod aws;
pub mod command;
pub mod consent;
pub mod core;
pub mod gateway;
pub mod io;
pub mod ledger;
pub mod limits;
pub mod portal;
pub mod provider;
pub mod s3;
pub mod settings;
pub mod sign_in;
pub mod sync;
pub mod withdrawal;
