//! Where credentials come from: environment and profiles → a chain of steps, or a precise refusal.
//!
//! The order is the AWS SDKs': keys in the environment, the profile with its whole chain of roles,
//! web identity from the environment, the endpoint of a container, the metadata of an EC2
//! machine on such a one. The first kind that is configured is the one; what is wrong
//! with it is said, and nothing after it is tried. Ways that need a browser are refused in one line
//! that names `credential_process`, which covers them.
//!
//! `aws/credentials.rs` runs the steps. The rules for profiles are those of the SDKs' shared cases
//! (`tests/data/aws/assume-role-tests.json`).

use crate::aws::container::{self, Container};
use crate::aws::environment::{Environment, named, selected};
use crate::aws::keys::Credentials;
use crate::aws::profile::{Profile, Profiles, Section};
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::limits::ROLE_CHAIN_MAX;

/// The first step: it needs no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    Keys(Credentials),
    /// A shell command that prints credentials as JSON.
    Process(String),
    /// A token of another identity provider, in a file, for the keys of a role.
    WebIdentity {
        role_arn: String,
        token_file: String,
        session_name: Option<String>,
    },
    /// The endpoint of a container.
    Container(Container),
    /// The metadata of an EC2 machine, at this address.
    Metadata(String),
}

/// A further step: the credentials so far are given for those of a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    pub role_arn: String,
    pub external_id: Option<String>,
    pub session_name: Option<String>,
    pub duration_s: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    pub base: Base,
    /// In the order in which they are assumed.
    pub roles: Vec<Role>,
    /// For errors: `AWS_PROFILE=clinic found in ~/.aws/config, credential_process`.
    pub source: String,
    /// The same for the log of a run that goes well: `profile clinic, credential_process`.
    pub brief: String,
    /// What the operator may not expect: a profile that is named and not used.
    pub warning: Option<String>,
}

/// Finds the chain, or says what is missing and where.
pub fn resolve(environment: &Environment, profiles: &Profiles) -> Result<Chain> {
    if let Some(keys) = environment_keys(environment)? {
        let (source, brief) = ("AWS_ACCESS_KEY_ID of the settings", "AWS_ACCESS_KEY_ID");
        let warning = named(environment).map(|name| {
            format!("AWS_PROFILE={name} gives no credentials here: AWS_ACCESS_KEY_ID is set too")
        });
        return Ok(Chain { warning, ..chain(Base::Keys(keys), source, brief) });
    }
    let absent = match of_profile(environment, profiles) {
        Ok(chain) => return Ok(chain),
        Err(Refusal::Absent(why)) => why,
        Err(Refusal::Wrong(why)) => return Err(refused(why)),
    };
    if let Some(chain) = web_identity(environment)? {
        return Ok(chain);
    }
    if let Some(container) = container::of(environment)? {
        let source = "AWS_CONTAINER_CREDENTIALS";
        return Ok(chain(Base::Container(container), source, source));
    }
    if environment.on_ec2 && !environment.is_on("AWS_EC2_METADATA_DISABLED") {
        let base = Base::Metadata(container::metadata(environment));
        return Ok(chain(base, "the role of this EC2 machine", "EC2 metadata"));
    }
    Err(refused(format!(
        "no AWS credentials: {absent}, and AWS_ACCESS_KEY_ID is not set: set the keys, or \
         AWS_PROFILE to a profile with keys or credential_process"
    )))
}

/// A chain without roles.
fn chain(base: Base, source: &str, brief: &str) -> Chain {
    let (source, brief) = (source.to_owned(), brief.to_owned());
    Chain { base, roles: Vec::new(), source, brief, warning: None }
}

fn refused(what: impl Into<String>) -> Failure {
    Failure::new(ErrorClass::Config, what)
}

/// The cure for everything that this program does not do itself.
fn by_process(profile: &str) -> String {
    format!(
        "use a profile with: credential_process = aws configure export-credentials --profile \
         {profile}"
    )
}

fn environment_keys(environment: &Environment) -> Result<Option<Credentials>> {
    let key = environment.get("AWS_ACCESS_KEY_ID");
    let secret = environment.get("AWS_SECRET_ACCESS_KEY");
    let (key, secret) = match (key, secret) {
        (None, None) => return Ok(None),
        (Some(key), Some(secret)) => (key, secret),
        (Some(_), None) => {
            return Err(refused("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not"));
        }
        (None, Some(_)) => {
            return Err(refused("AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not"));
        }
    };
    let token = environment.first(&["AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"]);
    Ok(Some(keys(key, secret, token)))
}

fn keys(access_key: &str, secret: &str, token: Option<&str>) -> Credentials {
    Credentials {
        access_key: access_key.to_owned(),
        secret: Secret::new(secret),
        session_token: token.map(Secret::new),
        expires_at: None,
    }
}

