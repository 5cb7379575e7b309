use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::*;
use crate::core::day::{DaySpan, range};
use jiff::civil::date;

fn job(from: i8, to: i8, page_rows: Option<u32>) -> Job {
    let span = |date| (date, DaySpan::natural(date, &TimeZone::UTC, "UTC"));
    let days: BTreeMap<_, _> = range(date(2026, 11, from), date(2026, 11, to)).map(span).collect();
    let (from, to) = (days.values().next().unwrap().start, days.values().next_back().unwrap().end);
    Job { metric: "steps".to_owned(), days, from, to, page_rows }
}

fn fresh() -> Sizes {
    Sizes::remembered(None, Some(10_000), Timestamp::UNIX_EPOCH)
}

fn lengths(pieces: &[Piece]) -> Vec<usize> {
    pieces.iter().map(|piece| piece.dates.len()).collect()
}

#[test]
fn what_is_refused_is_halved_down_to_a_day_and_then_asked_in_smaller_pages() {
    let mut sizes = fresh();
    assert_eq!(lengths(&sizes.refused(&job(1, 7, None), ErrorClass::Server)), [3, 4]);
    let one = |rows| Piece { dates: BTreeSet::from([date(2026, 11, 1)]), rows };
    for (rows, smaller) in [(None, Some(5000)), (Some(5000), Some(2500)), (Some(2500), Some(1250))]
    {
        let pieces = sizes.refused(&job(1, 1, rows), ErrorClass::Server);
        assert_eq!(pieces, [one(smaller)]);
    }
    assert_eq!(sizes.refused(&job(1, 1, Some(1250)), ErrorClass::Server), []);
    assert_eq!(sizes.refused(&job(2, 2, None), ErrorClass::Server), [], "that was tried");
    // What cannot be read is not read in smaller pages either.
    assert_eq!(fresh().refused(&job(1, 1, None), ErrorClass::Format), []);
}

#[test]
fn a_width_that_is_answered_is_kept_where_all_wider_ones_were_refused() {
    let mut sizes = fresh();
    sizes.refused(&job(1, 14, None), ErrorClass::Server);
    sizes.refused(&job(1, 7, None), ErrorClass::Server);
    assert_eq!(sizes.days_max(), None, "nothing was answered yet");
    sizes.answered(&job(1, 3, None));
    assert_eq!(sizes.days_max(), Some(3));
    let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
    let known = sizes.to_remember(now).unwrap();
    assert_eq!((known.days, known.rows), (Some(3), None));
    // For a day, and no longer by being used.
    let hours = |count| now + jiff::SignedDuration::from_hours(count);
    let later = Sizes::remembered(Some(&known), Some(10_000), hours(23));
    assert_eq!(later.days_max(), Some(3));
    assert!(!later.is_answered(), "a service that is ill today makes no day odd");
    assert_eq!(later.to_remember(hours(23)), Some(known.clone()));
    assert_eq!(Sizes::remembered(Some(&known), Some(10_000), hours(24)).days_max(), None);
}

#[test]
fn a_day_that_is_refused_alone_says_nothing_of_the_width() {
    let mut sizes = fresh();
    sizes.refused(&job(1, 8, None), ErrorClass::Server);
    sizes.answered(&job(1, 4, None));
    assert_eq!(sizes.days_max(), Some(4));
    sizes.refused(&job(5, 6, None), ErrorClass::Server);
    assert_eq!(sizes.days_max(), None, "two days were refused, and four answered");
    assert_eq!(sizes.to_remember(Timestamp::UNIX_EPOCH), None);
}

#[test]
fn a_page_that_is_answered_frees_the_width() {
    let mut sizes = fresh();
    sizes.refused(&job(1, 8, None), ErrorClass::Server);
    sizes.refused(&job(1, 1, None), ErrorClass::Server);
    sizes.answered(&job(1, 1, Some(5000)));
    assert_eq!((sizes.rows(), sizes.days_max()), (Some(5000), None));
}

#[test]
fn a_day_that_hides_others_is_asked_alone() {
    let dates = |days: &[i8]| days.iter().map(|&day| date(2026, 11, day)).collect::<BTreeSet<_>>();
    let all = dates(&[1, 2, 3, 5, 6]);
    assert_eq!(apart(&all, &BTreeSet::new()), std::slice::from_ref(&all));
    assert_eq!(apart(&all, &dates(&[3])), [dates(&[1, 2]), dates(&[3]), dates(&[5, 6])]);
    assert_eq!(apart(&all, &dates(&[1, 2])), [dates(&[1]), dates(&[2]), dates(&[3, 5, 6])]);
}
