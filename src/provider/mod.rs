//! The services that data comes from: pure, like `core`. A provider turns jobs into requests and
//! replies into rows; it never sends anything.

pub mod fitbit;
pub mod google;
pub mod granted;
pub mod job;
pub mod metric;

#[cfg(test)]
mod conformance_tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::consent::token::Grant;
use crate::core::day::ahead;
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::exchange::{Reply, Request};
use crate::core::json::Element;
use crate::core::table::{Row, tidy};
use crate::limits::{DEVICE_NAME_CHARS_MAX, DEVICE_PAGES_MAX, DEVICE_TIME_S_MIN};
use crate::provider::job::{Extent, Job};
use crate::provider::metric::Metric;

/// The study's own application, as registered at the provider.
#[derive(Debug, Clone)]
pub struct App {
    pub client_id: String,
    pub client_secret: Secret,
    pub redirect_uri: String,
}

/// Who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub account: String,
    /// The same person's id at the retired Fitbit API.
    pub legacy_user_id: Option<String>,
}

impl Identity {
    /// Whether this is an id of the same person, at this provider or at the retired one.
    pub fn has(&self, account: &str) -> bool {
        self.account == account || self.legacy_user_id.as_deref() == Some(account)
    }
}

/// A device that the participant's account knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairedDevice {
    /// The product's name.
    pub name: String,
    pub is_scale: bool,
    pub synced_at: Option<Timestamp>,
}

/// A device's name as it may be shown: letters that steer a terminal are none of it.
fn product_name(text: Option<&str>) -> String {
    let plain = text.unwrap_or_default().chars().filter(|c| !c.is_control());
    let plain: String = plain.take(DEVICE_NAME_CHARS_MAX).collect();
    if plain.trim().is_empty() { "device".to_owned() } else { plain }
}

/// What the devices that are no scales say of how far data can be complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastSync {
    /// The newest one.
    At(Timestamp),
    /// It is still to come, which cannot be true.
    ToCome(Timestamp),
    /// One of them tells no time, or one from before there was such a device: it may be the one
    /// that is worn.
    Untold,
    NoDevice,
}

/// The device to be named, and what all say. A time that is still to come hides no other device's.
pub fn last_sync(devices: &[PairedDevice], now: Timestamp) -> (Option<&PairedDevice>, LastSync) {
    let worn = || devices.iter().filter(|device| !device.is_scale);
    let told =
        |device: &PairedDevice| device.synced_at.filter(|at| at.as_second() >= DEVICE_TIME_S_MIN);
    if let Some(untold) = worn().find(|device| told(device).is_none()) {
        return (Some(untold), LastSync::Untold);
    }
    let newest = worn().max_by_key(|device| told(device).map(|at| (!ahead(at, now), at)));
    let last = match newest.and_then(told) {
        None => LastSync::NoDevice,
        Some(at) if ahead(at, now) => LastSync::ToCome(at),
        Some(at) => LastSync::At(at),
    };
    (newest, last)
}

/// What an account says of its time zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToldZone {
    /// An IANA name.
    pub name: Option<String>,
    /// How far ahead of UTC its clock is now.
    pub offset_s: Option<i64>,
}

/// One page of devices.
#[derive(Debug, Default)]
pub struct Devices {
    pub devices: Vec<PairedDevice>,
    pub next: Option<String>,
}

/// All devices of a participant, page by page; `call` sends.
pub fn paired_devices(
    provider: &dyn Provider,
    zone: &TimeZone,
    mut call: impl FnMut(&Request) -> Result<Reply>,
) -> Result<Vec<PairedDevice>> {
    let (mut found, mut page) = (Vec::new(), None);
    for _ in 0..DEVICE_PAGES_MAX {
        let reply = call(&provider.devices_request(page.as_deref()))?;
        let devices = provider.read_devices(&reply, zone)?;
        found.extend(devices.devices);
        page = devices.next;
        if page.is_none() {
            return Ok(found);
        }
    }
    Err(Failure::new(ErrorClass::Format, format!("more than {DEVICE_PAGES_MAX} pages of devices")))
}

/// What the answer means that no service of ours gives.
pub const IN_BETWEEN: &str = "something between this machine and the provider answers, a sign-in \
                              page of the network or a proxy: let this machine out past it, or \
                              name the right HTTPS_PROXY";

