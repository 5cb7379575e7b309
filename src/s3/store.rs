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

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::aws::credentials::{CredentialsProvider, Sources};
use crate::aws::environment::Environment;
use crate::aws::keys::Credentials;
use crate::core::backoff::{self, Next};
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::exchange::{Method, Reply, Request};
use crate::io::http::{Http, is_loopback_url};
use crate::io::{random, stop};
use crate::limits::{CLOCK_SKEW_S_MIN, S3_TRIES_S_MAX};
use crate::s3::error::{Context, Refusal, S3Error, read_error};
use crate::s3::key::ObjectKey;
use crate::s3::request::{self, Encryption, SignedOptions, Signing, Target};
use crate::s3::sums::{self, Held};

/// Where requests go when nothing names a region: S3's answer then names the bucket's.
const REGION_FALLBACK: &str = "us-east-1";

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
    pub environment: Environment,
}

/// What S3 says it has stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub etag: String,
}

#[derive(Debug)]
pub struct Store {
    prefix: String,
    options: SignedOptions,
    /// Its region is corrected when S3 names another one.
    target: Mutex<Target>,
    credentials: CredentialsProvider,
    http: Http,
    clock_told: AtomicBool,
}

/// One thing to do: how its request is made for each try, and what is wrong with a reply of 2xx.
pub(super) struct Task<'a> {
    pub(super) method: Method,
    pub(super) make: &'a dyn Fn(&Signing<'_>) -> Result<Request>,
    pub(super) accept: &'a dyn Fn(&Reply) -> Result<()>,
    /// What is an answer too, when nothing can be mended.
    pub(super) answers: &'static [u16],
}

/// What has been mended for this request; each once.
#[derive(Default)]
struct Mended {
    region: bool,
    clock: bool,
    session: bool,
}

impl Store {
    /// Reads the profile files of `config.environment`; runs and asks nothing.
    pub fn new(config: StoreConfig, http: &Http) -> Result<Self> {
        let sources = Sources::read(config.environment)?;
        let settings = sources.settings();
        let credentials = CredentialsProvider::open(sources, http)?;
        let endpoint = settings.s3_endpoint;
        if let Some(endpoint) = &endpoint {
            check_endpoint(endpoint, config.allow_insecure)?;
        }
        let target = Target {
            bucket: config.bucket,
            region: settings.region.unwrap_or_else(|| REGION_FALLBACK.to_owned()),
            // As boto3 has it: another address means path style unless told otherwise.
            path_style: settings.path_style.unwrap_or(endpoint.is_some()),
            endpoint,
            variant: settings.variant,
        };
        let options =
            SignedOptions { encryption: config.encryption, expected_owner: config.expected_owner };
        Ok(Self {
            prefix: config.prefix,
            options,
            target: Mutex::new(target),
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
            method: Method::Put,
            make: &|signing| request::put(signing, key, body),
            accept: &|reply| check_stored(reply, body, kms_asked),
            answers: &[],
        })?;
        Ok(Stored { etag: reply.header("etag").unwrap_or_default().to_owned() })
    }

    /// What is stored under the key; `None` when nothing is.
    pub fn head(&self, key: &ObjectKey) -> Result<Option<Held>> {
        let reply = self.deliver(&Task {
            method: Method::Head,
            make: &|signing| request::head(signing, key),
            accept: &|reply| head_of(reply).map(drop),
            answers: &[404],
        })?;
        if reply.status == 404 {
            return Ok(None);
        }
        head_of(&reply).map(Some)
    }

    /// What is stored under the key, at most so many bytes; `None` when nothing is.
    pub fn get(&self, key: &ObjectKey, bytes_max: u64) -> Result<Option<Vec<u8>>> {
        let reply = self.deliver(&Task {
            method: Method::Get,
            make: &|signing| request::get(signing, key, bytes_max),
            accept: &|_| Ok(()),
            answers: &[404],
        })?;
        Ok(reply.ok().then_some(reply.body))
    }

    /// Fails when the bucket is not there: `head` cannot tell that from a missing object. Keys that
    /// may not list the bucket, and stores that do not know the question, are no failure.
    pub fn check_bucket(&self) -> Result<()> {
        let reply = self.deliver(&Task {
            method: Method::Head,
            make: &request::head_bucket,
            accept: &|_| Ok(()),
            answers: &[403, 404, 405, 501],
        })?;
        if reply.status != 404 {
            return Ok(());
        }
        let mut error = read_error(&reply);
        error.kind = Refusal::NoSuchBucket;
        Err(self.failure(&error, Method::Head))
    }

