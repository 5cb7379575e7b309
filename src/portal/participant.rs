//! The participant's side of the desk: the pages of one sign-in, below `/s/`, and the code that
//! leads there.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::consent::oauth::{Callback, new_state};
use crate::io::random;
use crate::limits::{CODE_HELD_MS, PORTAL_CODE_S, PORTAL_LINK_S};
use crate::portal::access::{SameSite, cookie, set_cookie};
use crate::portal::code::TypedCode;
use crate::portal::desk::Desk;
use crate::portal::pages::page::{self, Outcome, Page};
use crate::portal::pages::sign_in::{self as pages, Way};
use crate::portal::pages::text;
use crate::portal::sign_ins::{Hint, SignIn, Stage};
use crate::portal::step::{Office, Step};
use crate::portal::web::visit::Ask;

/// Tells the browser whose button was pressed from others.
const BROWSER_COOKIE: &str = "fitsync_browser";
const BROWSER_CHARS: usize = 22;

/// The browser that asks, by its cookie.
pub(super) fn browser(ask: &Ask) -> Option<&str> {
    cookie(&ask.cookie, BROWSER_COOKIE).filter(|id| id.len() == BROWSER_CHARS)
}

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
            // A code that was typed into the address's place is asked for once more, as a form.
            let code = TypedCode::parse(key).filter(|_| !ask.post && self.operator.is_none());
            return Step::Answer(match code {
                Some(code) => self.ask_code(ask, Some(&code), 200, None),
                None => Outcome::NotFound.page(),
            });
        };
        if !ask.post {
            return Step::Answer(match action {
                "" => self.page(ask, ticket, now, time),
                _ => Page::redirect(&self.path(ticket)),
            });
        }
        let token = ask.form_value("token").unwrap_or_default();
        if !self.form_key.accepts(&self.path(ticket), &token) {
            return Step::Answer(page::wrong_form());
        }
        match action {
            "go" => return Step::Answer(self.pressed(ask, ticket, now)),
            "paste" => return self.pasted(ask, ticket, now),
            _ => {}
        }
        let decides = self.sign_ins.get(ticket).is_some_and(|row| row.is_decided_by(browser(ask)));
        match action {
            _ if !decides => Step::Answer(Outcome::OtherBrowser.page()),
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
                let page = pages::sign_in(row, *hint, &self.way(ask, row), &token);
                self.with_cookie(ask, row, page)
            }
            Stage::Checking => pages::checking(&path),
            Stage::Review(_) if !row.is_decided_by(browser(ask)) => Outcome::OtherBrowser.page(),
            Stage::Review(connected) => pages::review(row, connected, time, &token),
            Stage::Done => pages::done(),
            Stage::Ended => pages::ended(),
        }
    }

    fn way(&self, ask: &Ask, row: &SignIn) -> Way {
        self.rules.redirect.way(ask, self.rules.port, !row.comes_back_to(None))
    }

    /// A browser that has no cookie yet is given one before its button can be pressed.
    fn with_cookie(&self, ask: &Ask, row: &SignIn, page: Page) -> Page {
        if row.comes_back_to(None) || browser(ask).is_some() {
            return page;
        }
        // Without a random number it is a browser without cookies: it can paste.
        match random::bytes() {
            Ok(random) => page.header("Set-Cookie", &self.browser_cookie(ask, &new_state(random))),
            Err(_) => page,
        }
    }

    fn browser_cookie(&self, ask: &Ask, browser: &str) -> String {
        let redirect = &self.rules.redirect;
        let secure = ask.secure || (redirect.secure && redirect.is_at(&ask.host));
        set_cookie(BROWSER_COOKIE, browser, PORTAL_LINK_S, SameSite::Lax, secure)
    }

    /// On to the provider; the sign-in now belongs to this browser.
    fn pressed(&mut self, ask: &Ask, ticket: u64, now: Instant) -> Page {
        let browser = browser(ask);
        let Some(row) = self.sign_ins.get(ticket) else { return Outcome::NotFound.page() };
        let is_waiting = matches!(row.stage(now), Stage::Waiting(_));
        let Some(address) = row.address().filter(|_| is_waiting).map(str::to_owned) else {
            return Page::redirect(&row.key.path());
        };
        let page = if browser.is_none() && !row.comes_back_to(None) {
            let token = self.form_key.token(&row.key.path());
            pages::without_cookies(row, &token)
        } else {
            Page::redirect(&self.way(ask, row).target(&address))
        };
        self.sign_ins.press(ticket, browser);
        page
    }

    fn pasted(&mut self, ask: &Ask, ticket: u64, now: Instant) -> Step {
        let text = ask.form_value("address").unwrap_or_default();
        let hint = match Callback::from_paste(&text) {
            None => Hint::NoCode,
            Some(callback) if self.sign_ins.by_state(callback.state(), now) == Some(ticket) => {
                self.sign_ins.press(ticket, browser(ask));
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

    /// The form for a code. Its token belongs to the address that asks: a page of another site
    /// cannot guess in the name of whoever opens it.
    pub(super) fn ask_code(
        &self,
        ask: &Ask,
        code: Option<&TypedCode>,
        status: u16,
        note: Option<&str>,
    ) -> Page {
        let token = self.form_key.token(&format!("code {}", ask.peer));
        pages::type_code(&token, code.map_or("", TypedCode::as_str), status, note)
    }

    /// A code that was sent. A wrong one costs who sent it time, and nobody else anything.
    pub(super) fn typed(&mut self, ask: &Ask, now: Instant) -> Step {
        let token = ask.form_value("token").unwrap_or_default();
        if !self.form_key.accepts(&format!("code {}", ask.peer), &token) {
            return Step::Answer(page::wrong_form());
        }
        let Some(code) = ask.form_value("code").and_then(|code| TypedCode::parse(&code)) else {
            return Step::Answer(self.ask_code(ask, None, 400, Some(text::CODE_HELP)));
        };
        let who = ask.address();
        let wait = self.wrong_codes.wait(&who, now);
        if !ask.is_shared() && !wait.is_zero() {
            return Step::Answer(self.ask_code(ask, Some(&code), 429, Some(&text::wait(wait))));
        }
        match self.sign_ins.by_code(&code, now) {
            Some(ticket) => {
                self.wrong_codes.forgive(&who);
                Step::Answer(Page::redirect(&self.path(ticket)))
            }
            None => {
                self.wrong_codes.note(who, now);
                let page = self.ask_code(ask, None, 404, Some(text::CODE_WRONG));
                Step::Held { page, wait: Duration::from_millis(CODE_HELD_MS) }
            }
        }
    }
}

#[cfg(test)]
#[path = "participant_tests.rs"]
mod tests;
