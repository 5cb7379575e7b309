//! The desk: what every visitor's request means. It answers pages by itself and hands everything
//! that takes time or touches files to the loop that called it, as a [`Step`].
//!
//! GET changes nothing. Every form carries a token that belongs to its link, so that no other
//! site can send it. The callback needs its state and no cookie.

use std::time::Instant;

use jiff::Timestamp;

use crate::consent::oauth::Callback;
use crate::core::error::{Result, Secret};
use crate::core::user::UserId;
use crate::limits::PORTAL_CODE_S;
use crate::portal::access::{FormKey, PasswordFile};
use crate::portal::code::Key;
use crate::portal::operator::{Operator, Shown};
use crate::portal::pages::page::{Outcome, Page};
use crate::portal::pages::sign_in::Way;
use crate::portal::pages::{sign_in as pages, text};
use crate::portal::sign_ins::{Attempt, Facts, Hint, SignIns, Stage};
use crate::portal::web::hosts::{Hosts, is_loopback_name};
use crate::portal::web::visit::Ask;

/// What the desk needs from the rest of the program.
pub trait Office {
    /// A new attempt at the provider: state, verifier, address. Refused for an id that withdrew.
    fn attempt(&self, user: &UserId) -> Result<Attempt>;
    /// What this participant is told before approving.
    fn facts(&self, user: &UserId) -> Result<Facts>;
    /// The text of the operator's password file; `None` where no password was set.
    fn password(&self) -> Option<String> {
        None
    }
    /// Whether a sync works on this participant.
    fn is_synced(&self, _user: &UserId) -> bool {
        true
    }
    /// The address of these pages for other machines of the network.
    fn base(&self) -> Option<String> {
        None
    }
}

/// What is to be done with a visit.
#[derive(Debug)]
pub enum Step {
    Answer(Page),
    /// The provider's answer arrived; the attempt is used up. The visit is answered by whoever
    /// exchanges the code.
    Came {
        ticket: u64,
        callback: Callback,
        attempt: Attempt,
    },
    /// The device was another one: the account is to be let go.
    TakeBack {
        ticket: u64,
    },
    /// A password to be checked, which takes a second; then [`Desk::password_checked`].
    Password {
        password: Secret,
        file: PasswordFile,
    },
    /// A page of the operator, made from the files; `token` is for its forms.
    Show {
        shown: Shown,
        token: String,
    },
}

/// Where the provider sends browsers back to.
#[derive(Debug, Clone)]
pub struct Redirect {
    pub lands: Lands,
    path: String,
    /// `https://`
    pub secure: bool,
}

/// What stands at the redirect address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lands {
    /// The browser's own machine, at this port.
    Loopback(u16),
    /// A public name that leads to this gateway.
    Here,
    /// `docs/bounce.html` on a host of the study, at this address.
    Bounce(String),
}

impl Redirect {
    pub fn new(redirect_uri: &str) -> Self {
        let (scheme, rest) = redirect_uri.split_once("://").unwrap_or(("http", redirect_uri));
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at_checked(at).unwrap_or((rest, "/")),
            None => (rest, "/"),
        };
        let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let secure = scheme.eq_ignore_ascii_case("https");
        let usual = if secure { 443 } else { 80 };
        let lands = if is_loopback_name(authority) {
            Lands::Loopback(port.unwrap_or(usual))
        } else if path == DEFAULT_CALLBACK {
            Lands::Here
        } else {
            Lands::Bounce(redirect_uri.to_owned())
        };
        Self { lands, path: path.to_owned(), secure }
    }

    /// The port of a redirect address on the browser's own machine.
    pub const fn loopback_port(&self) -> Option<u16> {
        match self.lands {
            Lands::Loopback(port) => Some(port),
            Lands::Here | Lands::Bounce(_) => None,
        }
    }

    /// Whether a browser on this machine that is sent back finds the pages: they must be at the
    /// same port, and both with TLS or both without.
    pub fn finds(&self, port: u16, secure: bool) -> bool {
        match self.lands {
            Lands::Loopback(loopback) => loopback == port && secure == self.secure,
            Lands::Here | Lands::Bounce(_) => true,
        }
    }

    /// How the address of a visitor's browser comes back here.
    fn way(&self, ask: &Ask, port: u16) -> Way {
        let way = match &self.lands {
            Lands::Loopback(_) if ask.local && self.finds(port, ask.secure) => Way::ByItself,
            Lands::Loopback(_) => Way::Paste,
            Lands::Here => Way::ByItself,
            Lands::Bounce(page) => {
                let scheme = if ask.secure { "https" } else { "http" };
                Way::Bounce { page: page.clone(), gateway: format!("{scheme}://{}", ask.host) }
            }
        };
        if ask.query_value("paste").is_some() { Way::Paste } else { way }
    }
}

/// How the desk is set up.
#[derive(Debug)]
pub struct Rules {
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
    pub rules: Rules,
    /// `None` where there are no operator's pages: in `login`.
    pub operator: Option<Operator>,
    pub(super) form_key: FormKey,
}

impl Desk {
    pub fn new(rules: Rules, random: [u8; 32]) -> Self {
        let (sign_ins, operator) = (SignIns::default(), None);
        Self { sign_ins, rules, operator, form_key: FormKey::new(random) }
    }

