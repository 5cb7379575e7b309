//! The two profile files of the AWS tools, and which of them gives credentials.
#![no_main]

use fitsync::aws::chain;
use fitsync::aws::environment::Environment;
use fitsync::aws::profile::{ProfileFile, Profiles};
use fitsync::aws::settings::AwsSettings;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let texts = text.split_once("[credentials]").unwrap_or((text, ""));
    let file = |path, text| ProfileFile { path, text };
    let Ok(profiles) = Profiles::read(file("config", texts.0), file("credentials", texts.1)) else {
        return;
    };
    for pairs in [[].as_slice(), &[("AWS_PROFILE", "clinic"), ("HOME", "/home/pi")]] {
        let environment = Environment::of(pairs);
        let _ = chain::resolve(&environment, &profiles);
        AwsSettings::new(&environment, &profiles);
    }
});
