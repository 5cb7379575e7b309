//! The Google Health API v4 and Google's OAuth 2.0: requests and replies.
//!
//! Facts: https://developers.google.com/health/reference/rest and the protocol definitions in
//! googleapis `google/devicesandservices/health/v4`.

pub mod error;
mod page;
pub mod read;
pub mod samples;
pub mod sessions;

use std::collections::BTreeMap;
use std::fmt::Display;

use jiff::tz::TimeZone;

use crate::consent::token::Grant;
use crate::core::day::{next, previous};
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::exchange::{Method, Reply, Request, form, percent_encode, with_query};
use crate::core::json::Element;
use crate::core::json_scan::Document;
use crate::core::table::{Row, utc};
use crate::limits::{API_REPLY_BYTES_MAX, PAGE_ROWS, PAGE_SESSIONS, SMALL_REPLY_BYTES_MAX};
use crate::provider::google::error::{classify, classify_token, told};
use crate::provider::google::page::take_in;
use crate::provider::job::{Extent, Job};
use crate::provider::metric::{Cadence, GoogleQuery, Metric};
use crate::provider::{
    App, DataPage, Devices, Identity, PairedDevice, Provider, ToldZone, product_name, read_token,
    text_of, tidied,
};

pub const NAME: &str = "google-health";

/// Google's families of sources that may be read: what the app shows; wearables alone, without
/// phones and manual entries; Google's own, with manual entries and Health Connect.
pub const DATA_SOURCES: [&str; 3] = ["all-sources", "google-wearables", "google-sources"];
const SCOPE_PREFIX: &str = "https://www.googleapis.com/auth/googlehealth.";

/// The addresses of the services; settings may name others.
#[derive(Debug, Clone)]
pub struct Endpoints {
    pub api: String,
    pub authorize: String,
    pub token: String,
    pub revoke: String,
}

#[derive(Debug, Clone)]
pub struct GoogleHealth {
    pub app: App,
    pub addresses: Endpoints,
    /// One of [`DATA_SOURCES`].
    pub data_source: String,
}

impl GoogleHealth {
    fn get(&self, path: &str) -> Request {
        let url = format!("{}/v4/users/me/{path}", self.addresses.api);
        Request::new(Method::Get, url, SMALL_REPLY_BYTES_MAX)
    }

    fn post_form(&self, url: &str, pairs: &[(&str, &str)]) -> Request {
        Request::new(Method::Post, url, SMALL_REPLY_BYTES_MAX)
            .body("application/x-www-form-urlencoded", form(pairs))
    }

    fn family(&self) -> String {
        format!("users/me/dataSourceFamilies/{}", self.data_source)
    }

    fn roll_up(&self, url: &str, job: &Job, size: u32, page: Option<&str>) -> Request {
        let range = RollUpRange { start_time: utc(job.from), end_time: utc(job.to) };
        let family = self.family();
        let mut body: BTreeMap<&str, &dyn miniserde::Serialize> = BTreeMap::from([
            ("range", &range as &dyn miniserde::Serialize),
            ("windowSize", &"60s"),
            ("pageSize", &size),
            ("dataSourceFamily", &family),
        ]);
        if let Some(page) = &page {
            body.insert("pageToken", page);
        }
        Request::new(Method::Post, format!("{url}:rollUp"), API_REPLY_BYTES_MAX)
            .body("application/json", miniserde::json::to_string(&body))
    }

    fn reconcile(&self, url: &str, filter: &str, size: u32, page: Option<&str>) -> Request {
        let (family, size) = (self.family(), size.to_string());
        let mut query =
            vec![("filter", filter), ("pageSize", size.as_str()), ("dataSourceFamily", &family)];
        if let Some(page) = page {
            query.push(("pageToken", page));
        }
        let url = format!("{url}:reconcile?{}", form(&query));
        Request::new(Method::Get, url, API_REPLY_BYTES_MAX)
    }
}

#[derive(miniserde::Serialize)]
struct RollUpRange {
    #[serde(rename = "startTime")]
    start_time: String,
    #[serde(rename = "endTime")]
    end_time: String,
}

