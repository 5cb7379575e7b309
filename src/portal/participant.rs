//! The participant's side of the desk: the pages of one sign-in, below `/s/`.

use std::time::Instant;

use jiff::Timestamp;

use crate::consent::oauth::Callback;
use crate::limits::PORTAL_CODE_S;
use crate::portal::desk::Desk;
use crate::portal::pages::page::{self, Outcome, Page};
use crate::portal::pages::sign_in as pages;
use crate::portal::sign_ins::{Hint, Stage};
use crate::portal::step::{Office, Step};
use crate::portal::web::visit::Ask;

impl Desk {
    /// Everything below `/s/`.
    pub(super) fn sign_in(
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
            return Step::Answer(page::wrong_form());
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
