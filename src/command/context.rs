//! What every command stands on: settings, clock, agent, token files, providers.

use std::collections::BTreeSet;
use std::path::Path;

use crate::config::Config;
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::user::UserId;
use crate::io::book;
use crate::io::clock::Clock;
use crate::io::http::Http;
use crate::io::tokens::TokenStore;
use crate::provider::Provider;

#[derive(Debug)]
pub struct Context {
    pub config: Config,
    pub clock: Clock,
    pub http: Http,
    pub tokens: TokenStore,
}

impl Context {
    pub fn new(config: Config, clock: Clock) -> Result<Self> {
        let aws_bundle = config.settings.get("AWS_CA_BUNDLE").map(Path::new);
        let ca_files: Vec<&Path> =
            config.ca_file.as_deref().into_iter().chain(aws_bundle).collect();
        let http = Http::new(&ca_files, &clock, config.threads)?;
        let tokens = TokenStore::open(&config.token_dir)?;
        Ok(Self { config, clock, http, tokens })
    }

    /// The provider of a token.
    pub fn provider(&self, name: &str) -> Result<&dyn Provider> {
        let found = self.config.google.as_ref().map(|google| google as &dyn Provider);
        found.filter(|provider| provider.name() == name).ok_or_else(|| {
            let what = match name {
                crate::provider::google_health::NAME => {
                    "GOOGLE_CLIENT_ID is not set: name the study's Google application".to_owned()
                }
                other => format!("there is no provider {other:?} in this version"),
            };
            Failure::new(ErrorClass::Config, what)
        })
    }

    /// The provider of new sign-ins.
    pub fn sign_in_provider(&self) -> Result<&dyn Provider> {
        self.provider(crate::provider::google_health::NAME)
            .map_err(|failure| Failure { class: ErrorClass::Usage, ..failure })
    }

    /// Everyone listed, and everyone with a token file, a marker or a ledger.
    pub fn known(&self) -> Result<BTreeSet<UserId>> {
        let mut ids = self.tokens.ids()?;
        ids.extend(book::ids(&self.config.data_dir)?);
        ids.extend(self.config.user_ids.iter().cloned());
        Ok(ids)
    }

    /// Whom a run works on: those named, else the listed, else all known; nobody who withdrew.
    pub fn chosen(&self, named: &[UserId]) -> Result<Vec<UserId>> {
        let known = self.known()?;
        if let Some(stranger) = named.iter().find(|user| !known.contains(user)) {
            let what = format!("{stranger} is not known: run fitsync login {stranger} first");
            return Err(Failure::new(ErrorClass::Usage, what));
        }
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
