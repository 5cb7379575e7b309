//! Region, addresses and style of addressing, as the AWS tools find them: environment before
//! profile, service before all services
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>).

use crate::aws::endpoint::{Variant, check_region};
use crate::aws::environment::{Environment, selected};
use crate::aws::profile::{Profiles, Section};
use crate::core::error::{ErrorClass, Failure, Result};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsSettings {
    pub region: Option<String>,
    pub s3_endpoint: Option<String>,
    pub sts_endpoint: Option<String>,
    /// `s3 = addressing_style`, when it says `path` or `virtual`.
    pub path_style: Option<bool>,
    /// Names in the profile that only the environment can set here.
    pub ignored: Vec<&'static str>,
    pub variant: Variant,
    /// Whether AWS's checksum headers are used where nothing demands them.
    pub sends_sums: bool,
    pub asks_sums: bool,
}

impl AwsSettings {
    /// What cannot be right is refused: nothing has been asked yet.
    pub fn new(environment: &Environment, profiles: &Profiles) -> Result<Self> {
        let empty = Section::default();
        let profile = profiles.profiles.get(selected(environment));
        let profile = profile.map_or(&empty, |profile| &profile.properties);
        let services = match profile.get("services") {
            Some(name) => Some(profiles.services.get(name).ok_or_else(|| {
                refused(format!("the AWS profile has services = {name}, and no [services {name}]"))
            })?),
            None => None,
        };
        if profile.sub("s3", "use_accelerate_endpoint").is_some_and(is_true) {
            return Err(refused(
                "use_accelerate_endpoint of the AWS profile is not supported: remove it".to_owned(),
            ));
        }
        let when_supported = |name: &str, property: &str| match environment
            .get(name)
            .or_else(|| profile.get(property))
        {
            None => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("when_supported") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("when_required") => Ok(false),
            Some(_) => Err(refused(format!("{name} must be when_supported or when_required"))),
        };
        let sends_sums =
            when_supported("AWS_REQUEST_CHECKSUM_CALCULATION", "request_checksum_calculation")?;
        let asks_sums =
            when_supported("AWS_RESPONSE_CHECKSUM_VALIDATION", "response_checksum_validation")?;
        let on = |name: &str, property: &str| match environment.get(name) {
            Some(value) => is_true(value),
            None => profile.get(property).is_some_and(is_true),
        };
        let ignored = on("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls");
        let endpoint = |service: &str| {
            let name = format!("AWS_ENDPOINT_URL_{}", service.to_ascii_uppercase());
            let found = environment
                .first(&[name.as_str(), "AWS_ENDPOINT_URL"])
                .or_else(|| services?.sub(service, "endpoint_url"))
                .or_else(|| profile.get("endpoint_url"));
            found.filter(|_| !ignored).map(str::to_owned)
        };
        let region = environment.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]);
        let region = region.or_else(|| profile.get("region"));
        region.map_or(Ok(()), check_region)?;
        // The agent is made before any profile is read, and serves the provider too.
        let unread =
            profile.get("ca_bundle").is_some() && environment.get("AWS_CA_BUNDLE").is_none();
        Ok(Self {
            region: region.map(str::to_owned),
            s3_endpoint: endpoint("s3"),
            sts_endpoint: endpoint("sts"),
            path_style: match profile.sub("s3", "addressing_style") {
                Some("path") => Some(true),
                Some("virtual") => Some(false),
                _ => None,
            },
            ignored: if unread { vec!["ca_bundle"] } else { Vec::new() },
            variant: Variant {
                dual_stack: on("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"),
                fips: on("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
            },
            sends_sums,
            asks_sums,
        })
    }
}

fn refused(what: String) -> Failure {
    Failure::new(ErrorClass::Usage, what)
}

/// As the SDKs read switches.
fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::endpoint::aws_address;
    use crate::aws::profile::ProfileFile;

    const CONFIG: &str = "[default]
region = eu-west-1
endpoint_url = https://all.profile
services = lan
s3 =
 addressing_style = virtual
ca_bundle = ~/ca.pem
use_fips_endpoint = true
[services lan]
s3 =
 endpoint_url = https://s3.services
";

    fn settings(pairs: &[(&str, &str)]) -> AwsSettings {
        let config = ProfileFile { path: "config", text: CONFIG };
        let profiles =
            Profiles::read(config, ProfileFile { path: "credentials", text: "" }).unwrap();
        AwsSettings::new(&Environment::of(pairs), &profiles).unwrap()
    }

    #[test]
    fn the_region_is_awss_then_the_default_one_then_the_profiles() {
        let region = |pairs: &[(&str, &str)]| settings(pairs).region.unwrap();
        assert_eq!(region(&[("AWS_REGION", "a"), ("AWS_DEFAULT_REGION", "b")]), "a");
        assert_eq!(region(&[("AWS_DEFAULT_REGION", "b")]), "b");
        assert_eq!(region(&[]), "eu-west-1");
    }

    #[test]
    fn the_nearest_address_wins() {
        let all = ("AWS_ENDPOINT_URL", "https://all.environment");
        let found = settings(&[("AWS_ENDPOINT_URL_S3", "https://s3.environment"), all]);
        assert_eq!(found.s3_endpoint.unwrap(), "https://s3.environment");
        assert_eq!(found.sts_endpoint.unwrap(), "https://all.environment");
        let found = settings(&[]);
        assert_eq!(found.s3_endpoint.unwrap(), "https://s3.services");
        assert_eq!(found.sts_endpoint.unwrap(), "https://all.profile");
        let found = settings(&[all, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True")]);
        assert_eq!((found.s3_endpoint, found.sts_endpoint), (None, None));
    }

    #[test]
    fn the_rest_of_a_profile_counts_when_it_is_selected() {
        let found = settings(&[]);
        assert_eq!(found.path_style, Some(false));
        assert_eq!(found.ignored, ["ca_bundle"]);
        assert_eq!(found.variant, Variant { fips: true, dual_stack: false });
        assert_eq!(settings(&[("AWS_USE_FIPS_ENDPOINT", "false")]).variant, Variant::default());
        assert!(settings(&[("AWS_CA_BUNDLE", "/ca")]).ignored.is_empty());
        let other = settings(&[("AWS_PROFILE", "other")]);
        assert_eq!((other.path_style, other.region), (None, None));
    }

    #[test]
    fn addresses_follow_region_partition_and_variant() {
        let plain = Variant::default();
        let both = Variant { fips: true, dual_stack: true };
        for (service, region, variant, expected) in [
            ("s3", "eu-west-1", plain, "https://s3.eu-west-1.amazonaws.com"),
            ("sts", "cn-north-1", plain, "https://sts.cn-north-1.amazonaws.com.cn"),
            ("s3", "eusc-de-east-1", plain, "https://s3.eusc-de-east-1.amazonaws.eu"),
            ("s3", "us-gov-west-1", both, "https://s3-fips.dualstack.us-gov-west-1.amazonaws.com"),
            ("sts", "us-east-1", both, "https://sts-fips.us-east-1.api.aws"),
        ] {
            assert_eq!(aws_address(service, region, variant), expected);
        }
    }
}
