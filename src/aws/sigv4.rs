//! AWS Signature Version 4 in headers, as far as STS needs it (rusty-s3 signs for S3 alone).
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>

use jiff::Timestamp;
use ring::hmac;

use crate::aws::keys::Credentials;
use crate::core::address::Address;
use crate::core::exchange::Request;
use crate::core::hash::{hex, sha256_hex};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Adds `x-amz-date`, the session token and `authorization`. All headers that the request has so
/// far are signed with it; an address with a query must have it encoded and sorted.
#[must_use]
pub fn sign(
    request: Request,
    region: &str,
    service: &str,
    credentials: &Credentials,
    now: Timestamp,
) -> Request {
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut request = request.header("x-amz-date", time.as_str());
    if let Some(token) = &credentials.session_token {
        request = request.header("x-amz-security-token", token.expose());
    }
    let (signed_headers, canonical) = canonical_request(&request);
    let day = now.strftime("%Y%m%d").to_string();
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
    let key = format!("AWS4{}", credentials.secret.expose());
    let key = [day.as_str(), region, service, "aws4_request"]
        .iter()
        .fold(key.into_bytes(), |key, part| hmac_sha256(&key, part.as_bytes()));
    let signature = hex(&hmac_sha256(&key, to_sign.as_bytes()));
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed_headers}, Signature={signature}",
        credentials.access_key
    );
    request.header("authorization", authorization)
}

/// The names of the signed headers, and the request in the form that is hashed.
fn canonical_request(request: &Request) -> (String, String) {
    // One that cannot be read is never sent.
    let address = Address::parse(&request.url).ok();
    let host = address.as_ref().map_or("", Address::authority);
    let path = address.as_ref().map_or("/", Address::path);
    let query = address.as_ref().and_then(Address::query).unwrap_or_default();
    let named = |(name, value): &(String, String)| {
        // Runs of blanks count as one.
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        (name.to_ascii_lowercase(), value)
    };
    let mut headers: Vec<_> = request.headers.iter().map(named).collect();
    headers.push(("host".to_owned(), host.to_owned()));
    headers.sort();
    let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let canonical = format!(
        "{}\n{path}\n{query}\n{lines}\n{names}\n{}",
        request.method.as_str(),
        sha256_hex(&request.body)
    );
    (names, canonical)
}

fn hmac_sha256(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::error::Secret;
    use crate::core::exchange::Method;

    const FORM: &str = "application/x-www-form-urlencoded";

    /// The account and time of AWS's published examples.
    fn signature(request: Request, service: &str, session_token: Option<&str>) -> String {
        let credentials = Credentials {
            access_key: "AKIDEXAMPLE".to_owned(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: session_token.map(Secret::new),
            expires_at: None,
        };
        let now = "2015-08-30T12:36:00Z".parse().unwrap();
        let signed = sign(request, "us-east-1", service, &credentials, now);
        let (_, value) = signed.headers.iter().find(|(name, _)| name == "authorization").unwrap();
        value.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    fn request(method: Method, url: &str) -> Request {
        Request::new(method, url, 1)
    }

    /// The example of the IAM user guide ("Create a signed AWS API request").
    #[test]
    fn the_example_of_the_documentation_is_signed_alike() {
        let url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08";
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let request = request(Method::Get, url).header("content-type", form);
        assert_eq!(
            signature(request, "iam", None),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    /// `get-vanilla`, `post-vanilla` and `post-x-www-form-urlencoded` of the
    /// AWS Signature Version 4 test suite.
    #[test]
    fn the_published_test_suite_is_signed_alike() {
        let url = "https://example.amazonaws.com/";
        let form = request(Method::Post, url).body(FORM, "Param1=value1");
        for (request, expected) in [
            (
                request(Method::Get, url),
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                request(Method::Post, url),
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (form, "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
        ] {
            assert_eq!(signature(request, "service", None), expected);
        }
    }

    /// `post-sts-header-before` of the same suite: the token is signed too.
    #[test]
    fn a_session_token_is_sent_and_signed() {
        let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuF\
                     qwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2\
                     wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+\
                     xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3\
                     iSIlTJabIQwj2ICCR/oLxBA==";
        let request = request(Method::Post, "https://example.amazonaws.com/");
        assert_eq!(
            signature(request, "service", Some(token)),
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
        );
    }
}
