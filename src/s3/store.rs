//! The bucket: put, look at, delete. One `Store` per run, shared by its threads.
//!
//! ```text
//! let store = Store::new(config, &http)?;
//! let key = store.key("users/u/steps/u_steps_20261122.csv")?;   // the prefix is added here
//! store.put(&key, &bytes)?;      // verified: what S3 says it holds is what was sent
//! store.head(&key)?;             // None: not there
//! store.get(&key, bytes_max)?;   // likewise
//! store.delete(&key)?;           // also when it was not there
//! ```
//!
//! What can be mended is mended here, each once per request: another region, a wrong clock, a
//! session that ended. Network, 5xx and 503 are tried again a few times (`core/backoff.rs`), a
//! long silence is not: a `Network`, `Server` or `Quota` failure that comes out means the store is
//! out of reach now: leave the queue for later. `Config` and `Clock` touch every file: stop
//! uploading, go on fetching.
//!
//! `new` reads the profile files but runs and asks nothing: credentials are found at the first
//! request, once per run, and their failure comes out of every call.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::aws::credentials::{CredentialsProvider, Sources};
use crate::aws::endpoint::unknown_region;
use crate::aws::environment::Environment;
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::exchange::Reply;
use crate::io::net::http::Http;
use crate::s3::endpoint::check_endpoint;
use crate::s3::error::read_error;
use crate::s3::key::ObjectKey;
use crate::s3::refusal::Refusal;
use crate::s3::request::{self, Encryption, SignedOptions, SumsUsed, Target};
use crate::s3::send::Task;
use crate::s3::sums::{self, Held};

/// Where requests go when nothing names a region: S3's answer then names the bucket's.
const REGION_FALLBACK: &str = "us-east-1";

/// A key that may not list is told of a missing object as of a denied one.
const READ: &str = "s3:GetObject and s3:ListBucket";

/// What the operator set for S3; checked where settings are.
#[derive(Debug, Clone, Default)]
pub struct StoreConfig {
    /// `S3_BUCKET_RAW`.
    pub bucket: String,
    /// `FITSYNC_S3_PREFIX`; empty for none.
    pub prefix: String,
    /// `FITSYNC_S3_SSE`.
    pub encryption: Option<Encryption>,
    /// `FITSYNC_S3_EXPECTED_OWNER`.
    pub expected_owner: Option<String>,
    /// `FITSYNC_ALLOW_INSECURE_S3=1`.
    pub allow_insecure: bool,
    /// The store's own sentence stands in failures: for `doctor`.
    pub tell_messages: bool,
    pub environment: Environment,
}

/// What S3 says it has stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub etag: String,
}

#[derive(Debug)]
pub struct Store {
    pub(super) prefix: String,
    pub(super) options: SignedOptions,
    /// What this store takes of AWS's checksums: learnt from its refusals.
    pub(super) sums: Mutex<SumsUsed>,
    /// Its region is corrected when S3 names another one.
    pub(super) target: Mutex<Target>,
    /// What is odd about the region that the settings name.
    pub(super) region_doubt: Option<String>,
    pub(super) tell_messages: bool,
    pub(super) credentials: CredentialsProvider,
    pub(super) http: Http,
    pub(super) clock_told: AtomicBool,
}

impl Store {
    /// Reads the profile files of `config.environment`; runs and asks nothing.
    pub fn new(config: StoreConfig, http: &Http) -> Result<Self> {
        let sources = Sources::read(config.environment)?;
        let settings = sources.settings()?;
        let endpoint = settings.s3_endpoint;
        if let Some(endpoint) = &endpoint {
            check_endpoint(endpoint, &config.bucket, config.allow_insecure)?;
        }
        let credentials = CredentialsProvider::open(sources, http)?;
        let region_doubt = settings.region.as_deref().filter(|_| endpoint.is_none());
        let region_doubt = region_doubt.and_then(unknown_region);
        if let Some(doubt) = &region_doubt {
            log::warn!("{doubt}");
        }
        let target = Target {
            bucket: config.bucket,
            region: settings.region.unwrap_or_else(|| REGION_FALLBACK.to_owned()),
            // As boto3 has it: another address means path style unless told otherwise.
            path_style: settings.path_style.unwrap_or(endpoint.is_some()),
            endpoint,
            variant: settings.variant,
        };
        let options = SignedOptions {
            encryption: config.encryption,
            expected_owner: config.expected_owner,
            sums: SumsUsed { sent: settings.sends_sums, asked: settings.asks_sums },
        };
        Ok(Self {
            prefix: config.prefix,
            sums: Mutex::new(options.sums),
            options,
            target: Mutex::new(target),
            region_doubt,
            tell_messages: config.tell_messages,
            credentials,
            http: http.clone(),
            clock_told: AtomicBool::new(false),
        })
    }

    /// The key of one of our paths, which is the same as below the data folder.
    pub fn key(&self, path: &str) -> Result<ObjectKey> {
        ObjectKey::new(&self.prefix, path)
    }

    /// `s3://bucket/prefix/…`, as the AWS tools write it.
    pub fn location(&self, key: &ObjectKey) -> String {
        format!("s3://{}/{key}", self.target().bucket)
    }

