//! How the operator gets in: by the password, which is checked elsewhere, or by a one-time link.
//!
//! Strangers can guess and flood, and still two ways stay open: a browser in which the operator has
//! signed in before has a lane of its own in the queue of passwords, and a link needs no check.

use std::time::Instant;

use jiff::Timestamp;

use crate::consent::oauth::new_state;
use crate::core::error::{Result, Secret};
use crate::core::user::UserId;
use crate::io::random;
use crate::limits::{DEVICE_S, GUESSES_FREE, PASSWORD_BYTES_MAX, SESSION_S};
use crate::portal::access::{DeviceKey, PasswordFile, SameSite, set_cookie};
use crate::portal::code::LinkKey;
use crate::portal::desk::Desk;
use crate::portal::door::Cookie;
use crate::portal::pages::page::{Page, busy};
use crate::portal::pages::{operator as pages, text};
use crate::portal::queue::{Rank, Sender};
use crate::portal::step::{Office, Step};
use crate::portal::web::visit::Ask;

/// Where a one-time link leads, before its key.
pub const LINK_PATH: &str = "/operator/link/";

/// A cookie of the operator: no other site can make the browser send it.
fn set(cookie: Cookie, value: &str, seconds: u64, ask: &Ask) -> String {
    set_cookie(cookie.name(ask.secure), value, seconds, SameSite::Strict, ask.secure)
}

/// The cookie that ends a session in the browser.
pub(super) fn gone(ask: &Ask) -> String {
    set(Cookie::Session, "", 0, ask)
}

/// The participant whom the seed's address named, to go on there afterwards.
fn wanted(ask: &Ask) -> Option<UserId> {
    let given = if ask.post { ask.form_value("user_id") } else { ask.query_value("user_id") };
    given.and_then(|id| id.parse().ok())
}

impl Desk {
    /// The page that asks for the password, with a cookie that its form belongs to.
    pub(super) fn ask_password(&self, ask: &Ask, status: u16, note: &str) -> Page {
        let wanted = wanted(ask);
        let wanted = wanted.as_ref().map(UserId::as_str);
        self.visitor_form(ask, |token| pages::password(token, status, note, wanted))
    }

    /// A page with a form for a browser that is not signed in.
    pub(super) fn visitor_form(&self, ask: &Ask, page: impl FnOnce(&str) -> Page) -> Page {
        let known = Cookie::Visitor.of(ask).filter(|id| id.len() == 22).map(str::to_owned);
        let (visitor, is_new) = match known {
            Some(visitor) => (visitor, false),
            None => match random::bytes() {
                Ok(random) => (new_state(random), true),
                Err(_) => return busy(),
            },
        };
        let page = page(&self.form_key.token(&format!("visitor {visitor}")));
        if !is_new {
            return page;
        }
        page.header("Set-Cookie", &set(Cookie::Visitor, &visitor, SESSION_S, ask))
    }

    pub(super) fn accepts_visitor(&self, ask: &Ask) -> bool {
        let token = ask.form_value("token").unwrap_or_default();
        Cookie::Visitor
            .of(ask)
            .is_some_and(|visitor| self.form_key.accepts(&format!("visitor {visitor}"), &token))
    }

    /// The page of a one-time link, the same for every key: GET uses none up.
    pub(super) fn link_page(&self, ask: &Ask, key: &str) -> Page {
        self.visitor_form(ask, |token| pages::one_time_link(token, key))
    }

    /// The button of a one-time link.
    pub(super) fn use_link(
        &mut self,
        ask: &Ask,
        now: Instant,
        time: Timestamp,
        office: &dyn Office,
    ) -> Page {
        if !self.accepts_visitor(ask) {
            return self.ask_password(ask, 403, text::WRONG_FORM);
        }
        let key = ask.form_value("key").and_then(|key| LinkKey::parse(&key));
        if key.is_some_and(|key| office.use_link(&key)) {
            return self.signed_in(ask, now, time);
        }
        self.ask_password(ask, 403, text::OPERATOR_LINK_GONE)
    }

