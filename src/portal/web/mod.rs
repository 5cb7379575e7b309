//! The network's side of the sign-in pages: who may connect, what was asked, the answer's way back.

pub mod bind;
pub mod guard;
pub mod hosts;
pub mod listener;
pub mod lobby;
pub mod places;
pub mod reception;
pub mod relay;
pub mod request;
pub mod service;
pub mod stream;
pub mod visit;
