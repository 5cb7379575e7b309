//! The operator's side of the desk: the password, the session, invitations, and the address that
//! the seed system had. Without a password there is no operator page at all.

use std::time::Instant;

use crate::consent::oauth::new_state;
use crate::core::error::{Failure, Result, Secret};
use crate::core::user::UserId;
use crate::io::random;
use crate::limits::{PASSWORD_BYTES_MAX, PORTAL_LINK_S, SESSION_S};
use crate::portal::access::{Operator, PasswordFile, cookie, set_cookie};
use crate::portal::code::LinkKey;
use crate::portal::desk::Desk;
use crate::portal::pages::operator::Filter;
use crate::portal::pages::page::{Outcome, Page, busy, wrong_form};
use crate::portal::pages::{operator as pages, text};
use crate::portal::sign_ins::Stage;
use crate::portal::step::{Office, Shown, Step};
use crate::portal::web::hosts::is_loopback_name;
use crate::portal::web::visit::Ask;

/// The operator's session.
const SESSION_COOKIE: &str = "fitsync_operator";
/// Ties a form to a browser that is not signed in.
const VISITOR_COOKIE: &str = "fitsync_visitor";

impl Desk {
    /// Requests of the study team; `None` where the path is none of theirs.
    pub(super) fn operator_step(
        &mut self,
        ask: &Ask,
        now: Instant,
        office: &dyn Office,
    ) -> Option<Step> {
        let operator = self.operator.as_mut()?;
        let file = office.password().unwrap_or_default();
        if operator.file != file {
            *operator = Operator { file, ..Operator::default() };
        }
        let has_password = !operator.file.is_empty();
        if !ask.post && ask.path == "/" {
            return Some(Step::Answer(pages::start(has_password)));
        }
        if ask.path == "/fitbit/login" {
            return Some(self.seed_address(ask, now, office));
        }
        let rest = ask.path.strip_prefix("/operator")?;
        if !has_password {
            return Some(Step::Answer(Outcome::NotFound.page()));
        }
        if ask.post && rest == "/sign-in" {
            return Some(self.sign_in_operator(ask, now));
        }
        let Some(session) = self.session(ask, now) else {
            return Some(Step::Answer(self.ask_password(ask, 200, "")));
        };
        Some(if ask.post {
            self.operator_form(ask, rest, &session, now, office)
        } else {
            self.operator_page(ask, rest, &session, now, office)
        })
    }

    /// The session's cookie, if it is alive.
    fn session(&self, ask: &Ask, now: Instant) -> Option<String> {
        let id = cookie(&ask.cookie, SESSION_COOKIE)?;
        let sessions = &self.operator.as_ref()?.sessions;
        sessions.holds(id, now).then(|| id.to_owned())
    }

    fn session_token(&self, session: &str) -> String {
        self.form_key.token(&format!("session {session}"))
    }

    fn operator_page(
        &self,
        ask: &Ask,
        rest: &str,
        session: &str,
        now: Instant,
        office: &dyn Office,
    ) -> Step {
        let token = self.session_token(session);
        if rest.is_empty() {
            let attention = ask.query_value("show").as_deref() == Some("attention");
            let page = ask.query_value("page").and_then(|page| page.parse().ok()).unwrap_or(1);
            return Step::Show { shown: Shown::List(Filter { attention, page }), token };
        }
        if let Some(user) = rest.strip_prefix("/participant/").and_then(|id| id.parse().ok()) {
            return Step::Show { shown: Shown::Participant(user), token };
        }
        let ticket = rest.strip_prefix("/invite/").and_then(|ticket| ticket.parse().ok());
        let row = ticket.and_then(|ticket: u64| self.sign_ins.get(ticket));
        Step::Answer(row.map_or_else(
            || Outcome::NotFound.page(),
            |row| {
                let open = matches!(row.stage(now), Stage::Waiting(_));
                let link = open.then(|| self.base(ask, office) + &row.key.path());
                let synced = office.is_synced(&row.user);
                pages::invitation(row.user.as_str(), link.as_deref(), synced)
            },
        ))
    }

    fn operator_form(
        &mut self,
        ask: &Ask,
        rest: &str,
        session: &str,
        now: Instant,
        office: &dyn Office,
    ) -> Step {
        let token = ask.form_value("token").unwrap_or_default();
        if !self.form_key.accepts(&format!("session {session}"), &token) {
            return Step::Answer(wrong_form());
        }
        Step::Answer(match rest {
            "/sign-out" => {
                if let Some(operator) = &mut self.operator {
                    operator.sessions.end(session);
                }
                let gone = set_cookie(SESSION_COOKIE, "", 0, ask.secure);
                Page::redirect("/operator").header("Set-Cookie", &gone)
            }
            "/invite" => {
                let user = ask.form_value("user_id").unwrap_or_default();
                match self.invite(user.trim(), now, office) {
                    Ok(ticket) => Page::redirect(&format!("/operator/invite/{ticket}")),
                    Err(failure) => pages::refused(&failure.what, &token, user.trim()),
                }
            }
            _ => Outcome::NotFound.page(),
        })
    }

    /// Makes a link of 128 bits for a new or a known participant.
    fn invite(&mut self, user: &str, now: Instant, office: &dyn Office) -> Result<u64> {
        let usage = |what: String| Failure::new(crate::core::error::ErrorClass::Usage, what);
        let user: UserId = user.parse().map_err(usage)?;
        let (attempt, facts) = (office.attempt(&user)?, office.facts(&user)?);
        let key = LinkKey::link(random::bytes()?);
        log::info!("user={user} a sign-in link was made");
        Ok(self.sign_ins.open(user, key, facts, attempt, PORTAL_LINK_S, now))
    }