    /// The password's form. What is counted rises when a check has failed, and not here.
    pub(super) fn sign_in_operator(&mut self, ask: &Ask, now: Instant, time: Timestamp) -> Step {
        if !self.accepts_visitor(ask) {
            return Step::Answer(self.ask_password(ask, 403, text::WRONG_FORM));
        }
        let Some(operator) = &self.operator else { return Step::Answer(busy()) };
        let stranger = self.device(ask, now, time).is_none();
        let wait = operator.addresses.wait(&ask.address(), now);
        if stranger && !ask.is_shared() && !wait.is_zero() {
            return Step::Answer(self.ask_password(ask, 429, &text::wait(wait)));
        }
        let rank = Rank {
            stranger,
            wrong_of_address: operator.addresses.count(&ask.address(), now),
            wrong_of_network: operator.networks.count(&ask.network(), now),
        };
        let sender = Sender { address: ask.address(), shared: ask.is_shared() };
        let password = ask.form_value("password").unwrap_or_default();
        match PasswordFile::parse(&operator.file) {
            Ok(file) if password.len() <= PASSWORD_BYTES_MAX => {
                Step::Password { password: Secret::new(password), file, rank, sender }
            }
            Ok(_) => Step::Answer(self.ask_password(ask, 403, text::PASSWORD_WRONG)),
            Err(failure) => {
                log::warn!("{failure}");
                Step::Answer(self.ask_password(ask, 503, &failure.what))
            }
        }
    }

    /// The device that asks, if the operator has signed in there before and it does not guess.
    fn device(&self, ask: &Ask, now: Instant, time: Timestamp) -> Option<String> {
        let operator = self.operator.as_ref()?;
        let cookie = Cookie::Device.of(ask)?;
        let key = DeviceKey::new(&operator.file);
        let device = key.device(cookie, time.as_second())?.to_owned();
        (operator.devices.count(&device, now) < GUESSES_FREE).then_some(device)
    }

    /// The password was checked: the page that follows.
    pub fn password_checked(
        &mut self,
        ask: &Ask,
        right: bool,
        now: Instant,
        time: Timestamp,
    ) -> Page {
        let device = self.device(ask, now, time);
        let Some(operator) = &mut self.operator else { return busy() };
        if right {
            operator.addresses.forgive(&ask.address());
            return self.signed_in(ask, now, time);
        }
        match device {
            Some(device) => operator.devices.note(device, now),
            None => {
                operator.addresses.note(ask.address(), now);
                operator.networks.note(ask.network(), now);
            }
        }
        if let Some(before) = operator.wrong_told.tell(now) {
            log::warn!(
                "the operator's password was wrong, from {} ({before} more since the last line)",
                ask.peer
            );
        }
        self.ask_password(ask, 403, text::PASSWORD_WRONG)
    }

    /// A new session, in a browser that is known from now on.
    fn signed_in(&mut self, ask: &Ask, now: Instant, time: Timestamp) -> Page {
        match self.begin_session(ask, now, time) {
            Ok(page) => page,
            Err(failure) => {
                log::warn!("{failure}");
                busy()
            }
        }
    }

    fn begin_session(&mut self, ask: &Ask, now: Instant, time: Timestamp) -> Result<Page> {
        let Some(operator) = &mut self.operator else { return Ok(busy()) };
        let (session, device) = (random::bytes()?, random::bytes()?);
        let session = operator.sessions.begin(session, now);
        let ends_at_s = time.as_second().saturating_add_unsigned(DEVICE_S);
        let device = DeviceKey::new(&operator.file).cookie(device, ends_at_s);
        log::info!("the operator signed in, from {}", ask.peer);
        let to = wanted(ask)
            .map_or("/operator".to_owned(), |user| format!("/fitbit/login?user_id={user}"));
        Ok(Page::redirect(&to)
            .header("Set-Cookie", &set(Cookie::Session, &session, SESSION_S, ask))
            .header("Set-Cookie", &set(Cookie::Device, &device, DEVICE_S, ask)))
    }
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
