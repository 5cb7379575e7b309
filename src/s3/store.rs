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

use jiff::Timestamp;

use crate::aws::credentials::{CredentialsProvider, Sources};
use crate::aws::endpoint::unknown_region;
use crate::aws::environment::Environment;
use crate::aws::keys::Credentials;
use crate::core::address::Address;
use crate::core::backoff::{self, Next};
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::exchange::{Reply, Request};
use crate::io::http::Http;
use crate::io::{random, stop};
use crate::limits::{CLOCK_SKEW_S_MIN, S3_TRIES_S_MAX};
use crate::s3::error::{Context, Refusal, S3Error, read_error};
use crate::s3::key::ObjectKey;
use crate::s3::request::{self, Encryption, SignedOptions, Signing, SumsUsed, Target};
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
    prefix: String,
    options: SignedOptions,
    /// What this store takes of AWS's checksums: learnt from its refusals.
    sums: Mutex<SumsUsed>,
    /// Its region is corrected when S3 names another one.
    target: Mutex<Target>,
    /// What is odd about the region that the settings name.
    region_doubt: Option<String>,
    tell_messages: bool,
    credentials: CredentialsProvider,
    http: Http,
    clock_told: AtomicBool,
}

/// One thing to do: how its request is made for each try, and what is wrong with a reply of 2xx.
pub(super) struct Task<'a> {
    /// The permission that it needs, as a policy names it.
    pub(super) action: &'static str,
    pub(super) make: &'a dyn Fn(&Signing<'_>) -> Result<Request>,
    pub(super) accept: &'a dyn Fn(&Reply) -> Result<()>,
    /// What is an answer too, when nothing can be mended.
    pub(super) answers: &'static [u16],
    /// Asked once when a HEAD is refused: its refusal has no body, this one's says why.
    pub(super) explain: Option<&'a dyn Fn(&Signing<'_>) -> Result<Request>>,
}

/// What a try was made with.
struct Used<'a> {
    target: &'a Target,
    sums: SumsUsed,
    skew_s: i64,
    credentials: &'a Arc<Credentials>,
}

