//! An honest stand-in for the world outside fitsync: Google sign-in and the Google Health API v4,
//! and a real S3 server, in one process; for tests and for the demo.
//!
//! ```text
//! sim        starts a world                       options   what can be chosen before the start
//! server/    from a port to what is sent          controls/ what a test does to it and asks of it
//! google/    sign-in, tokens, health API          fitbit/   the retired API
//! world      the state behind all services        truth/    what fitsync must have written
//! person     a participant's habits               data/     what the bands measured
//! fault      which request goes wrong, and how    odd       odd elements on chosen days
//! oddities   what is known to be odd
//! cloud      what a band sent takes time          gate      ports that close and open again
//! log        what was asked                       http      requests and replies as values
//! metric     names and headers                    hash      numbers by chance
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

mod cloud;
mod controls;
pub mod data;
mod fault;
mod fitbit;
mod gate;
mod google;
mod hash;
mod http;
mod log;
mod metric;
mod odd;
pub mod oddities;
mod options;
mod person;
mod server;
mod sim;
pub mod truth;
mod world;

pub use controls::{Addresses, Consents, Controls, Expected, key};
pub use fault::{Change, Effect, Fault};
pub use google::grant::Rotation;
pub use google::oauth::redirect_refused;
pub use http::Host;
pub use jiff;
pub use log::{Counts, Seen};
pub use metric::Metric;
pub use odd::{How, Odd, Reads};
pub use options::{
    Certificate, Decision, Device, DeviceKind, FitbitOptions, Options, Order, Participant, Ports,
    Processing, SettingsReply, Tls, Told,
};
pub use person::{Edit, Local, Person};
pub use sim::Sim;
