//! AWS credentials: an access key, perhaps of a session with an end.

use jiff::Timestamp;

use crate::core::error::Secret;

/// One key pair, with a session when it is temporary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key: String,
    pub secret: Secret,
    pub session_token: Option<Secret>,
    pub expires_at: Option<Timestamp>,
}

impl Credentials {
    pub fn keys(&self) -> rusty_s3::Credentials {
        let token = self.session_token.as_ref().map(|token| token.expose().to_owned());
        let (key, secret) = (self.access_key.clone(), self.secret.expose().to_owned());
        match token {
            Some(token) => rusty_s3::Credentials::new_with_token(key, secret, token),
            None => rusty_s3::Credentials::new(key, secret),
        }
    }
}
