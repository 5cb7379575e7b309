use jiff::civil::date;

use super::*;
use crate::core::day::zone;
use crate::ledger::completeness;
use crate::ledger::head::Head;

const ZONE: &str = "America/New_York";

fn owner(since: Option<Timestamp>) -> Owner<'static> {
    Owner { account: "account", since, zone: ZONE }
}

/// A sealed day of `steps` with this file, as the ledger had it.
fn whole(sha256s: &[&str]) -> (Month, Vec<CompletenessRow>) {
    let mut month = Month::default();
    for (day, sha256) in (1..).zip(sha256s) {
        let date = date(2026, 11, day);
        let span = DaySpan::natural(date, &zone(ZONE).unwrap(), ZONE);
        let file = FileRecord { sha256: Some((*sha256).to_owned()), ..FileRecord::default() };
        let entry = Entry { state: State::Sealed, rows: 100, file, ..Entry::wanted() };
        let mut day = Day::new(&span, "account");
        day.metrics.insert("steps".to_owned(), entry);
        month.days.insert(date, day);
    }
    let bytes = completeness::csv(&"u".parse().unwrap(), &month, &Head::default()).unwrap();
    (month, completeness::read(&bytes).unwrap())
}

fn files(found: &[(i8, &str)]) -> BTreeMap<(Date, String), LocalFile> {
    let file = |sha256: &str| LocalFile { sha256: sha256.to_owned(), bytes: 7, rows: 50 };
    let found = found.iter();
    found.map(|(day, sha)| ((date(2026, 11, *day), "steps".to_owned()), file(sha))).collect()
}

fn rebuilt(
    local: &[CompletenessRow],
    stored: &[CompletenessRow],
    found: &[(i8, &str)],
) -> Vec<(State, u64, bool, bool)> {
    let remains = Remains { local, stored, files: &files(found) };
    let month = month(MonthKey::of(date(2026, 11, 1)), remains, &owner(None)).unwrap();
    let of = |(_, _, e): (_, _, &Entry)| (e.state, e.rows, e.file.waits(), e.file.missing);
    month.entries().map(of).collect()
}

#[test]
fn a_day_is_taken_over_when_its_file_is_here_or_confirmed_by_the_bucket() {
    let (_, rows) = whole(&["a", "b", "c"]);
    // Named here, and here: it may not have been sent. Gone: asked again.
    assert_eq!(
        rebuilt(&rows, &[], &[(1, "a")]),
        [
            (State::Sealed, 100, true, false),
            (State::Wanted, 100, false, true),
            (State::Wanted, 100, false, true)
        ]
    );
    // The bucket names two of them: those are there.
    let stored = &rows[..2];
    assert_eq!(
        rebuilt(&rows, stored, &[(1, "a")]),
        [
            (State::Sealed, 100, false, false),
            (State::Sealed, 100, false, false),
            (State::Wanted, 100, false, true)
        ]
    );
    // Nothing local is left at all.
    assert_eq!(rebuilt(&[], stored, &[]), [(State::Sealed, 100, false, false); 2]);
}

#[test]
fn a_file_that_nothing_names_is_sent_and_its_day_asked_again() {
    let (_, rows) = whole(&["a"]);
    assert_eq!(
        rebuilt(&rows, &rows, &[(1, "newer"), (2, "alone")]),
        [(State::Wanted, 50, true, false), (State::Wanted, 50, true, false)]
    );
}

#[test]
fn a_metric_of_a_day_that_left_no_file_is_wanted() {
    let remains = Remains { local: &[], stored: &[], files: &files(&[(1, "a")]) };
    let key = MonthKey::of(date(2026, 11, 1));
    let mut month = super::month(key, remains, &owner(None)).unwrap();
    month.want(["steps", "azm"].into_iter(), "another");
    assert_eq!(month.entries().count(), 1, "the days of others are left alone");
    month.want(["steps", "azm"].into_iter(), "account");
    let of = |(_, metric, entry): (_, &String, &Entry)| (metric.clone(), entry.file.waits());
    let entries: Vec<_> = month.entries().map(of).collect();
    assert_eq!(entries, [("azm".to_owned(), false), ("steps".to_owned(), true)]);
}

#[test]
fn what_was_not_granted_or_not_whole_is_asked_again() {
    let (_, mut rows) = whole(&["a", "b"]);
    for (row, state) in rows.iter_mut().zip([State::NotGranted, State::Provisional]) {
        row.state = state.name().to_owned();
    }
    let states: Vec<State> = rebuilt(&rows, &rows, &[]).into_iter().map(|(s, ..)| s).collect();
    assert_eq!(states, [State::Wanted; 2]);
}

#[test]
fn days_keep_their_bounds_and_those_of_another_account_are_left_alone() {
    let (before, rows) = whole(&["a", "b", "c"]);
    let since = before.days[&date(2026, 11, 2)].start;
    let remains = Remains { local: &rows, stored: &[], files: &files(&[]) };
    let key = MonthKey::of(date(2026, 11, 1));
    let month = super::month(key, remains, &owner(Some(*since))).unwrap();
    let accounts: Vec<&str> = month.days.values().map(|day| day.account.as_str()).collect();
    assert_eq!(accounts, ["", "account", "account"]);
    for (date, day) in &month.days {
        assert_eq!(day.span(), before.days[date].span());
    }
}

#[test]
fn rows_that_make_no_sense_and_other_months_are_passed_over() {
    let (_, mut rows) = whole(&["a", "b", "c"]);
    rows[0].date = "2026-10-01".to_owned();
    rows[1].day_start_utc = "yesterday".to_owned();
    rows[2].state = "lost".to_owned();
    assert_eq!(rebuilt(&rows, &rows, &[]), []);
}
