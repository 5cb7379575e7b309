//! The one loop that sends to S3, and what it mends on the way: another region, a wrong clock, a
//! session that ended, checksums that the store does not take; each once per request.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::aws::keys::Credentials;
use crate::core::backoff::{self, Next};
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::exchange::{Reply, Request};
use crate::io::{random, stop};
use crate::limits::{CLOCK_SKEW_S_MIN, S3_TRIES_S_MAX};
use crate::s3::error::{Context, S3Error, read_error};
use crate::s3::refusal::Refusal;
use crate::s3::request::{Encryption, SignedOptions, Signing, SumsUsed, Target};
use crate::s3::store::Store;

/// Makes a request for one try.
pub(super) type Make<'a> = &'a dyn Fn(&Signing<'_>) -> Result<Request>;

/// One thing to do: how its request is made for each try, and what is wrong with a reply of 2xx.
pub(super) struct Task<'a> {
    /// The permission that it needs, as a policy names it.
    pub(super) action: &'static str,
    pub(super) make: Make<'a>,
    pub(super) accept: &'a dyn Fn(&Reply) -> Result<()>,
    /// What is an answer too, when nothing can be mended.
    pub(super) answers: &'static [u16],
    /// Asked once when a HEAD is refused: its refusal has no body, this one's says why.
    pub(super) explain: Option<Make<'a>>,
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