    /// What one request means. `now` ends links, `time` is shown.
    pub fn step(&mut self, ask: &Ask, now: Instant, time: Timestamp, office: &dyn Office) -> Step {
        if let Some(page) = self.refuse_host(ask) {
            return Step::Answer(page);
        }
        // The redirect address may be that of a page here; a state is the callback's alone.
        let lands = ask.path == self.rules.redirect.path || ask.path == DEFAULT_CALLBACK;
        if lands && !ask.post && ask.query_value("state").is_some() {
            return self.callback(ask, now);
        }
        if let Some(rest) = ask.path.strip_prefix("/s/") {
            return self.sign_in(ask, rest, now, time, office);
        }
        if let Some(step) = self.operator_step(ask, now, office) {
            return step;
        }
        if ask.post {
            return Step::Answer(Outcome::NotFound.page());
        }
        Step::Answer(match ask.path.as_str() {
            "/healthz" => Page::text(200, "ok"),
            "/" => pages::type_code(),
            "/s" => typed(ask),
            path => Outcome::at(path).unwrap_or(Outcome::NotFound).page(),
        })
    }

    /// A page for a request that was not meant for this gateway.
    pub fn refuse_host(&self, ask: &Ask) -> Option<Page> {
        let allowed = self.rules.hosts.allows(&ask.host);
        (!allowed).then(|| Page::text(421, text::WRONG_HOST))
    }

    fn callback(&mut self, ask: &Ask, now: Instant) -> Step {
        let Some(callback) = Callback::from_query(&ask.query) else {
            return Step::Answer(Outcome::NotFound.page());
        };
        match self.sign_ins.by_state(callback.state(), now) {
            Some(ticket) => self.came(ticket, callback, now),
            None => {
                log::warn!("a browser came back with a state that is not known here");
                Step::Answer(self.rules.stranger.page())
            }
        }
    }

    fn came(&mut self, ticket: u64, callback: Callback, now: Instant) -> Step {
        match self.sign_ins.take_attempt(ticket, now) {
            Some(attempt) => Step::Came { ticket, callback, attempt },
            None => Step::Answer(self.rules.stranger.page()),
        }
    }

    /// Everything below `/s/`.
    fn sign_in(
        &mut self,
        ask: &Ask,
        rest: &str,
        now: Instant,
        time: Timestamp,
        office: &dyn Office,
    ) -> Step {
        let (key, action) = rest.split_once('/').unwrap_or((rest, ""));
        let Some(ticket) = self.sign_ins.by_key(key, now) else {
            return Step::Answer(Outcome::NotFound.page());
        };
        if !ask.post {
            return Step::Answer(if action.is_empty() {
                self.sign_ins.note_seen(ticket);
                self.page(ask, ticket, now, time)
            } else {
                Page::redirect(&self.path(ticket))
            });
        }
        let token = ask.form_value("token").unwrap_or_default();
        if !self.form_key.accepts(&self.path(ticket), &token) {
            return Step::Answer(pages::wrong_form());
        }
        match action {
            "paste" => self.pasted(ask, ticket, now),
            "done" => {
                self.sign_ins.finish(ticket);
                Step::Answer(self.page(ask, ticket, now, time))
            }
            "not-mine" if self.sign_ins.take_back(ticket, now) => Step::TakeBack { ticket },
            "again" => {
                self.again(ticket, now, office);
                Step::Answer(Page::redirect(&self.path(ticket)))
            }
            _ => Step::Answer(Page::redirect(&self.path(ticket))),
        }
    }

    /// The path of a sign-in's page.
    pub fn path(&self, ticket: u64) -> String {
        self.sign_ins.get(ticket).map(|row| row.key.path()).unwrap_or_default()
    }

    /// The page of a sign-in as it stands.
    fn page(&self, ask: &Ask, ticket: u64, now: Instant, time: Timestamp) -> Page {
        let Some(row) = self.sign_ins.get(ticket) else { return Outcome::NotFound.page() };
        let path = row.key.path();
        let token = self.form_key.token(&path);
        match row.stage(now) {
            Stage::Waiting(hint) => {
                let way = self.rules.redirect.way(ask, self.rules.port);
                pages::sign_in(row, *hint, &way, &token)
            }
            Stage::Checking => pages::checking(&path),
            Stage::Review(connected) => pages::review(row, connected, time, &token),
            Stage::Done => pages::done(),
            Stage::Ended => pages::ended(),
        }
    }

    fn pasted(&mut self, ask: &Ask, ticket: u64, now: Instant) -> Step {
        let text = ask.form_value("address").unwrap_or_default();
        let hint = match Callback::from_paste(&text) {
            None => Hint::NoCode,
            Some(callback) if self.sign_ins.by_state(callback.state(), now) == Some(ticket) => {
                return self.came(ticket, callback, now);
            }
            Some(_) => Hint::OtherSignIn,
        };
        self.sign_ins.hint(ticket, hint);
        Step::Answer(Page::redirect(&self.path(ticket)))
    }

    /// Once more, to share what is missing: the account is known by now and cannot change.
    fn again(&mut self, ticket: u64, now: Instant, office: &dyn Office) {
        let Some(row) = self.sign_ins.get(ticket) else { return };
        let Stage::Review(connected) = row.stage(now) else { return };
        if connected.missing.is_empty() {
            return;
        }
        match office.attempt(&row.user) {
            Ok(attempt) => self.sign_ins.reopen(ticket, None, attempt, PORTAL_CODE_S, now),
            Err(failure) => log::warn!("{failure}"),
        }
    }
}

/// Where browsers come back to unless the settings say otherwise.
const DEFAULT_CALLBACK: &str = "/auth/callback";

/// A code typed on the start page.
fn typed(ask: &Ask) -> Page {
    let key = ask.query_value("code").and_then(|code| Key::parse(&code));
    key.map_or_else(pages::type_code, |key| Page::redirect(&key.path()))
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
