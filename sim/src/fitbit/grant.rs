//! Fitbit's tokens: refresh tokens work once, and each use gives a new pair.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::hash::mix;
use crate::options::Options;

/// Seconds that a code can be used.
const CODE_S: i64 = 600;
/// Seconds in which a repeated refresh gets the same answer again, if there is any grace.
const GRACE_S: i64 = 120;

/// A sign-in for which the consent page is shown.
#[derive(Clone, Debug)]
pub struct Ticket {
    pub redirect: String,
    pub state: Option<String>,
    pub scopes: Vec<String>,
    /// The challenge, and whether it is a SHA-256.
    pub challenge: Option<(String, bool)>,
}

#[derive(Clone, Debug)]
struct Code {
    who: String,
    ticket: Ticket,
    expires: Timestamp,
}

/// An access token.
#[derive(Clone, Debug)]
pub struct Access {
    pub who: String,
    pub scopes: Vec<String>,
    pub issued: Timestamp,
    pub expires: Timestamp,
}

#[derive(Clone, Debug)]
struct Refresh {
    who: String,
    scopes: Vec<String>,
    alive: bool,
    /// The answer that replaced it, and when.
    replaced: Option<(Timestamp, Value)>,
}

/// All of it, and the switches.
#[derive(Clone, Debug)]
pub struct Grants {
    seed: u64,
    issued: i64,
    /// The API has been turned off.
    pub retired: bool,
    /// A repeated refresh gets the same answer for two minutes.
    pub grace: bool,
    tickets: HashMap<String, Ticket>,
    codes: HashMap<String, Code>,
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
    secrets: Vec<String>,
}

impl Grants {
    pub fn new(options: &Options) -> Grants {
        Grants {
            seed: mix(options.seed, "fitbit", 0),
            issued: 0,
            retired: options.fitbit.retired,
            grace: options.fitbit.grace,
            tickets: HashMap::new(),
            codes: HashMap::new(),
            access: HashMap::new(),
            refresh: HashMap::new(),
            secrets: vec![options.fitbit.client_secret.clone()],
        }
    }

    /// Everything secret that was ever given out.
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    fn hex(&mut self, words: i64) -> String {
        self.issued += 1;
        let first = self.issued * 16;
        (first..first + words).map(|i| format!("{:016x}", mix(self.seed, "secret", i))).collect()
    }

    fn secret(&mut self, text: String) -> String {
        self.secrets.push(text.clone());
        text
    }

    /// Shows the consent page: its ticket.
    pub fn open(&mut self, ticket: Ticket) -> String {
        let name = self.hex(1);
        self.tickets.insert(name.clone(), ticket);
        name
    }

    /// The sign-in of a ticket, once.
    pub fn close(&mut self, name: &str) -> Option<Ticket> {
        self.tickets.remove(name)
    }

    /// A code for a participant who agreed.
    pub fn code(&mut self, who: &str, ticket: Ticket, now: Timestamp) -> String {
        let code = self.hex(3)[..40].to_owned();
        let code = self.secret(code);
        let entry =
            Code { who: who.to_owned(), ticket, expires: now + SignedDuration::from_secs(CODE_S) };
        self.codes.insert(code.clone(), entry);
        code
    }

    /// The participant of a code or a token.
    pub fn owner(&self, secret: &str) -> Option<String> {
        let code = self.codes.get(secret).map(|code| &code.who);
        let refresh = self.refresh.get(secret).map(|refresh| &refresh.who);
        let access = self.access.get(secret).map(|access| &access.who);
        code.or(refresh).or(access).cloned()
    }

    /// Changes a code into the participant and the scopes it stands for. It is used up.
    pub fn redeem(
        &mut self,
        code: &str,
        redirect: Option<&str>,
        verifier: Option<&str>,
        now: Timestamp,
    ) -> Option<(String, Vec<String>)> {
        let code = self.codes.remove(code)?;
        let same = redirect.is_none_or(|redirect| redirect == code.ticket.redirect);
        let verified = match (&code.ticket.challenge, verifier) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some((challenge, false)), Some(verifier)) => challenge == verifier,
            (Some((challenge, true)), Some(verifier)) => {
                let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
                *challenge == URL_SAFE_NO_PAD.encode(digest)
            }
        };
        (same && verified && now < code.expires).then_some((code.who, code.ticket.scopes))
    }

    /// A new pair of tokens.
    pub fn issue(
        &mut self,
        (who, user_id): (&str, &str),
        scopes: &[String],
        life_s: i64,
        now: Timestamp,
    ) -> Value {
        let body = self.hex(8);
        let access = self.secret(format!("eyJhbGciOiJIUzI1NiJ9.{body}.sig"));
        let refresh = self.hex(4);
        let refresh = self.secret(refresh);
        let entry = Access {
            who: who.to_owned(),
            scopes: scopes.to_vec(),
            issued: now,
            expires: now + SignedDuration::from_secs(life_s),
        };
        self.access.insert(access.clone(), entry);
        let entry =
            Refresh { who: who.to_owned(), scopes: scopes.to_vec(), alive: true, replaced: None };
        self.refresh.insert(refresh.clone(), entry);
        json!({
            "access_token": access,
            "expires_in": life_s,
            "refresh_token": refresh,
            "scope": scopes.join(" "),
            "token_type": "Bearer",
            "user_id": user_id,
        })
    }

    /// What a refresh token still gives: an answer that was given before, or its owner and
    /// scopes for a new one.
    pub fn refreshable(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Option<Result<Value, (String, Vec<String>)>> {
        let old = self.refresh.get(token).filter(|old| old.alive)?;
        match &old.replaced {
            None => Some(Err((old.who.clone(), old.scopes.clone()))),
            Some((at, reply)) => {
                let late = now.duration_since(*at).as_secs() >= GRACE_S;
                (self.grace && !late).then(|| Ok(reply.clone()))
            }
        }
    }

    /// Notes that a refresh token has been used.
    pub fn replace(&mut self, token: &str, reply: &Value, now: Timestamp) {
        if let Some(old) = self.refresh.get_mut(token) {
            old.replaced = Some((now, reply.clone()));
        }
    }

    /// An access token, whether it is over or not.
    pub fn access(&self, token: &str) -> Option<&Access> {
        self.access.get(token)
    }

    /// Ends every access token's life.
    pub fn expire_access_tokens(&mut self) {
        for access in self.access.values_mut() {
            access.expires = Timestamp::UNIX_EPOCH;
        }
    }

    /// Takes back everything that a participant granted.
    pub fn revoke_all(&mut self, who: &str) {
        self.access.retain(|_, access| access.who != who);
        for refresh in self.refresh.values_mut().filter(|one| one.who == who) {
            refresh.alive = false;
        }
    }

    /// The refresh tokens of a participant that are neither revoked nor replaced.
    pub fn living(&self, who: &str) -> impl Iterator<Item = &String> {
        let living = move |one: &Refresh| one.who == who && one.alive && one.replaced.is_none();
        self.refresh.iter().filter(move |(_, one)| living(one)).map(|(token, _)| token)
    }
}
