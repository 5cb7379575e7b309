//! What went wrong, and what happens next.
//!
//! One flat enum of classes and one struct. The class alone decides what follows (retry, whom it
//! touches, the exit code); the text is for people and is one line. No `From<io::Error>`: every
//! call says what it was doing. Texts never hold a secret, a health value or a URL's query.

use std::fmt;

/// The class of a failure answers one question: what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorClass {
    /// Wrong arguments or settings: nothing was done.
    Usage,
    /// Another run holds the lock.
    Locked,
    /// The operator's set-up is refused by a service (client id, API disabled, AWS credentials,
    /// bucket): touches everyone, goes on failing until somebody acts.
    Config,
    /// This participant must sign in again.
    Auth,
    /// A sign-in with an account that may not take this place.
    Account,
    /// A sign-in whose code is too old or was used.
    Code,
    /// This participant's provider is switched off (HTTP 410): sign in at the other one.
    Retired,
    /// The participant did not grant this metric. Not a failure of the run.
    NotGranted,
    /// Refused although the consent covers it. Asked again with the look-back, warned about.
    Denied,
    /// A request that spans more than the service allows: asked again in halves.
    TooLong,
    /// Too many requests: next run.
    Quota,
    /// No connection, or it broke.
    Network,
    /// The service is ill (5xx).
    Server,
    /// A reply that is not what its documentation promises.
    Format,
    /// This machine's disk.
    Disk,
    /// A file of this machine that is not what was written, or cannot be read back: what stands in
    /// for it serves, or it is made again.
    Damaged,
    /// A file of a newer version of this program: left untouched, and so is its participant.
    Newer,
    /// This machine's clock.
    Clock,
    /// A request of ours that the service calls wrong, or a state that cannot be.
    Bug,
}

/// How far a failure reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// One metric, day or file.
    Item,
    /// One participant.
    Participant,
    /// Everybody.
    Run,
}

/// One row of the table that decides everything that follows from a class.
struct Rule {
    name: &'static str,
    exit: u8,
    retry_now: bool,
    reach: Reach,
}

impl ErrorClass {
    pub const ALL: [Self; 19] = [
        Self::Usage,
        Self::Locked,
        Self::Config,
        Self::Auth,
        Self::Account,
        Self::Code,
        Self::Retired,
        Self::NotGranted,
        Self::Denied,
        Self::TooLong,
        Self::Quota,
        Self::Network,
        Self::Server,
        Self::Format,
        Self::Disk,
        Self::Damaged,
        Self::Newer,
        Self::Clock,
        Self::Bug,
    ];

    const fn rule(self) -> Rule {
        const fn rule(name: &'static str, exit: u8, retry_now: bool, reach: Reach) -> Rule {
            Rule { name, exit, retry_now, reach }
        }
        use Reach::{Item, Participant, Run};
        match self {
            Self::Usage => rule("usage", 2, false, Run),
            Self::Locked => rule("locked", 4, false, Run),
            Self::Config => rule("config", 1, false, Run),
            Self::Auth => rule("auth", 3, false, Participant),
            Self::Account => rule("account", 1, false, Participant),
            Self::Code => rule("code", 1, false, Participant),
            Self::Retired => rule("retired", 3, false, Participant),
            Self::NotGranted => rule("not_granted", 0, false, Item),
            Self::Denied => rule("denied", 0, false, Item),
            Self::TooLong => rule("too_long", 1, false, Item),
            Self::Quota => rule("quota", 75, false, Item),
            Self::Network => rule("network", 75, true, Item),
            Self::Server => rule("server", 75, true, Item),
            Self::Format => rule("format", 1, false, Item),
            // Ledgers keep the words of version 1.
            Self::Disk | Self::Damaged => rule("disk", 1, false, Item),
            Self::Newer => rule("newer_version", 1, false, Participant),
            Self::Clock => rule("clock", 1, false, Run),
            Self::Bug => rule("bug", 1, false, Item),
        }
    }

    /// The word used in logs, in the ledger and in `--json`.
    pub const fn name(self) -> &'static str {
        self.rule().name
    }

    /// The class of a word used in logs and in the ledger.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// The exit code of a run in which nothing worse happened.
    pub const fn exit_code(self) -> u8 {
        self.rule().exit
    }

    /// Whether the same request may succeed within seconds.
    pub const fn retry_now(self) -> bool {
        self.rule().retry_now
    }

    /// Whether the service refuses what was asked for, and nothing else.
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::NotGranted | Self::Denied)
    }

    /// Whom this failure touches.
    pub const fn reach(self) -> Reach {
        self.rule().reach
    }
}

