//! The bucket: credentials, and one probe object that is put, looked at and deleted.

use crate::command::doctor::finding::{Finding, Level};
use crate::command::doctor::report::Report;
use crate::core::error::{ErrorClass, Failure, Result};
use crate::gateway::Gateway;
use crate::io::net::lan;
use crate::s3::error::is_denial;
use crate::s3::key::ObjectKey;
use crate::s3::store::Store;

const CHECK: &str = "bucket";
const CREDENTIALS: &str = "credentials";
const PROBE: &[u8] = b"fitsync doctor: this object can be deleted\n";

pub fn check(gateway: &Gateway, store: Result<Option<Store>>, report: &mut Report) {
    let store = match store {
        Ok(Some(store)) => store,
        Ok(None) => {
            let text = "S3_BUCKET_RAW is not set: files stay on this machine";
            report.add(Finding::warn(CHECK, text, "name the study's bucket"));
            return;
        }
        Err(failure) => {
            let settings = failure.class == ErrorClass::Usage;
            report.add(Finding::failure(if settings { CHECK } else { CREDENTIALS }, &failure));
            return;
        }
    };
    if let Ok(address) = store.address()
        && address.starts_with("http://")
        && gateway.config.allow_insecure_s3
    {
        let text = format!("health data travels unencrypted to {address}");
        report.add(Finding::warn(CHECK, text, "give the store a certificate, use https://"));
    }
    let credentials = match store.check_credentials() {
        Ok(()) => Finding::ok(CREDENTIALS, store.credentials_source()),
        Err(failure) => Finding::failure(CREDENTIALS, &failure),
    };
    let found = credentials.level == Level::Ok;
    report.add(credentials);
    if found {
        report.add_all(probe(&store));
    }
}

/// Below `users/`, where a policy that fits fitsync allows writing; Athena skips names with `_`.
fn probe_key(store: &Store) -> Result<ObjectKey> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let machine: String = lan::machine_name().chars().map(plain).collect();
    store.key(&format!("users/_fitsync_doctor/_probe_{machine}.txt"))
}

fn probe(store: &Store) -> Vec<Finding> {
    let key = match probe_key(store) {
        Ok(key) => key,
        Err(failure) => return vec![Finding::failure(CHECK, &failure)],
    };
    if let Err(failure) = store.check_bucket() {
        return vec![Finding::failure(CHECK, &failure)];
    }
    let place = store.location(&key);
    if let Err(failure) = store.put(&key, PROBE) {
        return vec![refused(&failure)];
    }
    let mut found = Vec::new();
    match store.head(&key) {
        Ok(Some(head)) if head.size_bytes == PROBE.len() as u64 => {
            found.push(Finding::ok(CHECK, format!("{place} was written and read back")));
        }
        Ok(Some(head)) => {
            let text = format!("{place} has {} bytes instead of {}", head.size_bytes, PROBE.len());
            found.push(Finding::fail(CHECK, text, "this store changes what it is given"));
        }
        Ok(None) => {
            let text = format!("{place} was confirmed and is not there");
            found.push(Finding::fail(CHECK, text, "this store loses what it is given"));
        }
        Err(failure) => {
            let text = format!("objects can be written, and not looked at: {}", failure.what);
            let cure = "allow s3:GetObject below users/; without it fitsync verify cannot work";
            found.push(Finding::warn(CHECK, text, cure));
        }
    }
    if let Err(failure) = store.delete(&key) {
        let text = format!("{place} cannot be deleted: {}", failure.what);
        let cure = "delete it yourself; fitsync withdraw --delete-objects needs s3:DeleteObject";
        found.push(Finding::warn(CHECK, text, cure));
    }
    found
}

/// The bucket has answered: a policy refuses, or what the failure itself names (keys, a key of
/// its encryption).
fn refused(failure: &Failure) -> Finding {
    let finding = Finding::failure(CHECK, failure);
    if !is_denial(failure) {
        return finding;
    }
    let text = format!("the bucket answers, and refuses writes: {}", finding.text);
    Finding::fail(CHECK, text, "allow s3:PutObject below users/ of this bucket for these keys")
}
