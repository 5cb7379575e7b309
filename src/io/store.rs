//! The store.
use crate::config::Config;
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::s3::{self, Credentials, Key, SignedOptions, Signing, Target};
use crate::io::http::Http;

#[derive(Debug)]
pub struct Store {
    http: Http,
    target: Target,
    options: SignedOptions,
    credentials: Credentials,
}

impl Store {
    pub fn open(config: &Config, http: &Http) -> Result<Option<Self>> {
        let Some(bucket) = config.bucket.clone() else { return Ok(None) };
        let get = |n: &str| config.settings.get(n).map(str::to_owned);
        let missing = || Failure::new(ErrorClass::Config, "no AWS credentials");
        Ok(Some(Self {
            http: http.clone(),
            target: Target {
                bucket,
                region: get("AWS_DEFAULT_REGION").unwrap_or("us-east-1".into()),
                endpoint: get("AWS_ENDPOINT_URL_S3"),
                path_style: true,
            },
            options: SignedOptions { encryption: None, expected_owner: None },
            credentials: Credentials {
                access_key: get("AWS_ACCESS_KEY_ID").ok_or_else(missing)?,
                secret: Secret::new(get("AWS_SECRET_ACCESS_KEY").ok_or_else(missing)?),
                session_token: None,
                expires_at: None,
            },
        }))
    }
    pub fn put(&self, key: &Key, body: &[u8]) -> Result<()> {
        let signing = Signing {
            target: &self.target,
            options: &self.options,
            credentials: &self.credentials,
            now: self.http.clock().now(),
        };
        let reply = self.http.send(&s3::put(&signing, key, body)?)?;
        if reply.ok() {
            Ok(())
        } else {
            Err(Failure::new(ErrorClass::Server, format!("HTTP {}", reply.status)).at(key.as_str()))
        }
    }
}
