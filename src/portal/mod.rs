//! The sign-in pages on the LAN: `web` is the network's side, `pages` what people see; beside them
//! who may do what.

pub mod access;
pub mod certificate;
pub mod code;
pub mod desk;
pub mod door;
pub mod entry;
pub mod operator;
pub mod pages;
pub mod participant;
pub mod queue;
pub mod redirect;
pub mod router;
pub mod session;
pub mod sign_ins;
pub mod step;
pub mod tally;
pub mod web;

#[cfg(test)]
#[path = "scene_tests.rs"]
mod scene;
