//! A participant's withdrawal: what was asked, what is done, what is still to do. It is the
//! `.withdrawn` marker in the token folder and, in words, the receipt.

use jiff::Timestamp;

use miniserde::json::Value;

use crate::consent::token::{Token, int_of};
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::json::AsText;
use crate::core::table::utc;
use crate::limits::WITHDRAWAL_LEFT_MAX;

pub const VERSION: u32 = 1;

const RECEIPT_LOST: &str = "not known: the receipt of before cannot be read, and is kept in the \
                            folder unreadable beside the tokens; make sure that the study's \
                            access is gone from the account's own page";

#[derive(Clone, PartialEq, Eq, miniserde::Serialize, miniserde::Deserialize)]
pub struct Withdrawal {
    pub version: u32,
    pub user_id: String,
    pub requested_at: AsText<Timestamp>,
    pub provider: Option<String>,
    /// The last four characters of the account.
    pub account_end: String,
    /// Kept only until its revocation is confirmed.
    pub refresh_token: Option<String>,
    pub revoked_at: Option<AsText<Timestamp>>,
    /// How the revocation ended, or why it has not.
    pub revocation: String,
    /// Why nobody can be asked to revoke: the token file is kept as long.
    pub token_problem: Option<String>,
    /// Of the consent before a move to another provider, where it was not revoked then.
    pub former_provider: Option<String>,
    pub former_refresh_token: Option<String>,
    pub former_revocation: Option<String>,
    pub token_files: u64,
    pub csv_files: u64,
    pub ledger_files: u64,
    pub local_removed_at: Option<AsText<Timestamp>>,
    pub delete_objects: bool,
    pub objects_deleted: u64,
    /// Of them, older versions and delete markers.
    pub versions_deleted: u64,
    pub objects_deleted_at: Option<AsText<Timestamp>>,
    /// What could not be deleted, as far as it is listed.
    pub objects_left: Vec<String>,
    pub objects_left_count: u64,
    /// Why deletion is not done.
    pub objects_problem: Option<String>,
}

impl std::fmt::Debug for Withdrawal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Withdrawal({})", self.user_id)
    }
}

