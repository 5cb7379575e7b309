//! A `.env` file, made by hand on any system.
#![no_main]

use fitsync::settings::Config;
use fitsync::settings::source::{Settings, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(found) = parse(text) else { return };
    let pairs: Vec<(&str, &str)> = found.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let _ = Config::new(Settings::of(&pairs));
});
