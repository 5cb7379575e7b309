//! The key pair of a run: found once, shared by all threads, renewed in time.
//!
//! `chain.rs` decides where it comes from; here the profile files are read and the steps
//! are run. A thread that comes while another is finding the pair waits for that one's result.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::aws::chain::{self, Base, Chain};
use crate::aws::container::{self, ContainerToken};
use crate::aws::environment::Environment;
use crate::aws::keys::Credentials;
use crate::aws::profile::{ProfileFile, Profiles};
use crate::aws::settings::AwsSettings;
use crate::aws::{process, sts};
use crate::core::address::is_loopback_url;
use crate::core::backoff::{self, Next};
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::exchange::{Reply, Request};
use crate::io::net::http::Http;
use crate::io::{random, stop, trust};
use crate::limits::{
    AWS_FILE_BYTES_MAX, CLOCK_SKEW_S_MIN, CREDENTIALS_FAILED_FOR_S, CREDENTIALS_LEFT_S_MIN,
};

/// What the environment and the profile files say.
#[derive(Debug, Clone)]
pub struct Sources {
    environment: Environment,
    profiles: Profiles,
}

impl Sources {
    pub fn read(environment: Environment) -> Result<Self> {
        let config = profile_file(&environment, "AWS_CONFIG_FILE", "~/.aws/config")?;
        let credentials =
            profile_file(&environment, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")?;
        let file = |(path, text)| ProfileFile { path, text };
        let profiles =
            Profiles::read(file((&config.0, &config.1)), file((&credentials.0, &credentials.1)))?;
        let environment = environment.on_ec2(is_ec2());
        Ok(Self { environment, profiles })
    }

    /// Region, addresses, CA bundle.
    pub fn settings(&self) -> Result<AwsSettings> {
        AwsSettings::new(&self.environment, &self.profiles)
    }
}

/// Whether this machine says of itself that it is one of Amazon EC2: others ask nobody at
/// 169.254.169.254.
fn is_ec2() -> bool {
    let tells = |name: &str| {
        let path = Path::new("/sys/class/dmi/id").join(name);
        let text = std::fs::read_to_string(path).unwrap_or_default().to_ascii_lowercase();
        text.contains("amazon ec2") || (name == "product_uuid" && text.starts_with("ec2"))
    };
    ["sys_vendor", "board_vendor", "bios_vendor", "product_uuid"].iter().any(|name| tells(name))
}

/// Path as it is shown, and text; a file that is not there is empty.
fn profile_file(environment: &Environment, name: &str, default: &str) -> Result<(String, String)> {
    let shown = environment.get(name).unwrap_or(default);
    let refuse = |why: &str| {
        let what = format!("cannot read the AWS profiles: {why}");
        Failure::new(ErrorClass::Config, what).at(shown)
    };
    let path = environment.expand(shown);
    if path.starts_with('~') {
        return Ok((format!("{shown} (HOME is not set)"), String::new()));
    }
    let instead = format!("name another file with {name}");
    let bytes = trust::read(Path::new(&path), AWS_FILE_BYTES_MAX, &instead);
    let bytes = bytes.map_err(|failure| refuse(&failure.what))?;
    if bytes.is_none() && environment.get(name).is_some() {
        log::warn!("{name} names {shown}, which is not there");
    }
    let text = String::from_utf8(bytes.unwrap_or_default());
    Ok((shown.to_owned(), text.map_err(|_| refuse("it is not UTF-8"))?))
}

/// Gives the key pair, for as long as the run takes.
#[derive(Debug)]
pub struct CredentialsProvider {
    environment: Environment,
    settings: AwsSettings,
    chain: Chain,
    http: Http,
    state: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    held: Option<Held>,
    /// The last attempt, when it failed: not repeated for every file.
    failed: Option<(Instant, Failure)>,
}

#[derive(Debug, Clone)]
struct Held {
    credentials: Arc<Credentials>,
    renew_at: Option<Timestamp>,
}

impl CredentialsProvider {
    /// Finds out where credentials come from; nothing is run or asked yet.
    pub fn open(sources: Sources, http: &Http) -> Result<Self> {
        let chain = chain::resolve(&sources.environment, &sources.profiles)?;
        if let Some(warning) = &chain.warning {
            log::warn!("{warning}");
        }
        let settings = sources.settings()?;
        for name in &settings.ignored {
            let upper = name.to_ascii_uppercase();
            log::warn!("{name} of the AWS profile is not read: set AWS_{upper}");
        }
        check_sts(&chain, &settings)?;
        let environment = sources.environment;
        Ok(Self { environment, settings, chain, http: http.clone(), state: Mutex::default() })
    }

