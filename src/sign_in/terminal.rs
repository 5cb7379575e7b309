//! One sign-in at a terminal, from the invitation to the exit code; `login` and `migrate` use it.
//!
//! Waits for the browser to come back (here, on the sign-in page that a phone opened, or by an
//! address that somebody pastes on stdin). State is checked before anything else. The terminal
//! tells everything that the page shows.

use std::io::IsTerminal as _;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::consent::oauth::Callback;
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::io::http::authority_of;
use crate::io::terminal::{print_address, say};
use crate::io::{random, stop};
use crate::limits::{LOGIN_TIMEOUT_MINUTES_MAX, PORTAL_CODE_S};
use crate::portal::code::LinkKey;
use crate::portal::desk::Desk;
use crate::portal::pages::page::Outcome;
use crate::portal::pages::text;
use crate::portal::sign_ins::{Attempt, Hint};
use crate::portal::step::Office as _;
use crate::portal::web::hosts::is_loopback_name;
use crate::portal::web::listener::Listener;
use crate::portal::web::visit::Visit;
use crate::provider::Provider;
use crate::sign_in::account::take_back;
use crate::sign_in::connect::{Asked, Connection, connect, hint_of};
use crate::sign_in::study::{StudyOffice, desk_rules, open_pages, pages_address};
use crate::sign_in::waiting::{Event, Waiting};

/// Denied, or nobody came.
const EXIT_NOBODY: u8 = 3;

/// One sign-in, from the invitation to the exit code.
pub fn sign_in(
    gateway: &Gateway,
    provider: &dyn Provider,
    asked: Asked,
    life: Duration,
    lines: &mpsc::Receiver<String>,
) -> Result<u8> {
    stop::expect(false);
    let mut office = StudyOffice::new(gateway, provider)?;
    office.collect = (asked.collect_from, asked.collect_until);
    warn_unlisted(gateway, &asked.user);
    let listener = listen(gateway, provider)?;
    let port = listener.as_ref().map_or(0, Listener::port);
    let rules = desk_rules(gateway, provider, port, Outcome::OtherSignIn);
    let by_itself = |listener: &Listener| rules.redirect.finds(port, listener.secure());
    let by_itself = listener.as_ref().is_some_and(by_itself);
    let mut desk = Desk::new(rules, random::bytes()?);
    let (user, key) = (asked.user.clone(), LinkKey::typed(random::bytes()?));
    let (facts, attempt) = (office.facts(&user)?, office.attempt(&user)?);
    let address = attempt.address.clone();
    let period = text::period(facts.from, facts.until);
    let named = facts.metrics.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let now = Instant::now();
    let ticket = desk.sign_ins.open(user, key, facts, attempt, life.as_secs(), now);
    let page = listener.as_ref().and_then(|listener| pages_address(gateway, listener));
    let page = page.map(|page| page + &desk.path(ticket));
    say(&format!("Sign-in for {}. Data are collected: {period}", asked.user));
    say(&format!("What is read: {named}."));
    let page_life_s = life.as_secs().min(PORTAL_CODE_S);
    invite(&address, page.as_deref().map(|page| (page, page_life_s / 60)), by_itself);
    let waiting = Waiting::new(&office, desk, ticket, listener, life, lines);
    Login { waiting, asked, failure: None, connected: false }.run()
}

/// One sign-in from the invitation to the exit code.
struct Login<'a> {
    waiting: Waiting<'a>,
    asked: Asked,
    /// Why the last attempt failed, if nothing came after it.
    failure: Option<Failure>,
    /// The token is stored; only the look at the wrist is left.
    connected: bool,
}

