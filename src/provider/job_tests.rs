use super::*;
use crate::core::day::range;
use jiff::civil::date;
use std::collections::BTreeMap;

const NOON: &str = "2026-11-20T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn days(from: i8, to: i8) -> BTreeSet<Date> {
    range(date(2026, 11, from), date(2026, 11, to)).collect()
}

fn cut(dates: &BTreeSet<Date>, reach: Extent, zone: &str, now: &str) -> Vec<Job> {
    jobs("steps", dates, reach, &Calendar::new(BTreeMap::new(), zone).unwrap(), at(now))
}

#[test]
fn one_request_for_the_look_back_and_fourteen_days_at_most() {
    let look_back = cut(&days(13, 20), Extent::MINUTES, "UTC", NOON);
    assert_eq!(look_back.len(), 1);
    assert_eq!(look_back[0].from, at("2026-11-13T00:00:00Z"));
    assert_eq!(look_back[0].to, at(NOON), "nothing that is still to come");
    let month = cut(&days(1, 30), Extent::MINUTES, "UTC", "2026-12-24T00:00:00Z");
    let sizes: Vec<_> = month.iter().map(|job| job.days.len()).collect();
    assert_eq!(sizes, [14, 14, 2]);
    assert_eq!(cut(&days(1, 30), Extent::DAYS, "UTC", NOON).len(), 1);
}

#[test]
fn a_day_of_25_hours_does_not_stretch_a_request_over_the_limit() {
    let dates: BTreeSet<Date> = range(date(2026, 10, 20), date(2026, 11, 3)).collect();
    let jobs = cut(&dates, Extent::MINUTES, "America/New_York", NOON);
    for job in &jobs {
        assert!(job.to.as_second() - job.from.as_second() <= 14 * 86_400);
    }
    assert_eq!(jobs.iter().map(|job| job.days.len()).sum::<usize>(), 15);
}

#[test]
fn single_days_close_to_each_other_share_a_request() {
    let dates = BTreeSet::from([date(2026, 11, 2), date(2026, 11, 9), date(2026, 11, 19)]);
    let jobs = cut(&dates, Extent::MINUTES, "UTC", NOON);
    assert_eq!(jobs.iter().map(|job| job.days.len()).collect::<Vec<_>>(), [2, 1]);
}
