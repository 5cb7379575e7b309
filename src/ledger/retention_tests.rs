use jiff::civil::date;

use super::*;
use crate::core::day::{DaySpan, zone};
use crate::core::exchange::Reply;
use crate::core::user::file_path;
use crate::ledger::entry::State;

/// A data folder with one file of `steps` on some days, each uploaded or not.
fn scratch(name: &str, days: &[(Date, bool)]) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("fitsync-keep-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    files::make_folder(&dir).unwrap();
    let user: UserId = "u".parse().unwrap();
    let mut ledger = Ledger::open(&dir, &user).unwrap();
    for &(date, uploaded) in days {
        let span = DaySpan::natural(date, &zone("UTC").unwrap(), "UTC");
        ledger.note("steps", date, &span, "account", State::Sealed);
        let entry = ledger.entry_mut("steps", date).unwrap();
        entry.file.written("hash", 1);
        if uploaded {
            entry.file.uploaded("hash", "md5", 1);
        }
        let path = dir.join(file_path(&user, "steps", date));
        files::make_folder(path.parent().unwrap()).unwrap();
        std::fs::write(&path, b"x").unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(100 * 86_400);
        std::fs::File::open(&path).unwrap().set_modified(long_ago).unwrap();
    }
    ledger.save().unwrap();
    dir
}

fn left(dir: &Path) -> usize {
    files::names(&dir.join("users/u/steps")).unwrap().len()
}

/// The time of a service, which agrees with this machine's.
fn confirmed() -> Clock {
    let (clock, now) = (Clock::default(), jiff::Timestamp::now());
    let date = jiff::fmt::rfc2822::to_string(&now.to_zoned(jiff::tz::TimeZone::UTC)).unwrap();
    let headers = [("date".to_owned(), date)].into();
    clock.learn(now, now, &Reply { status: 200, headers, body: Vec::new() });
    assert!(clock.checked() && !clock.known_wrong());
    clock
}

fn users() -> BTreeSet<UserId> {
    ["u".parse().unwrap()].into()
}

#[test]
fn only_uploaded_files_of_old_days_that_were_written_long_ago_are_removed() {
    let old = date(2020, 1, 1);
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let dir = scratch("old", &[(old, true), (date(2020, 1, 2), false), (today, true)]);
    let unknown = make_room(&dir, &users(), 90, &Clock::default()).unwrap();
    assert_eq!(unknown, Room::default(), "nobody has told the time");
    let clock = confirmed();
    assert_eq!(make_room(&dir, &users(), 0, &clock).unwrap(), Room::default());
    assert_eq!(make_room(&dir, &users(), 101, &clock).unwrap(), Room::default());
    assert_eq!(make_room(&dir, &users(), 90, &clock).unwrap(), Room { removed: 1, low: false });
    assert_eq!(make_room(&dir, &users(), 90, &clock).unwrap(), Room::default());
    assert_eq!(left(&dir), 2);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_ledger_that_cannot_be_read_keeps_its_own_files_and_nobody_elses() {
    let dir = scratch("odd", &[(date(2020, 1, 1), true)]);
    let odd: UserId = "a".parse().unwrap();
    let path = dir.join(file_path(&odd, "steps", date(2020, 1, 1)));
    files::make_folder(path.parent().unwrap()).unwrap();
    std::fs::copy(dir.join(file_path(&"u".parse().unwrap(), "steps", date(2020, 1, 1))), &path)
        .unwrap();
    std::fs::write(dir.join("ledger/a"), "a file in the place of a folder").unwrap();
    let both = [odd, "u".parse().unwrap()].into();
    let mut told = BTreeSet::new();
    assert_eq!(oldest(&dir, &both, Date::MAX, &mut told).len(), 1);
    assert_eq!(told.len(), 1);
    assert_eq!(make_room(&dir, &both, 90, &confirmed()).unwrap().removed, 1);
    assert!(path.exists() && left(&dir) == 0);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_clock_that_is_known_to_be_wrong_makes_no_file_old() {
    let dir = scratch("wrong", &[(date(2020, 1, 1), true)]);
    let clock = Clock::default();
    let reply = crate::core::exchange::Reply {
        status: 200,
        headers: vec![("date".into(), "Sun, 06 Nov 1994 08:49:37 GMT".into())],
        body: Vec::new(),
    };
    clock.learn(clock.machine(), clock.machine(), &reply);
    assert_eq!(make_room(&dir, &users(), 90, &clock).unwrap().removed, 0);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn the_oldest_uploaded_files_go_first_and_only_as_many_as_are_needed() {
    let days: Vec<_> = (1..=9).map(|day| (date(2026, 11, day), day != 2)).collect();
    let dir = scratch("low", &days);
    let needed = std::cell::Cell::new(3);
    let oldest = oldest(&dir, &users(), Date::MAX, &mut BTreeSet::new());
    let removed = remove(&dir, oldest.into_iter(), || needed.replace(needed.get() - 1) > 0);
    assert_eq!(removed, 3);
    let names = files::names(&dir.join("users/u/steps")).unwrap();
    let first: Vec<&str> = names.iter().take(2).map(String::as_str).collect();
    assert_eq!(first, ["u_steps_20261102.csv", "u_steps_20261105.csv"]);
    std::fs::remove_dir_all(dir).unwrap();
}