impl Login<'_> {
    fn run(mut self) -> Result<u8> {
        loop {
            let event = match self.waiting.event() {
                Err(_) if self.connected => return Ok(self.stays_connected()),
                event => event?,
            };
            match event {
                Event::Came { callback, attempt, visit } => {
                    if let Some(code) = self.came(callback, attempt, visit)? {
                        return Ok(code);
                    }
                }
                Event::TakeBack(visit) => self.take_back(visit)?,
                Event::Done => return Ok(0),
                Event::Timeout if self.connected => return Ok(0),
                Event::Timeout => {
                    say("Nobody signed in in time. Nothing was changed; run the command again.");
                    return self.failure.map_or(Ok(EXIT_NOBODY), Err);
                }
            }
        }
    }

    /// The provider's answer; an exit code where that is the end.
    fn came(
        &mut self,
        callback: Callback,
        attempt: Attempt,
        visit: Option<Visit>,
    ) -> Result<Option<u8>> {
        let code = match callback {
            Callback::Denied { .. } if self.connected => {
                self.waiting.conclude(visit, Outcome::Connected);
                return Ok(Some(self.stays_connected()));
            }
            Callback::Denied { .. } => {
                say("The participant did not agree at the sign-in page. Nothing was changed.");
                self.waiting.conclude(visit, Outcome::Denied);
                return Ok(Some(EXIT_NOBODY));
            }
            Callback::Refused { error, .. } => {
                self.try_again(refused_by_page(&error), visit)?;
                return Ok(None);
            }
            Callback::Code { code, .. } => code,
        };
        say("The browser came back. Checking with the provider …");
        let (office, asked) = (self.waiting.office, &self.asked);
        let result = self.waiting.meanwhile(|| {
            let (gateway, provider) = (office.gateway, office.provider);
            connect(gateway, provider, asked, &code, &attempt.verifier, &office.scopes)
        });
        match result {
            Ok(connected) => Ok(self.connected(connected, visit)),
            Err(failure) if office.gateway.tokens.is_withdrawn(&asked.user) => {
                self.waiting.conclude(visit, Outcome::Failed);
                Err(failure)
            }
            Err(failure) if self.waiting.on_page() => {
                self.try_again(failure, visit)?;
                Ok(None)
            }
            Err(failure) if self.connected => {
                say(&failure.to_string());
                self.waiting.conclude(visit, Outcome::Connected);
                Ok(Some(self.stays_connected()))
            }
            Err(failure) => {
                self.waiting.conclude(visit, outcome_of(&failure));
                Err(failure)
            }
        }
    }

    /// Nothing came of a further sign-in, or of the question about the band; the exit code.
    fn stays_connected(&self) -> u8 {
        say(&format!("{} stays connected with what was shared before.", self.asked.user));
        0
    }

    /// The token is stored. Where somebody looks at the page, the device is compared there; who
    /// pasted here has read it here.
    fn connected(&mut self, connected: Connection, visit: Option<Visit>) -> Option<u8> {
        connected.tell();
        (self.connected, self.failure) = (true, None);
        stop::expect(true);
        // Whoever signs in once more here is this account, not a third one.
        self.asked.replace = false;
        match visit {
            Some(visit) if self.waiting.on_page() => {
                say("Press Done on the page, or Enter here.");
                self.waiting.review(connected.view(), visit);
                self.waiting.undecided = connected.undecided;
                None
            }
            visit => {
                self.waiting.conclude(visit, Outcome::Connected);
                Some(0)
            }
        }
    }

    fn try_again(&mut self, failure: Failure, visit: Option<Visit>) -> Result<()> {
        say(&failure.to_string());
        let address = self.waiting.again(hint_of(&failure), visit)?;
        self.failure = Some(failure);
        say("To try again, go on at the sign-in page or open this address:");
        print_address(&address);
        Ok(())
    }

    fn take_back(&mut self, visit: Visit) -> Result<()> {
        let (office, user) = (self.waiting.office, &self.asked.user);
        let done = self.waiting.meanwhile(|| take_back(office.gateway, office.provider, user));
        if let Err(failure) = done {
            say(&format!("The account could not be let go, and is still connected: {failure}"));
            say("Press the button on the page again; Done, or Enter here, leaves it connected.");
            self.waiting.stays(visit);
            return Ok(());
        }
        self.connected = false;
        stop::expect(false);
        let address = self.waiting.again(Hint::TakenBack, Some(visit))?;
        say("It was another band: the account was let go. Sign in with the right one:");
        print_address(&address);
        Ok(())
    }
}

/// `--timeout`, checked.
pub fn check_timeout(minutes: u32) -> Result<()> {
    if (1..=LOGIN_TIMEOUT_MINUTES_MAX).contains(&minutes) {
        return Ok(());
    }
    let what = format!("--timeout must be from 1 to {LOGIN_TIMEOUT_MINUTES_MAX} minutes");
    Err(Failure::new(ErrorClass::Usage, what))
}

fn warn_unlisted(gateway: &Gateway, user: &UserId) {
    if !gateway.is_synced(user) {
        say(&format!("Note: {user} is not in FITBIT_USER_IDS and will not be synced."));
    }
}

/// The sign-in pages, if the port is free. Without them the paste alone will do.
fn listen(gateway: &Gateway, provider: &dyn Provider) -> Result<Option<Listener>> {
    match open_pages(gateway, provider) {
        Ok(listener) => Ok(Some(listener)),
        Err(failure) if failure.class == ErrorClass::Usage => Err(failure),
        Err(failure) => {
            say(&format!(
                "The browser cannot come back by itself ({}). Paste its address here instead.",
                failure.what
            ));
            Ok(None)
        }
    }
}

/// `page`: the sign-in page, and for how many minutes its code lives.
fn invite(address: &str, page: Option<(&str, u64)>, by_itself: bool) {
    say("Open this address in a browser, signed in as the participant:");
    print_address(address);
    // Nobody else can open a page that only this machine sees.
    let is_here = |page: &str| is_loopback_name(authority_of(page));
    if let Some((page, minutes)) = page {
        let who =
            if is_here(page) { "a browser on this machine" } else { "a phone on this network" };
        let plural = if minutes == 1 { "" } else { "s" };
        say(&format!(
            "Or let {who} open this page, which leads through it ({minutes} minute{plural}): {page}"
        ));
    }
    let page = page.map(|(page, _)| page).filter(|page| !is_here(page));
    if std::io::stderr().is_terminal() {
        match crate::portal::pages::qr::terminal(page.unwrap_or(address)) {
            Some(picture) => say(&picture),
            None => log::debug!("the address is too long for a QR code"),
        }
    }
    let by_itself = if by_itself {
        "If the browser runs on this machine, the rest happens by itself. Otherwise, after"
    } else {
        "After"
    };
    say(&format!(
        "{by_itself} approving, the browser shows a page that does not load. Copy the address of \
         that page, paste it here and press Enter:"
    ));
}

/// An error that the provider's page sent back (RFC 6749, section 4.1.2.1).
fn refused_by_page(error: &str) -> Failure {
    let what = format!("the sign-in page answered {error}");
    match error {
        "server_error" | "temporarily_unavailable" => Failure::new(ErrorClass::Server, what),
        _ => {
            let cure = "check the application's settings at the provider";
            Failure::new(ErrorClass::Config, format!("{what}; {cure}"))
        }
    }
}

fn outcome_of(failure: &Failure) -> Outcome {
    match failure.class {
        ErrorClass::Account => Outcome::OtherAccount,
        _ => Outcome::Failed,
    }
}
