//! The addresses that AWS gives its services, by region.

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
    // STS has no name of its own for IPv6 here.
    let dual_stack = if variant.dual_stack && service == "s3" { ".dualstack" } else { "" };
    format!("https://{service}{fips}{dual_stack}.{region}.{domain}")
}
