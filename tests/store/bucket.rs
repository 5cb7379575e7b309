//! A bucket with versions, object lock and a policy, as a script: what no server shows on demand.

use std::sync::{Arc, Mutex};

use fitsync::core::exchange::percent_decode;
use fitsync::s3::sums::md5_hex;

use crate::scripted::{Answer, Asked, Server};

/// What the bucket keeps, and what its policy allows.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Deletions put a marker before older versions.
    pub versioned: bool,
    /// A store that does not know what versions are.
    pub knows_versions: bool,
    pub list: bool,
    pub list_versions: bool,
    pub see_versioning: bool,
    pub delete: bool,
    pub delete_versions: bool,
    /// What answers everything instead, such as a web server.
    pub instead: Option<fn() -> Answer>,
}

impl Rules {
    /// Everything is allowed, and nothing kept.
    pub const PLAIN: Self = Self {
        versioned: false,
        knows_versions: true,
        list: true,
        list_versions: true,
        see_versioning: true,
        delete: true,
        delete_versions: true,
        instead: None,
    };

    pub const VERSIONED: Self = Self { versioned: true, ..Self::PLAIN };
}

/// A version of an object, or a delete marker.
#[derive(Clone, Debug)]
struct Held {
    key: String,
    id: String,
    is_marker: bool,
    body: Vec<u8>,
    until: Option<String>,
    on_hold: bool,
}

struct State {
    rules: Rules,
    held: Vec<Held>,
    written: usize,
}

pub struct Bucket {
    pub server: Server,
    state: Arc<Mutex<State>>,
}

impl Bucket {
    pub fn start(rules: Rules) -> Self {
        let state = Arc::new(Mutex::new(State { rules, held: Vec::new(), written: 0 }));
        let answering = Arc::clone(&state);
        let server = Server::start(move |asked, _| answering.lock().unwrap().answer(asked));
        Self { server, state }
    }

    pub fn rule(&self, rules: Rules) {
        self.state.lock().unwrap().rules = rules;
    }

    pub fn put(&self, key: &str) {
        self.state.lock().unwrap().write(key, false, b"x".to_vec());
    }

    /// Keeps what has this in its key until a time, or for as long as somebody holds it.
    pub fn lock(&self, part: &str, until: Option<&str>, on_hold: bool) {
        let mut state = self.state.lock().unwrap();
        for held in state.held.iter_mut().filter(|held| held.key.contains(part)) {
            (held.until, held.on_hold) = (until.map(str::to_owned), on_hold);
        }
    }

    /// All that can be listed or fetched below a prefix, by version or not, delete markers too.
    pub fn left(&self, prefix: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let held = state.held.iter().filter(|held| held.key.starts_with(prefix));
        held.map(|held| format!("{} {}", held.key, held.id)).collect()
    }

    /// How often something was asked whose method and address hold these.
    pub fn asked(&self, method: &str, part: &str) -> usize {
        let asked = self.server.asked().into_iter();
        asked.filter(|one| one.method == method && one.target.contains(part)).count()
    }
}

impl State {
    fn write(&mut self, key: &str, is_marker: bool, body: Vec<u8>) {
        self.written += 1;
        let id = if self.rules.versioned { format!("v{}", self.written) } else { "null".into() };
        if !self.rules.versioned {
            self.held.retain(|held| held.key != key);
        }
        let (key, until, on_hold) = (key.to_owned(), None, false);
        self.held.push(Held { key, id, is_marker, body, until, on_hold });
    }