    /// `AWS_PROFILE=clinic found in ~/.aws/config, credential_process`
    pub fn source(&self) -> &str {
        &self.chain.source
    }

    /// The key pair, renewed first if it is about to expire.
    pub fn get(&self) -> Result<Arc<Credentials>> {
        self.current(&mut self.lock())
    }

    /// After the store said that the session of `stale` has ended: whether there is another pair.
    pub fn renew(&self, stale: &Arc<Credentials>) -> Result<bool> {
        let mut state = self.lock();
        let renewed = |held: &Held| !Arc::ptr_eq(&held.credentials, stale);
        if state.held.as_ref().is_some_and(renewed) {
            return Ok(true);
        }
        if matches!(self.chain.base, Base::Keys(_)) && self.chain.roles.is_empty() {
            return Ok(false);
        }
        state.held = None;
        self.current(&mut state).map(|_| true)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self, state: &mut Known) -> Result<Arc<Credentials>> {
        let now = self.http.clock().now();
        if let Some(held) = &state.held
            && held.renew_at.is_none_or(|at| now < at)
        {
            return Ok(Arc::clone(&held.credentials));
        }
        let pause = Duration::from_secs(CREDENTIALS_FAILED_FOR_S);
        let recent = state.failed.as_ref().filter(|(at, _)| at.elapsed() < pause);
        let failure = match recent {
            Some((_, failure)) => failure.clone(),
            None => match self.find() {
                Ok(found) => return Ok(self.hold(state, found)),
                Err(failure) => {
                    state.failed = Some((Instant::now(), failure.clone()));
                    log::debug!("credentials: {failure}");
                    failure
                }
            },
        };
        // Not renewed, but not ended either.
        let left = |held: &&Held| {
            let ends = held.credentials.expires_at.map(Timestamp::as_second);
            ends.is_some_and(|ends| ends - now.as_second() > CREDENTIALS_LEFT_S_MIN)
        };
        match state.held.as_ref().filter(left) {
            Some(held) => Ok(Arc::clone(&held.credentials)),
            None => Err(failure),
        }
    }

    fn hold(&self, state: &mut Known, found: Credentials) -> Arc<Credentials> {
        let now = self.http.clock().now();
        log::info!("credentials: {}, {}", self.chain.brief, until(now, found.expires_at));
        let renew_at = found.expires_at.map(|at| sts::renew_at(now, at));
        let credentials = Arc::new(found);
        state.held = Some(Held { credentials: Arc::clone(&credentials), renew_at });
        state.failed = None;
        credentials
    }

    /// Runs the chain.
    fn find(&self) -> Result<Credentials> {
        let source = self.source();
        let mut credentials = match &self.chain.base {
            Base::Keys(keys) => keys.clone(),
            Base::Process(command) => {
                let now = self.http.clock().now();
                process::run(command, &self.environment, source, now)?
            }
            Base::Container(container) => {
                let token = match &container.token {
                    Some(ContainerToken::File(path)) => Some(token_of(path)?),
                    Some(ContainerToken::Text(text)) => Some(text.clone()),
                    None => None,
                };
                let request = container::request(container, token.as_ref())?;
                self.send(|_| Ok(request.clone()), |reply| container::read(reply, source))?
            }
            Base::Metadata(address) => self.of_metadata(address)?,
            Base::WebIdentity { role_arn, token_file, session_name } => {
                let token = token_of(token_file)?;
                let session_name = session_name.as_deref();
                self.ask(role_arn, |_| {
                    let settings = &self.settings;
                    sts::assume_role_with_web_identity(settings, role_arn, session_name, &token)
                })?
            }
        };
        for role in &self.chain.roles {
            credentials = self.ask(&role.role_arn, |now| {
                sts::assume_role(&self.settings, role, &credentials, now)
            })?;
        }
        Ok(credentials)
    }