fn web_identity(environment: &Environment) -> Result<Option<Chain>> {
    let Some(token_file) = environment.get("AWS_WEB_IDENTITY_TOKEN_FILE") else { return Ok(None) };
    let Some(role_arn) = environment.get("AWS_ROLE_ARN") else {
        return Err(refused("AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not"));
    };
    let base = Base::WebIdentity {
        role_arn: role_arn.to_owned(),
        token_file: environment.expand(token_file),
        session_name: environment.get("AWS_ROLE_SESSION_NAME").map(str::to_owned),
    };
    let source = "AWS_WEB_IDENTITY_TOKEN_FILE";
    Ok(Some(chain(base, source, source)))
}

/// Why a profile gives no chain.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// Nothing is configured there: the search goes on.
    Absent(String),
    /// It is configured, and wrong: the search ends.
    Wrong(String),
}

fn wrong<T>(what: impl Into<String>) -> std::result::Result<T, Refusal> {
    Err(Refusal::Wrong(what.into()))
}

/// The chain of the selected profile.
fn of_profile(
    environment: &Environment,
    profiles: &Profiles,
) -> std::result::Result<Chain, Refusal> {
    let root = selected(environment);
    if !profiles.profiles.contains_key(root) {
        let what = missing(root, profiles);
        // A profile that was asked for by name must be there.
        return Err(match named(environment) {
            Some(_) if !profiles.profiles.is_empty() => Refusal::Wrong(what),
            _ => Refusal::Absent(what),
        });
    }
    let mut walk = Walk { environment, profiles, root, visited: Vec::new(), roles: Vec::new() };
    let (base, word) = walk.run()?;
    let mut roles = walk.roles;
    roles.reverse();
    let found_in = profiles.profiles.get(root).map(|profile| profile.found_in.join(" and "));
    let found_in = found_in.unwrap_or_default();
    let source = match named(environment) {
        Some(name) => format!("AWS_PROFILE={name} found in {found_in}, {word}"),
        None => format!("profile default found in {found_in}, {word}"),
    };
    let via = roles.iter().map(|role| format!(", role {}", role.role_arn)).collect::<String>();
    let brief = format!("profile {root}, {word}{via}");
    Ok(Chain { roles, ..chain(base, &(source + &via), &brief) })
}

fn missing(name: &str, profiles: &Profiles) -> String {
    let mut what = if profiles.profiles.is_empty() {
        format!("No profiles were defined in {}", profiles.paths.join(" or "))
    } else {
        format!("profile {name} is not in {}", profiles.paths.join(" or "))
    };
    if profiles.misplaced.iter().any(|header| header == name) {
        what += &format!(" ([{name}] in config must be written [profile {name}])");
    } else if profiles.misplaced.iter().any(|header| *header == format!("profile {name}")) {
        what += &format!(" ([profile {name}] in credentials must be written [{name}])");
    }
    what
}

/// The walk from the selected profile through its sources to the one that has a base.
struct Walk<'a> {
    environment: &'a Environment,
    profiles: &'a Profiles,
    root: &'a str,
    visited: Vec<&'a str>,
    roles: Vec<Role>,
}

impl<'a> Walk<'a> {
    /// The base, and the word for it.
    fn run(&mut self) -> std::result::Result<(Base, &'static str), Refusal> {
        let mut name = self.root;
        loop {
            let profile = self.profile(name)?;
            if self.visited.contains(&name) || self.visited.len() >= ROLE_CHAIN_MAX {
                let path = self.visited.join(" -> ");
                return wrong(format!("profile formed an infinite loop: {path} -> {name}"));
            }
            self.visited.push(name);
            let properties = &profile.properties;
            // Keys beside a role are for whoever comes through here, not for the role itself.
            if self.visited.len() > 1
                && let Ok(keys) = static_keys(name, properties)
            {
                return Ok((Base::Keys(keys), "keys"));
            }
            let Some(role_arn) = properties.get("role_arn") else {
                return self.base(name, properties);
            };
            if properties.get("web_identity_token_file").is_some() {
                return self.base(name, properties);
            }
            self.roles.push(role(name, role_arn, properties)?);
            match (properties.get("source_profile"), properties.get("credential_source")) {
                (Some(_), Some(_)) => {
                    return wrong(format!(
                        "profile contained both source_profile and credential_source: {name}; \
                         remove one"
                    ));
                }
                (None, None) => {
                    return wrong(format!(
                        "profile must contain `source_profile` or `credential_source` beside \
                         role_arn: {name}"
                    ));
                }
                (Some(source), None) if source != name => name = source,
                _ => return self.base(name, properties),
            }
        }
    }