    /// Where requests go, for `doctor`.
    pub fn address(&self) -> Result<String> {
        self.target().address()
    }

    /// Where the credentials come from, for `doctor` and logs; it asks nothing.
    pub fn credentials_source(&self) -> &str {
        self.credentials.source()
    }

    /// Finds the credentials now, for `doctor`.
    pub fn check_credentials(&self) -> Result<()> {
        self.credentials.get().map(drop)
    }

    pub fn put(&self, key: &ObjectKey, body: &[u8]) -> Result<Stored> {
        let kms_asked = matches!(self.options.encryption, Some(Encryption::Kms { .. }));
        let reply = self.deliver(&Task {
            action: "s3:PutObject",
            make: &|signing| request::put(signing, key, body),
            accept: &|reply| check_stored(reply, body, kms_asked),
            answers: &[],
            explain: None,
        })?;
        Ok(Stored { etag: reply.header("etag").unwrap_or_default().to_owned() })
    }

    /// What is stored under the key; `None` when nothing is.
    pub fn head(&self, key: &ObjectKey) -> Result<Option<Held>> {
        let reply = self.deliver(&Task {
            action: READ,
            make: &|signing| request::head(signing, key),
            accept: &|reply| head_of(reply).map(drop),
            answers: &[404],
            explain: Some(&|signing| request::first_byte(signing, key)),
        })?;
        if reply.status == 404 {
            return Ok(None);
        }
        head_of(&reply).map(Some)
    }

    /// What is stored under the key, at most so many bytes; `None` when nothing is.
    pub fn get(&self, key: &ObjectKey, bytes_max: u64) -> Result<Option<Vec<u8>>> {
        let reply = self.deliver(&Task {
            action: READ,
            make: &|signing| request::get(signing, key, bytes_max),
            accept: &|_| Ok(()),
            answers: &[404],
            explain: None,
        })?;
        Ok(reply.ok().then_some(reply.body))
    }

    /// Fails when the bucket is not there: `head` cannot tell that from a missing object. Keys that
    /// may not list the bucket, and stores that do not know the question, are no failure.
    pub fn check_bucket(&self) -> Result<()> {
        let reply = self.deliver(&Task {
            action: READ,
            make: &request::head_bucket,
            accept: &|_| Ok(()),
            answers: &[403, 404, 405, 501],
            explain: Some(&request::first_object),
        })?;
        if reply.status != 404 {
            return Ok(());
        }
        let mut error = read_error(&reply);
        error.kind = Refusal::NoSuchBucket;
        Err(self.failure(&error, READ))
    }

    /// The time by which requests are signed.
    pub(super) fn now(&self) -> Timestamp {
        self.http.clock().now()
    }

    pub fn delete(&self, key: &ObjectKey) -> Result<()> {
        let task = Task {
            action: "s3:DeleteObject",
            make: &|signing| request::delete(signing, key),
            accept: &|_| Ok(()),
            answers: &[],
            explain: None,
        };
        self.deliver(&task).map(drop)
    }

    pub(super) fn target(&self) -> Target {
        self.target.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn not_s3(why: &str) -> Failure {
    Failure::new(ErrorClass::Network, format!("the answer is not from S3: {why}"))
}

/// Whether KMS is in play: the ETag is then no MD5.
fn by_kms(reply: &Reply) -> bool {
    reply.header("x-amz-server-side-encryption").is_some_and(|sse| sse.starts_with("aws:kms"))
}

/// S3 confirms an upload by its ETag, and by the checksum where it keeps one.
fn check_stored(reply: &Reply, body: &[u8], kms_asked: bool) -> Result<()> {
    let etag = reply.header("etag").ok_or_else(|| not_s3("an upload without ETag"))?;
    let md5 = sums::md5_of_etag(etag).filter(|_| !kms_asked && !by_kms(reply));
    // An ETag is whatever a store makes of it; the checksum is the stronger word.
    let same = match (reply.header("x-amz-checksum-sha256"), md5) {
        (Some(sha256), _) => sha256 == sums::sha256_base64(body),
        (None, Some(md5)) => md5 == sums::md5_hex(body),
        (None, None) => true,
    };
    if !same {
        return Err(Failure::new(ErrorClass::Network, "what S3 stored is not what was sent"));
    }
    Ok(())
}

fn head_of(reply: &Reply) -> Result<Held> {
    let size = reply.header("content-length").and_then(|size| size.trim().parse().ok());
    let size_bytes = size.ok_or_else(|| not_s3("a HEAD without Content-Length"))?;
    let etag = reply.header("etag").ok_or_else(|| not_s3("a HEAD without ETag"))?.to_owned();
    // A checksum of parts ends in `-N` and is not one of the whole object.
    let whole = |sum: &&str| !sum.contains('-');
    let sha256_base64 =
        reply.header("x-amz-checksum-sha256").filter(whole).map(|sum| sum.trim().to_owned());
    Ok(Held { size_bytes, etag, sha256_base64, kms: by_kms(reply) })
}
