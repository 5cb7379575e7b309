//! The bucket and its credentials, against a real S3 server (`real`), and against scripted replies
//! for what no server shows on demand (`refusals`, `keys`, `network`).

mod bucket;
mod dialects;
mod erasure;
mod keys;
mod network;
mod operator;
mod real;
mod refusals;
mod scripted;
mod tls;
mod versions;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use fitsync::aws::environment::Environment;
use fitsync::io::clock::Clock;
use fitsync::io::net::http::Http;
use fitsync::s3::store::{Store, StoreConfig};

/// A folder of one test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("fitsync-store-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn http(clock: &Clock) -> Http {
    Http::new(&[], clock, 8).unwrap()
}

fn http_trusting(authority: &Path) -> Http {
    Http::new(&[authority], &Clock::default(), 8).unwrap()
}

/// The settings of a bucket `study`.
fn config(pairs: &[(&str, &str)]) -> StoreConfig {
    StoreConfig {
        bucket: "study".to_owned(),
        environment: Environment::of(pairs),
        ..StoreConfig::default()
    }
}

/// A store at this address, with keys in the environment.
fn store_at(url: &str, clock: &Clock) -> Store {
    Store::new(config(&static_keys(url)), &http(clock)).unwrap()
}

fn static_keys(url: &str) -> [(&'static str, &str); 4] {
    [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL_S3", url),
    ]
}

const SECRET: &str = "s3cretS3CRETs3cret";
const PATH: &str = "users/u1/steps/u1_steps_20261122.csv";
const BODY: &[u8] = b"user_id,time_utc,time_local,steps\n";
