//! The providers' replies with data; the first byte chooses provider and metric.
#![no_main]

use std::collections::BTreeSet;

use fitsync::core::exchange::Reply;
use fitsync::core::json_scan;
use fitsync::provider::fitbit::Fitbit;
use fitsync::provider::google::{Endpoints, GoogleHealth};
use fitsync::provider::job::Job;
use fitsync::provider::metric::table::METRICS;
use fitsync::provider::{App, Provider};
use jiff::civil::date;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

fn app() -> App {
    let redirect_uri = "http://localhost:8000/auth/callback".to_owned();
    App { client_id: "client".to_owned(), client_secret: Default::default(), redirect_uri }
}

fn providers() -> [Box<dyn Provider>; 2] {
    let here = || "https://localhost".to_owned();
    let addresses = Endpoints { api: here(), authorize: here(), token: here(), revoke: here() };
    let data_source = "all-sources".to_owned();
    [
        Box::new(GoogleHealth { app: app(), addresses, data_source }),
        Box::new(Fitbit { app: app(), api: here(), authorize: here() }),
    ]
}

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, body) = input;
    let choice = usize::from(choice);
    let provider = &providers()[choice % 2];
    let metric = &METRICS[choice / 2 % METRICS.len()];
    let (first, end) = (date(2026, 10, 15), date(2026, 10, 17));
    let start = |day: jiff::civil::Date| day.to_zoned(TimeZone::UTC).map(|at| at.timestamp());
    let (Ok(from), Ok(to)) = (start(first), start(end)) else { return };
    let dates = BTreeSet::from([first, date(2026, 10, 16)]);
    let job = Job { metric: metric.name.to_owned(), dates, zone: "UTC".to_owned(), from, to };
    if provider.scope_of(metric).is_some()
        && let Ok(page) = provider.read_page(metric, &job, &mut &*body)
    {
        provider.combine(metric, page.rows);
    }
    let reply = Reply { status: 200, headers: Vec::new(), body: body.to_vec() };
    let _ = provider.read_devices(&reply, &TimeZone::UTC);
    let _ = provider.read_zone(&reply);
    let _ = provider.read_identity(&reply);
    if let Ok(text) = std::str::from_utf8(body) {
        let _ = (json_scan::members(text), json_scan::elements(text));
    }
});
