//! Names of hosts and redirect addresses.
#![no_main]

use fitsync::portal::redirect::{Redirect, judge};
use fitsync::portal::web::hosts::{Hosts, is_loopback_name, name_of};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let hosts = Hosts::new("gateway", &[]);
    if hosts.allows(text) {
        let name = name_of(text);
        let known = name.is_empty() || name.parse::<std::net::IpAddr>().is_ok();
        assert!(known || is_loopback_name(text) || name.starts_with("gateway"), "{text}");
    }
    let _ = judge(text);
    let _ = Redirect::new(text);
});
