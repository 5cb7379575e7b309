//! What every command stands on: settings, clock, agent, token files, providers.

use std::collections::BTreeSet;
use std::path::Path;

use crate::aws::environment::Environment;
use crate::consent::files::TokenStore;
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::user::UserId;
use crate::io::clock::Clock;
use crate::io::files;
use crate::io::net::http::Http;
use crate::io::net::proxy::Proxies;
use crate::ledger::folder;
use crate::portal::redirect::{Verdict, judge};
use crate::provider::{Provider, fitbit, google};
use crate::s3::store::{Store, StoreConfig};
use crate::settings::Config;

#[derive(Debug)]
pub struct Gateway {
    pub config: Config,
    pub clock: Clock,
    /// For the providers.
    pub http: Http,
    /// For S3, STS and whatever else gives AWS credentials: `AWS_CA_BUNDLE` is for them alone.
    pub aws_http: Http,
    pub tokens: TokenStore,
}

impl Gateway {
    pub fn new(config: Config, clock: Clock) -> Result<Self> {
        files::check_folder("TOKEN_STORE_DIR", &config.token_dir)?;
        files::check_folder("FITSYNC_DATA_DIR", &config.data_dir)?;
        let tokens = TokenStore::open(&config.token_dir)?;
        Self::with_tokens(config, clock, tokens)
    }

    /// For `doctor`, which only looks, also at what the other commands refuse.
    pub fn inspect(config: Config, clock: Clock) -> Result<Self> {
        let tokens = TokenStore::inspect(&config.token_dir);
        Self::with_tokens(config, clock, tokens)
    }

    fn with_tokens(config: Config, clock: Clock, tokens: TokenStore) -> Result<Self> {
        let proxies = Proxies::of(&|name| config.settings.get(name))?;
        let ca_files = Vec::from_iter(config.ca_file.as_deref());
        let http = Http::through(proxies.clone(), &ca_files, &clock, config.threads)?;
        let aws_bundle = config.settings.get("AWS_CA_BUNDLE").map(Path::new);
        let (http, aws_http) = match aws_bundle {
            None => (http.clone(), http.issuer_cure(AWS_ISSUER_CURE)),
            Some(bundle) => {
                let ca_files = [&ca_files[..], &[bundle]].concat();
                let aws_http = Http::through(proxies, &ca_files, &clock, config.threads)?;
                (http.issuer_cure(NOT_AWS_CURE), aws_http.issuer_cure(AWS_ISSUER_CURE))
            }
        };
        Ok(Self { config, clock, http, aws_http, tokens })
    }

    /// The provider of a token.
    pub fn provider(&self, name: &str) -> Result<&dyn Provider> {
        let google = self.config.google.as_ref().map(|google| google as &dyn Provider);
        let fitbit = self.config.fitbit.as_ref().map(|fitbit| fitbit as &dyn Provider);
        let found = google.into_iter().chain(fitbit).find(|provider| provider.name() == name);
        found.ok_or_else(|| {
            let what = match name {
                google::NAME => {
                    "GOOGLE_CLIENT_ID is not set: name the study's Google application".to_owned()
                }
                fitbit::NAME => {
                    "FITBIT_CLIENT_ID is not set, and this token is of the retired Fitbit Web API: \
                     set it, or sign in with Google (fitsync migrate)"
                        .to_owned()
                }
                other => format!("there is no provider {other:?} in this version"),
            };
            Failure::new(ErrorClass::Config, what)
        })
    }

    /// The provider of new sign-ins: the one that is named, or the one whose client id is set.
    pub fn sign_in_provider(&self) -> Result<&dyn Provider> {
        let config = &self.config;
        let set = if config.google.is_none() && config.fitbit.is_some() {
            fitbit::NAME
        } else {
            google::NAME
        };
        let provider = self
            .provider(config.sign_in_provider.unwrap_or(set))
            .map_err(|failure| Failure { class: ErrorClass::Usage, ..failure })?;
        if provider.name() == google::NAME {
            check_redirect(&provider.app().redirect_uri)?;
        }
        Ok(provider)
    }

