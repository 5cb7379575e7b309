//! `fitsync login USER`: connects one participant.
//!
//! Prints the provider's address alone on stdout, then waits for the browser to come back (here,
//! or by an address that somebody pastes on stdin). State is checked before anything else.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use jiff::civil::Date;

use crate::command::arguments::LoginArguments;
use crate::command::connect::{Asked, Connected, connect};
use crate::command::context::Context;
use crate::config::{LOGIN_POLL_MS, LOGIN_TIMEOUT_MINUTES_MAX, PASTE_BYTES_MAX, parse_date};
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::sign_in::{Callback, Paste, PasteStep, Pkce, new_state, same};
use crate::core::user::UserId;
use crate::io::{random, stop};
use crate::portal::{Listener, Outcome, Visit};
use crate::provider::Provider;

pub fn run(context: &Context, arguments: &LoginArguments) -> Result<u8> {
    let asked = asked(context, arguments)?;
    let provider = context.sign_in_provider()?;
    let pkce = Pkce::new(random::bytes()?);
    let state = new_state(random::bytes()?);
    let scopes = provider.scopes(&context.config.metrics);
    warn_unlisted(context, &asked.user);
    let listener = listen(context, provider);
    let url = provider.authorize_url(&scopes, &state, &pkce.challenge);
    invite(&url, &asked.user, listener.is_some());
    let timeout = Duration::from_secs(60 * u64::from(arguments.timeout));
    let mut waiting = Waiting { listener, lines: lines_of_stdin(), state, provider };
    let Some((came, visit)) = waiting.callback(timeout)? else {
        say("Nobody signed in in time. Nothing was changed; run the command again.");
        return Ok(EXIT_NOBODY);
    };
    let result = match came {
        Callback::Denied { .. } => {
            waiting.answer(visit, Outcome::Denied);
            say("The participant did not agree at the sign-in page. Nothing was changed.");
            return Ok(EXIT_NOBODY);
        }
        Callback::Refused { error, .. } => Err(refused_by_page(&error)),
        Callback::Code { code, .. } => {
            connect(context, provider, &asked, &code, &pkce.verifier, &scopes)
        }
    };
    waiting.answer(visit, outcome_of(&result));
    result.map(|connected| {
        connected.tell();
        0
    })
}

/// Denied, or nobody came.
const EXIT_NOBODY: u8 = 3;

fn asked(context: &Context, arguments: &LoginArguments) -> Result<Asked> {
    let usage = |what: String| Failure::new(ErrorClass::Usage, what);
    let user: UserId = arguments.user.parse().map_err(usage)?;
    if context.tokens.is_withdrawn(&user) {
        let what = format!("{user} has withdrawn from the study; this id cannot sign in again");
        return Err(usage(what));
    }
    if !(1..=LOGIN_TIMEOUT_MINUTES_MAX).contains(&arguments.timeout) {
        let what = format!("--timeout must be from 1 to {LOGIN_TIMEOUT_MINUTES_MAX} minutes");
        return Err(usage(what));
    }
    let date = |name: &str, text: &Option<String>| -> Result<Option<Date>> {
        text.as_deref().map(|text| parse_date(name, text)).transpose()
    };
    let collect_from = date("--collect-from", &arguments.collect_from)?;
    let collect_until = date("--collect-until", &arguments.collect_until)?;
    if collect_from.zip(collect_until).is_some_and(|(from, until)| from > until) {
        return Err(usage("--collect-from is after --collect-until".to_owned()));
    }
    Ok(Asked { user, replace: arguments.replace, collect_from, collect_until })
}

fn warn_unlisted(context: &Context, user: &UserId) {
    let listed = &context.config.user_ids;
    if !listed.is_empty() && !listed.contains(user) {
        say(&format!("Note: {user} is not in FITBIT_USER_IDS and will not be synced."));
    }
}

/// The listener for the callback, if the port is free. Without it the paste alone will do.
fn listen(context: &Context, provider: &dyn Provider) -> Option<Listener> {
    let listen = &context.config.listen;
    match Listener::open(listen, None, crate::portal::names_public(listen)) {
        Ok(listener) => {
            let redirect = &provider.app().redirect_uri;
            if let Some(port) = loopback_port(redirect).filter(|port| *port != listener.port()) {
                log::warn!(
                    "FITSYNC_LISTEN has port {}, the redirect address port {port}: the browser \
                     will not find this machine, so paste its address",
                    listener.port()
                );
            }
            Some(listener)
        }
        Err(failure) => {
            say(&format!(
                "The browser cannot come back by itself ({}). Paste its address here instead.",
                failure.what
            ));
            None
        }
    }
}

