//! The desk: what every visitor's request means. It answers pages by itself and hands everything
//! that takes time or touches files to the loop that called it, as a [`Step`].
//!
//! GET changes nothing. Every form carries a token that belongs to its link, so that no other
//! site can send it. Nobody is trusted for where a connection comes from: a proxy makes everybody
//! this machine.

use crate::io::rarely::Rarely;
use crate::portal::access::FormKey;
use crate::portal::pages::page::Outcome;
use crate::portal::redirect::Redirect;
use crate::portal::session::Operator;
use crate::portal::sign_ins::SignIns;
use crate::portal::tally::Tally;
use crate::portal::web::hosts::Hosts;

/// How the desk is set up.
#[derive(Debug)]
pub struct DeskRules {
    pub hosts: Hosts,
    pub redirect: Redirect,
    /// The port of the participants' pages, and whether they have TLS.
    pub port: u16,
    pub secure: bool,
    /// `FITSYNC_LOCAL_SIGN_IN`
    pub local_sign_in: bool,
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
    pub(super) wrong_codes: Tally<u128>,
    /// Callbacks that nobody here waits for.
    pub(super) strangers_told: Rarely,
}

impl Desk {
    pub fn new(rules: DeskRules, random: [u8; 32]) -> Self {
        Self {
            sign_ins: SignIns::default(),
            rules,
            operator: None,
            form_key: FormKey::new(random),
            wrong_codes: Tally::default(),
            strangers_told: Rarely::default(),
        }
    }
}
