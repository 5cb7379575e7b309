//! Deleting everything of one participant where the bucket keeps versions, and where it tells none.

use std::sync::Mutex;

use fitsync::core::error::{ErrorClass, Failure};
use fitsync::core::exchange::percent_decode;
use fitsync::io::clock::Clock;
use fitsync::s3::erase::{Erased, Erasure, erase};

use crate::scripted::{Answer, Asked, Server};
use crate::store_at;

const FIRST: &str = "users/u1/steps/u1_steps_20261122.csv";
const SECOND: &str = "users/u1/hrv/u1_hrv_20261122.csv";

/// One version, or one delete marker, as S3 lists it.
fn version(kind: &str, key: &str, id: &str) -> String {
    let key = key.replace('/', "%2F");
    format!("<{kind}><Key>{key}</Key><VersionId>{id}</VersionId></{kind}>")
}

fn versions(items: &[String], rest: &str) -> Answer {
    let items = items.concat();
    Answer::new(200).body(&format!(
        "<?xml version=\"1.0\"?><ListVersionsResult>{items}{rest}</ListVersionsResult>"
    ))
}

/// A versioned bucket that lists two versions a page; `refuses` names those that must stay. It
/// knows no place to go on that is gone.
fn bucket(refuses: impl Fn(&str) -> bool + Send + Sync + 'static) -> Server {
    let held = [(SECOND, "m1"), (SECOND, "null"), (FIRST, "v2"), (FIRST, "v1")];
    let held = Mutex::new(held.map(|(key, id)| (key.to_owned(), id.to_owned())).to_vec());
    Server::start(move |asked, _| {
        let mut held = held.lock().unwrap();
        if asked.method == "DELETE" {
            let wanted = (key_of(asked), asked.query("versionId"));
            if refuses(&wanted.1) {
                return Answer::error(403, "AccessDenied");
            }
            held.retain(|one| *one != wanted);
            return Answer::new(204);
        }
        let after = (asked.query("key-marker"), asked.query("version-id-marker"));
        let begin = match held.iter().position(|one| *one == after) {
            Some(last) => last + 1,
            None if after.0.is_empty() => 0,
            None => return versions(&[], ""),
        };
        let page = held.iter().skip(begin).take(2);
        let kind = |id: &str| if id == "m1" { "DeleteMarker" } else { "Version" };
        let items: Vec<_> = page.map(|(key, id)| version(kind(id), key, id)).collect();
        let last = (begin + items.len()).checked_sub(1).and_then(|last| held.get(last));
        let rest = match last.filter(|_| held.len() > begin + 2) {
            Some((key, id)) => format!(
                "<IsTruncated>true</IsTruncated><NextKeyMarker>{}</NextKeyMarker>\
                 <NextVersionIdMarker>{id}</NextVersionIdMarker>",
                key.replace('/', "%2F")
            ),
            None => "<IsTruncated>false</IsTruncated>".to_owned(),
        };
        versions(&items, &format!("<EncodingType>url</EncodingType>{rest}"))
    })
}

fn key_of(asked: &Asked) -> String {
    let path = asked.target.split('?').next().unwrap();
    percent_decode(path.trim_start_matches("/study/"))
}

fn erased(server: &Server) -> Erased {
    let (erased, problem) = tried(server);
    assert_eq!(problem, None);
    erased
}

fn tried(server: &Server) -> (Erased, Option<Failure>) {
    let store = store_at(&server.url, &Clock::default());
    let mut erased = Erased::default();
    let erasure = Erasure {
        path: "users/u1",
        sent: &|| Ok(vec![FIRST.to_owned()]),
        names_done: false,
        versions_kept: None,
        progress: &|_| {},
    };
    let done = erase(&store, &erasure, &mut erased);
    (erased, done.err())
}

/// Key and version of every deletion.
fn deletions(server: &Server) -> Vec<(String, String)> {
    let asked = server.asked().into_iter().filter(|asked| asked.method == "DELETE");
    asked.map(|asked| (key_of(&asked), asked.query("versionId"))).collect()
}

#[test]
fn every_version_and_every_delete_marker_goes_page_by_page() {
    let server = bucket(|_| false);
    let erased = erased(&server);
    let wanted = [(SECOND, "m1"), (SECOND, "null"), (FIRST, "v1"), (FIRST, "v2")];
    let wanted = wanted.map(|(key, id)| (key.to_owned(), id.to_owned()));
    let mut gone = deletions(&server);
    gone.sort();
    assert_eq!(gone, wanted);
    assert_eq!((erased.objects, erased.versions), (4, 3), "a null version is the object itself");
    assert!(erased.left.is_empty());
    // The slash at the end: u1 must not find what is of u10.
    assert_eq!(server.asked()[0].query("prefix"), "users/u1/");
}

