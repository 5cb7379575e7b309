//! The desk: what every visitor's request means. It answers pages by itself and hands everything
//! that takes time or touches files to the loop that called it, as a [`Step`].
//!
//! GET changes nothing. Every form carries a token that belongs to its link, so that no other
//! site can send it. The callback needs its state and no cookie.

use std::time::Instant;

use crate::portal::access::{FormKey, Operator};
use crate::portal::pages::page::Outcome;
use crate::portal::redirect::Redirect;
use crate::portal::sign_ins::SignIns;
use crate::portal::web::hosts::Hosts;

/// How the desk is set up.
#[derive(Debug)]
pub struct DeskRules {
    pub hosts: Hosts,
    pub redirect: Redirect,
    /// The port that is listened on.
    pub port: u16,
    /// What a callback with an unknown state is told: `OtherSignIn` where only one sign-in can be
    /// meant, `NotKnown` where another program may wait for it.
    pub stranger: Outcome,
}

#[derive(Debug)]
pub struct Desk {
    pub sign_ins: SignIns,
    pub rules: DeskRules,
    /// `None` where there are no operator's pages: in `login`.
    pub operator: Option<Operator>,
    pub(super) form_key: FormKey,
    /// When a callback that nobody here began was last told of.
    pub(super) stranger_told_at: Option<Instant>,
}

impl Desk {
    pub fn new(rules: DeskRules, random: [u8; 32]) -> Self {
        let (sign_ins, operator) = (SignIns::default(), None);
        let form_key = FormKey::new(random);
        Self { sign_ins, rules, operator, form_key, stranger_told_at: None }
    }
}