impl Provider for GoogleHealth {
    fn name(&self) -> &'static str {
        NAME
    }

    fn app(&self) -> &App {
        &self.app
    }

    fn data_source(&self) -> &str {
        &self.data_source
    }

    fn scopes(&self, metrics: &[&Metric]) -> Vec<String> {
        let mut scopes: Vec<String> =
            metrics.iter().filter_map(|metric| self.scope_of(metric)).collect();
        scopes.push(self.settings_scope());
        scopes.sort();
        scopes.dedup();
        scopes
    }

    fn scope_of(&self, metric: &Metric) -> Option<String> {
        Some(scope_of(metric))
    }

    fn settings_scope(&self) -> String {
        format!("{SCOPE_PREFIX}settings.readonly")
    }

    fn authorize_url(&self, scopes: &[String], state: &str, challenge: &str) -> String {
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &self.app.client_id),
            ("redirect_uri", &self.app.redirect_uri),
            ("scope", &scopes.join(" ")),
            ("state", state),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
            // Without these two Google sends a refresh token at the very first consent only.
            ("access_type", "offline"),
            ("prompt", "consent select_account"),
        ]);
        with_query(&self.addresses.authorize, &query)
    }

    fn code_request(&self, code: &Secret, verifier: &Secret) -> Request {
        self.post_form(
            &self.addresses.token,
            &[
                ("grant_type", "authorization_code"),
                ("code", code.expose()),
                ("redirect_uri", &self.app.redirect_uri),
                ("code_verifier", verifier.expose()),
                ("client_id", &self.app.client_id),
                ("client_secret", self.app.client_secret.expose()),
            ],
        )
    }

    fn refresh_request(&self, refresh_token: &Secret) -> Request {
        self.post_form(
            &self.addresses.token,
            &[
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh_token.expose()),
                ("client_id", &self.app.client_id),
                ("client_secret", self.app.client_secret.expose()),
            ],
        )
    }

    fn revoke_request(&self, token: &Secret) -> Request {
        self.post_form(&self.addresses.revoke, &[("token", token.expose())])
    }

    fn read_grant(&self, reply: &Reply) -> Result<Grant> {
        // Google names no account here; `user_id` would be another service's.
        Ok(Grant { account: None, ..read_token(reply)? })
    }

    fn identity_request(&self) -> Request {
        self.get("identity")
    }

    fn read_identity(&self, reply: &Reply) -> Result<Identity> {
        let identity = Element::object(text_of(reply)?, "identity")?;
        let account = identity.text("healthUserId")?.to_owned();
        let legacy = identity.text("legacyUserId").ok();
        let legacy_user_id = legacy.filter(|id| !id.is_empty()).map(str::to_owned);
        if account.is_empty() {
            return Err(identity.unexpected("healthUserId", "an id"));
        }
        Ok(Identity { account, legacy_user_id })
    }

    fn devices_request(&self, page: Option<&str>) -> Request {
        let page = page.map(|page| format!("&pageToken={}", percent_encode(page)));
        self.get(&format!("pairedDevices?pageSize=100{}", page.unwrap_or_default()))
    }

    fn read_devices(&self, reply: &Reply, _zone: &TimeZone) -> Result<Devices> {
        let found = Element::object(text_of(reply)?, "reply")?;
        let next = found.text("nextPageToken").ok().filter(|token| !token.is_empty());
        if !found.has("pairedDevices") && next.is_none() && !found.names("").is_empty() {
            return Err(found.unexpected("pairedDevices", "an array"));
        }
        let device = |device: &Element| {
            if !device.is_object("") {
                return Err(device.unexpected("", "an object"));
            }
            Ok(PairedDevice {
                name: product_name(device.text("deviceVersion").ok()),
                is_scale: device.nullable("deviceType", Element::text)? == Some("SCALE"),
                synced_at: device.nullable("lastSyncTime", Element::instant)?,
            })
        };
        let devices: Result<_> = found.list("pairedDevices")?.iter().map(device).collect();
        Ok(Devices { devices: devices?, next: next.map(str::to_owned) })
    }

    fn zone_request(&self) -> Request {
        self.get("settings")
    }

    fn read_zone(&self, reply: &Reply) -> Result<ToldZone> {
        let settings = Element::object(text_of(reply)?, "settings")?;
        let name = settings.nullable("timeZone", Element::text)?;
        let offset_s = settings.nullable("utcOffset", sessions::duration_s)?;
        #[expect(clippy::cast_possible_truncation, reason = "what is no offset is no zone either")]
        let offset_s = offset_s.map(|seconds| seconds as i64);
        let name = name.filter(|name| !name.is_empty()).map(str::to_owned);
        Ok(ToldZone { name, offset_s })
    }

    fn reach(&self, metric: &Metric) -> Extent {
        match metric.cadence {
            Cadence::Minute => Extent::MINUTES,
            Cadence::Daily => Extent::DAYS,
            Cadence::Event | Cadence::Night => Extent::SESSIONS,
        }
    }

    /// Of sleep and exercise Google gives at most 25 (googleapis `data_points.proto`, `page_size`).
    fn page_rows(&self, metric: &Metric) -> Option<u32> {
        let sessions = matches!(metric.google.data_type, "sleep" | "exercise");
        Some(if sessions { PAGE_SESSIONS } else { PAGE_ROWS })
    }

    fn page_request(&self, metric: &Metric, job: &Job, page: Option<&str>) -> Request {
        let source = &metric.google;
        let path = format!("users/me/dataTypes/{}/dataPoints", source.data_type);
        let url = format!("{}/v4/{path}", self.addresses.api);
        // Filters use snake case where paths use kebab case; a hyphen is refused
        // (https://developers.google.com/health/filters).
        let kind = source.data_type.replace('-', "_");
        let size = job.page_rows.or(self.page_rows(metric)).unwrap_or(PAGE_ROWS);
        let within = |member: &str, from: &dyn Display, to: &dyn Display| {
            let filter = format!("{kind}.{member} >= \"{from}\" AND {kind}.{member} < \"{to}\"");
            self.reconcile(&url, &filter, size, page)
        };
        match source.ask {
            GoogleQuery::RollUp => self.roll_up(&url, job, size, page),
            GoogleQuery::ReconcileInstant(member) => within(member, &utc(job.from), &utc(job.to)),
            GoogleQuery::ReconcileDate(member) => within(member, &job.first(), &next(job.last())),
            GoogleQuery::ReconcileAround(member) => {
                within(member, &previous(job.first()), &next(next(job.last())))
            }
        }
    }

    fn read_page(
        &self,
        metric: &Metric,
        job: &Job,
        body: &mut dyn std::io::Read,
    ) -> Result<DataPage> {
        let list = match metric.google.ask {
            GoogleQuery::RollUp => "rollupDataPoints",
            GoogleQuery::ReconcileInstant(_)
            | GoogleQuery::ReconcileDate(_)
            | GoogleQuery::ReconcileAround(_) => "dataPoints",
        };
        let mut page = DataPage::default();
        let (mut known, mut members) = (false, 0);
        Document::new(body).members(|document, name| {
            members += 1;
            known |= name == list || name == "nextPageToken";
            if name == list {
                document.elements(|index, raw| {
                    take_in(&mut page, metric, job, raw, format!("{list}[{index}]"));
                    Ok(())
                })
            } else {
                let raw = document.value()?;
                if name == "nextPageToken" && raw != "null" {
                    let token = Element::parse(raw, name)?;
                    page.next = Some(token.text("")?.to_owned()).filter(|text| !text.is_empty());
                }
                Ok(())
            }
        })?;
        // No data is `{}`: proto3 leaves empty fields out. Anything else must be what we know.
        if members > 0 && !known {
            let what = format!("expected {list}, found other members");
            return Err(Failure::new(ErrorClass::Format, what));
        }
        Ok(page)
    }

    fn combine(&self, metric: &Metric, rows: Vec<Row>) -> Vec<Row> {
        match metric.google.combine {
            Some(combine) => combine(tidied(rows, true)),
            None => tidied(rows, metric.cadence.repeats_keys()),
        }
    }

    fn fills_after_sync(&self, metric: &Metric) -> bool {
        metric.filled_by_google
    }

    fn classify(&self, reply: &Reply) -> Failure {
        classify(reply)
    }

    fn classify_token(&self, reply: &Reply) -> Failure {
        classify_token(reply)
    }

    fn error_name(&self, reply: &Reply) -> String {
        told(reply).unwrap_or_default().status
    }

    fn connections_page(&self) -> &'static str {
        "https://myaccount.google.com/connections"
    }

    fn token_may_be_stale(&self, reply: &Reply) -> bool {
        match reply.status {
            401 => true,
            403 => classify(reply).class == ErrorClass::Denied,
            _ => false,
        }
    }
}

pub fn scope_of(metric: &Metric) -> String {
    format!("{SCOPE_PREFIX}{}.readonly", metric.google.scope.name())
}

#[cfg(test)]
mod fields_tests;
