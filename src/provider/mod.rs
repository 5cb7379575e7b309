//! The services that data comes from: pure, like `core`. A provider turns jobs into requests and
//! replies into rows; it never sends anything.

pub mod google_health;
mod google_read;
pub mod metric;

use jiff::Timestamp;

use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::exchange::{Reply, Request};
use crate::core::plan::{Job, Reach};
use crate::core::table::Row;
use crate::core::token::Grant;
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

/// A device that the participant's account knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairedDevice {
    /// The product's name.
    pub name: String,
    pub is_scale: bool,
    pub synced_at: Option<Timestamp>,
}

/// The device whose last sync says how far data can be complete: the newest that is no scale.
pub fn newest(devices: &[PairedDevice]) -> Option<&PairedDevice> {
    devices.iter().filter(|device| !device.is_scale).max_by_key(|device| device.synced_at)
}

/// One page of rows.
#[derive(Debug, Default)]
pub struct Page {
    pub rows: Vec<Row>,
    pub next: Option<String>,
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

    /// The scope that a metric needs.
    fn scope_of(&self, metric: &Metric) -> String;

    /// The scope that tells devices and time zone.
    fn settings_scope(&self) -> String;

    fn authorize_url(&self, scopes: &[String], state: &str, challenge: &str) -> String;
    fn code_request(&self, code: &Secret, verifier: &Secret) -> Request;
    fn refresh_request(&self, refresh_token: &Secret) -> Request;
    fn revoke_request(&self, token: &Secret) -> Request;
    fn read_grant(&self, reply: &Reply) -> Result<Grant>;

    fn identity_request(&self) -> Request;
    fn read_identity(&self, reply: &Reply) -> Result<Identity>;
    fn devices_request(&self) -> Request;
    fn read_devices(&self, reply: &Reply) -> Result<Vec<PairedDevice>>;
    fn zone_request(&self) -> Request;
    /// The IANA zone that the account is set to, where it names one.
    fn read_zone(&self, reply: &Reply) -> Result<Option<String>>;

    /// How far one request of this metric may reach.
    fn reach(&self, metric: &Metric) -> Reach;
    fn page_request(&self, metric: &Metric, job: &Job, page: Option<&str>) -> Request;
    fn read_page(&self, metric: &Metric, job: &Job, reply: &Reply) -> Result<Page>;
    /// From the rows of all pages, sorted and without repeats, to the rows of the table.
    fn combine(&self, metric: &Metric, rows: Vec<Row>) -> Vec<Row>;

    /// What a reply without success means.
    fn classify(&self, reply: &Reply) -> Failure;

    /// Whether a new access token may cure this reply.
    fn token_may_be_stale(&self, reply: &Reply) -> bool;
}

/// The body as text; health data is always UTF-8.
fn text_of(reply: &Reply) -> Result<&str> {
    std::str::from_utf8(&reply.body)
        .map_err(|_| Failure::new(ErrorClass::Format, "the reply is not UTF-8 text"))
}