    pub fn delete(&self, key: &ObjectKey) -> Result<()> {
        let task = Task {
            method: Method::Delete,
            make: &|signing| request::delete(signing, key),
            accept: &|_| Ok(()),
            answers: &[],
        };
        self.deliver(&task).map(drop)
    }

    fn target(&self) -> Target {
        self.target.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The one loop that sends to S3: bounded by the tries of `backoff` and by what can be mended.
    pub(super) fn deliver(&self, task: &Task<'_>) -> Result<Reply> {
        let mut mended = Mended::default();
        let (mut attempt, begun) = (1, Instant::now());
        loop {
            stop::check()?;
            // Their own failures have had their own tries.
            let credentials = self.credentials.get()?;
            let failure = match self.attempt(task, &credentials, &mut mended) {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => continue,
                Err(failure) => failure,
            };
            let late = begun.elapsed() >= Duration::from_secs(S3_TRIES_S_MAX);
            match backoff::next(&failure, attempt, random::number()) {
                Next::WaitMs(ms) if !late => stop::wait(Duration::from_millis(ms))?,
                _ => return Err(failure),
            }
            log::debug!("S3, try {attempt}: {failure}");
            attempt += 1;
        }
    }

    /// One try; `None` when it failed and the reason was mended.
    fn attempt(
        &self,
        task: &Task<'_>,
        credentials: &Arc<Credentials>,
        mended: &mut Mended,
    ) -> Result<Option<Reply>> {
        let target = self.target();
        let skew_s = self.http.clock().skew_s();
        let now = self.http.clock().now();
        let options = &self.options;
        let request = (task.make)(&Signing { target: &target, options, credentials, now })?;
        let reply = self.http.send(&request)?;
        if reply.ok() {
            (task.accept)(&reply).map_err(|failure| failure.at(request.label()))?;
            return Ok(Some(reply));
        }
        let error = read_error(&reply);
        if self.mend(&error, &target, skew_s, credentials, mended)? {
            return Ok(None);
        }
        if task.answers.contains(&reply.status) {
            return Ok(Some(reply));
        }
        Err(self.failure(&error, task.method).at(request.label()))
    }

    /// Removes the reason of a refusal, if it is one that can be removed and has not been.
    fn mend(
        &self,
        error: &S3Error,
        used: &Target,
        skew_s: i64,
        credentials: &Arc<Credentials>,
        mended: &mut Mended,
    ) -> Result<bool> {
        if let Refusal::WrongRegion(Some(region)) = &error.kind
            && *region != used.region
            && !mended.region
        {
            mended.region = true;
            self.move_to(region);
            return Ok(true);
        }
        let learnt_s = (self.http.clock().skew_s() - skew_s).abs();
        if matches!(error.status, 400 | 401 | 403) && learnt_s > CLOCK_SKEW_S_MIN && !mended.clock {
            mended.clock = true;
            self.tell_clock(learnt_s);
            return Ok(true);
        }
        if error.kind == Refusal::SessionEnded && !mended.session {
            mended.session = true;
            return self.credentials.renew(credentials);
        }
        Ok(false)
    }

    fn tell_clock(&self, learnt_s: i64) {
        if !self.clock_told.swap(true, Ordering::Relaxed) {
            log::warn!("this machine's clock is wrong by {learnt_s} s: signing with S3's time");
        }
    }

    /// Remembers the bucket's region for the rest of the run and says so once.
    fn move_to(&self, region: &str) {
        let mut target = self.target.lock().unwrap_or_else(PoisonError::into_inner);
        if target.region != region {
            let (bucket, from) = (&target.bucket, &target.region);
            log::warn!("bucket {bucket} is in {region}, not {from}: set AWS_REGION={region}");
            region.clone_into(&mut target.region);
        }
    }

    fn failure(&self, error: &S3Error, method: Method) -> Failure {
        let target = self.target();
        error.failure(&Context {
            bucket: &target.bucket,
            region: &target.region,
            source: self.credentials.source(),
            method,
            kms: matches!(self.options.encryption, Some(Encryption::Kms { .. })),
            expected_owner: self.options.expected_owner.as_deref(),
            machine: self.http.clock().machine(),
        })
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

fn check_endpoint(endpoint: &str, allow_insecure: bool) -> Result<()> {
    if endpoint.starts_with("https://") || is_loopback_url(endpoint) {
        return Ok(());
    }
    if endpoint.starts_with("http://") && allow_insecure {
        log::warn!("S3 at {endpoint}: health data travels unencrypted");
        return Ok(());
    }
    let what = format!(
        "S3 endpoint {endpoint} is not https://; on a network of your own \
         FITSYNC_ALLOW_INSECURE_S3=1 allows http://"
    );
    Err(Failure::new(ErrorClass::Usage, what))
}
