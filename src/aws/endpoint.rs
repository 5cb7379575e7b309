//! The addresses that AWS gives its services, by region.

use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::near::is_near;
use crate::core::said::cleaned;
use crate::limits::S3_REGION_BYTES_MAX;

/// AWS's addresses for networks of IPv6, and those with FIPS 140 cryptography.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Variant {
    pub dual_stack: bool,
    pub fips: bool,
}

/// AWS's own address of `s3` or `sts` in a region. Partitions have domains of their own
/// (<https://github.com/boto/botocore>, `data/partitions.json`).
pub fn aws_address(service: &str, region: &str, variant: Variant) -> String {
    let domain = match region.split('-').next() {
        Some("cn") => "amazonaws.com.cn",
        Some("eusc") => "amazonaws.eu",
        _ => "amazonaws.com",
    };
    let fips = if variant.fips { "-fips" } else { "" };
    match (service, variant.dual_stack) {
        ("s3", true) => format!("https://s3{fips}.dualstack.{region}.{domain}"),
        // Everything but S3 has its names for IPv6 below domains of their own.
        (_, true) if domain == "amazonaws.com.cn" => {
            format!("https://{service}{fips}.{region}.api.amazonwebservices.com.cn")
        }
        (_, true) if domain == "amazonaws.com" => {
            format!("https://{service}{fips}.{region}.api.aws")
        }
        _ => format!("https://{service}{fips}.{region}.{domain}"),
    }
}

/// AWS's regions, as botocore's `partitions.json` lists them. One that opens later works as well:
/// this list only finds slips of the pen.
const REGIONS: [&str; 43] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "cn-north-1",
    "cn-northwest-1",
    "us-gov-east-1",
    "us-gov-west-1",
    "eusc-de-east-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "eu-isoe-west-1",
];

/// What is odd about a region, if this version does not know it.
pub fn unknown_region(region: &str) -> Option<String> {
    if REGIONS.contains(&region) {
        return None;
    }
    let near = REGIONS.iter().find(|known| is_near(region, known));
    let hint = near.map_or_else(String::new, |near| format!(": did you mean {near}?"));
    Some(format!("AWS_REGION={region} is no region of AWS that this version knows{hint}"))
}

/// Refuses what can be no part of a host name
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html>).
pub fn check_region(region: &str) -> Result<()> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let ends = region.starts_with('-') || region.ends_with('-');
    if !region.is_empty() && region.len() <= 63 && region.bytes().all(fits) && !ends {
        return Ok(());
    }
    let shown = cleaned(region, S3_REGION_BYTES_MAX);
    let what = format!("the AWS region {shown:?} is no name such as eu-west-1");
    Err(Failure::new(ErrorClass::Usage, what))
}
