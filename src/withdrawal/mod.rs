//! Letting go of a participant: revoke, remove, delete objects, finish what earlier runs left.

pub mod finish;
pub mod objects;
pub mod remains;
pub mod remove;
pub mod revoke;
