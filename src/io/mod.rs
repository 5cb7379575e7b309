//! All side effects: sockets, files, clock, processes.

pub mod aside;
pub mod clock;
pub mod damage;
pub mod files;
pub mod log;
pub mod net;
pub mod random;
pub mod rarely;
pub mod removal;
pub mod stop;
pub mod terminal;
pub mod trust;
