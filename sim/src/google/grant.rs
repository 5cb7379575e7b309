//! What has been granted: consent pages in progress, codes, access and refresh tokens.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::hash::mix;
use crate::options::Options;

/// Seconds that a refresh token of an app in Testing lives.
pub const TESTING_REFRESH_S: i64 = 604_799;
/// Seconds that a code can be used.
const CODE_S: i64 = 600;
/// Seconds in which a repeated refresh gets the same answer again.
const GRACE_S: i64 = 120;

/// What a refresh does to the refresh token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// Google's way: it stays, and the reply names none.
    #[default]
    None,
    /// A new one each time; the old one is dead at once.
    Rotate,
    /// A new one each time; the old one gets the same answer again for two minutes.
    RotateWithGrace,
}

/// A sign-in for which the consent page is shown.
#[derive(Clone, Debug)]
pub struct Ticket {
    pub redirect: String,
    pub state: Option<String>,
    pub scopes: Vec<String>,
    pub challenge: Option<String>,
    pub offline: bool,
    pub consent: bool,
}

#[derive(Clone, Debug)]
struct Code {
    who: String,
    ticket: Ticket,
    expires: Timestamp,
}

/// A live access token.
#[derive(Clone, Debug)]
pub struct Access {
    pub who: String,
    pub scopes: Vec<String>,
    expires: Timestamp,
}

#[derive(Clone, Debug)]
struct Refresh {
    who: String,
    scopes: Vec<String>,
    expires: Option<Timestamp>,
    alive: bool,
    /// The answer that replaced it, and when.
    replaced: Option<(Timestamp, Value)>,
}

/// Why a code or a token is refused: `error` and `error_description`.
pub type Refusal = (&'static str, &'static str);

const DEAD: Refusal = ("invalid_grant", "Token has been expired or revoked.");

/// All of it.
#[derive(Clone, Debug)]
pub struct Grants {
    seed: u64,
    issued: i64,
    access_token_s: i64,
    testing_app: bool,
    pub rotation: Rotation,
    tickets: HashMap<String, Ticket>,
    codes: HashMap<String, Code>,
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
    consented: HashSet<String>,
    secrets: Vec<String>,
}

impl Grants {
    pub fn new(options: &Options) -> Grants {
        Grants {
            seed: options.seed,
            issued: 0,
            access_token_s: options.access_token_s,
            testing_app: options.testing_app,
            rotation: Rotation::None,
            tickets: HashMap::new(),
            codes: HashMap::new(),
            access: HashMap::new(),
            refresh: HashMap::new(),
            consented: HashSet::new(),
            secrets: [&options.client_secret, &options.secret_key]
                .into_iter()
                .chain(&options.session_token)
                .cloned()
                .collect(),
        }
    }

    /// Everything secret that was ever given out.
    pub fn secrets(&self) -> Vec<String> {
        self.secrets.clone()
    }

    fn random(&mut self, prefix: &str, words: i64) -> String {
        self.issued += 1;
        let first = self.issued * 16;
        let hex = (first..first + words).map(|i| format!("{:016x}", mix(self.seed, "secret", i)));
        let text = format!("{prefix}{}", hex.collect::<String>());
        self.secrets.push(text.clone());
        text
    }

    /// Shows the consent page: its ticket.
    pub fn open(&mut self, ticket: Ticket) -> String {
        self.issued += 1;
        let name = format!("{:016x}", mix(self.seed, "ticket", self.issued));
        self.tickets.insert(name.clone(), ticket);
        name
    }

    /// The sign-in of a ticket, once.
    pub fn close(&mut self, name: &str) -> Option<Ticket> {
        self.tickets.remove(name)
    }

    /// A code for a participant who agreed.
    pub fn code(&mut self, who: &str, ticket: Ticket, now: Timestamp) -> String {
        let code = self.random("4/0A", 3);
        let expires = now + SignedDuration::from_secs(CODE_S);
        let who = who.to_owned();
        let entry = Code { who, ticket, expires };
        self.codes.insert(code.clone(), entry);
        code
    }

    /// The participant of a code or a refresh token, for the log and for faults.
    pub fn owner(&self, secret: &str) -> Option<String> {
        let code = self.codes.get(secret).map(|code| &code.who);
        let refresh = self.refresh.get(secret).map(|refresh| &refresh.who);
        let access = self.access.get(secret).map(|access| &access.who);
        code.or(refresh).or(access).cloned()
    }

