//! Credentials of the place where the program runs, as data: of ECS and EKS containers
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>) and of
//! EC2 machines, by version 2 of their metadata service alone
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html>).

use std::net::IpAddr;

use crate::aws::environment::Environment;
use crate::aws::keys::Credentials;
use crate::core::address::Address;
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::exchange::{Method, Reply, Request};
use crate::core::said::cleaned;
use crate::limits::{EC2_ROLE_CHARS_MAX, SMALL_REPLY_BYTES_MAX};

/// Where a container asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub url: String,
    pub token: Option<ContainerToken>,
}

/// What proves to the endpoint who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerToken {
    /// Read anew each time: it is replaced when it ends.
    File(String),
    Text(Secret),
}

/// The endpoint of ECS.
const ECS: &str = "http://169.254.170.2";
/// Where plain `http://` may lead: ECS, EKS, this machine.
const PLAIN: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

/// The container's endpoint, if the environment names one.
pub fn of(environment: &Environment) -> Result<Option<Container>> {
    let relative = environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    let url = match (relative, environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
        (Some(path), _) => format!("{ECS}{path}"),
        (None, Some(url)) => url.to_owned(),
        (None, None) => return Ok(None),
    };
    check(&url)?;
    let file = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    let file = file.map(|path| ContainerToken::File(environment.expand(path)));
    let text = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    let token = file.or_else(|| text.map(|text| ContainerToken::Text(Secret::new(text))));
    Ok(Some(Container { url, token }))
}

fn check(url: &str) -> Result<()> {
    let refuse = |why: &str| {
        let what = format!("the container's address of credentials cannot be used: {why}");
        Failure::new(ErrorClass::Config, what)
    };
    let address = Address::parse(url).map_err(|unfit| refuse(unfit.why()))?;
    let known = |known: &str| known.parse::<IpAddr>().is_ok_and(|ip| address.ip() == Some(ip));
    if address.secure() || address.is_loopback() || PLAIN.iter().any(|ip| known(ip)) {
        return Ok(());
    }
    Err(refuse("http:// is only for this machine, 169.254.170.2, 169.254.170.23 and fd00:ec2::23"))
}

/// Asks for the keys of the container's role.
pub fn request(container: &Container, token: Option<&Secret>) -> Result<Request> {
    let request = Request::new(Method::Get, container.url.clone(), SMALL_REPLY_BYTES_MAX);
    let Some(token) = token else { return Ok(request) };
    if token.expose().contains(['\r', '\n']) {
        let what = "the container's authorization token holds a line end: write it on one line";
        return Err(Failure::new(ErrorClass::Config, what));
    }
    Ok(request.header("authorization", token.expose()))
}

/// The metadata service of an EC2 machine.
const METADATA: &str = "http://169.254.169.254";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

/// Its address; `AWS_EC2_METADATA_SERVICE_ENDPOINT` may name another one.
pub fn metadata(environment: &Environment) -> String {
    let named = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or(METADATA);
    named.trim_end_matches('/').to_owned()
}

/// Version 2: a token first, so that no proxy or page can ask in this machine's name.
pub fn token_request(metadata: &str) -> Request {
    let url = format!("{metadata}/latest/api/token");
    Request::new(Method::Put, url, SMALL_REPLY_BYTES_MAX)
        .header("x-aws-ec2-metadata-token-ttl-seconds", "300")
}

pub fn role_request(metadata: &str, token: &Secret) -> Request {
    with_token(format!("{metadata}{ROLES}"), token)
}

/// The name of the machine's role, from the reply to [`role_request`].
pub fn role_of(reply: &Reply) -> Result<String> {
    let text = String::from_utf8_lossy(&reply.body);
    let role = text.lines().next().unwrap_or_default().trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    if role.is_empty() || role.len() > EC2_ROLE_CHARS_MAX || !role.chars().all(fits) {
        let what = "the metadata of this EC2 machine name no role: give the machine one";
        return Err(Failure::new(ErrorClass::Config, what));
    }
    Ok(role.to_owned())
}

pub fn keys_request(metadata: &str, token: &Secret, role: &str) -> Request {
    with_token(format!("{metadata}{ROLES}{role}"), token)
}