#[test]
fn a_version_that_must_stay_is_told_and_the_others_go() {
    // Those of a whole page, and one of the next.
    let server = bucket(|id| ["m1", "null", "v1"].contains(&id));
    let erased = erased(&server);
    assert_eq!(erased.objects, 1);
    let left: Vec<_> = erased.left.iter().map(|(item, _)| item.to_string()).collect();
    let wanted = [SECOND.to_owned(), format!("{SECOND} version m1"), format!("{FIRST} version v1")];
    assert_eq!(left, wanted);
    assert_eq!(deletions(&server).len(), 4, "each is tried once");
}

#[test]
fn where_versions_cannot_be_seen_the_answers_to_deletions_tell_whether_there_are_any() {
    let server = plain_bucket(&[FIRST], true);
    let erased = erased(&server);
    assert_eq!(deletions(&server), [(FIRST.to_owned(), String::new())]);
    assert_eq!(erased.versions_kept, Some(false), "the answer to the deletion tells it");
}

#[test]
fn where_nothing_can_be_listed_what_the_ledger_knows_goes_and_is_not_confirmed() {
    let server = Server::start(|asked, _| match asked.method.as_str() {
        "DELETE" => Answer::new(204),
        _ => Answer::error(403, "AccessDenied"),
    });
    let (erased, problem) = tried(&server);
    assert_eq!(deletions(&server), [(FIRST.to_owned(), String::new())]);
    assert!(erased.names_done && erased.left.is_empty());
    let problem = problem.unwrap();
    assert!(problem.what.contains("allow s3:ListBucket and s3:ListBucketVersions"), "{problem}");
    assert_eq!(problem.class, ErrorClass::Config);
}

/// A bucket without versions that lists what it holds whatever is asked.
fn plain_bucket(held: &[&str], deletes: bool) -> Server {
    let held = Mutex::new(held.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>());
    Server::start(move |asked, _| {
        let mut held = held.lock().unwrap();
        if asked.method == "DELETE" {
            held.retain(|key| !deletes || *key != key_of(asked));
            return Answer::new(204);
        }
        if asked.query("list-type") != "2" {
            return Answer::error(403, "AccessDenied");
        }
        let escaped = |key: &String| key.replace('&', "&amp;").replace('<', "&lt;");
        let items =
            held.iter().map(|key| format!("<Contents><Key>{}</Key></Contents>", escaped(key)));
        let items: String = items.collect();
        Answer::new(200).body(&format!("<ListBucketResult>{items}</ListBucketResult>"))
    })
}

#[test]
fn what_the_store_lists_of_others_is_not_touched_and_told() {
    let others = ["users/u10/a.csv", "users/u1", "users/u2/a.csv", "a/users/u1/a.csv", "x"];
    let server = plain_bucket(&[others.as_slice(), &[FIRST, SECOND]].concat(), true);
    let (erased, problem) = tried(&server);
    assert_eq!(erased.objects, 2);
    let wanted = [FIRST, SECOND].map(|key| (key.to_owned(), String::new()));
    assert_eq!(deletions(&server), wanted);
    let problem = problem.unwrap();
    assert_eq!(problem.class, ErrorClass::Format);
    assert!(problem.what.contains("users/u10/a.csv where users/u1/ was asked for"), "{problem}");
}

#[test]
fn objects_with_any_name_are_deleted() {
    let names = [
        " a b ",
        "(c) 'd' & ~e!*,;=@:$",
        "f+g%2Bh%2e",
        "\u{fc}/\u{1F600}",
        "folder/",
        "/x",
        "a//b",
    ];
    let names = names.map(|name| format!("users/u1/{name}"));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let server = plain_bucket(&names, true);
    let erased = erased(&server);
    assert!(erased.left.is_empty(), "{:?}", erased.left);
    let gone: Vec<_> = deletions(&server).into_iter().map(|(key, _)| key).collect();
    assert_eq!(gone, names);
}

#[test]
fn a_name_that_an_address_would_turn_into_another_stays_and_is_told() {
    let server = plain_bucket(&["users/u1/../u2/a.csv", FIRST], true);
    let erased = erased(&server);
    assert_eq!(deletions(&server), [(FIRST.to_owned(), String::new())]);
    assert_eq!(erased.left.len(), 1);
    assert!(erased.left[0].1.to_string().contains("cannot be addressed safely"));
}

#[test]
fn a_store_that_deletes_nothing_is_not_asked_for_ever() {
    let server = plain_bucket(&[FIRST, SECOND], false);
    let (_, problem) = tried(&server);
    assert_eq!(problem.unwrap().class, ErrorClass::Format);
    assert_eq!(deletions(&server).len(), 2);
}