    /// Where links lead to: the name by which the operator came, if others can use it too.
    fn base(&self, ask: &Ask, office: &dyn Office) -> String {
        let scheme = if ask.secure { "https" } else { "http" };
        let own = format!("{scheme}://{}", ask.host);
        if is_loopback_name(&ask.host) { office.base().unwrap_or(own) } else { own }
    }

    /// The page that asks for the password, with a cookie that its form belongs to.
    fn ask_password(&self, ask: &Ask, status: u16, note: &str) -> Page {
        match self.visitor(ask) {
            Ok((visitor, set)) => {
                let token = self.form_key.token(&format!("visitor {visitor}"));
                set.into_iter().fold(pages::password(&token, status, note), |page, cookie| {
                    page.header("Set-Cookie", &cookie)
                })
            }
            Err(_) => busy(),
        }
    }

    /// The visitor's cookie, and how to set it where there is none.
    fn visitor(&self, ask: &Ask) -> Result<(String, Option<String>)> {
        if let Some(visitor) = cookie(&ask.cookie, VISITOR_COOKIE).filter(|id| id.len() == 22) {
            return Ok((visitor.to_owned(), None));
        }
        let visitor = new_state(random::bytes()?);
        let set = set_cookie(VISITOR_COOKIE, &visitor, SESSION_S, ask.secure);
        Ok((visitor, Some(set)))
    }

    fn accepts_visitor(&self, ask: &Ask) -> bool {
        let token = ask.form_value("token").unwrap_or_default();
        cookie(&ask.cookie, VISITOR_COOKIE)
            .is_some_and(|visitor| self.form_key.accepts(&format!("visitor {visitor}"), &token))
    }

    fn sign_in_operator(&mut self, ask: &Ask, now: Instant) -> Step {
        if !self.accepts_visitor(ask) {
            return Step::Answer(self.ask_password(ask, 403, text::WRONG_FORM));
        }
        let Some(operator) = &mut self.operator else {
            return Step::Answer(Outcome::NotFound.page());
        };
        if operator.attempts.must_wait(ask.peer, now) {
            return Step::Answer(self.ask_password(ask, 429, text::PASSWORD_WAIT));
        }
        let password = ask.form_value("password").unwrap_or_default();
        match PasswordFile::parse(&operator.file) {
            Ok(file) if password.len() <= PASSWORD_BYTES_MAX => {
                // Counted before it is checked: many at once must not slip through.
                operator.attempts.wrong(ask.peer, now);
                Step::Password { password: Secret::new(password), file }
            }
            Ok(_) => Step::Answer(self.ask_password(ask, 403, text::PASSWORD_WRONG)),
            Err(failure) => {
                log::warn!("{failure}");
                Step::Answer(self.ask_password(ask, 503, &failure.what))
            }
        }
    }

    /// The password was checked: the page that follows.
    pub fn password_checked(&mut self, ask: &Ask, right: bool, now: Instant) -> Page {
        if !right {
            log::warn!("the operator's password was wrong, from {}", ask.peer);
            return self.ask_password(ask, 403, text::PASSWORD_WRONG);
        }
        let (Ok(random), Some(operator)) = (random::bytes(), &mut self.operator) else {
            return busy();
        };
        operator.attempts.forgive(ask.peer);
        let session = operator.sessions.begin(random, now);
        log::info!("the operator signed in, from {}", ask.peer);
        let cookie = set_cookie(SESSION_COOKIE, &session, SESSION_S, ask.secure);
        Page::redirect("/operator").header("Set-Cookie", &cookie)
    }

    /// `/fitbit/login?user_id=user_001`, for a signed-in operator, and for the gateway's own
    /// browser. Everybody else learns nothing, whatever the id.
    fn seed_address(&mut self, ask: &Ask, now: Instant, office: &dyn Office) -> Step {
        let session = self.session(ask, now);
        let at_gateway = ask.peer.is_loopback() && ask.local && is_loopback_name(&ask.host);
        if session.is_none() && !at_gateway {
            let has_password = self.operator.as_ref().is_some_and(|one| !one.file.is_empty());
            return Step::Answer(match has_password {
                true => self.ask_password(ask, 200, ""),
                false => Outcome::NotFound.page(),
            });
        }
        let Ok((visitor, set)) = self.visitor(ask) else { return Step::Answer(busy()) };
        let token = self.form_key.token(&format!("visitor {visitor}"));
        let given = if ask.post { ask.form_value("user_id") } else { ask.query_value("user_id") };
        let user = given.unwrap_or_default();
        if ask.post && !self.accepts_visitor(ask) {
            return Step::Answer(wrong_form());
        }
        let page = match user.parse::<UserId>() {
            Err(why) => Page::text(400, &why),
            Ok(_) if !ask.post => pages::confirm(&user, &token),
            Ok(_) => match self.invite(&user, now, office) {
                Ok(ticket) => Page::redirect(&self.path(ticket)),
                Err(failure) => Page::text(400, &failure.what),
            },
        };
        let page = set.into_iter().fold(page, |page, cookie| page.header("Set-Cookie", &cookie));
        Step::Answer(page)
    }
}

#[cfg(test)]
#[path = "operator_tests.rs"]
mod tests;
