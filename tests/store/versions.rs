//! Deleting everything of one participant where the bucket keeps versions, and where it tells none.

use fitsync::io::clock::Clock;
use fitsync::io::erase::{Erased, erase};

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

/// A versioned bucket of two pages; `deletes` answers what is asked to go.
fn bucket(deletes: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
    Server::start(move |asked, _| {
        if asked.method == "DELETE" {
            return deletes(asked);
        }
        match (asked.query("key-marker").as_str(), asked.query("version-id-marker").as_str()) {
            ("", "") => versions(
                &[version("Version", FIRST, "v2"), version("Version", FIRST, "v1")],
                "<IsTruncated>true</IsTruncated>\
                 <NextKeyMarker>users%2Fu1%2Fsteps%2Fx</NextKeyMarker>\
                 <NextVersionIdMarker>v1</NextVersionIdMarker>",
            ),
            ("users/u1/steps/x", "v1") => versions(
                &[version("DeleteMarker", SECOND, "m1"), version("Version", SECOND, "null")],
                "<IsTruncated>false</IsTruncated>",
            ),
            _ => Answer::error(400, "InvalidArgument"),
        }
    })
}

fn erased(server: &Server) -> Erased {
    let store = store_at(&server.url, &Clock::default());
    let mut erased = Erased::default();
    let known = [FIRST.to_owned()];
    erase(&store, "users/u1", &known, &|_| {}, &mut erased).unwrap();
    erased
}

/// Key and version of every deletion.
fn deletions(server: &Server) -> Vec<(String, String)> {
    let asked = server.asked().into_iter().filter(|asked| asked.method == "DELETE");
    let key = |asked: &Asked| {
        let path = asked.target.split('?').next().unwrap().to_owned();
        path.trim_start_matches("/study/").to_owned()
    };
    asked.map(|asked| (key(&asked), asked.query("versionId"))).collect()
}

#[test]
fn every_version_and_every_delete_marker_goes_page_by_page() {
    let server = bucket(|_| Answer::new(204));
    let erased = erased(&server);
    let wanted = [(SECOND, "m1"), (SECOND, "null"), (FIRST, "v1"), (FIRST, "v2")];
    let wanted = wanted.map(|(key, id)| (key.to_owned(), id.to_owned()));
    let mut gone = deletions(&server);
    gone.sort();
    assert_eq!(gone, wanted);
    assert_eq!((erased.objects, erased.versions), (4, 3), "a null version is the object itself");
    assert!(erased.left.is_empty() && erased.unlisted.is_none());
    assert!(erased.versions_unseen.is_none());
    // The slash at the end: u1 must not find what is of u10.
    assert_eq!(server.asked()[0].query("prefix"), "users/u1/");
}

#[test]
fn a_version_that_must_stay_is_told_and_the_others_go() {
    let server = bucket(|asked| match asked.query("versionId").as_str() {
        "v1" => Answer::error(403, "AccessDenied"),
        _ => Answer::new(204),
    });
    let erased = erased(&server);
    assert_eq!(erased.objects, 3);
    let left: Vec<_> = erased.left.iter().map(|(item, _)| item.to_string()).collect();
    assert_eq!(left, [format!("{FIRST} version v1")]);
}

#[test]
fn where_versions_cannot_be_seen_the_objects_go_and_that_is_told() {
    let server = Server::start(|asked, _| match asked.method.as_str() {
        "DELETE" => Answer::new(204),
        _ if asked.query("list-type") == "2" => Answer::new(200).body(&format!(
            "<ListBucketResult><Contents><Key>{FIRST}</Key></Contents></ListBucketResult>"
        )),
        _ => Answer::error(403, "AccessDenied"),
    });
    let erased = erased(&server);
    assert_eq!(deletions(&server), [(FIRST.to_owned(), String::new())]);
    assert!(erased.versions_unseen.is_some() && erased.unlisted.is_none());
}

#[test]
fn where_nothing_can_be_listed_what_the_ledger_knows_goes() {
    let server = Server::start(|asked, _| match asked.method.as_str() {
        "DELETE" => Answer::new(204),
        _ => Answer::error(403, "AccessDenied"),
    });
    let erased = erased(&server);
    assert_eq!(deletions(&server), [(FIRST.to_owned(), String::new())]);
    assert!(erased.unlisted.is_some() && erased.versions_unseen.is_none());
}