fn with_token(url: String, token: &Secret) -> Request {
    Request::new(Method::Get, url, SMALL_REPLY_BYTES_MAX)
        .header("x-aws-ec2-metadata-token", token.expose())
}

#[derive(miniserde::Deserialize)]
struct Keys {
    #[serde(rename = "AccessKeyId")]
    access_key: String,
    #[serde(rename = "SecretAccessKey")]
    secret: String,
    #[serde(rename = "Token")]
    token: Option<String>,
    #[serde(rename = "Expiration")]
    expiration: Option<String>,
}

#[derive(miniserde::Deserialize)]
struct Problem {
    code: Option<String>,
    message: Option<String>,
}

/// The keys of a reply; `source` is where they come from, for the words.
pub fn read(reply: &Reply, source: &str) -> Result<Credentials> {
    let text = String::from_utf8_lossy(&reply.body);
    if !reply.ok() {
        return Err(refused(reply, &text, source));
    }
    let config = |why: &str| Failure::new(ErrorClass::Config, format!("{source} {why}"));
    let keys: Keys = miniserde::json::from_str(text.trim())
        .map_err(|_| config("answers with something else than keys"))?;
    let expires_at = match keys.expiration.as_deref().map(str::trim) {
        None | Some("") => None,
        Some(text) => {
            Some(text.parse().map_err(|_| config("tells an Expiration that is no time"))?)
        }
    };
    Ok(Credentials {
        access_key: keys.access_key.trim().to_owned(),
        secret: Secret::new(keys.secret.trim()),
        session_token: keys.token.filter(|token| !token.trim().is_empty()).map(Secret::new),
        expires_at,
    })
}

fn refused(reply: &Reply, text: &str, source: &str) -> Failure {
    let class = match reply.status {
        429 => ErrorClass::Quota,
        500.. => ErrorClass::Server,
        _ => ErrorClass::Config,
    };
    let problem = miniserde::json::from_str::<Problem>(text).ok();
    let said = problem.and_then(|one| one.message.or(one.code)).map(|said| cleaned(&said, 200));
    let said = said.filter(|said| !said.is_empty()).map(|said| format!(": {said}"));
    let what = format!(
        "{source} gives no keys [HTTP {}]{}: check the role of the task, pod or machine",
        reply.status,
        said.unwrap_or_default()
    );
    Failure::new(class, what).after(reply.retry_after_s())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pairs: &[(&str, &str)]) -> Result<Option<Container>> {
        of(&Environment::of(pairs))
    }

    #[test]
    fn the_address_of_ecs_comes_before_a_whole_one_and_the_token_s_file_before_the_token() {
        let relative = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x");
        let full = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials");
        let file = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/var/run/token");
        let text = ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic x");
        let both = found(&[relative, full]).unwrap().unwrap();
        assert_eq!(both.url, "http://169.254.170.2/v2/credentials/x");
        let eks = found(&[full, file, text]).unwrap().unwrap();
        assert_eq!(eks.url, "http://169.254.170.23/v1/credentials");
        assert_eq!(eks.token, Some(ContainerToken::File("/var/run/token".to_owned())));
        assert_eq!(found(&[]).unwrap(), None);
    }

    #[test]
    fn plain_http_leads_to_known_places_alone() {
        for good in [
            "http://localhost:1/x",
            "http://[::1]/x",
            "http://169.254.170.2/x",
            "http://[fd00:ec2::23]/x",
            "https://keys.example/x",
        ] {
            assert!(found(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", good)]).is_ok(), "{good}");
        }
        for bad in ["http://10.0.0.1/x", "http://169.254.169.254/x", "http://a@169.254.170.2/", "x"]
        {
            let failure = found(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", bad)]).unwrap_err();
            assert_eq!(failure.class, ErrorClass::Config, "{bad}");
        }
        let evil = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.example/x");
        assert!(found(&[evil]).is_err());
    }

    #[test]
    fn a_token_of_two_lines_is_refused() {
        let container = Container { url: "http://169.254.170.2/x".to_owned(), token: None };
        assert!(request(&container, Some(&Secret::new("a\r\nb: c"))).is_err());
        let sent = request(&container, Some(&Secret::new("Basic x"))).unwrap();
        assert!(sent.headers.contains(&("authorization".into(), "Basic x".into())));
    }
}
