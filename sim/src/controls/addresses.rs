//! Where a running world is, and with which keys it is entered.

use jiff::Timestamp;

use super::Controls;
use crate::{fitbit, google};

impl Controls {
    /// `GOOGLE_HEALTH_URL`.
    pub fn google_url(&self) -> String {
        self.addresses.google.clone()
    }

    /// `GOOGLE_AUTHORIZE_URL`.
    pub fn authorize_url(&self) -> String {
        format!("{}{}", self.addresses.google, google::oauth::AUTHORIZE_PATH)
    }

    /// `GOOGLE_TOKEN_URL`.
    pub fn token_url(&self) -> String {
        format!("{}/token", self.addresses.google)
    }

    /// `GOOGLE_REVOKE_URL`.
    pub fn revoke_url(&self) -> String {
        format!("{}/revoke", self.addresses.google)
    }

    /// `FITBIT_API_URL`; token and revoke are below it.
    pub fn fitbit_url(&self) -> String {
        self.addresses.fitbit.clone()
    }

    /// `FITBIT_AUTHORIZE_URL`.
    pub fn fitbit_authorize_url(&self) -> String {
        format!("{}{}", self.addresses.fitbit, fitbit::oauth::AUTHORIZE_PATH)
    }

    /// `AWS_ENDPOINT_URL_S3`.
    pub fn s3_url(&self) -> String {
        self.addresses.s3.clone()
    }

    /// The control API; its paths begin with `/_sim/`.
    pub fn control_url(&self) -> String {
        self.addresses.control.clone()
    }

    pub fn client_id(&self) -> &str {
        &self.world.options.client_id
    }

    pub fn client_secret(&self) -> &str {
        &self.world.options.client_secret
    }

    pub fn access_key(&self) -> &str {
        &self.world.options.access_key
    }

    pub fn secret_key(&self) -> &str {
        &self.world.options.secret_key
    }

    pub fn session_token(&self) -> Option<&str> {
        self.world.options.session_token.as_deref()
    }

    /// The account that owns the bucket.
    pub fn account(&self) -> &str {
        &self.world.options.account
    }

    pub fn bucket(&self) -> &str {
        &self.world.options.bucket
    }

    pub fn region(&self) -> &str {
        &self.world.options.region
    }

    /// The participants' names.
    pub fn names(&self) -> Vec<String> {
        let state = self.world.state();
        let citizens = state.citizens.iter();
        citizens.map(|one| one.participant.name.clone()).collect()
    }

    /// The world's time.
    pub fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// The folder that holds the bucket folders.
    pub fn s3_dir(&self) -> &std::path::Path {
        &self.s3_dir
    }

    /// The certificate (PEM) that made-up certificates are signed with, for `FITSYNC_CA_FILE`.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// The settings that let fitsync find this world.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let options = &self.world.options;
        let mut pairs = vec![
            ("GOOGLE_CLIENT_ID", options.client_id.clone()),
            ("GOOGLE_CLIENT_SECRET", options.client_secret.clone()),
            ("GOOGLE_HEALTH_URL", self.google_url()),
            ("GOOGLE_AUTHORIZE_URL", self.authorize_url()),
            ("GOOGLE_TOKEN_URL", self.token_url()),
            ("GOOGLE_REVOKE_URL", self.revoke_url()),
            ("AWS_ENDPOINT_URL_S3", self.s3_url()),
            ("AWS_ACCESS_KEY_ID", options.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", options.secret_key.clone()),
            ("AWS_DEFAULT_REGION", options.region.clone()),
            ("S3_BUCKET_RAW", options.bucket.clone()),
        ];
        if let Some(token) = &options.session_token {
            pairs.push(("AWS_SESSION_TOKEN", token.clone()));
        }
        pairs
    }

    /// The settings for the retired Fitbit API.
    pub fn fitbit_environment(&self) -> Vec<(&'static str, String)> {
        let options = &self.world.options.fitbit;
        vec![
            ("FITBIT_CLIENT_ID", options.client_id.clone()),
            ("FITBIT_CLIENT_SECRET", options.client_secret.clone()),
            ("FITBIT_API_URL", self.fitbit_url()),
            ("FITBIT_AUTHORIZE_URL", self.fitbit_authorize_url()),
        ]
    }
}
