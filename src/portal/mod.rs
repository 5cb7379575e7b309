//! The sign-in pages on the LAN: `web` is the network's side, `pages` what people see; beside them
//! who may do what.

pub mod access;
pub mod code;
pub mod desk;
pub mod operator;
pub mod pages;
pub mod participant;
pub mod redirect;
pub mod router;
pub mod sign_ins;
pub mod step;
pub mod web;
