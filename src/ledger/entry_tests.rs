use super::*;
use crate::core::day::next_try;
use crate::ledger::head::Head;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn reading(rows: u64, sha256: &str, time: &str, seals: bool) -> Reading<'static> {
    Reading {
        rows,
        sha256: sha256.to_owned(),
        bytes: 10 * rows,
        at: at(time),
        device_synced_at: None,
        seals,
        unfinished: false,
        clock_wrong: false,
        provider: "google-health",
        data_source: "all-sources",
    }
}

#[test]
fn an_entry_goes_from_wanted_over_provisional_to_sealed() {
    let mut entry = Entry::wanted();
    assert_eq!(entry.settle(&reading(10, "a", "2026-11-02T08:00:00Z", false)), FileChange::Write);
    assert_eq!((entry.state, entry.revisions), (State::Provisional, 0));
    assert!(entry.file.waits());
    entry.file.uploaded("a", "md5", 100);
    assert_eq!(entry.settle(&reading(12, "b", "2026-11-03T08:00:00Z", true)), FileChange::Write);
    assert_eq!((entry.state, entry.revisions), (State::Sealed, 0));
    entry.file.uploaded("b", "md5", 120);
    assert_eq!(
        entry.settle(&reading(12, "b", "2026-11-04T08:00:00Z", true)),
        FileChange::Unchanged
    );
    assert_eq!((entry.revisions, entry.file.waits()), (0, false));
    assert_eq!(entry.settle(&reading(13, "c", "2026-11-05T08:00:00Z", true)), FileChange::Write);
    assert_eq!(entry.revisions, 1);
}

#[test]
fn a_day_that_a_time_still_to_come_has_sealed_is_unsealed_by_the_next_read() {
    let by_2030 = Reading {
        device_synced_at: Some(at("2030-01-01T00:00:00Z")),
        ..reading(0, "none", "2026-11-02T08:00:00Z", true)
    };
    let mut entry = Entry::wanted();
    entry.settle(&by_2030);
    assert_eq!(entry.state, State::Sealed);
    assert!(entry.device_was_ahead(at("2026-11-03T08:00:00Z")));
    entry.settle(&reading(10, "a", "2026-11-03T08:00:00Z", false));
    assert_eq!((entry.state, entry.revisions), (State::Provisional, 1), "it was told as sealed");
    // Clocks differ a little.
    entry.device_synced_at = Some(AsText(at("2026-11-03T08:04:59Z")));
    assert!(!entry.device_was_ahead(at("2026-11-03T08:00:00Z")));
}

#[test]
fn a_metric_that_is_refused_leaves_what_was_read_before_as_it_was() {
    let asked_again = |entry: &Entry| Entry { state: State::Wanted, ..entry.clone() };
    let refused = |mut entry: Entry| {
        entry.not_granted();
        entry.state
    };
    assert_eq!(refused(Entry::wanted()), State::NotGranted, "never read");
    let mut entry = Entry::wanted();
    entry.settle(&reading(0, "none", "2026-11-02T08:00:00Z", false));
    assert_eq!(refused(asked_again(&entry)), State::Provisional);
    entry.settle(&reading(10, "a", "2026-11-03T08:00:00Z", true));
    assert_eq!(refused(asked_again(&entry)), State::Sealed);
    entry.file.missing = true;
    assert_eq!(refused(asked_again(&entry)), State::NotGranted, "its rows are lost");
}

#[test]
fn a_head_forgets_times_that_are_still_to_come_and_no_others() {
    let (past, future) = (AsText(at("2026-11-02T08:00:00Z")), AsText(at("2030-01-01T00:00:00Z")));
    let mut head = Head {
        device_synced_at: Some(future),
        read_until: Some(future),
        lookback_read_at: Some(past),
        ..Head::default()
    };
    head.forget_what_is_to_come(at("2026-11-02T08:00:00Z"));
    assert_eq!((head.device_synced_at, head.read_until), (None, None));
    head.read_until = Some(past);
    head.forget_what_is_to_come(at("2026-11-02T08:00:00Z"));
    assert_eq!((head.read_until, head.lookback_read_at), (Some(past), Some(past)));
}

