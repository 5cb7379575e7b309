//! An honest stand-in for the world outside fitsync: Google sign-in and the Google Health API v4,
//! and a real S3 server, in one process; for tests and for the demo.
//!
//! ```text
//! sim        starts a world                       controls  what a test does to it and asks of it
//! control    the same as JSON over HTTP           options   what can be chosen before the start
//! listen     ports, open and closed               server    log, faults, answer
//! body       replies that misbehave               sim       start and end
//! fault      which request goes wrong, and how    s3        the store
//! google/    sign-in, tokens, health API          fitbit/   the retired API
//! world      the state behind all services        hash      numbers by chance
//! person     a participant's habits               data/     what the bands measured
//! truth      what fitsync must have written       metric    names and headers
//! tls        certificates                         addresses where it runs, and its keys
//! ```
//!
//! Data is a pure function of the seed: any date can be asked, nothing is stored. `truth` and the
//! services read the same values, but the CSV text is made by `truth` alone, from the
//! design and the data dictionary.
//!
//! ```
//! use fitsync_sim::{Effect, Fault, Host, Options, Sim};
//!
//! let sim = Sim::start(Options::default());
//! sim.inject(Fault::once(Effect::Close).host(Host::Google).path("steps"));
//! assert!(sim.google_url().starts_with("http://127.0.0.1:"));
//! assert!(sim.requests().is_empty());
//! ```
#![forbid(unsafe_code)]

mod addresses;
mod body;
mod control;
mod controls;
pub mod data;
mod fault;
mod fault_json;
mod fitbit;
mod google;
mod hash;
mod http;
mod listen;
mod log;
mod metric;
mod options;
mod person;
mod s3;
mod server;
mod sim;
mod tls;
pub mod truth;
mod world;

pub use addresses::Addresses;
pub use controls::{Controls, Expected, key};
pub use fault::{Change, Effect, Fault};
pub use google::grant::Rotation;
pub use google::oauth::redirect_refused;
pub use http::Host;
pub use jiff;
pub use log::{Counts, Seen};
pub use metric::Metric;
pub use options::{
    Certificate, Decision, Device, DeviceKind, FitbitOptions, Options, Order, Participant, Ports,
    Tls,
};
pub use person::{Edit, Local, Person};
pub use sim::Sim;
