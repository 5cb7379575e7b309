//! A withdrawal in words: the receipt for the participant and the study's files, and what `status`
//! says of one that is not done.

use jiff::Timestamp;

use crate::consent::withdrawal::Withdrawal;
use crate::core::table::utc;

impl Withdrawal {
    pub fn receipt(&self) -> String {
        let mut lines = vec![
            format!("Withdrawal of {}", self.user_id),
            format!("  requested        {}", utc(*self.requested_at)),
            format!("  consent          {}", self.account_line()),
        ];
        if let Some(provider) = &self.former_provider {
            let how = self.former_revocation.as_deref().unwrap_or("NOT YET revoked");
            lines.push(format!("  consent before   {provider}: {how}"));
        }
        lines.push(format!("  revoked          {}", self.revoked_line()));
        lines.push(format!("  token files      {} removed", self.token_files));
        lines.push(format!("  local files      {}", self.local_line()));
        let files = self.files_left.as_deref().unwrap_or_default();
        leave(&mut lines, files, self.files_left_count.unwrap_or_default());
        lines.push(format!("  stored objects   {}", self.objects_line()));
        leave(&mut lines, &self.objects_left, self.objects_left_count);
        lines.push(if self.is_pending() {
            "  The next runs of fitsync sync finish what is not yet done.".to_owned()
        } else {
            "  Done. This id cannot sign in again.".to_owned()
        });
        lines.join("\n") + "\n"
    }

    /// What is not done yet, for `status`.
    pub fn owes(&self) -> Option<String> {
        let mut owed = Vec::new();
        if self.asks_of_others() {
            owed.push("the consent is not revoked".to_owned());
        }
        match self.files_left_count {
            Some(count @ 1..) => owed.push(format!("files here that cannot be removed ({count})")),
            _ if self.local_removed_at.is_none() => owed.push("local files".to_owned()),
            _ => {}
        }
        if let Some(until) = self.retention_ends() {
            let count = self.objects_left_count;
            owed.push(format!("objects in S3 ({count}) under retention until {}", utc(until)));
        } else if self.deletes_objects() {
            owed.push(match self.objects_left_count {
                0 => "objects in S3".to_owned(),
                count => format!("objects in S3 ({count})"),
            });
        }
        (!owed.is_empty()).then(|| format!("not done yet: {}", owed.join("; ")))
    }

    /// When the store lets go of all that is left there.
    fn retention_ends(&self) -> Option<Timestamp> {
        self.retained_until
            .filter(|_| self.deletes_objects() && self.only_retained_are_left())
            .map(|at| *at)
    }

    fn account_line(&self) -> String {
        match &self.provider {
            Some(provider) => format!("{provider}, account …{}", self.account_end),
            None => "none".to_owned(),
        }
    }

    fn revoked_line(&self) -> String {
        match (self.revoked_at, &self.token_problem) {
            (Some(at), _) => format!("{} ({})", utc(*at), self.revocation),
            (None, Some(problem)) => format!("NO: {problem}"),
            (None, None) if self.refresh_token.is_some() => format!("NOT YET: {}", self.revocation),
            (None, None) => format!("NO: {}", self.revocation),
        }
    }

    fn local_line(&self) -> String {
        let removed = format!("{} CSV, {} ledger", self.csv_files, self.ledger_files);
        match (self.local_removed_at, self.files_left_count) {
            (Some(at), _) => format!("{removed}; {}", utc(*at)),
            (None, Some(count @ 1..)) => format!("{removed}; NOT YET all: {count} stay"),
            (None, _) if self.csv_files > 0 => {
                format!("{} CSV; NOT YET the ledger, which names the objects", self.csv_files)
            }
            (None, _) => "NOT YET".to_owned(),
        }
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
        let place = self.objects_in.as_ref().map(|place| format!(", in {place}"));
        let deleted =
            format!("{} deleted{versions}{}", self.objects_deleted, place.unwrap_or_default());
        match (self.objects_deleted_at, &self.objects_problem) {
            (Some(at), _) if !self.deletes_objects() => {
                format!("{deleted}; nothing is left there, {}", utc(*at))
            }
            (_, Some(problem)) => format!("{deleted}; NOT YET all: {problem}"),
            (_, None) => format!("{deleted}; NOT YET all"),
        }
    }
}

/// What stays, as far as it is listed.
fn leave(lines: &mut Vec<String>, listed: &[String], count: u64) {
    lines.extend(listed.iter().map(|left| format!("    left: {left}")));
    let unlisted = count.saturating_sub(listed.len() as u64);
    if unlisted > 0 {
        lines.push(format!("    left: {unlisted} more"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::json::AsText;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn removed() -> Withdrawal {
        let mut one = Withdrawal::new("user_001", at(0));
        one.revoked("confirmed by the provider", at(1));
        one.local_removed_at = Some(AsText(at(2)));
        one
    }

    #[test]
    fn a_receipt_is_done_when_nothing_is_left() {
        let mut one = removed();
        one.ask_for_objects();
        one.objects_in = Some("s3://study/users/user_001/".to_owned());
        one.objects_deleted = 3;
        one.objects_deleted_at = Some(AsText(at(3)));
        let text = "Withdrawal of user_001\n  \
            requested        1970-01-01T00:00:00Z\n  \
            consent          none\n  \
            revoked          1970-01-01T00:00:01Z (confirmed by the provider)\n  \
            token files      0 removed\n  \
            local files      0 CSV, 0 ledger; 1970-01-01T00:00:02Z\n  \
            stored objects   3 deleted, in s3://study/users/user_001/; nothing is left there, \
            1970-01-01T00:00:03Z\n  \
            Done. This id cannot sign in again.\n";
        assert_eq!((one.receipt().as_str(), one.owes()), (text, None));
        // As versions before this one wrote it.
        one.leave_object("older versions, if the bucket keeps any".to_owned(), None);
        assert!(one.is_pending() && one.receipt().contains("NOT YET all"), "{}", one.receipt());
    }

    #[test]
    fn what_is_owed_is_told_with_its_end_where_the_store_names_one() {
        let mut one = removed();
        one.ask_for_objects();
        assert_eq!(one.owes().unwrap(), "not done yet: objects in S3");
        one.leave_object("a: under retention".to_owned(), Some(at(86_400)));
        one.leave_object("b: under retention".to_owned(), Some(at(5)));
        let until = "objects in S3 (2) under retention until 1970-01-02T00:00:00Z";
        assert_eq!(one.owes().unwrap(), format!("not done yet: {until}"));
        one.leave_object("c: under legal hold".to_owned(), None);
        one.leave_file("/data/x: cannot remove".to_owned());
        one.local_removed_at = None;
        let owed = "not done yet: files here that cannot be removed (1); objects in S3 (3)";
        assert_eq!(one.owes().unwrap(), owed);
        let receipt = one.receipt();
        assert!(receipt.contains("NOT YET all: 1 stay\n    left: /data/x: cannot"), "{receipt}");
        assert!(receipt.contains("    left: c: under legal hold\n"), "{receipt}");
    }
}
