//! Prints the S3 request that fitsync would send: address, then one header per line.
//!
//! ```text
//! AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… [AWS_SESSION_TOKEN=…] \
//!   sign_s3 put|head|delete TIME BUCKET REGION ENDPOINT|- path|virtual KEY SSE|- OWNER|- < body
//! ```
//!
//! It exists so that another implementation can be asked for the same request at the same time and
//! both be compared (`.ci/judge_s3.py`). The output is a bearer secret of a key made for the test.

use std::io::Read as _;
use std::process::ExitCode;

use fitsync::aws::endpoint::Variant;
use fitsync::aws::keys::Credentials;
use fitsync::core::error::{ErrorClass, Failure, Result, Secret};
use fitsync::core::exchange::Request;
use fitsync::s3::key::ObjectKey;
use fitsync::s3::request::{self, SignedOptions, Signing, Target};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match signed(&words) {
        Ok(request) => {
            println!("{}", request.url);
            request.headers.iter().for_each(|(name, value)| println!("{name}: {value}"));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn usage(what: impl Into<String>) -> Failure {
    Failure::new(ErrorClass::Usage, what)
}

fn signed(words: &[String]) -> Result<Request> {
    let [action, time, bucket, region, endpoint, style, key, encryption, owner] = words else {
        return Err(usage("nine words are needed; see the top of examples/sign_s3.rs"));
    };
    let given = |word: &String| (word != "-").then(|| word.clone());
    let name = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let required = |n: &str| name(n).ok_or_else(|| usage(format!("{n} is not set")));
    let target = Target {
        bucket: bucket.clone(),
        region: region.clone(),
        endpoint: given(endpoint),
        path_style: style == "path",
        variant: Variant::default(),
    };
    let options = SignedOptions {
        encryption: given(encryption).map(|text| text.parse()).transpose()?,
        expected_owner: given(owner),
        ..SignedOptions::default()
    };
    let credentials = Credentials {
        access_key: required("AWS_ACCESS_KEY_ID")?,
        secret: Secret::new(required("AWS_SECRET_ACCESS_KEY")?),
        session_token: name("AWS_SESSION_TOKEN").map(Secret::new),
        expires_at: None,
    };
    let now = time.parse().map_err(|_| usage(format!("{time} is not a time")))?;
    let signing = Signing { target: &target, options: &options, credentials: &credentials, now };
    let key = ObjectKey::new("", key)?;
    match action.as_str() {
        "put" => {
            let mut body = Vec::new();
            let read = std::io::stdin().read_to_end(&mut body);
            read.map_err(|error| usage(format!("cannot read the body: {error}")))?;
            request::put(&signing, &key, &body)
        }
        "head" => request::head(&signing, &key),
        "delete" => request::delete(&signing, &key),
        other => Err(usage(format!("{other} is neither put, head nor delete"))),
    }
}
