//! What every visitor's request means: which side of the desk it goes to, and the callback.

use std::time::Instant;

use jiff::Timestamp;

use crate::consent::oauth::Callback;
use crate::portal::code::TypedCode;
use crate::portal::desk::Desk;
use crate::portal::pages::page::{Outcome, Page};
use crate::portal::pages::text;
use crate::portal::participant::browser;
use crate::portal::redirect::DEFAULT_CALLBACK;
use crate::portal::step::{Office, Step};
use crate::portal::web::visit::Ask;

impl Desk {
    /// What one request means. `now` ends links, `time` is shown.
    pub fn step(&mut self, ask: &Ask, now: Instant, time: Timestamp, office: &dyn Office) -> Step {
        if let Some(page) = self.refuse_host(ask) {
            return Step::Answer(page);
        }
        if ask.operator_door {
            let step = self.operator_step(ask, now, time, office);
            return step.unwrap_or_else(|| Step::Answer(health(ask)));
        }
        // The redirect address may be that of a page here; a state is the callback's alone.
        let lands = ask.path == self.rules.redirect.path || ask.path == DEFAULT_CALLBACK;
        if lands && !ask.post && ask.query_value("state").is_some() {
            return self.callback(ask, now);
        }
        if let Some(rest) = ask.path.strip_prefix("/s/") {
            return self.sign_in(ask, rest, now, time, office);
        }
        if let Some(step) = self.operator_step(ask, now, time, office) {
            return step;
        }
        // Codes are typed where one sign-in waits for them.
        if self.operator.is_none() {
            match ask.path.as_str() {
                "/s" if ask.post => return self.typed(ask, now),
                "/" | "/s" if !ask.post => {
                    let code = ask.query_value("code").and_then(|code| TypedCode::parse(&code));
                    return Step::Answer(self.ask_code(ask, code.as_ref(), 200, None));
                }
                _ => {}
            }
        }
        Step::Answer(health(ask))
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
        let ticket = self.sign_ins.by_state(callback.state(), now);
        let row = ticket.and_then(|ticket| self.sign_ins.get(ticket));
        match row.map(|row| (row.ticket, row.comes_back_to(browser(ask)))) {
            Some((ticket, true)) => self.came(ticket, callback, now),
            // Who has the provider's address alone can bind no account to somebody else's id.
            Some((_, false)) => {
                self.stranger(now);
                Step::Answer(Outcome::OtherBrowser.page())
            }
            None => {
                self.stranger(now);
                Step::Answer(self.rules.stranger.page())
            }
        }
    }

    fn stranger(&mut self, now: Instant) {
        if let Some(before) = self.strangers_told.tell(now) {
            log::warn!(
                "a browser came back that no sign-in here waits for ({before} more since the last \
                 line)"
            );
        }
    }

    pub(super) fn came(&mut self, ticket: u64, callback: Callback, now: Instant) -> Step {
        match self.sign_ins.take_attempt(ticket, now) {
            Some(attempt) => Step::Came { ticket, callback, attempt },
            None => Step::Answer(self.rules.stranger.page()),
        }
    }
}

/// What is left to ask.
fn health(ask: &Ask) -> Page {
    match ask.path.as_str() {
        "/healthz" if !ask.post => Page::text(200, "ok"),
        _ => Outcome::NotFound.page(),
    }
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
