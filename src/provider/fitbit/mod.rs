//! The retired Fitbit Web API and its OAuth 2.0: requests and replies.
//!
//! Support ended on 30 September 2026; from 2 November 2026 on it answers 410 Gone
//! (https://developers.google.com/health/about). Kept for the tokens of the seed system and for
//! what still answers. Refresh tokens are good for one use; error messages echo tokens.

pub mod read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::consent::token::{Grant, SEED_PROVIDER};
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::exchange::{Method, Reply, Request, form, with_query};
use crate::core::json::Element;
use crate::core::json_scan::elements;
use crate::core::table::Row;
use crate::limits::{
    API_REPLY_BYTES_MAX, FITBIT_RESET_S_MAX, FITBIT_RESET_SPARE_S, SMALL_REPLY_BYTES_MAX,
};
use crate::provider::fitbit::read::{FitbitRead, LabelledDay};
use crate::provider::job::{Extent, Job};
use crate::provider::metric::{FitbitSource, Metric};
use crate::provider::{
    App, DataPage, Devices, IN_BETWEEN, Identity, PairedDevice, Provider, ToldZone, error_name,
    no_token_answer, product_name, read_token, refuses_client, text_of, tidied, whole,
};

pub const NAME: &str = SEED_PROVIDER;

#[derive(Debug, Clone)]
pub struct Fitbit {
    pub app: App,
    /// `https://api.fitbit.com`; token and revocation are below it.
    pub api: String,
    pub authorize: String,
}

impl Fitbit {
    fn get(&self, path: &str) -> Request {
        Request::new(Method::Get, format!("{}/{path}", self.api), SMALL_REPLY_BYTES_MAX)
    }

    /// The client names itself by Basic authentication, or in the body where it has no secret.
    fn post_form(&self, path: &str, pairs: &[(&str, &str)]) -> Request {
        let url = format!("{}/{path}", self.api);
        let request = Request::new(Method::Post, url, SMALL_REPLY_BYTES_MAX);
        let mut pairs = pairs.to_vec();
        let (id, secret) = (&self.app.client_id, &self.app.client_secret);
        let request = if secret.is_empty() {
            pairs.push(("client_id", id));
            request
        } else {
            let basic = BASE64.encode(format!("{id}:{}", secret.expose()));
            request.header("authorization", format!("Basic {basic}"))
        };
        request.body("application/x-www-form-urlencoded", form(&pairs))
    }
}

/// Where a metric stands here; one that does not is never granted, so this is a defect.
fn source(metric: &Metric) -> Result<&FitbitSource> {
    metric.fitbit.as_ref().ok_or_else(|| {
        let what = format!("the Fitbit Web API is not asked for {}", metric.name);
        Failure::new(ErrorClass::Bug, what)
    })
}

/// When the device's wall clock showed this: the first time where it did twice, so that nothing
/// is called synced too early.
fn synced_at(device: &Element, zone: &TimeZone) -> Result<Option<Timestamp>> {
    let Some(text) = device.optional("lastSyncTime", Element::text)? else { return Ok(None) };
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Some(at));
    }
    let wrong = || device.unexpected("lastSyncTime", "a wall clock time");
    let label: DateTime = text.parse().map_err(|_| wrong())?;
    zone.to_ambiguous_timestamp(label).compatible().map(Some).map_err(|_| wrong())
}

