//! fitsync: Fitbit data of a study's participants, from the Google Health API to CSV files in S3.
//!
//! Start at `main.rs`: arguments → one command → exit code. Folders are stories; from the top down
//! each uses only those below it:
//!
//! ```text
//! command      one file per command: a short story of calls
//! sign_in      from an address to a stored consent: connect → account;  terminal, study, waiting
//! sync         one run: run → planning → plan;  fetch (the loop that reads data) → session;
//!              uploads → queue;  report
//! withdrawal   letting go of a participant: revoke, remove, objects, finish
//! gateway      what every command stands on: settings, clock, agent, token files, store
//! settings     environment and files → one checked Config; who the program runs as
//! portal       the pages: web (connections) → router → participant, operator → pages
//! provider     pure: google, fitbit, metric (the one table); job → Request, Reply → rows
//! s3           keys, requests, sums, errors, lists as data; store sends them
//! aws          where credentials come from
//! ledger       what is known of each day, as data and on disk
//! consent      token, study window, OAuth, the withdrawal's marker; token files
//! io           the world: files, locks, clock, network, terminal
//! core         pure: user, error, json, exchange, day, table
//! limits       every limit
//! ```
//!
//! The seam to the world is data: pure code makes [`core::exchange::Request`] values and reads
//! [`core::exchange::Reply`] values; `io` sends them. Time is always an argument. A test holds the
//! order of the folders, and which files may touch the world. `docs/contributing.md` has the words
//! and what does not belong where.

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
