//! Whether the address of a store can be right: judged before anything is asked.

use crate::core::address::Address;
use crate::core::error::{ErrorClass, Failure, Result};

/// Settings that cannot be right, before anything is asked.
pub fn check_endpoint(endpoint: &str, bucket: &str, allow_insecure: bool) -> Result<()> {
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
                "the S3 endpoint {endpoint} already holds the bucket {bucket}: objects land \
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
pub fn shown_endpoint(endpoint: &str) -> &str {
    endpoint.rsplit_once('@').map_or(endpoint, |(_, rest)| rest)
}