impl Provider for Fitbit {
    fn name(&self) -> &'static str {
        NAME
    }

    fn app(&self) -> &App {
        &self.app
    }

    fn data_source(&self) -> &'static str {
        "fitbit-web-api"
    }

    fn scopes(&self, metrics: &[&Metric]) -> Vec<String> {
        let mut scopes: Vec<String> =
            metrics.iter().filter_map(|metric| self.scope_of(metric)).collect();
        scopes.extend([self.settings_scope(), self.zone_scope()]);
        scopes.sort();
        scopes.dedup();
        scopes
    }

    fn scope_of(&self, metric: &Metric) -> Option<String> {
        scope_of(metric)
    }

    fn settings_scope(&self) -> String {
        "settings".to_owned()
    }

    fn zone_scope(&self) -> String {
        "profile".to_owned()
    }

    fn authorize_url(&self, scopes: &[String], state: &str, challenge: &str) -> String {
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &self.app.client_id),
            ("redirect_uri", &self.app.redirect_uri),
            ("scope", &scopes.join(" ")),
            ("state", state),
            ("code_challenge", challenge),
            // Left out, it would be "plain".
            ("code_challenge_method", "S256"),
            // The browser may be signed in as the participant before.
            ("prompt", "login consent"),
        ]);
        with_query(&self.authorize, &query)
    }

    fn code_request(&self, code: &Secret, verifier: &Secret) -> Request {
        self.post_form(
            "oauth2/token",
            &[
                ("grant_type", "authorization_code"),
                ("code", code.expose()),
                ("redirect_uri", &self.app.redirect_uri),
                ("code_verifier", verifier.expose()),
            ],
        )
    }

    fn refresh_request(&self, refresh_token: &Secret) -> Request {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
        self.post_form("oauth2/token", &pairs)
    }

    fn revoke_request(&self, token: &Secret) -> Request {
        self.post_form("oauth2/revoke", &[("token", token.expose())])
    }

    fn read_grant(&self, reply: &Reply) -> Result<Grant> {
        read_token(reply)
    }

    fn identity_request(&self) -> Request {
        self.get("1/user/-/profile.json")
    }

    fn read_identity(&self, reply: &Reply) -> Result<Identity> {
        let profile = Element::object(text_of(reply)?, "profile")?;
        let account = profile.text("user.encodedId")?.to_owned();
        if account.is_empty() {
            return Err(profile.unexpected("user.encodedId", "an id"));
        }
        Ok(Identity { account, legacy_user_id: None })
    }

    fn devices_request(&self, _page: Option<&str>) -> Request {
        self.get("1/user/-/devices.json")
    }

    fn read_devices(&self, reply: &Reply, zone: &TimeZone) -> Result<Devices> {
        let mut devices = Vec::new();
        for (index, raw) in elements(text_of(reply)?)?.iter().enumerate() {
            let device = Element::object(raw, format!("devices[{index}]"))?;
            devices.push(PairedDevice {
                name: product_name(device.optional("deviceVersion", Element::text)?),
                is_scale: device.optional("type", Element::text)? == Some("SCALE"),
                synced_at: synced_at(&device, zone)?,
            });
        }
        Ok(Devices { devices, next: None })
    }

    fn tells_wall_clocks(&self) -> bool {
        true
    }

    fn zone_request(&self) -> Request {
        self.identity_request()
    }

    fn read_zone(&self, reply: &Reply) -> Result<ToldZone> {
        let profile = Element::object(text_of(reply)?, "profile")?;
        if !profile.is_object("user") {
            return Err(profile.unexpected("user", "an object"));
        }
        let zone = profile.optional("user.timezone", Element::text)?;
        let name = zone.filter(|zone| !zone.is_empty()).map(str::to_owned);
        let offset_ms = profile.optional("user.offsetFromUTCMillis", Element::int)?;
        Ok(ToldZone { name, offset_s: offset_ms.map(|offset_ms| offset_ms / 1000) })
    }

    fn reach(&self, metric: &Metric) -> Extent {
        if metric.cadence.has_instants() { Extent::ONE_DAY } else { Extent::THIRTY_DAYS }
    }

    fn page_request(&self, metric: &Metric, job: &Job, _page: Option<&str>) -> Request {
        let (path, daily) = match &metric.fitbit {
            Some(source) => (source.path, matches!(source.read, FitbitRead::Days(..))),
            None => ("1/user/-/not-asked", true),
        };
        let (first, last) = (job.first(), job.last());
        // A minute has a time but no date, so that a range over midnight would be ambiguous.
        let range = if daily { last.to_string() } else { "1d/1min".to_owned() };
        let url = format!("{}/{path}/date/{first}/{range}.json", self.api);
        Request::new(Method::Get, url, API_REPLY_BYTES_MAX)
    }

    fn read_page(
        &self,
        metric: &Metric,
        job: &Job,
        body: &mut dyn std::io::Read,
    ) -> Result<DataPage> {
        let source = source(metric)?;
        let text = &whole(body)?;
        let day = || -> Result<LabelledDay> {
            Ok(LabelledDay { date: job.first(), zone: job.zone_at(job.from)? })
        };
        let mut rows = match source.read {
            FitbitRead::Minutes(cells) => {
                let resource = source.path.rsplit('/').next().unwrap_or_default();
                read::minutes(text, resource, &day()?, cells)?
            }
            FitbitRead::ZoneMinutes => read::zone_minutes(text, &day()?)?,
            FitbitRead::Days(name, row) => read::days(text, name, row)?,
        };
        // What is still to come is filled with zeros, and labels are those of the whole date.
        rows.retain(|row| row.instant().is_none_or(|at| job.from <= at && at < job.to));
        Ok(DataPage { rows, ..DataPage::default() })
    }

    fn combine(&self, metric: &Metric, rows: Vec<Row>) -> Vec<Row> {
        tidied(rows, metric.cadence.repeats_keys())
    }

    /// Zeros and resting energy, for every minute that has not come yet.
    fn fills_after_sync(&self, metric: &Metric) -> bool {
        metric.cadence.has_instants()
    }

    fn classify(&self, reply: &Reply) -> Failure {
        classify(reply)
    }

    fn classify_token(&self, reply: &Reply) -> Failure {
        classify_token(reply)
    }

    fn error_name(&self, reply: &Reply) -> String {
        error_type(reply)
    }

    /// 150 requests an hour, whatever they ask.
    fn quota_stops_all(&self) -> bool {
        true
    }

    fn connections_page(&self) -> &'static str {
        "https://www.fitbit.com/settings/applications"
    }

    fn token_may_be_stale(&self, reply: &Reply) -> bool {
        let unexplained = error_type(reply) == "PERMISSION_DENIED";
        reply.status == 401 || (reply.status == 403 && unexplained)
    }
}

