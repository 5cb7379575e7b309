use super::*;
use crate::core::day::zone;
use jiff::civil::date;
use std::path::PathBuf;

fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("fitsync-book-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    files::make_folder(&dir).unwrap();
    dir
}

fn user() -> UserId {
    "user_001".parse().unwrap()
}

fn want(book: &mut Book, date: Date) {
    let span = DaySpan::natural(date, &zone("UTC").unwrap(), "UTC");
    book.note("steps", date, &span, "account", State::Wanted);
}

fn named(book: &Book) -> Vec<String> {
    book.named_months().iter().map(ToString::to_string).collect()
}

#[test]
fn a_backfill_that_is_killed_after_its_first_write_is_still_owed() {
    let dir = scratch("owed");
    let mut book = Book::open(&dir, &user()).unwrap();
    want(&mut book, date(2020, 3, 1));
    book.save_months().unwrap();
    assert_eq!(named(&Book::open(&dir, &user()).unwrap()), ["2020-03"]);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn months_without_open_work_are_not_named_but_recent_ones_are() {
    let dir = scratch("named");
    let mut book = Book::open(&dir, &user()).unwrap();
    book.keep_named([MonthKey::of(date(2026, 11, 1))].into());
    want(&mut book, date(2020, 3, 1));
    book.save().unwrap();
    assert_eq!(named(&Book::open(&dir, &user()).unwrap()), ["2020-03", "2026-11"]);
    book.entry_mut("steps", date(2020, 3, 1)).unwrap().state = State::Sealed;
    book.save().unwrap();
    assert_eq!(named(&Book::open(&dir, &user()).unwrap()), ["2026-11"]);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_ledger_that_cannot_be_read_is_kept_and_its_loss_is_noticed_until_it_is_mended() {
    let dir = scratch("lost");
    let mut book = Book::open(&dir, &user()).unwrap();
    want(&mut book, date(2026, 10, 5));
    book.save().unwrap();
    let folder = dir.join("ledger/user_001");
    for text in ["", "{\"version\":1,\"days\":", "{\"version\":9}"] {
        std::fs::write(folder.join("2026-10.json"), text).unwrap();
        // An upload that comes first does not mend it, and does not hide it.
        for _ in 0..2 {
            let mut book = Book::open(&dir, &user()).unwrap();
            book.open_months(book.named_months()).unwrap();
            assert_eq!(book.lost.len(), 1, "{text:?}");
            book.save().unwrap();
        }
    }
    assert_eq!(files::names(&dir.join("quarantine")).unwrap().len(), 3);
    let mut book = Book::open(&dir, &user()).unwrap();
    book.open_months(book.named_months()).unwrap();
    book.restore(MonthKey::of(date(2026, 10, 5)), Month::default());
    want(&mut book, date(2026, 10, 6));
    book.save().unwrap();
    let mut book = Book::open(&dir, &user()).unwrap();
    book.open_months(book.named_months()).unwrap();
    assert!(book.lost.is_empty() && book.days().contains_key(&date(2026, 10, 6)));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_lost_head_is_gathered_from_the_months() {
    let dir = scratch("head");
    let mut book = Book::open(&dir, &user()).unwrap();
    want(&mut book, date(2025, 1, 7));
    want(&mut book, date(2026, 10, 5));
    book.save().unwrap();
    let head = dir.join("ledger/user_001/head.json");
    let damages: [&dyn Fn(); 2] =
        [&|| std::fs::write(&head, "{").unwrap(), &|| std::fs::remove_file(&head).unwrap()];
    for damage in damages {
        damage();
        let mut book = Book::open(&dir, &user()).unwrap();
        assert_eq!(named(&book), ["2025-01", "2026-10"]);
        book.open_months(book.named_months()).unwrap();
        assert_eq!(book.head.first_day.map(|day| *day), Some(date(2025, 1, 7)));
        book.save().unwrap();
    }
    std::fs::remove_dir_all(dir).unwrap();
}
