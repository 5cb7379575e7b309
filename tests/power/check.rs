//! What must hold after the undisturbed run that follows every accident.
#![allow(dead_code, reason = "two kinds of tests use it, each a part")]

use std::collections::BTreeMap;

use fitsync::consent::token::Token;
use fitsync::core::hash::sha256_hex;
use fitsync::core::user::file_path;
use fitsync::ledger::entry::{Entry, State};
use fitsync::ledger::folder::Ledger;
use fitsync_sim::jiff::ToSpan as _;
use fitsync_sim::jiff::civil::Date;

use crate::gateway::{Gateway, Tree, USER, WHO};

/// Everything that is wrong, in words.
pub type Wrong = Vec<String>;

/// Objects by their keys.
pub type Objects = BTreeMap<String, Vec<u8>>;

/// Checks tokens, ledger, local files and the bucket against the simulator's data for some ranges
/// of days.
pub fn check(gateway: &Gateway, days: &[(Date, Date)]) -> Wrong {
    let mut wrong = Wrong::new();
    check_names(&gateway.tree(), false, &mut wrong);
    check_token(gateway, &[WHO], &mut wrong);
    let objects = objects(gateway);
    check_objects_of(gateway, (WHO, USER), &objects, days, &mut wrong);
    check_ledger(gateway, &objects, &mut wrong);
    wrong
}

pub fn objects(gateway: &Gateway) -> Objects {
    gateway.sim.s3_objects().into_iter().collect()
}

/// Nothing is left over, and nothing was put aside unless something could not be read.
pub fn check_names(tree: &Tree, may_be_aside: bool, wrong: &mut Wrong) {
    for name in tree.keys() {
        let text = name.to_string_lossy();
        let aside = text.contains("quarantine/") || text.contains("unreadable/");
        if aside && !may_be_aside || text.ends_with(".tmp") {
            wrong.push(format!("there is {text}"));
        }
    }
}

/// The token as it is on the disk.
pub fn token(gateway: &Gateway) -> Option<Token> {
    let path = gateway.tokens().join(format!("{USER}.json"));
    let text = std::fs::read_to_string(path).ok()?;
    Token::parse(&text).ok()
}

/// It is one of those that these participants' providers would take.
pub fn check_token(gateway: &Gateway, who: &[&str], wrong: &mut Wrong) {
    let Some(token) = token(gateway) else {
        wrong.push("the token cannot be read".to_owned());
        return;
    };
    let living: Vec<String> = who.iter().flat_map(|who| gateway.sim.living_tokens(who)).collect();
    if !living.iter().any(|living| living == token.refresh_token.expose()) {
        wrong.push("the provider does not know the token".to_owned());
    }
}

/// A file of one metric and day, not one that is about them.
pub fn is_data(key: &str) -> bool {
    !key.contains("/completeness/") && !key.contains("/participant/")
}

/// The bucket holds what was measured, and of this participant nothing else.
pub fn check_objects_of(
    gateway: &Gateway,
    (who, user): (&str, &str),
    objects: &Objects,
    days: &[(Date, Date)],
    wrong: &mut Wrong,
) {
    let mut expected = Objects::new();
    for &range in days {
        let files = gateway.sim.expected(who, user, range, Some(&gateway.zone)).expect("truth");
        let metrics = gateway.settings.get("FITSYNC_METRICS");
        let read = |key: &str| {
            let metric = key.split('/').nth(2).unwrap_or_default();
            metrics.is_none_or(|metrics| metrics.split(',').any(|known| known == metric))
        };
        let files = files.into_iter().filter(|file| read(&file.key));
        expected.extend(files.map(|file| (file.key, file.bytes)));
    }
    for (key, bytes) in &expected {
        match objects.get(key) {
            None => wrong.push(format!("{key} is not in the bucket")),
            Some(found) if found != bytes => wrong.push(format!("{key} is not what was measured")),
            Some(_) => {}
        }
    }
    let own = objects.keys().filter(|key| key.starts_with(&format!("users/{user}/")));
    for key in own.filter(|key| is_data(key) && !expected.contains_key(*key)) {
        wrong.push(format!("{key} should not be in the bucket"));
    }
}

/// The entries of the ledger as it is on the disk.
pub fn entries(gateway: &Gateway) -> BTreeMap<(Date, String), Entry> {
    let user = USER.parse().expect("an id");
    let Ok(mut ledger) = Ledger::look(&gateway.data(), &user) else { return BTreeMap::new() };
    let months = ledger.month_keys().unwrap_or_default();
    if ledger.open_months(months).is_err() {
        return BTreeMap::new();
    }
    let days = ledger.days().into_iter();
    let all = days.flat_map(|(date, day)| {
        day.metrics.iter().map(move |(name, entry)| ((date, name.clone()), entry.clone()))
    });
    all.collect()
}

pub fn check_ledger(gateway: &Gateway, objects: &Objects, wrong: &mut Wrong) {
    let user = USER.parse().expect("an id");
    let entries = entries(gateway);
    if entries.is_empty() {
        wrong.push("the ledger is empty".to_owned());
    }
    for ((date, metric), entry) in &entries {
        let key = file_path(&user, metric, *date);
        let mut say = |what: &str| wrong.push(format!("{key}: {what}"));
        if entry.state == State::Wanted {
            say("is still wanted");
        }
        let Some(sha256) = &entry.file.sha256 else {
            if objects.contains_key(&key) {
                say("is in the bucket and the ledger knows no file");
            }
            continue;
        };
        if entry.file.uploaded_sha256.as_ref() != Some(sha256) {
            say("waits");
        }
        if objects.get(&key).is_none_or(|bytes| sha256_hex(bytes) != *sha256) {
            say("the bucket does not hold what the ledger says");
        }
        let local = std::fs::read(gateway.data().join(&key));
        if local.is_ok_and(|bytes| sha256_hex(&bytes) != *sha256) {
            say("the local file is not what the ledger says");
        }
    }
    let rows = objects.iter().filter(|(key, _)| key.contains("/completeness/"));
    let mut named = 0;
    for (key, bytes) in rows {
        for row in fitsync::ledger::completeness::read(bytes).unwrap_or_default() {
            let date = row.date.parse().unwrap_or_default();
            let file = file_path(&user, &row.metric, date);
            let held = objects.get(&file).map(|bytes| sha256_hex(bytes)).unwrap_or_default();
            if row.sha256 != held {
                wrong.push(format!("{key} names another {file} than there is"));
            }
            named += 1;
        }
    }
    if named != entries.len() {
        wrong.push(format!("completeness has {named} rows, the ledger {}", entries.len()));
    }
}

/// Days from today on this gateway: from so many days ago to so many.
pub fn days_ago(gateway: &Gateway, from: i32, to: i32) -> (Date, Date) {
    let zone = fitsync_sim::jiff::tz::TimeZone::get(&gateway.zone).expect("a zone");
    let today = gateway.sim.now().to_zoned(zone).date();
    (today - from.days(), today - to.days())
}