pub fn scope_of(metric: &Metric) -> Option<String> {
    metric.fitbit.as_ref().map(|source| source.scope.to_owned())
}

/// `invalid_grant`, or `PERMISSION_DENIED`: since 2026 some errors came in Google's envelope
/// (https://github.com/home-assistant/core/issues/169485). Messages echo tokens and are not read.
fn error_type(reply: &Reply) -> String {
    let Ok(body) = text_of(reply).and_then(|text| Element::parse(text, "error")) else {
        return String::new();
    };
    let errors = body.list("errors").unwrap_or_default();
    let named = errors.iter().find_map(|error| error.text("errorType").map(error_name).ok());
    named.or_else(|| body.text("error.status").map(error_name).ok()).unwrap_or_default()
}

/// Seconds until the hour's requests are there again: Fitbit's own header first, because
/// `Retry-After` was seen not to reflect it (https://github.com/arpanghosh8453/fitbit-grafana).
fn reset_s(reply: &Reply) -> Option<u64> {
    let reset = reply.header("fitbit-rate-limit-reset").and_then(|text| text.trim().parse().ok());
    let reset: Option<u64> = reset.filter(|seconds| *seconds <= FITBIT_RESET_S_MAX);
    // Their clock and ours differ; who comes back on the second meets the old hour.
    let asked = reset.or_else(|| reply.retry_after_s());
    asked.map(|seconds| seconds.saturating_add(FITBIT_RESET_SPARE_S))
}

fn failure(reply: &Reply, error_type: &str, class: ErrorClass, cure: &str) -> Failure {
    let named = format!("HTTP {} {error_type}", reply.status);
    let join = if cure.is_empty() { "" } else { ": " };
    Failure::new(class, format!("{}{join}{cure}", named.trim_end()))
}

/// The token service's answers. Only `invalid_grant` says that the participant must sign in again.
fn classify_token(reply: &Reply) -> Failure {
    let error_type = error_type(reply);
    let fail = |class, cure: &str| failure(reply, &error_type, class, cure);
    match (reply.status, error_type.as_str()) {
        (400 | 401, "invalid_grant") => {
            fail(ErrorClass::Auth, "the consent was withdrawn, or its token was used elsewhere")
        }
        (status, error) if refuses_client(status, error) => fail(
            ErrorClass::Config,
            "Fitbit does not accept this application: check FITBIT_CLIENT_ID and \
             FITBIT_CLIENT_SECRET",
        ),
        (400, "") | (401 | 403, _) => no_token_answer(reply.status),
        _ => classify(reply),
    }
}

fn classify(reply: &Reply) -> Failure {
    let error_type = error_type(reply);
    let fail = |class, cure: &str| failure(reply, &error_type, class, cure);
    match (reply.status, error_type.as_str()) {
        (410, _) => fail(
            ErrorClass::Retired,
            "the Fitbit Web API is switched off; sign in with Google: fitsync migrate",
        ),
        (401, _) => fail(ErrorClass::Auth, "the access token is refused"),
        (403, "insufficient_permissions") => {
            fail(ErrorClass::NotGranted, "the application is not approved for minute data")
        }
        (403, _) => fail(ErrorClass::NotGranted, "not granted"),
        (408, _) => fail(ErrorClass::Server, "").after(reply.retry_after_s()),
        // Two refreshes at once: the next attempt meets a settled state.
        (409, _) => fail(ErrorClass::Server, "the token is being refreshed elsewhere"),
        (429, _) => fail(ErrorClass::Quota, "").after(reset_s(reply)),
        (500..=599, _) => fail(ErrorClass::Server, "").after(reply.retry_after_s()),
        (400..=499, _) => fail(ErrorClass::Bug, "the request is called wrong"),
        (300..=399, _) => fail(ErrorClass::Format, IN_BETWEEN),
        _ => fail(ErrorClass::Format, "an answer that is not documented"),
    }
}

#[cfg(test)]
#[path = "fitbit_tests.rs"]
mod tests;