/// The port of a redirect address on this machine.
fn loopback_port(redirect: &str) -> Option<u16> {
    if !crate::io::http::is_loopback_url(redirect) {
        return None;
    }
    let authority = redirect.split_once("://")?.1.split('/').next()?;
    Some(authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(80))
}

fn invite(url: &str, user: &UserId, listening: bool) {
    say(&format!(
        "Sign-in for {user}. Open this address in a browser, signed in as the participant:"
    ));
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{url}").and_then(|()| out.flush());
    if std::io::stderr().is_terminal() {
        match crate::portal::qr::terminal(url) {
            Some(picture) => say(&picture),
            None => log::debug!("the address is too long for a QR code"),
        }
    }
    let by_itself = if listening {
        "If the browser runs on this machine, the rest happens by itself. Otherwise, after"
    } else {
        "After"
    };
    say(&format!(
        "{by_itself} approving, the browser shows a page that does not load. Copy the address of \
         that page, paste it here and press Enter:"
    ));
}

/// Words for the person at the terminal.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// The lines of stdin, read by a thread of its own; their end is no error.
fn lines_of_stdin() -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let limit = PASTE_BYTES_MAX as u64 + 1;
            match stdin.by_ref().take(limit).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    receive
}

struct Waiting<'a> {
    listener: Option<Listener>,
    lines: mpsc::Receiver<String>,
    state: String,
    provider: &'a dyn Provider,
}

impl Waiting<'_> {
    /// Waits for a callback with the right state, by browser or by paste.
    fn callback(&mut self, timeout: Duration) -> Result<Option<(Callback, Option<Visit>)>> {
        let deadline = Instant::now() + timeout;
        let mut paste = Paste::default();
        while Instant::now() < deadline {
            stop::check()?;
            while let Ok(line) = self.lines.try_recv() {
                match paste.line(&line, self.state.len()) {
                    PasteStep::Complete(callback) if same(callback.state(), &self.state) => {
                        return Ok(Some((callback, None)));
                    }
                    PasteStep::Complete(_) => say(WRONG_STATE),
                    PasteStep::NoCode => say(NO_CODE),
                    PasteStep::More => {}
                }
            }
            let pause = Duration::from_millis(LOGIN_POLL_MS);
            let Some(listener) = &mut self.listener else {
                std::thread::sleep(pause);
                continue;
            };
            if let Some(visit) = listener.next(pause)
                && let Some(came) = self.visited(visit)
            {
                return Ok(Some(came));
            }
        }
        Ok(None)
    }

    /// A visit that is our callback; every other one is answered here.
    fn visited(&self, visit: Visit) -> Option<(Callback, Option<Visit>)> {
        let path = path_of(&self.provider.app().redirect_uri);
        if visit.post || visit.path != path {
            visit.answer(Outcome::NotFound.page());
            return None;
        }
        match Callback::from_query(&visit.query) {
            Some(callback) if same(callback.state(), &self.state) => Some((callback, Some(visit))),
            Some(_) => {
                log::warn!("a browser came back with the state of another sign-in");
                visit.answer(Outcome::OtherSignIn.page());
                None
            }
            None => {
                visit.answer(Outcome::NotFound.page());
                None
            }
        }
    }

    fn answer(&mut self, visit: Option<Visit>, outcome: Outcome) {
        if let (Some(listener), Some(visit)) = (&mut self.listener, visit) {
            listener.conclude(visit, outcome);
        }
    }
}

const WRONG_STATE: &str = "This address belongs to another sign-in: its state is not the one of \
                           the address above. Open that address and paste what comes after it:";
const NO_CODE: &str = "There is no code in this. Paste the whole address of the page that did not \
                       load (it holds code= and state=):";

/// The path of an address.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}

fn refused_by_page(error: &str) -> Failure {
    let what = format!("the sign-in page answered {error}; check the application's settings");
    Failure::new(ErrorClass::Config, what)
}

fn outcome_of(result: &Result<Connected>) -> Outcome {
    match result {
        Ok(_) => Outcome::Connected,
        Err(failure) if failure.class == ErrorClass::Account => Outcome::OtherAccount,
        Err(_) => Outcome::Failed,
    }
}
