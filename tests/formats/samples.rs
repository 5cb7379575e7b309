//! Each file is read by the program's own reader, and its own writer gives the same back.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::history::PASSWORD;
use crate::library::{Kind, accepts, rewritten};
use crate::{Version, versions};

const ALL: [Kind; 7] = [
    Kind::Token,
    Kind::Former,
    Kind::Head,
    Kind::Month,
    Kind::Withdrawal,
    Kind::Password,
    Kind::Completeness,
];

/// What a file is, by its path; `None` for a day's data.
fn kind_of(path: &str) -> Option<Kind> {
    let (folder, name) = path.rsplit_once('/').expect("a folder");
    let is_month = |name: &str| {
        let stem = name.strip_suffix(".json").and_then(|stem| stem.split_once('-'));
        stem.is_some_and(|(year, month)| year.parse::<u16>().is_ok() && month.len() == 2)
    };
    Some(match name {
        "head.json" => Kind::Head,
        "operator.json" => Kind::Password,
        _ if is_month(name) => Kind::Month,
        _ if name.ends_with(".withdrawn") => Kind::Withdrawal,
        _ if name.ends_with(".former") => Kind::Former,
        _ if folder.ends_with("tokens") => Kind::Token,
        _ if folder.ends_with("/completeness") => Kind::Completeness,
        _ => {
            assert!(folder.contains("/users/") && name.ends_with(".csv"), "what is {path}?");
            return None;
        }
    })
}

/// Every file of a version that is more than a day's data: its path, kind and text.
fn samples(version: &Version) -> Vec<(String, Kind, String)> {
    let mut found = Vec::new();
    for folder in ["single", "world"] {
        for (name, bytes) in version.below(folder) {
            let text = String::from_utf8(bytes).expect("text");
            let path = format!("{}/{folder}/{name}", version.name);
            found.extend(kind_of(&path).map(|kind| (path, kind, text)));
        }
    }
    found
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().expect("an object")
}

/// Nothing is lost or changed, and what a later version added is not there: null.
fn assert_kept(path: &str, sample: &Value, written: &Value) {
    match (sample, written) {
        (Value::Object(sample), Value::Object(written)) => {
            for (name, value) in sample {
                let found = written.get(name);
                let found = found.unwrap_or_else(|| panic!("{path}: {name} is lost"));
                assert_kept(&format!("{path}: {name}"), value, found);
            }
            for (name, value) in written {
                assert!(sample.contains_key(name) || value.is_null(), "{path}: {name} came");
            }
        }
        (Value::Array(sample), Value::Array(written)) => {
            assert_eq!(sample.len(), written.len(), "{path}");
            let pairs = sample.iter().zip(written);
            pairs.for_each(|(one, other)| assert_kept(path, one, other));
        }
        _ => assert_eq!(sample, written, "{path}"),
    }
}

#[test]
fn every_file_of_every_version_is_read_and_written_as_it_was() {
    for version in versions() {
        let mut kinds = BTreeSet::new();
        for (path, kind, text) in samples(version) {
            let written = rewritten(kind, &text).unwrap_or_else(|| panic!("{path} is not read"));
            match kind {
                Kind::Completeness => assert_eq!(written, text, "{path}"),
                _ => assert_kept(&path, &json(&text), &json(&written)),
            }
            kinds.insert(kind);
        }
        assert_eq!(kinds, BTreeSet::from(ALL), "{}", version.name);
    }
}

/// Otherwise a new member of one of these could come unnoticed.
#[test]
fn the_samples_have_an_example_of_every_part_that_may_be_absent() {
    for version in versions() {
        let months = samples(version).into_iter().filter(|(_, kind, _)| *kind == Kind::Month);
        let months: Vec<_> = months.map(|(_, _, text)| json(&text)).collect();
        let days = months.iter().flat_map(|month| month["days"].as_object().expect("days"));
        let entries: Vec<_> =
            days.flat_map(|(_, day)| day["metrics"].as_object().expect("metrics")).collect();
        for part in ["error", "shrunk", "clock_was_wrong", "read_at", "device_synced_at"] {
            assert!(entries.iter().any(|(_, entry)| !entry[part].is_null()), "no {part}");
        }
        for part in ["sha256", "uploaded_sha256", "uploaded_md5", "last_error", "next_try"] {
            assert!(entries.iter().any(|(_, entry)| !entry["file"][part].is_null()), "no {part}");
        }
        for state in ["wanted", "provisional", "sealed", "not_granted"] {
            // A day is sealed a day after its device has synced, which no test waits for.
            if state == "sealed" && version.name == "today" {
                continue;
            }
            assert!(entries.iter().any(|(_, entry)| entry["state"] == state), "nothing {state}");
        }
    }
}

#[test]
fn members_of_a_later_version_are_kept_in_a_token_and_read_over_elsewhere() {
    let news = serde_json::json!({"word": "new", "list": [1, 2.5, null]});
    for version in versions() {
        let samples = samples(version).into_iter();
        for (path, kind, text) in samples.filter(|(_, kind, _)| *kind != Kind::Completeness) {
            let sample = json(&text);
            let mut newer = sample.clone();
            object(&mut newer).insert("of_a_later_version".to_owned(), news.clone());
            let written = rewritten(kind, &newer.to_string());
            let written = json(&written.unwrap_or_else(|| panic!("{path} is not read")));
            match kind {
                Kind::Token | Kind::Former => assert_kept(&path, &newer, &written),
                _ => assert_kept(&path, &sample, &written),
            }
        }
    }
}

#[test]
fn a_token_of_the_seed_is_kept_whole_and_says_what_it_is() {
    let text = include_str!("v1/seed/user_001.json");
    let mut expected = json(text);
    let ours =
        [("provider", "fitbit".into()), ("state", "connected".into()), ("version", 1.into())];
    object(&mut expected).extend(ours.map(|(name, value)| (name.to_owned(), value)));
    let written = rewritten(Kind::Token, text).expect("a token");
    assert_kept("seed/user_001.json", &expected, &json(&written));
}

#[test]
fn the_operator_s_password_still_opens() {
    for version in versions() {
        let all = samples(version).into_iter().filter(|(_, kind, _)| *kind == Kind::Password);
        for (path, _, text) in all {
            assert!(accepts(&text, PASSWORD) && !accepts(&text, "another one, as long"), "{path}");
        }
    }
}