/// What has been mended for this request; each once.
#[derive(Default)]
struct Mended {
    region: bool,
    clock: bool,
    session: bool,
    sums: bool,
    explained: bool,
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
        let options = SignedOptions { sums: self.sums(), ..self.options.clone() };
        let signing = Signing { target: &target, options: &options, credentials, now };
        let request = (task.make)(&signing)?;
        let reply = self.http.send(&request).map_err(|failure| self.doubting(failure))?;
        if reply.ok() {
            (task.accept)(&reply).map_err(|failure| failure.at(request.label()))?;
            return Ok(Some(reply));
        }
        let mut error = read_error(&reply);
        if let Some(explain) = task.explain.filter(|_| error.is_bare() && !mended.explained) {
            mended.explained = true;
            let why = self.http.send(&explain(&signing)?)?;
            // What is out of order explains nothing.
            if matches!(why.status, 301..=308 | 400..=403 | 501) {
                error = read_error(&why);
            }
        }
        if let Some(message) = &error.message {
            log::debug!("S3 says: {message}");
        }
        let used = Used { target: &target, sums: options.sums, skew_s, credentials };
        if self.mend(&error, &used, mended)? {
            mended.explained = false;
            return Ok(None);
        }
        let why_is_known = task.explain.is_some() && error.names_the_keys();
        if task.answers.contains(&reply.status) && !why_is_known {
            return Ok(Some(reply));
        }
        Err(self.failure_of(&error, task.action, request.body.len()).at(request.label()))
    }

    fn sums(&self) -> SumsUsed {
        *self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on without what the store refuses; said once.
    fn drop_sums(&self, used: SumsUsed) -> bool {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        if *sums == used && (used.sent || used.asked) {
            log::warn!(
                "this store does not take x-amz-checksum headers: uploads go with Content-MD5 \
                 alone; AWS_REQUEST_CHECKSUM_CALCULATION=when_required saves the question"
            );
            *sums = SumsUsed { sent: false, asked: false };
            return true;
        }
        *sums != used
    }

    /// A region that nobody knows is the likeliest reason why its host is not found.
    fn doubting(&self, failure: Failure) -> Failure {
        match &self.region_doubt {
            Some(doubt) if failure.class == ErrorClass::Network => {
                Failure { what: format!("{}; {doubt}", failure.what), ..failure }
            }
            _ => failure,
        }
    }

    /// Removes the reason of a refusal, if it is one that can be removed and has not been.
    fn mend(&self, error: &S3Error, used: &Used<'_>, mended: &mut Mended) -> Result<bool> {
        if let Refusal::WrongRegion(Some(region)) = &error.kind
            && *region != used.target.region
            && !mended.region
        {
            mended.region = true;
            self.move_to(region);
            return Ok(true);
        }
        if error.kind == Refusal::Checksums && !mended.sums {
            mended.sums = true;
            return Ok(self.drop_sums(used.sums));
        }
        let learnt_s = (self.http.clock().skew_s() - used.skew_s).abs();
        if matches!(error.status, 400 | 401 | 403) && learnt_s > CLOCK_SKEW_S_MIN && !mended.clock {
            mended.clock = true;
            self.tell_clock(learnt_s);
            return Ok(true);
        }
        if error.kind == Refusal::SessionEnded && !mended.session {
            mended.session = true;
            return self.credentials.renew(used.credentials);
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

    /// The line for the operator, of what needs this permission.
    pub(super) fn failure(&self, error: &S3Error, action: &'static str) -> Failure {
        self.failure_of(error, action, 0)
    }

    fn failure_of(&self, error: &S3Error, action: &'static str, body_bytes: usize) -> Failure {
        let target = self.target();
        error.failure(&Context {
            bucket: &target.bucket,
            region: &target.region,
            endpoint: target.endpoint.as_deref(),
            body_bytes,
            tell_message: self.tell_messages,
            source: self.credentials.source(),
            action,
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

/// Settings that cannot be right, before anything is asked.
fn check_endpoint(endpoint: &str, bucket: &str, allow_insecure: bool) -> Result<()> {
    let usage = |what: String| Err(Failure::new(ErrorClass::Usage, what));
    let address = match Address::parse(endpoint) {
        Ok(address) => address,
        Err(unfit) => {
            let why = unfit.why();
            return usage(format!("the S3 endpoint {:?}: {why}", shown_endpoint(endpoint)));
        }
    };
    let in_host = address.host().strip_prefix(bucket).is_some_and(|rest| rest.starts_with('.'));
    let in_path = address.path().split('/').any(|part| part == bucket);
    if in_host || in_path {
        let (scheme, authority) =
            (if address.secure() { "https" } else { "http" }, address.authority());
        let host = authority.strip_prefix(&format!("{bucket}.")).unwrap_or(authority);
        // Fetching goes on: the files wait.
        return Err(Failure::new(
            ErrorClass::Config,
            format!(
                "the S3 endpoint {endpoint} already holds the bucket {bucket}, so that objects land \
                 below a second {bucket}/: set AWS_ENDPOINT_URL={scheme}://{host}, and \
                 FITSYNC_S3_PREFIX={bucket} to stay where the objects lie now"
            ),
        ));
    }
    if address.secure() || address.is_loopback() {
        return Ok(());
    }
    if allow_insecure {
        log::warn!("S3 at {endpoint}: health data travels unencrypted");
        return Ok(());
    }
    usage(format!(
        "S3 endpoint {endpoint} is not https://; on a network of your own \
         FITSYNC_ALLOW_INSECURE_S3=1 allows http://"
    ))
}

/// Without what may be a password.
fn shown_endpoint(endpoint: &str) -> &str {
    endpoint.rsplit_once('@').map_or(endpoint, |(_, rest)| rest)
}