    fn answer(&mut self, asked: &Asked) -> Answer {
        if let Some(instead) = self.rules.instead {
            return instead();
        }
        let denied = Answer::error(403, "AccessDenied");
        let key = key_of(asked);
        let is = |name: &str| asked.target.contains(name);
        match asked.method.as_str() {
            "GET" if is("versions=") || is("versioning=") && !self.rules.knows_versions => {
                match (self.rules.knows_versions, self.rules.list_versions) {
                    (false, _) => Answer::error(501, "NotImplemented"),
                    (_, false) => denied,
                    _ => self.list_versions(&asked.query("prefix")),
                }
            }
            "GET" if is("versioning=") && !self.rules.see_versioning => denied,
            "GET" if is("versioning=") => {
                let status = if self.rules.versioned { "<Status>Enabled</Status>" } else { "" };
                let body = format!("<VersioningConfiguration>{status}</VersioningConfiguration>");
                Answer::new(200).body(&body)
            }
            "GET" if is("list-type=2") && !self.rules.list => denied,
            "GET" if is("list-type=2") => self.list(&asked.query("prefix")),
            "PUT" => {
                self.write(&key, false, asked.body.clone());
                Answer::stored(asked)
            }
            "DELETE" => self.delete(&key, &asked.query("versionId")),
            _ => self.head(&key, &asked.query("versionId")),
        }
    }

    fn newest(&self, key: &str) -> Option<&Held> {
        self.held.iter().rev().find(|held| held.key == key)
    }

    fn list(&self, prefix: &str) -> Answer {
        let mut keys: Vec<_> = self.held.iter().map(|held| held.key.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.retain(|key| self.newest(key).is_some_and(|held| !held.is_marker));
        let keys = keys.into_iter().filter(|key| key.starts_with(prefix));
        let items: String =
            keys.map(|key| format!("<Contents><Key>{key}</Key></Contents>")).collect();
        Answer::new(200).body(&format!("<ListBucketResult>{items}</ListBucketResult>"))
    }

    fn list_versions(&self, prefix: &str) -> Answer {
        let mut held: Vec<_> = self.held.iter().collect();
        held.sort_by_key(|held| &held.key);
        let items = held.iter().filter(|held| held.key.starts_with(prefix)).map(|held| {
            let (key, id) = (&held.key, &held.id);
            let kind = if held.is_marker { "DeleteMarker" } else { "Version" };
            format!("<{kind}><Key>{key}</Key><VersionId>{id}</VersionId></{kind}>")
        });
        let items: String = items.collect();
        Answer::new(200).body(&format!("<ListVersionsResult>{items}</ListVersionsResult>"))
    }

    fn delete(&mut self, key: &str, version: &str) -> Answer {
        let denied = Answer::error(403, "AccessDenied");
        let allowed = if version.is_empty() || version == "null" {
            self.rules.delete
        } else {
            self.rules.delete_versions
        };
        if !allowed {
            return denied;
        }
        if version.is_empty() && self.rules.versioned {
            self.write(key, true, Vec::new());
            return Answer::new(204).header("x-amz-delete-marker", "true");
        }
        let is_it = |held: &Held| held.key == key && (version.is_empty() || held.id == version);
        let locked = |held: &Held| held.on_hold || held.until.is_some();
        if self.held.iter().any(|held| is_it(held) && locked(held)) {
            return denied;
        }
        self.held.retain(|held| !is_it(held));
        Answer::new(204)
    }

    fn head(&self, key: &str, version: &str) -> Answer {
        let mut found = self.held.iter().rev();
        let is_it = |held: &&Held| held.key == key && (version.is_empty() || held.id == version);
        let Some(held) = found.find(is_it).filter(|held| !held.is_marker) else {
            return Answer::error(404, "NoSuchKey");
        };
        let etag = format!("\"{}\"", md5_hex(&held.body));
        let mut answer = Answer::new(200).header("ETag", &etag);
        if let Some(until) = &held.until {
            answer = answer.header("x-amz-object-lock-retain-until-date", until);
        }
        if held.on_hold {
            answer = answer.header("x-amz-object-lock-legal-hold", "ON");
        }
        answer.body(&String::from_utf8_lossy(&held.body))
    }
}

/// The key, behind the bucket's name.
fn key_of(asked: &Asked) -> String {
    let path = asked.target.split('?').next().unwrap().trim_start_matches('/');
    percent_decode(path.split_once('/').map_or("", |(_, key)| key))
}
