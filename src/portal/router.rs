//! What every visitor's request means: which side of the desk it goes to, and the callback.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::consent::oauth::Callback;
use crate::limits::PORTAL_STRANGER_EVERY_S;
use crate::portal::code::LinkKey;
use crate::portal::desk::Desk;
use crate::portal::pages::page::{Outcome, Page};
use crate::portal::pages::{sign_in as pages, text};
use crate::portal::redirect::DEFAULT_CALLBACK;
use crate::portal::step::{Office, Step};
use crate::portal::web::visit::Ask;

impl Desk {
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
                let every = Duration::from_secs(PORTAL_STRANGER_EVERY_S);
                let told = self.stranger_told_at.is_some_and(|at| now < at + every);
                if !told {
                    self.stranger_told_at = Some(now);
                    log::warn!("a browser came back with a state that is not known here");
                }
                Step::Answer(self.rules.stranger.page())
            }
        }
    }

    pub(super) fn came(&mut self, ticket: u64, callback: Callback, now: Instant) -> Step {
        match self.sign_ins.take_attempt(ticket, now) {
            Some(attempt) => Step::Came { ticket, callback, attempt },
            None => Step::Answer(self.rules.stranger.page()),
        }
    }
}

/// A code typed on the start page.
pub fn typed(ask: &Ask) -> Page {
    let key = ask.query_value("code").and_then(|code| LinkKey::parse(&code));
    key.map_or_else(pages::type_code, |key| Page::redirect(&key.path()))
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