#[test]
fn a_sealed_day_stays_sealed_when_no_device_says_it_again() {
    let mut entry = Entry::wanted();
    entry.settle(&reading(10, "a", "2026-11-02T08:00:00Z", true));
    entry.settle(&reading(10, "a", "2026-11-03T08:00:00Z", false));
    assert_eq!((entry.state, entry.revisions), (State::Sealed, 0));
}

#[test]
fn a_wrong_clock_seals_nothing_and_unseals_nothing() {
    let by_wrong_clock =
        |sha256| Reading { clock_wrong: true, ..reading(10, sha256, "2026-11-03T08:00:00Z", true) };
    let mut entry = Entry::wanted();
    entry.settle(&by_wrong_clock("a"));
    assert_eq!((entry.state, entry.clock_was_wrong), (State::Provisional, Some(true)));
    assert!(entry.has_open_work(), "to be read once more");
    entry.settle(&reading(10, "a", "2026-11-04T08:00:00Z", true));
    assert_eq!((entry.state, entry.has_open_work()), (State::Sealed, false));
    entry.settle(&by_wrong_clock("b"));
    assert_eq!((entry.state, entry.has_open_work(), entry.revisions), (State::Sealed, false, 1));
}

#[test]
fn an_entry_of_an_earlier_version_is_read() {
    let text = miniserde::json::to_string(&Entry::wanted());
    let earlier = text.replace(",\"clock_was_wrong\":null", "");
    assert_ne!(earlier, text);
    assert_eq!(miniserde::json::from_str::<Entry>(&earlier).unwrap(), Entry::wanted());
}

#[test]
fn an_empty_day_is_an_answer_and_makes_no_file() {
    let mut entry = Entry::wanted();
    let empty = reading(0, "header", "2026-11-02T08:00:00Z", true);
    assert_eq!(entry.settle(&empty), FileChange::Unchanged);
    assert_eq!((entry.state, entry.file.waits()), (State::Sealed, false));
}

#[test]
fn a_day_that_shrinks_waits_for_a_second_opinion_six_hours_later() {
    let mut entry = Entry::wanted();
    entry.settle(&reading(100, "full", "2026-11-02T08:00:00Z", true));
    entry.file.uploaded("full", "md5", 1000);
    let shrunk = |time| reading(0, "header", time, true);
    assert_eq!(entry.settle(&shrunk("2026-11-03T08:00:00Z")), FileChange::Hold);
    assert!(!entry.shrunk_due(at("2026-11-03T13:59:59Z")));
    assert_eq!(entry.settle(&shrunk("2026-11-03T13:59:59Z")), FileChange::Hold);
    assert_eq!((entry.rows, entry.file.sha256.as_deref()), (100, Some("full")));
    assert!(entry.has_open_work() && entry.shrunk_due(at("2026-11-03T14:00:00Z")));
    assert_eq!(entry.settle(&shrunk("2026-11-03T14:00:00Z")), FileChange::Write);
    assert_eq!((entry.rows, entry.revisions, entry.shrunk.is_none()), (0, 1, true));
    assert!(entry.file.waits(), "the header-only file is sent");
}

#[test]
fn a_shrunk_day_that_comes_back_is_whole_again() {
    let mut entry = Entry::wanted();
    entry.settle(&reading(100, "full", "2026-11-02T08:00:00Z", true));
    entry.settle(&reading(49, "less", "2026-11-03T08:00:00Z", true));
    assert_eq!(entry.state, State::Provisional);
    assert_eq!(entry.settle(&reading(0, "none", "2026-11-04T08:00:00Z", true)), FileChange::Hold);
    let whole = reading(100, "full", "2026-11-04T15:00:00Z", true);
    assert_eq!(entry.settle(&whole), FileChange::Unchanged);
    assert_eq!((entry.state, entry.shrunk.is_none()), (State::Sealed, true));
    // Half the rows or more is an ordinary revision.
    let half = reading(50, "half", "2026-11-05T08:00:00Z", true);
    assert_eq!(entry.settle(&half), FileChange::Write);
}