/// The worst of several exit codes, in the order 2, 4, 1, 3, 75, 0.
pub fn worst_exit(codes: impl IntoIterator<Item = u8>) -> u8 {
    const ORDER: [u8; 6] = [2, 4, 1, 3, 75, 0];
    let rank = |code: u8| ORDER.iter().position(|&known| known == code).unwrap_or(0);
    codes.into_iter().min_by_key(|&code| rank(code)).unwrap_or(0)
}

/// When the same may be asked in a smaller request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Smaller {
    /// After it was asked once more at the same size.
    AfterOnce,
    /// Never again at the same size.
    AtOnce,
}

/// One failure, in one line: `auth: refresh refused (invalid_grant); sign in again with: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub class: ErrorClass,
    /// What happened and, where there is one, the cure.
    pub what: String,
    /// Where: a file, a metric, an address without its query.
    pub at: Option<String>,
    /// How long the service asked us to wait, already bounded.
    pub retry_after_s: Option<u64>,
    /// The service may answer a smaller request.
    pub smaller: Option<Smaller>,
}

/// The result of everything that can fail.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub fn new(class: ErrorClass, what: impl Into<String>) -> Self {
        Self { class, what: what.into(), at: None, retry_after_s: None, smaller: None }
    }

    /// Of a file whose `version` this program does not know.
    pub fn newer(version: i64) -> Self {
        let what = format!("of a newer version of fitsync: install fitsync {version} or newer");
        Self::new(ErrorClass::Newer, what)
    }

    /// Says where it happened; the innermost place stays.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.at.get_or_insert_with(|| place.to_string());
        self
    }

    /// From its line, as the ledger keeps it; `None` where the class is no longer known.
    pub fn of_line(line: &str) -> Option<Self> {
        let (class, rest) = line.split_once(": ")?;
        let (what, at) = match rest.strip_suffix(')').and_then(|rest| rest.rsplit_once(" (")) {
            Some((what, at)) => (what, Some(at.to_owned())),
            None => (rest, None),
        };
        Some(Self { at, ..Self::new(ErrorClass::named(class)?, what) })
    }

    #[must_use]
    pub const fn after(mut self, seconds: Option<u64>) -> Self {
        self.retry_after_s = seconds;
        self
    }

    #[must_use]
    pub const fn asked_smaller(mut self, when: Smaller) -> Self {
        self.smaller = Some(when);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.class.name(), self.what)?;
        match &self.at {
            Some(at) => write!(out, " ({at})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

/// `io::Result` → our result, with what was being done: `file.sync_all().doing("write", &path)?`.
pub trait Doing<T> {
    /// Adds what was being done and to which file.
    fn doing(self, what: &str, path: &std::path::Path) -> Result<T>;
}

impl<T> Doing<T> for std::io::Result<T> {
    fn doing(self, what: &str, path: &std::path::Path) -> Result<T> {
        self.map_err(|error| {
            Failure::new(ErrorClass::Disk, format!("cannot {what}: {error}")).at(path.display())
        })
    }
}

/// A string that is never printed: tokens, codes, client secrets, keys.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends or stores it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_exit_code_wins_in_the_documented_order() {
        assert_eq!(worst_exit([0, 75, 3]), 3);
        assert_eq!(worst_exit([3, 1, 75]), 1);
        assert_eq!(worst_exit([1, 4]), 4);
        assert_eq!(worst_exit([4, 2, 0]), 2);
        assert_eq!(worst_exit([]), 0);
    }

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("ya29.token");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
    }

    #[test]
    fn a_failure_is_one_line_with_its_place() {
        let failure = Failure::new(ErrorClass::Server, "HTTP 503").at("steps").at("outer");
        assert_eq!(failure.to_string(), "server: HTTP 503 (steps)");
        assert_eq!(Failure::of_line("server: HTTP 503 (steps)"), Some(failure));
        let bare = Failure::new(ErrorClass::Config, "no: keys (none)");
        assert_eq!(Failure::of_line(&bare.clone().at("x").to_string()), Some(bare.at("x")));
        assert_eq!(Failure::of_line("a defect of the past"), None);
    }
}