    /// Changes a code into tokens. Whatever comes of it, the code is used up.
    pub fn exchange(
        &mut self,
        code: &str,
        redirect: &str,
        verifier: Option<&str>,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let Some(code) = self.codes.remove(code) else {
            return Err(("invalid_grant", "Malformed auth code."));
        };
        let ticket = &code.ticket;
        if now >= code.expires {
            return Err(("invalid_grant", "Bad Request"));
        }
        if ticket.redirect != redirect {
            return Err(("redirect_uri_mismatch", "Bad Request"));
        }
        match (&ticket.challenge, verifier) {
            (Some(_), None) => return Err(("invalid_grant", "Missing code verifier.")),
            (None, Some(_)) => {
                let text = "code_verifier or verifier is not needed.";
                return Err(("invalid_grant", text));
            }
            (Some(challenge), Some(verifier)) if *challenge != s256(verifier) => {
                return Err(("invalid_grant", "Invalid code verifier."));
            }
            _ => {}
        }
        let first = self.consented.insert(code.who.clone());
        let refresh = (ticket.offline && (ticket.consent || first))
            .then(|| self.new_refresh(&code.who, &ticket.scopes, now));
        Ok(self.new_access(&code.who, &ticket.scopes, refresh.as_deref(), true, now))
    }

    /// A fresh access token for a refresh token.
    pub fn refresh(&mut self, token: &str, now: Timestamp) -> Result<Value, Refusal> {
        let Some(old) = self.refresh.get(token).cloned() else {
            return Err(DEAD);
        };
        if old.expires.is_some_and(|expires| now >= expires) {
            return Err(DEAD);
        }
        if let Some((at, reply)) = &old.replaced {
            let late = now.duration_since(*at).as_secs() >= GRACE_S;
            let grace = self.rotation == Rotation::RotateWithGrace && old.alive && !late;
            return if grace { Ok(reply.clone()) } else { Err(DEAD) };
        }
        if !old.alive {
            return Err(DEAD);
        }
        if self.rotation == Rotation::None {
            return Ok(self.new_access(&old.who, &old.scopes, Some(token), false, now));
        }
        let next = self.new_refresh(&old.who, &old.scopes, now);
        let reply = self.new_access(&old.who, &old.scopes, Some(&next), true, now);
        if let Some(old) = self.refresh.get_mut(token) {
            old.replaced = Some((now, reply.clone()));
        }
        Ok(reply)
    }

    fn new_refresh(&mut self, who: &str, scopes: &[String], now: Timestamp) -> String {
        let token = self.random("1//0e", 4);
        let life = SignedDuration::from_secs(TESTING_REFRESH_S);
        let entry = Refresh {
            who: who.to_owned(),
            scopes: scopes.to_vec(),
            expires: self.testing_app.then(|| now + life),
            alive: true,
            replaced: None,
        };
        self.refresh.insert(token.clone(), entry);
        token
    }

    fn new_access(
        &mut self,
        who: &str,
        scopes: &[String],
        refresh: Option<&str>,
        tell: bool,
        now: Timestamp,
    ) -> Value {
        let token = self.random("ya29.a0", 8);
        let entry = Access {
            who: who.to_owned(),
            scopes: scopes.to_vec(),
            expires: now + SignedDuration::from_secs(self.access_token_s),
        };
        self.access.insert(token.clone(), entry);
        let mut reply = json!({"access_token": token, "expires_in": self.access_token_s});
        if let (true, Some(refresh)) = (tell, refresh) {
            reply["refresh_token"] = Value::from(refresh);
        }
        let expires = refresh.and_then(|token| self.refresh.get(token)?.expires);
        if let Some(expires) = expires {
            let left_s = expires.duration_since(now).as_secs();
            reply["refresh_token_expires_in"] = Value::from(left_s);
        }
        reply["scope"] = Value::from(scopes.join(" "));
        reply["token_type"] = Value::from("Bearer");
        reply
    }

    /// The grant of a live access token.
    pub fn access(&self, token: &str, now: Timestamp) -> Option<&Access> {
        self.access.get(token).filter(|one| now < one.expires)
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
        self.consented.remove(who);
    }

    /// Takes back the grant of a token; false when there is none.
    pub fn revoke(&mut self, token: &str, now: Timestamp) -> bool {
        let of_access = self.access(token, now).map(|access| access.who.clone());
        let of_refresh = self.refresh.get(token);
        let of_refresh = of_refresh.filter(|one| one.alive && one.replaced.is_none());
        let Some(who) = of_access.or(of_refresh.map(|one| one.who.clone())) else {
            return false;
        };
        self.revoke_all(&who);
        true
    }

    /// The refresh tokens of a participant that are neither revoked nor replaced.
    pub fn living(&self, who: &str) -> impl Iterator<Item = &String> {
        let living = move |one: &Refresh| one.who == who && one.alive && one.replaced.is_none();
        self.refresh.iter().filter(move |(_, one)| living(one)).map(|(token, _)| token)
    }
}

/// The PKCE challenge of a verifier.
fn s256(verifier: &str) -> String {
    use base64::Engine as _;
    let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        assert_eq!(
            s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