    fn profile(&self, name: &str) -> std::result::Result<&'a Profile, Refusal> {
        let found = self.profiles.profiles.get(name);
        found.ok_or_else(|| {
            let from = self.visited.last().copied().unwrap_or(self.root);
            let looked = missing(name, self.profiles);
            let what = format!("could not find source profile {name} referenced from {from}");
            Refusal::Wrong(format!("{what}: {looked}"))
        })
    }

    /// The step that needs no credentials of another profile.
    fn base(
        &self,
        name: &str,
        properties: &Section,
    ) -> std::result::Result<(Base, &'static str), Refusal> {
        if let Some(source) = properties.get("credential_source") {
            return self.named_source(name, source);
        }
        if let Some(token_file) = properties.get("web_identity_token_file") {
            let Some(role_arn) = properties.get("role_arn") else {
                return wrong(format!(
                    "`web_identity_token_file` was specified but `role_arn` was missing: profile \
                     {name}"
                ));
            };
            let base = Base::WebIdentity {
                role_arn: role_arn.to_owned(),
                token_file: self.environment.expand(token_file),
                session_name: properties.get("role_session_name").map(str::to_owned),
            };
            return Ok((base, "web_identity_token_file"));
        }
        // Before SSO, unlike the SDKs: so the cure for SSO can stand in the same profile.
        if let Some(command) = properties.get("credential_process") {
            return Ok((Base::Process(command.to_owned()), "credential_process"));
        }
        let browser = |name: &str| name.starts_with("sso_") || name == "login_session";
        if properties.names().any(browser) {
            let cure = by_process(name);
            return wrong(format!("profile {name} signs in by a browser (SSO or login); {cure}"));
        }
        match static_keys(name, properties) {
            Ok(keys) => Ok((Base::Keys(keys), "keys")),
            // A role was asked for: its source has to be there.
            Err(Refusal::Absent(what)) if !self.roles.is_empty() => Err(Refusal::Wrong(what)),
            Err(refusal) => Err(refusal),
        }
    }

    fn named_source(
        &self,
        name: &str,
        source: &str,
    ) -> std::result::Result<(Base, &'static str), Refusal> {
        match source {
            "Environment" => {}
            "Ec2InstanceMetadata" => {
                let base = Base::Metadata(container::metadata(self.environment));
                return Ok((base, "credential_source = Ec2InstanceMetadata"));
            }
            "EcsContainer" => {
                return match container::of(self.environment) {
                    Ok(Some(found)) => {
                        Ok((Base::Container(found), "credential_source = EcsContainer"))
                    }
                    Ok(None) => wrong(format!(
                        "profile {name} has credential_source = EcsContainer, and \
                         AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not set"
                    )),
                    Err(failure) => wrong(failure.what),
                };
            }
            other => {
                return wrong(format!(
                    "profile {name} has credential_source = {other}: use Environment, \
                     EcsContainer or Ec2InstanceMetadata"
                ));
            }
        }
        match environment_keys(self.environment) {
            Ok(Some(keys)) => Ok((Base::Keys(keys), "credential_source = Environment")),
            Ok(None) => wrong(format!(
                "profile {name} has credential_source = Environment, and AWS_ACCESS_KEY_ID is not \
                 set"
            )),
            Err(failure) => wrong(failure.what),
        }
    }
}

fn role(name: &str, role_arn: &str, properties: &Section) -> std::result::Result<Role, Refusal> {
    if properties.get("mfa_serial").is_some() {
        return wrong(format!(
            "profile {name} asks for a code (mfa_serial), which nobody types on a timer: use a \
             role without it, or keys that only write to the bucket"
        ));
    }
    let text = |name: &str| properties.get(name).map(str::to_owned);
    let duration_s = match properties.get("duration_seconds") {
        None => None,
        Some(seconds) => match seconds.parse() {
            // https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
            Ok(seconds @ 900..=43_200) => Some(seconds),
            _ => {
                return wrong(format!(
                    "profile {name} has duration_seconds = {seconds}: use 900 to 43200"
                ));
            }
        },
    };
    Ok(Role {
        role_arn: role_arn.to_owned(),
        external_id: text("external_id"),
        session_name: text("role_session_name"),
        duration_s,
    })
}

fn static_keys(name: &str, properties: &Section) -> std::result::Result<Credentials, Refusal> {
    let key = properties.get("aws_access_key_id");
    let secret = properties.get("aws_secret_access_key");
    let token = properties.get("aws_session_token");
    match (key, secret) {
        (Some(key), Some(secret)) => Ok(keys(key, secret, token)),
        (None, None) if token.is_none() => {
            Err(Refusal::Absent(format!("profile `{name}` did not contain credential information")))
        }
        (None, _) => wrong(format!("profile missing aws_access_key_id: {name}")),
        (Some(_), None) => wrong(format!("profile missing aws_secret_access_key: {name}")),
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
