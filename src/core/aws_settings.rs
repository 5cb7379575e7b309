//! Region, addresses and style of addressing, as the AWS tools find them.

use crate::core::aws_environment::Environment;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsSettings {
    pub region: Option<String>,
    pub s3_endpoint: Option<String>,
    pub sts_endpoint: Option<String>,
    /// `s3 = addressing_style`, when it says `path` or `virtual`.
    pub path_style: Option<bool>,
}

impl AwsSettings {
    pub fn new(environment: &Environment) -> Self {
        let endpoint = |service: &str| {
            let names = [service, "AWS_ENDPOINT_URL"];
            environment.first(&names).map(str::to_owned)
        };
        Self {
            region: environment.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]).map(str::to_owned),
            s3_endpoint: endpoint("AWS_ENDPOINT_URL_S3"),
            sts_endpoint: endpoint("AWS_ENDPOINT_URL_STS"),
            path_style: None,
        }
    }
}
