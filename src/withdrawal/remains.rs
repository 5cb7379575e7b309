//! What lies on this machine of one participant, by its names alone: nothing is opened.

use std::path::PathBuf;

use crate::consent::files::UNREADABLE;
use crate::core::error::Result;
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::io::files;
use crate::io::removal::lies_at;
use crate::ledger::month::MonthKey;

/// Copies of ledger files that could not be read back.
const QUARANTINE: &str = "quarantine";

/// The copies of what could not be read, of everybody: listed once for all.
#[derive(Debug)]
pub struct Copies {
    of_tokens: Vec<String>,
    of_ledgers: Vec<String>,
}

impl Copies {
    pub fn list(gateway: &Gateway) -> Result<Self> {
        Ok(Self {
            of_tokens: files::names(&gateway.tokens.dir().join(UNREADABLE))?,
            of_ledgers: files::names(&gateway.config.data_dir.join(QUARANTINE))?,
        })
    }

    /// Makes durable what was removed from their folders, also by a run that did not live to do it.
    pub fn make_durable(gateway: &Gateway) -> Result<()> {
        files::make_durable(&gateway.tokens.dir().join(UNREADABLE))?;
        files::make_durable(&gateway.config.data_dir.join(QUARANTINE))
    }
}

/// The paths that may be of one participant, each there or not.
#[derive(Debug)]
pub struct Remains {
    /// Tokens, what a killed run left of one, and copies of those that could not be read.
    pub tokens: Vec<PathBuf>,
    pub csv: Vec<PathBuf>,
    /// The ledger, and what was put aside of it.
    pub ledger: Vec<PathBuf>,
}

impl Remains {
    pub fn of(gateway: &Gateway, user: &UserId, copies: &Copies) -> Self {
        let (tokens, data) = (gateway.tokens.dir(), &gateway.config.data_dir);
        let ours = [".json", ".json.prev", ".former"].map(|suffix| format!("{user}{suffix}"));
        let written = ["json", "json.prev", "former", "probe", "withdrawn"];
        let left_over = written.map(|kind| format!(".{user}.{kind}.tmp"));
        let fixed = ours.iter().chain(&left_over).map(|name| tokens.join(name));
        let unreadable = copies.of_tokens.iter().filter(|name| is_copy_of_token(name, user));
        let aside = copies.of_ledgers.iter().filter(|name| is_copy_of_ledger(name, user));
        Self {
            tokens: fixed
                .chain(unreadable.map(|name| tokens.join(UNREADABLE).join(name)))
                .collect(),
            csv: vec![data.join("users").join(user.as_str())],
            ledger: [data.join("ledger").join(user.as_str())]
                .into_iter()
                .chain(aside.map(|name| data.join(QUARANTINE).join(name)))
                .collect(),
        }
    }

    /// Whether anything is there, of tokens too where they are to go.
    pub fn any(&self, with_tokens: bool) -> Result<bool> {
        let tokens = self.tokens.iter().filter(|_| with_tokens);
        for path in tokens.chain(&self.csv).chain(&self.ledger) {
            if lies_at(path)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The file that a name in these folders was made for, whole or not.
fn whole(name: &str) -> &str {
    files::left_over(name).unwrap_or(name)
}

/// `a.json.<hash>`, and not a copy of a participant called `a.json`.
fn is_copy_of_token(name: &str, user: &UserId) -> bool {
    let rest = whole(name).strip_prefix(user.as_str()).and_then(|rest| rest.strip_prefix('.'));
    let kinds = ["json.prev.", "json.", "former."];
    let hash = rest.and_then(|rest| kinds.iter().find_map(|kind| rest.strip_prefix(kind)));
    hash.is_some_and(|hash| !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// `a_head.json.<hash>` or `a_2026-11.json.<hash>`.
fn is_copy_of_ledger(name: &str, user: &UserId) -> bool {
    let rest = whole(name).strip_prefix(user.as_str()).and_then(|rest| rest.strip_prefix('_'));
    let file = rest.and_then(|rest| rest.split('.').next());
    file.is_some_and(|file| file == "head" || file.parse::<MonthKey>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_participant_s_own_copies_are_its() {
        let user: UserId = "a".parse().unwrap();
        for (name, is_its) in [
            ("a.json.0123abc", true),
            ("a.json.prev.0123abc", true),
            ("a.former.0123abc", true),
            (".a.json.0123abc.tmp", true),
            ("a.json.json.0123abc", false),
            ("a.withdrawn.0123abc", false),
            ("aa.json.0123abc", false),
            ("a.json.", false),
            ("a.json", false),
        ] {
            assert_eq!(is_copy_of_token(name, &user), is_its, "{name}");
        }
        for (name, is_its) in [
            ("a_head.json.1f", true),
            ("a_2026-11.json.1f", true),
            (".a_2026-11.json.1f.tmp", true),
            ("a_b_head.json.1f", false),
            ("a.json.1f", false),
        ] {
            assert_eq!(is_copy_of_ledger(name, &user), is_its, "{name}");
        }
    }
}