impl Withdrawal {
    pub fn new(user_id: &str, now: Timestamp) -> Self {
        Self {
            version: VERSION,
            user_id: user_id.to_owned(),
            requested_at: AsText(now),
            provider: None,
            account_end: String::new(),
            refresh_token: None,
            revoked_at: None,
            revocation: String::new(),
            token_problem: None,
            former_provider: None,
            former_refresh_token: None,
            former_revocation: None,
            token_files: 0,
            csv_files: 0,
            ledger_files: 0,
            local_removed_at: None,
            delete_objects: false,
            objects_deleted: 0,
            versions_deleted: 0,
            objects_deleted_at: None,
            objects_left: Vec::new(),
            objects_left_count: 0,
            objects_problem: None,
        }
    }

    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let broken = || Failure::new(ErrorClass::Format, "the withdrawn marker cannot be read");
        let text = std::str::from_utf8(bytes).map_err(|_| broken())?;
        // What a newer version writes need not be read to be known.
        if let Ok(Value::Object(fields)) = miniserde::json::from_str(text)
            && let Some(version) = fields.get("version").and_then(int_of)
            && version > i64::from(VERSION)
        {
            let newer = Failure::newer(version);
            return Err(Failure { what: format!("the marker is {}", newer.what), ..newer });
        }
        miniserde::json::from_str(text).map_err(|_| broken())
    }

    pub fn to_json(&self) -> String {
        miniserde::json::to_string(self)
    }

    /// The provider has let go of the participant.
    pub fn revoked(&mut self, how: &str, now: Timestamp) {
        self.refresh_token = None;
        self.token_problem = None;
        how.clone_into(&mut self.revocation);
        self.revoked_at = Some(AsText(now));
    }

    /// What is to be asked of the token's provider.
    pub fn take_in(&mut self, token: &Token) {
        self.provider = Some(token.provider.clone());
        self.account_end = token.account_end();
        self.refresh_token = Some(token.refresh_token.expose().to_owned());
        self.token_problem = None;
        self.revoked_at = None;
    }

    /// In place of a marker that cannot be read: what that one still shows is asked again, and
    /// everything is removed again.
    pub fn anew(user_id: &str, unreadable: &str, written_at: Timestamp) -> Self {
        let mut anew = Self::new(user_id, written_at);
        RECEIPT_LOST.clone_into(&mut anew.revocation);
        anew.delete_objects = unreadable.contains("\"delete_objects\":true");
        if let Some(token) = Token::salvage(unreadable) {
            anew.take_in(&token);
        }
        anew
    }

    /// Whether it is not known how the revocation ended.
    pub fn receipt_lost(&self) -> bool {
        let open = self.revoked_at.is_none() && self.refresh_token.is_none();
        open && self.revocation == RECEIPT_LOST
    }

    /// Whether nothing was said of the token yet, but that its file could not be read. What an
    /// older version said of it stays.
    pub fn token_is_open(&self) -> bool {
        let open = self.revoked_at.is_none() && self.refresh_token.is_none();
        open && (self.revocation.is_empty() || self.token_problem.is_some())
    }

    /// The consent of before, which is asked about once: its provider may be gone for good.
    pub fn former_revoked(&mut self, how: &str) {
        self.former_refresh_token = None;
        self.former_revocation = Some(how.to_owned());
    }

    /// Whether a later run has something to finish.
    pub fn is_pending(&self) -> bool {
        self.refresh_token.is_some()
            || self.token_problem.is_some()
            || self.former_refresh_token.is_some()
            || self.local_removed_at.is_none()
            || self.deletes_objects()
    }

    /// Whether objects are still to be deleted.
    pub const fn deletes_objects(&self) -> bool {
        self.delete_objects && self.objects_deleted_at.is_none()
    }

    /// Notes an object that stays; so many are listed, all are counted.
    pub fn leave(&mut self, object: String) {
        self.objects_left_count += 1;
        if self.objects_left.len() < WITHDRAWAL_LEFT_MAX {
            self.objects_left.push(object);
        }
    }

    /// The receipt, for the participant and for the study's files.
    pub fn receipt(&self) -> String {
        let account = match (&self.provider, self.account_end.as_str()) {
            (Some(provider), end) => format!("{provider}, account …{end}"),
            (None, _) => "none".to_owned(),
        };
        let revoked = match self.revoked_at {
            Some(at) => format!("{} ({})", utc(*at), self.revocation),
            None => match &self.token_problem {
                Some(problem) => format!("NO: {problem}"),
                None if self.refresh_token.is_some() => format!("NOT YET: {}", self.revocation),
                None => format!("NO: {}", self.revocation),
            },
        };
        let local = match self.local_removed_at {
            Some(at) => {
                format!("{} CSV, {} ledger; {}", self.csv_files, self.ledger_files, utc(*at))
            }
            None if self.csv_files > 0 => {
                format!("{} CSV; NOT YET the ledger, which names the objects", self.csv_files)
            }
            None => "NOT YET".to_owned(),
        };
        let mut lines = vec![
            format!("Withdrawal of {}", self.user_id),
            format!("  requested        {}", utc(*self.requested_at)),
            format!("  consent          {account}"),
            format!("  revoked          {revoked}"),
            format!("  token files      {} removed", self.token_files),
            format!("  local files      {local}"),
            format!("  stored objects   {}", self.objects_line()),
        ];
        if let Some(provider) = &self.former_provider {
            let how = self.former_revocation.as_deref().unwrap_or("NOT YET revoked");
            lines.insert(4, format!("  consent before   {provider}: {how}"));
        }
        lines.extend(self.objects_left.iter().map(|left| format!("    left: {left}")));
        let unlisted = self.objects_left_count - self.objects_left.len() as u64;
        if unlisted > 0 {
            lines.push(format!("    left: {unlisted} more"));
        }
        lines.push(if self.is_pending() {
            "  The next runs of fitsync sync finish what is not yet done.".to_owned()
        } else {
            "  Done. This id cannot sign in again.".to_owned()
        });
        lines.join("\n") + "\n"
    }

    fn objects_line(&self) -> String {
        if !self.delete_objects {
            let user = &self.user_id;
            return format!("kept; to delete them: fitsync withdraw {user} --delete-objects");
        }
        let versions = match self.versions_deleted {
            0 => String::new(),
            count => format!(", {count} of them versions"),
        };
        let deleted = format!("{} deleted{versions}", self.objects_deleted);
        match (self.objects_deleted_at, &self.objects_problem) {
            (Some(at), _) => format!("{deleted}; {}", utc(*at)),
            (None, Some(problem)) => format!("{deleted}; NOT YET all: {problem}"),
            (None, None) => format!("{deleted}; NOT YET all"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::token::Grant;
    use crate::core::error::Secret;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_refresh_token_stays_only_until_its_revocation_is_confirmed() {
        let mut one = Withdrawal::new("user_001", at(0));
        one.refresh_token = Some("secret".to_owned());
        one.local_removed_at = Some(AsText(at(1)));
        assert!(one.is_pending() && one.to_json().contains("secret"));
        assert!(!format!("{one:?}").contains("secret") && !one.receipt().contains("secret"));
        let mut back = Withdrawal::parse(one.to_json().as_bytes()).unwrap();
        assert_eq!(back, one);
        back.revoked("confirmed", at(2));
        assert!(!back.is_pending() && !back.to_json().contains("secret"));
        assert!(back.receipt().contains("1970-01-01T00:00:02Z (confirmed)"));
    }

    #[test]
    fn a_marker_that_cannot_be_read_gives_what_it_shows() {
        let mut one = Withdrawal::new("user_001", at(0));
        let grant = Grant { refresh_token: Some(Secret::new("r")), ..Grant::default() };
        one.take_in(&Token::new("google-health", "account", &grant, at(0)));
        one.delete_objects = true;
        let newer = one.to_json().replace("\"version\":1", "\"version\":2");
        assert!(Withdrawal::parse(newer.as_bytes()).is_err());
        let anew = Withdrawal::anew("user_001", &newer, at(5));
        assert_eq!(anew.refresh_token.as_deref(), Some("r"));
        assert!(anew.delete_objects && !anew.receipt_lost() && anew.is_pending());
        assert!(anew.receipt().contains("1970-01-01T00:00:05Z"));
        let anew = Withdrawal::anew("user_001", "", at(5));
        assert!(anew.receipt_lost() && !anew.delete_objects && anew.is_pending());
    }

    #[test]
    fn what_could_not_be_deleted_is_listed_up_to_a_limit_and_counted() {
        let mut one = Withdrawal::new("user_001", at(0));
        one.delete_objects = true;
        assert!(one.deletes_objects());
        for number in 0..WITHDRAWAL_LEFT_MAX + 3 {
            one.leave(format!("object {number}"));
        }
        assert!(one.receipt().contains("left: object 0\n") && one.receipt().contains("3 more"));
        assert!(Withdrawal::parse(b"").is_err() && Withdrawal::parse(b"{}").is_err());
    }
}
