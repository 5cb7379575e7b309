//! The operator's side of the desk: which of its pages are at which door, invitations, and the
//! address that the seed system had.

use std::time::Instant;

use jiff::Timestamp;

use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::user::UserId;
use crate::io::random;
use crate::limits::PORTAL_LINK_S;
use crate::portal::code::LinkKey;
use crate::portal::desk::Desk;
use crate::portal::door::{Cookie, Door, door};
use crate::portal::entry::{LINK_PATH, gone};
use crate::portal::pages::operator as pages;
use crate::portal::pages::operator::Filter;
use crate::portal::pages::page::{Outcome, Page, wrong_form};
use crate::portal::redirect::Lands;
use crate::portal::sign_ins::{Invitation, Owner, Stage};
use crate::portal::step::{Office, Shown, Step};
use crate::portal::web::hosts::{bracketed, is_loopback_name, name_of};
use crate::portal::web::visit::Ask;

/// The seed's address of a sign-in: `/fitbit/login?user_id=user_001`.
const SEED_PATH: &str = "/fitbit/login";

impl Desk {
    /// Requests of the study team; `None` where the path is none of theirs.
    pub(super) fn operator_step(
        &mut self,
        ask: &Ask,
        now: Instant,
        time: Timestamp,
        office: &dyn Office,
    ) -> Option<Step> {
        let operator = self.operator.as_mut()?;
        operator.follow(office.password().unwrap_or_default());
        let has_password = operator.has_password();
        if !ask.post && ask.path == "/" {
            return Some(Step::Answer(pages::start(has_password)));
        }
        let is_seed = ask.path == SEED_PATH;
        let rest = ask.path.strip_prefix("/operator").unwrap_or_default();
        if !is_seed && !ask.path.starts_with("/operator") {
            return None;
        }
        if is_seed && self.rules.local_sign_in && door(ask) == Door::Loopback {
            return Some(Step::Answer(self.seed_address(ask, now, office)));
        }
        if !has_password {
            return Some(Step::Answer(pages::no_password()));
        }
        if door(ask) == Door::Elsewhere {
            return Some(Step::Answer(pages::elsewhere(
                self.operator_address(ask, office).as_deref(),
            )));
        }
        match ask.path.strip_prefix(LINK_PATH) {
            Some(key) if !ask.post => return Some(Step::Answer(self.link_page(ask, key))),
            _ => {}
        }
        Some(match rest {
            "/sign-in" if ask.post => self.sign_in_operator(ask, now, time),
            "/link" if ask.post => Step::Answer(self.use_link(ask, now, time, office)),
            _ => match self.session(ask, now) {
                None => Step::Answer(self.ask_password(ask, 200, "")),
                Some(_) if is_seed => Step::Answer(self.seed_address(ask, now, office)),
                Some(session) if ask.post => self.operator_form(ask, rest, &session, now, office),
                Some(session) => self.operator_page(ask, rest, &session, now, office),
            },
        })
    }

    /// The same page where the operator's pages are, by the name that the visitor used, or where
    /// that is a proxy's, by an address of this machine.
    fn operator_address(&self, ask: &Ask, office: &dyn Office) -> Option<String> {
        let port = self.operator.as_ref()?.port?;
        let base = office.base().filter(|_| is_loopback_name(&ask.host));
        let base = base.as_deref().and_then(|base| base.split_once("://"));
        let host = bracketed(&name_of(base.map_or(ask.host.as_str(), |(_, host)| host)));
        let query = if ask.query.is_empty() { String::new() } else { format!("?{}", ask.query) };
        Some(format!("https://{host}:{port}{}{query}", ask.path))
    }

    /// The session's cookie, if it is alive.
    fn session(&mut self, ask: &Ask, now: Instant) -> Option<String> {
        let id = Cookie::Session.of(ask)?;
        self.operator.as_mut()?.sessions.holds(id, now).then(|| id.to_owned())
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
                let path = row.key.path();
                let open = matches!(row.stage(now), Stage::Waiting(_));
                let link = open.then(|| self.base(ask, office) + &path);
                let here = open.then(|| self.base_here(ask, office) + &path);
                let synced = office.is_synced(&row.user);
                let link = link.as_deref().zip(here.as_deref());
                pages::invitation(row.user.as_str(), link, synced)
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
                Page::redirect("/operator").header("Set-Cookie", &gone(ask))
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
        let user: UserId = user.parse().map_err(|why| Failure::new(ErrorClass::Usage, why))?;
        let (attempt, facts) = (office.attempt(&user)?, office.facts(&user)?);
        let (key, owner) = (LinkKey::new(random::bytes()?), Owner::Link);
        log::info!("user={user} a sign-in link was made");
        let life_s = PORTAL_LINK_S;
        let invitation = Invitation { user, key, code: None, owner, facts, attempt, life_s };
        Ok(self.sign_ins.open(invitation, now))
    }

    /// Where links lead to: where the provider sends browsers back, if that is here, so that they
    /// bring their cookie along; else the name by which the operator came, if others can use it.
    fn base(&self, ask: &Ask, office: &dyn Office) -> String {
        if self.rules.redirect.lands == Lands::Here {
            return self.rules.redirect.origin.clone();
        }
        let scheme = if self.rules.secure { "https" } else { "http" };
        let host = bracketed(&name_of(&ask.host));
        let own = format!("{scheme}://{host}:{}", self.rules.port);
        if is_loopback_name(&ask.host) { office.base().unwrap_or(own) } else { own }
    }

    /// Where a link leads that is opened in the operator's own browser.
    fn base_here(&self, ask: &Ask, office: &dyn Office) -> String {
        let redirect = &self.rules.redirect;
        let finds = redirect.finds(self.rules.port, self.rules.secure);
        if door(ask) == Door::Loopback && finds && redirect.loopback_port().is_some() {
            return redirect.origin.clone();
        }
        self.base(ask, office)
    }

    /// The seed's address, for who is signed in, or for the gateway's own browser where the
    /// settings say so. GET asks, the form that it shows begins.
    fn seed_address(&mut self, ask: &Ask, now: Instant, office: &dyn Office) -> Page {
        let given = if ask.post { ask.form_value("user_id") } else { ask.query_value("user_id") };
        let user = given.unwrap_or_default();
        if ask.post && !self.accepts_visitor(ask) {
            return wrong_form();
        }
        match user.parse::<UserId>() {
            Err(why) => Page::text(400, &why),
            Ok(_) if !ask.post => self.visitor_form(ask, |token| pages::confirm(&user, token)),
            Ok(_) => match self.invite(&user, now, office) {
                // The participants' pages have another origin, where no form may lead.
                Ok(ticket) if ask.operator_door => {
                    Page::redirect(&format!("/operator/invite/{ticket}"))
                }
                Ok(ticket) => Page::redirect(&self.path(ticket)),
                Err(failure) => Page::text(400, &failure.what),
            },
        }
    }
}

#[cfg(test)]
#[path = "operator_tests.rs"]
mod tests;
