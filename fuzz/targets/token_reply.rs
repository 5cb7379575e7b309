//! The token services' replies, good and bad; the first number is the status.
#![no_main]

use fitsync::core::exchange::Reply;
use fitsync::provider::fitbit::Fitbit;
use fitsync::provider::google::{Endpoints, GoogleHealth};
use fitsync::provider::{App, Provider};
use libfuzzer_sys::fuzz_target;

fn app() -> App {
    let redirect_uri = "http://localhost:8000/auth/callback".to_owned();
    App { client_id: "client".to_owned(), client_secret: Default::default(), redirect_uri }
}

fuzz_target!(|input: (u16, &str)| {
    let (status, body) = input;
    let here = || "https://localhost".to_owned();
    let addresses = Endpoints { api: here(), authorize: here(), token: here(), revoke: here() };
    let google = GoogleHealth { app: app(), addresses, data_source: "all-sources".to_owned() };
    let fitbit = Fitbit { app: app(), api: here(), authorize: here() };
    let reply = Reply { status: status % 600, headers: Vec::new(), body: body.into() };
    for provider in [&google as &dyn Provider, &fitbit] {
        let _ = provider.read_grant(&reply);
        for failure in [provider.classify(&reply), provider.classify_token(&reply)] {
            assert!(!failure.what.chars().any(char::is_control), "{failure}");
        }
        let name = provider.error_name(&reply);
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "_-. ():,".contains(c)), "{name}");
    }
});