#[test]
fn a_refused_file_stays_in_the_queue_and_clock_jumps_do_not_hide_it() {
    let mut file = FileRecord::default();
    file.written("a", 1);
    let now = at("2026-11-02T08:00:00Z");
    let failure = Failure::new(ErrorClass::Server, "HTTP 503");
    file.refused(&failure, next_try(now, 600));
    assert!(file.waits() && !file.due(now) && file.due(next_try(now, 600)));
    assert!(file.due(at("1970-01-01T00:00:00Z")), "set by a clock that was ahead");
    file.uploaded("a", "m", 1);
    assert!(!file.waits());
}

#[test]
fn months_round_trip_through_their_file_form() {
    let mut month = Month::default();
    let span = DaySpan {
        zone: "Europe/London".into(),
        start: at("2026-10-24T23:00:00Z"),
        end: at("2026-10-26T00:00:00Z"),
    };
    let mut day = Day::new(&span, "account");
    let mut entry = Entry::wanted();
    entry.settle(&reading(5, "a", "2026-11-02T08:00:00Z", true));
    entry.failed(ErrorClass::Server, at("2026-11-02T09:00:00Z"));
    day.metrics.insert("steps".into(), entry);
    month.days.insert("2026-10-25".parse().unwrap(), day);
    let text = miniserde::json::to_string(&month);
    assert_eq!(miniserde::json::from_str::<Month>(&text).unwrap(), month);
    assert!(text.contains("\"state\":\"sealed\""), "{text}");
    let head = Head { first_day: Some(AsText("2026-10-25".parse().unwrap())), ..Head::default() };
    let text = miniserde::json::to_string(&head);
    assert_eq!(miniserde::json::from_str::<Head>(&text).unwrap(), head);
}

#[test]
fn months_are_counted_over_the_turn_of_the_year() {
    let months = MonthKey::range("2026-11-30".parse().unwrap(), "2027-01-01".parse().unwrap());
    let names: Vec<_> = months.map(|month| month.to_string()).collect();
    assert_eq!(names, ["2026-11", "2026-12", "2027-01"]);
    assert!("2026-13".parse::<MonthKey>().is_err());
}

#[test]
fn a_file_that_got_lost_is_written_again_and_is_no_revision() {
    let mut entry = Entry::wanted();
    entry.settle(&reading(5, "a", "2026-11-02T08:00:00Z", true));
    entry.file.missing = true;
    assert!(!entry.file.waits(), "there is nothing to send");
    assert_eq!(entry.settle(&reading(5, "a", "2026-11-03T08:00:00Z", true)), FileChange::Write);
    assert_eq!((entry.revisions, entry.file.waits()), (0, true));
}

#[test]
fn an_odd_day_is_asked_with_the_look_back_for_a_month_and_a_good_reading_clears_it() {
    let at = |day: i64| Timestamp::from_second(day * 86_400).unwrap();
    let mut entry = Entry::wanted();
    entry.odd(ErrorClass::Format, true, at(0));
    assert!(entry.odd_waits(false) && !entry.odd_waits(true) && entry.has_open_work());
    entry.odd(ErrorClass::Format, false, at(29));
    assert!(!entry.odd_waits(true) && entry.odd_alone.is_none());
    assert_eq!(entry.odd_since, Some(AsText(at(0))));
    entry.odd(ErrorClass::Format, false, at(30));
    assert!(entry.odd_waits(true) && !entry.has_open_work());
    entry.failed(ErrorClass::Format, at(31));
    assert!(entry.odd_waits(true), "by name only");
    let text = miniserde::json::to_string(&entry);
    let former = text.replace(r#","odd_since":"1970-01-01T00:00:00Z","odd_alone":null"#, "");
    assert_ne!(text, former);
    let former: Entry = miniserde::json::from_str(&former).unwrap();
    assert!(!former.odd_waits(false), "as the program before wrote it");
}
