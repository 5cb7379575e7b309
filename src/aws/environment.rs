//! The names of the environment that the AWS tools read, as one snapshot.
//!
//! The snapshot is taken where the program's settings are read, so that a name in the settings file
//! or among systemd's credentials counts as much as one of the process. Blank means unset.

use std::fmt;

/// Every name that is looked up.
pub const NAMES: [&str; 28] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_CA_BUNDLE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_REQUEST_CHECKSUM_CALCULATION",
    "AWS_RESPONSE_CHECKSUM_VALIDATION",
];

/// The home folder, where `~` points.
const HOME: &str = "HOME";

/// What the environment says. `Debug` shows the names alone: there are keys among the values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    values: Vec<(&'static str, String)>,
    /// The machine is one of Amazon EC2: its metadata may be asked.
    pub on_ec2: bool,
}

impl Environment {
    /// Asks `lookup` for every name once: `Environment::new(|name| std::env::var(name).ok())`.
    pub fn new(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let found = NAMES.into_iter().chain([HOME]).filter_map(|name| {
            // Keys that come from a file end in a newline.
            let value = lookup(name)?.trim().to_owned();
            (!value.is_empty()).then_some((name, value))
        });
        Self { values: found.collect(), on_ec2: false }
    }

    /// For tests and tools: `Environment::of(&[("AWS_PROFILE", "clinic")])`.
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        Self::new(|name| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    /// On a machine of Amazon EC2, whose metadata may be asked.
    #[must_use]
    pub fn on_ec2(self, on_ec2: bool) -> Self {
        Self { on_ec2, ..self }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The first of several names that is set.
    pub fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// `true` in any case, as the SDKs read switches.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The names with their values, for a helper program that is started: no secret.
    pub fn for_helper(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let told = self.values.iter().filter(|(name, _)| !is_secret(name));
        told.map(|(name, value)| (*name, value.as_str()))
    }

    /// `~` and `~/…` as the AWS tools expand them: by `HOME` alone.
    pub fn expand(&self, path: &str) -> String {
        match (path.strip_prefix('~'), self.get(HOME)) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
                format!("{}{rest}", home.trim_end_matches('/'))
            }
            _ => path.to_owned(),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.values.iter().map(|(name, _)| name)).finish()
    }
}

/// Whether an AWS name holds a key or a token, which no helper program is given.
pub fn is_secret(name: &str) -> bool {
    ["_KEY", "_KEY_ID", "_TOKEN"].iter().any(|end| name.ends_with(end))
}

/// The profile that the environment names; `default` when it names none.
pub fn selected(environment: &Environment) -> &str {
    named(environment).unwrap_or("default")
}

pub fn named(environment: &Environment) -> Option<&str> {
    environment.first(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_means_unset_and_line_ends_are_no_part_of_a_key() {
        let pairs = [("AWS_PROFILE", "  "), ("AWS_ACCESS_KEY_ID", "AKID\n"), ("OTHER", "x")];
        let environment = Environment::of(&pairs);
        assert_eq!(environment.get("AWS_PROFILE"), None);
        assert_eq!(environment.get("AWS_ACCESS_KEY_ID"), Some("AKID"));
        assert_eq!(environment.values.len(), 1);
    }

    #[test]
    fn values_are_not_printed() {
        let environment = Environment::of(&[("AWS_SECRET_ACCESS_KEY", "s3cret")]);
        assert_eq!(format!("{environment:?}"), "[\"AWS_SECRET_ACCESS_KEY\"]");
    }

    #[test]
    fn a_tilde_is_the_home_folder() {
        let environment = Environment::of(&[("HOME", "/home/pi/")]);
        assert_eq!(environment.expand("~/.aws/config"), "/home/pi/.aws/config");
        assert_eq!(environment.expand("~"), "/home/pi");
        assert_eq!(environment.expand("~other/x"), "~other/x");
        assert_eq!(Environment::default().expand("~/x"), "~/x");
    }
}
