//! A participant's withdrawal: what was asked, what is done, what is still to do. It is the
//! `.withdrawn` marker in the token folder and, in words, the receipt (`receipt.rs`).
//!
//! A step is done when its end was seen: the provider's answer, folders that were synced, a list
//! of the store. Members that came later are absent in older markers.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use miniserde::json::Value;

use crate::consent::token::{Token, int_of};
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::json::AsText;
use crate::limits::WITHDRAWAL_LEFT_MAX;

pub const VERSION: u32 = 1;

const RECEIPT_LOST: &str = "not known: the receipt of before cannot be read, and is kept in the \
                            folder unreadable beside the tokens; make sure that the study's \
                            access is gone from the account's own page";

#[derive(Clone, Default, PartialEq, Eq, miniserde::Serialize, miniserde::Deserialize)]
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
    /// Files that could not be removed here, with the reason, as far as they are listed.
    pub files_left: Option<Vec<String>>,
    pub files_left_count: Option<u64>,
    /// Where the objects are: `s3://bucket/users/user_001/`.
    pub objects_in: Option<String>,
    /// How many the ledger says were sent, and how many were found before the first deletion.
    pub objects_sent: Option<u64>,
    pub objects_found: Option<u64>,
    /// The place in which none was found of those that were sent.
    pub none_found_in: Option<String>,
    /// Whether the bucket keeps versions, once its answers have told it.
    pub versions_kept: Option<bool>,
    /// All that the ledger names was deleted by name, because the store lists nothing.
    pub names_deleted_at: Option<AsText<Timestamp>>,
    /// Of the objects left, those under a retention whose end the store named; the last end.
    pub objects_retained: Option<u64>,
    pub retained_until: Option<AsText<Timestamp>>,
    /// When it was last tried and told that they stay.
    pub retention_told_at: Option<AsText<Timestamp>>,
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
            ..Self::default()
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
        self.asks_of_others() || self.local_removed_at.is_none() || self.deletes_objects()
    }

    /// Whether a run of this moment has something to finish. Where all that is left is under a
    /// retention, only the first run of a day tries.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.asks_of_others() || self.local_removed_at.is_none() || self.objects_are_due(now)
    }

    /// Whether somebody else than the store is still to act.
    pub const fn asks_of_others(&self) -> bool {
        self.refresh_token.is_some()
            || self.token_problem.is_some()
            || self.former_refresh_token.is_some()
    }

    /// Whether objects are still to be deleted. Older versions of this program called it done with
    /// some left.
    pub const fn deletes_objects(&self) -> bool {
        self.delete_objects && (self.objects_deleted_at.is_none() || self.objects_left_count > 0)
    }

    /// Whether objects are still to be deleted, and this is the moment to try.
    pub fn objects_are_due(&self, now: Timestamp) -> bool {
        let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
        let told = self.retention_told_at.is_some_and(|at| day(*at) == day(now));
        self.deletes_objects() && !(told && self.only_retained_are_left())
    }

    /// Whether nothing is left in the store but what it keeps until a time that it named.
    pub fn only_retained_are_left(&self) -> bool {
        self.retained_until.is_some()
            && self.objects_left_count > 0
            && self.objects_retained == Some(self.objects_left_count)
    }

    /// Asks for the objects, also where they were asked for before.
    pub fn ask_for_objects(&mut self) {
        self.delete_objects = true;
        self.objects_deleted_at = None;
        self.names_deleted_at = None;
        self.retention_told_at = None;
    }

    /// Before the store is asked once more what is there.
    pub fn forget_objects_left(&mut self) {
        self.objects_left.clear();
        self.objects_left_count = 0;
        self.objects_retained = None;
        self.retained_until = None;
    }

    /// Notes an object that stays; so many are listed, all are counted. `until`: the end of the
    /// retention that keeps it.
    pub fn leave_object(&mut self, object: String, until: Option<Timestamp>) {
        self.objects_left_count += 1;
        if self.objects_left.len() < WITHDRAWAL_LEFT_MAX {
            self.objects_left.push(object);
        }
        if let Some(until) = until {
            *self.objects_retained.get_or_insert(0) += 1;
            self.retained_until = self.retained_until.max(Some(AsText(until)));
        }
    }

    /// Notes a file that could not be removed here.
    pub fn leave_file(&mut self, file: String) {
        *self.files_left_count.get_or_insert(0) += 1;
        let listed = self.files_left.get_or_insert_default();
        if listed.len() < WITHDRAWAL_LEFT_MAX {
            listed.push(file);
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
        one.ask_for_objects();
        assert!(one.deletes_objects());
        for number in 0..WITHDRAWAL_LEFT_MAX + 3 {
            one.leave_object(format!("object {number}"), None);
            one.leave_file(format!("file {number}"));
        }
        let receipt = one.receipt();
        for line in ["    left: object 0\n", "    left: file 0\n", "    left: 3 more\n  stored"] {
            assert!(receipt.contains(line), "{line} in {receipt}");
        }
        assert!(Withdrawal::parse(b"").is_err() && Withdrawal::parse(b"{}").is_err());
    }

    #[test]
    fn what_a_retention_keeps_is_tried_once_a_day() {
        let mut one = Withdrawal::new("user_001", at(0));
        one.revoked("confirmed", at(0));
        one.local_removed_at = Some(AsText(at(0)));
        one.ask_for_objects();
        one.leave_object("a".to_owned(), Some(at(400 * 86_400)));
        assert!(one.is_due(at(10)), "not told yet");
        one.retention_told_at = Some(AsText(at(10)));
        assert!(!one.is_due(at(86_399)) && one.is_pending());
        assert!(one.is_due(at(86_400)), "the next day");
        one.leave_object("b".to_owned(), None);
        assert!(one.is_due(at(11)), "nobody knows how long it stays");
        one.forget_objects_left();
        one.leave_object("a".to_owned(), Some(at(400 * 86_400)));
        one.ask_for_objects();
        assert!(one.is_due(at(11)), "typed again");
    }
}
