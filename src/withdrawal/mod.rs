//! Letting go of a participant: revoke, remove, delete objects, finish what earlier runs left.

pub mod remove;