    /// The store of the settings; `None` when no bucket is named: files stay local.
    pub fn store(&self) -> Result<Option<Store>> {
        self.store_as(false)
    }

    /// The same; with `tell_messages` failures hold the store's own sentence: for `doctor`.
    pub fn store_as(&self, tell_messages: bool) -> Result<Option<Store>> {
        let config = &self.config;
        let Some(bucket) = config.bucket.clone() else { return Ok(None) };
        let settings = |name: &str| config.settings.get(name).map(str::to_owned);
        let config = StoreConfig {
            bucket,
            prefix: config.s3_prefix.clone().unwrap_or_default(),
            encryption: config.s3_sse.clone(),
            expected_owner: config.s3_expected_owner.clone(),
            allow_insecure: config.allow_insecure_s3,
            tell_messages,
            environment: Environment::new(settings),
        };
        Store::new(config, &self.aws_http).map(Some)
    }

    /// Whether a sync without names works on this participant.
    pub fn is_synced(&self, user: &UserId) -> bool {
        self.config.user_ids.is_empty() || self.config.user_ids.contains(user)
    }

    /// Everyone listed, and everyone with a token file, a marker or a ledger.
    pub fn known(&self) -> Result<BTreeSet<UserId>> {
        let mut ids = self.tokens.ids()?;
        ids.extend(folder::ids(&self.config.data_dir)?);
        ids.extend(self.config.user_ids.iter().cloned());
        Ok(ids)
    }

    /// An id that withdrew cannot sign in again, and no command works on it.
    pub fn refuse_withdrawn(&self, user: &UserId) -> Result<()> {
        if !self.tokens.is_withdrawn(user) {
            return Ok(());
        }
        let what = format!("{user} has withdrawn from the study; this id cannot sign in again");
        Err(Failure::new(ErrorClass::Usage, what))
    }

    /// Whom a run works on: those named, else the listed, else all known; nobody who withdrew.
    pub fn chosen(&self, named: &[UserId]) -> Result<Vec<UserId>> {
        let known = self.known()?;
        if let Some(stranger) = named.iter().find(|user| !known.contains(user)) {
            let what = format!("{stranger} is not known: run fitsync login {stranger} first");
            return Err(Failure::new(ErrorClass::Usage, what));
        }
        named.iter().try_for_each(|user| self.refuse_withdrawn(user))?;
        let mut chosen: Vec<UserId> = if !named.is_empty() {
            named.to_vec()
        } else if !self.config.user_ids.is_empty() {
            self.config.user_ids.clone()
        } else {
            known.into_iter().collect()
        };
        chosen.retain(|user| !self.tokens.is_withdrawn(user));
        Ok(chosen)
    }
}

/// Refuses a redirect address that cannot be one, and warns of one that Google does not take.
fn check_redirect(address: &str) -> Result<()> {
    match judge(address) {
        Verdict::Good => Ok(()),
        Verdict::Wrong(why) => {
            let what = format!("GOOGLE_REDIRECT_URI is {address}: {why}; {REDIRECTS}");
            Err(Failure::new(ErrorClass::Usage, what))
        }
        Verdict::Doubtful(why) => {
            log::warn!("GOOGLE_REDIRECT_URI is {address}: {why}; {REDIRECTS}");
            Ok(())
        }
    }
}

const AWS_ISSUER_CURE: &str =
    "name its CA, or the certificate itself, in AWS_CA_BUNDLE (or FITSYNC_CA_FILE)";
const NOT_AWS_CURE: &str = "AWS_CA_BUNDLE is for S3 and STS alone: where this network inspects \
                            TLS, name its CA in FITSYNC_CA_FILE";

const REDIRECTS: &str = "use http://localhost:8000/auth/callback, or https:// with a public name, \
                         as registered at Google";
