//! A query or a form: names and values, percent-encoded.
#![no_main]

use fitsync::core::exchange::{form, pairs, percent_decode, percent_encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let found = pairs(text);
    let again: Vec<(&str, &str)> = found.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(pairs(&form(&again)), found, "written and read again");
    assert_eq!(percent_decode(&percent_encode(text)), text);
});