    /// The keys of an EC2 machine's role: a token, the role's name, its keys.
    fn of_metadata(&self, address: &str) -> Result<Credentials> {
        let source = self.source();
        let refused = |reply: &Reply| container::read(reply, source).err();
        let text = |reply: &Reply| match refused(reply).filter(|_| !reply.ok()) {
            Some(failure) => Err(failure),
            None => Ok(Secret::new(String::from_utf8_lossy(&reply.body).trim())),
        };
        let token = self.send(|_| Ok(container::token_request(address)), text)?;
        let role = self.send(
            |_| Ok(container::role_request(address, &token)),
            |reply| text(reply).and_then(|_| container::role_of(reply)),
        )?;
        self.send(
            |_| Ok(container::keys_request(address, &token, &role)),
            |reply| container::read(reply, source),
        )
    }

    /// Asks STS; `make` signs anew for each try.
    fn ask(&self, role_arn: &str, make: impl Fn(Timestamp) -> Request) -> Result<Credentials> {
        self.send(|now| Ok(make(now)), |reply| sts::read(reply, role_arn, self.source()))
    }

    /// Sends a bounded number of times, once more when only the time was wrong.
    fn send<T>(
        &self,
        make: impl Fn(Timestamp) -> Result<Request>,
        read: impl Fn(&Reply) -> Result<T>,
    ) -> Result<T> {
        let clock = self.http.clock();
        let (mut attempt, mut clock_mended) = (1, false);
        loop {
            stop::check()?;
            let skew_s = clock.skew_s();
            let request = make(clock.now())?;
            let failure = match self.http.send(&request) {
                Ok(reply) => match read(&reply) {
                    Ok(found) => return Ok(found),
                    Err(failure) => {
                        let learnt_s = (clock.skew_s() - skew_s).abs();
                        if sts::may_be_time(&reply) && learnt_s > CLOCK_SKEW_S_MIN && !clock_mended
                        {
                            clock_mended = true;
                            continue;
                        }
                        failure.at(request.label())
                    }
                },
                Err(failure) => failure,
            };
            match backoff::next(&failure, attempt, random::number()) {
                Next::WaitMs(ms) => stop::wait(Duration::from_millis(ms))?,
                Next::GiveUp => return Err(failure),
            }
            attempt += 1;
        }
    }
}

/// `expire 14:05Z`, with the date when that is not today.
fn until(now: Timestamp, expires_at: Option<Timestamp>) -> String {
    let Some(at) = expires_at else { return "do not expire".to_owned() };
    let today = at.strftime("%F").to_string() == now.strftime("%F").to_string();
    at.strftime(if today { "expire %H:%MZ" } else { "expire %F %H:%MZ" }).to_string()
}

/// STS answers with secrets: never in the clear over a network.
fn check_sts(chain: &Chain, settings: &AwsSettings) -> Result<()> {
    let asked = !chain.roles.is_empty() || matches!(chain.base, Base::WebIdentity { .. });
    let address = settings.sts_endpoint.as_deref().filter(|_| asked);
    match address.filter(|url| !url.starts_with("https://") && !is_loopback_url(url)) {
        None => Ok(()),
        Some(url) => {
            let what = format!("STS at {url} is not https://: set AWS_ENDPOINT_URL_STS");
            Err(Failure::new(ErrorClass::Config, what))
        }
    }
}

/// The token of an identity provider or of a container, read anew each time: it is replaced when
/// it ends.
fn token_of(path: &str) -> Result<Secret> {
    let refuse = |why: &str| {
        let what = format!("cannot read the token that proves who asks: {why}");
        Failure::new(ErrorClass::Config, what).at(path)
    };
    let instead = "name another file with AWS_WEB_IDENTITY_TOKEN_FILE";
    let bytes = trust::read(Path::new(path), AWS_FILE_BYTES_MAX, instead);
    let bytes = bytes.map_err(|failure| refuse(&failure.what))?;
    let bytes = bytes.ok_or_else(|| refuse("there is no such file"))?;
    let text = String::from_utf8(bytes).map_err(|_| refuse("it is not text"))?;
    match text.trim() {
        "" => Err(refuse("it is empty")),
        token => Ok(Secret::new(token)),
    }
}