/// One page of rows.
#[derive(Debug, Default)]
pub struct DataPage {
    pub rows: Vec<Row>,
    pub next: Option<String>,
    /// Days of the job with an element that is not as promised; the others are good.
    pub odd: BTreeMap<Date, Failure>,
    /// An element of which not even the day can be read: no day of the job is known to be whole.
    pub unplaced: Option<Failure>,
    /// Windows whose value is an empty object, which is no value.
    pub bare: u64,
    /// The dates that the provider is still at work on.
    pub unfinished: BTreeSet<Date>,
}

/// What every provider can do. Requests are complete but for the bearer token.
pub trait Provider: Sync {
    /// The name in settings, token files and the completeness file.
    fn name(&self) -> &'static str;

    fn app(&self) -> &App;

    /// The name of the merged stream that is read, for the completeness file.
    fn data_source(&self) -> &str;

    /// The scopes to ask for: those of the metrics, and what says how far data can be complete.
    fn scopes(&self, metrics: &[&Metric]) -> Vec<String>;

    /// The scope that a metric needs; `None` where the provider does not have it.
    fn scope_of(&self, metric: &Metric) -> Option<String>;

    /// The scope that tells devices and time zone.
    fn settings_scope(&self) -> String;

    /// The scope that tells the zone.
    fn zone_scope(&self) -> String {
        self.settings_scope()
    }

    fn authorize_url(&self, scopes: &[String], state: &str, challenge: &str) -> String;
    fn code_request(&self, code: &Secret, verifier: &Secret) -> Request;
    fn refresh_request(&self, refresh_token: &Secret) -> Request;
    fn revoke_request(&self, token: &Secret) -> Request;
    fn read_grant(&self, reply: &Reply) -> Result<Grant>;

    fn identity_request(&self) -> Request;
    fn read_identity(&self, reply: &Reply) -> Result<Identity>;
    fn devices_request(&self, page: Option<&str>) -> Request;
    /// `zone`: where the participant is, for a provider that tells wall clocks only.
    fn read_devices(&self, reply: &Reply, zone: &TimeZone) -> Result<Devices>;
    /// Whether times mean nothing without the participant's zone.
    fn tells_wall_clocks(&self) -> bool {
        false
    }
    fn zone_request(&self) -> Request;
    /// The zone that the account is set to, as far as it tells.
    fn read_zone(&self, reply: &Reply) -> Result<ToldZone>;

    /// How far one request of this metric may reach.
    fn reach(&self, metric: &Metric) -> Extent;
    /// How many rows a page may have; `None`: a reply is one page, however long.
    fn page_rows(&self, _metric: &Metric) -> Option<u32> {
        None
    }
    fn page_request(&self, metric: &Metric, job: &Job, page: Option<&str>) -> Request;
    /// Reads the body of a success while it arrives.
    fn read_page(
        &self,
        metric: &Metric,
        job: &Job,
        body: &mut dyn std::io::Read,
    ) -> Result<DataPage>;
    /// From the rows of all pages to the rows of the table: sorted, without repeats.
    fn combine(&self, metric: &Metric, rows: Vec<Row>) -> Vec<Row>;
    /// Whether values after the device's last sync are the provider's filling, not data.
    fn fills_after_sync(&self, metric: &Metric) -> bool;

    /// What a reply without success means.
    fn classify(&self, reply: &Reply) -> Failure;

    /// What one of the token service means: it alone can say that a consent has ended, and it
    /// says of the application what a refused access token does not.
    fn classify_token(&self, reply: &Reply) -> Failure;

    /// The provider's name of an error, if its reply has one.
    fn error_name(&self, reply: &Reply) -> String;

    /// Whether a quota that is used up refuses everything of the participant until it is reset.
    fn quota_stops_all(&self) -> bool {
        false
    }

    /// Where participants see and remove the applications that read their data.
    fn connections_page(&self) -> &'static str;

    /// Whether a new access token may cure this reply.
    fn token_may_be_stale(&self, reply: &Reply) -> bool;
}

/// OAuth's token reply (RFC 6749, section 5.1), with what either provider adds to it.
fn read_token(reply: &Reply) -> Result<Grant> {
    if reply.is_page() {
        let what = format!("a web page came in the place of a token: {IN_BETWEEN}");
        return Err(Failure::new(ErrorClass::Format, what));
    }
    let grant = Element::object(text_of(reply)?, "token")?;
    // What is odd is taken as not sent: a code is used up and a refresh token may be spent, so no
    // consent is lost for a field that is not needed.
    let text = |name: &str| grant.text(name).ok().filter(|text| !text.is_empty());
    let life_s = |name: &str| grant.int(name).ok();
    let Some(access_token) = text("access_token") else {
        return Err(grant.unexpected("access_token", "a token"));
    };
    Ok(Grant {
        access_token: Secret::new(access_token),
        refresh_token: text("refresh_token").map(Secret::new),
        expires_in_s: life_s("expires_in"),
        refresh_expires_in_s: life_s("refresh_token_expires_in"),
        scopes: text("scope").map(|scope| scope.split_whitespace().map(str::to_owned).collect()),
        account: text("user_id").map(str::to_owned),
    })
}

/// Whether the token service refuses the application, and not the consent. By RFC 6749, section
/// 5.2, a 401 is about the client alone; Google has names of its own (`deleted_client`).
fn refuses_client(status: u16, error: &str) -> bool {
    let is_oauth = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let named = !error.is_empty() && error.bytes().all(is_oauth);
    named && (status == 401 || (status == 400 && error.ends_with("_client")))
}

/// A reply of the token service that OAuth does not know: a proxy's page, an HTTP 403.
fn no_token_answer(status: u16) -> Failure {
    let what = format!("HTTP {status}, which OAuth does not know: perhaps {IN_BETWEEN}");
    Failure::new(ErrorClass::Format, what)
}

/// An error name as services write them; anything else is not one and is never shown.
fn error_name(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.len() <= 80 && text.chars().all(plain) { text.to_owned() } else { String::new() }
}

/// Sorted rows without repeats; where `many` may share a key, only identical rows are repeats.
fn tidied(mut rows: Vec<Row>, many: bool) -> Vec<Row> {
    tidy(&mut rows, many);
    rows
}

/// A body that is small enough to be read whole.
fn whole(body: &mut dyn std::io::Read) -> Result<String> {
    let mut text = String::new();
    body.read_to_string(&mut text)
        .map_err(|_| Failure::new(ErrorClass::Format, "the reply is not UTF-8 text"))?;
    Ok(text)
}

/// The body as text; health data is always UTF-8.
fn text_of(reply: &Reply) -> Result<&str> {
    std::str::from_utf8(&reply.body)
        .map_err(|_| Failure::new(ErrorClass::Format, "the reply is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_with_a_time_still_to_come_hides_no_other_and_one_without_a_time_all() {
        let at = |text: &str| text.parse().unwrap();
        let device = |name: &str, synced_at: Option<&str>| PairedDevice {
            name: name.to_owned(),
            is_scale: name == "scale",
            synced_at: synced_at.map(at),
        };
        let told = |devices: &[PairedDevice]| {
            let (device, synced) = last_sync(devices, at("2026-11-22T12:00:00Z"));
            (device.map(|device| device.name.clone()).unwrap_or_default(), synced)
        };
        let drawer = device("drawer", Some("2030-01-01T00:00:00Z"));
        let wrist = device("wrist", Some("2026-11-22T11:00:00Z"));
        let new = device("new", None);
        let scale = device("scale", Some("2026-11-22T11:30:00Z"));
        let synced = |device: &PairedDevice| device.synced_at.unwrap();
        let name = str::to_owned;
        let all = [drawer.clone(), wrist.clone(), scale.clone()];
        assert_eq!(told(&all), (name("wrist"), LastSync::At(synced(&wrist))));
        let to_come = LastSync::ToCome(synced(&drawer));
        assert_eq!(told(&[scale.clone(), drawer.clone()]), (name("drawer"), to_come));
        assert_eq!(told(&[scale]), (String::new(), LastSync::NoDevice));
        // Which of them is worn nobody knows.
        assert_eq!(told(&[new, wrist.clone()]), (name("new"), LastSync::Untold));
        let reset = device("reset", Some("1970-01-01T00:00:07Z"));
        assert_eq!(told(&[wrist, reset]), (name("reset"), LastSync::Untold));
    }

    #[test]
    fn a_device_is_named_without_what_steers_a_terminal() {
        assert_eq!(product_name(Some("Charge\u{1b}[31m 6\r\n\u{9b}")), "Charge[31m 6");
        assert_eq!(product_name(Some("\u{1b} ")), "device");
        assert_eq!(product_name(None), "device");
        assert_eq!(product_name(Some(&"x".repeat(500))).len(), DEVICE_NAME_CHARS_MAX);
    }
}
