//! Settings and their defaults: texts → one checked [`Config`].

pub mod run_as;
pub mod source;

use std::path::PathBuf;
use std::str::FromStr;

use jiff::civil::Date;

use crate::consent::token::Token;
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::user::UserId;
use crate::ledger::head::Head;
use crate::ledger::told::Told;
use crate::limits::{LOOKBACK_DAYS_MAX, LOOKBACK_DAYS_USUAL, THREADS_MAX};
use crate::provider::App;
use crate::provider::fitbit::{self, Fitbit};
use crate::provider::google::{self, DATA_SOURCES, Endpoints, GoogleHealth};
use crate::provider::metric::{Metric, table};
use crate::s3::key;
use crate::s3::request::Encryption;
use crate::settings::source::{READ_BY_ROOT, Settings};

/// Everything a command needs to know, checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub google: Option<GoogleHealth>,
    pub fitbit: Option<Fitbit>,
    /// `FITSYNC_PROVIDER`
    pub sign_in_provider: Option<&'static str>,
    pub user_ids: Vec<UserId>,
    pub token_dir: PathBuf,
    pub data_dir: PathBuf,
    pub metrics: Vec<&'static Metric>,
    pub lookback_days: u32,
    pub today_minutes: u32,
    pub collect_from_consent: bool,
    /// The study's own consent form covers every metric of the settings, whatever a sign-in named.
    pub consent_form: bool,
    pub time_zone: Option<String>,
    pub listen: String,
    /// What participants know the study by.
    pub study_name: Option<String>,
    pub tls: Option<(PathBuf, PathBuf)>,
    pub threads: usize,
    pub keep_days: u32,
    pub bucket: Option<String>,
    pub s3_prefix: Option<String>,
    pub s3_sse: Option<Encryption>,
    pub s3_expected_owner: Option<String>,
    pub allow_insecure_s3: bool,
    pub ca_file: Option<PathBuf>,
    pub log_level: log::LevelFilter,
    /// All settings by name, for the AWS chain, which has its own rules.
    pub settings: Settings,
    /// What the operator should know but need not act on.
    pub warnings: Vec<String>,
}

/// The names of ours; a near miss of one is an error.
const NAMES: &[&str] = &[
    "FITSYNC_PROVIDER",
    "FITSYNC_DATA_DIR",
    "FITSYNC_METRICS",
    "FITSYNC_LOOKBACK_DAYS",
    "FITSYNC_TODAY_MINUTES",
    "FITSYNC_COLLECT_FROM",
    "FITSYNC_CONSENT",
    "FITSYNC_DATA_SOURCE",
    "FITSYNC_TIME_ZONE",
    "FITSYNC_LISTEN",
    "FITSYNC_STUDY_NAME",
    "FITSYNC_TLS_CERT",
    "FITSYNC_TLS_KEY",
    "FITSYNC_THREADS",
    "FITSYNC_KEEP_DAYS",
    "FITSYNC_S3_PREFIX",
    "FITSYNC_S3_SSE",
    "FITSYNC_S3_EXPECTED_OWNER",
    "FITSYNC_ALLOW_INSECURE_S3",
    "FITSYNC_CA_FILE",
    "FITSYNC_LOG",
    READ_BY_ROOT,
];

fn refuse(what: impl Into<String>) -> Failure {
    Failure::new(ErrorClass::Usage, what)
}

impl Config {
    /// Checks every setting; the first wrong one is told with its name and the cure.
    pub fn new(settings: Settings) -> Result<Self> {
        let mut warnings = check_names(&settings)?;
        let get = |name: &str| settings.get(name);
        let path = |name: &str, default: &str| PathBuf::from(get(name).unwrap_or(default));
        let under_systemd = get("STATE_DIRECTORY").unwrap_or("./data");
        let config = Self {
            google: google(&settings)?,
            fitbit: fitbit(&settings)?,
            sign_in_provider: sign_in_provider(&settings)?,
            user_ids: user_ids(get("FITBIT_USER_IDS").unwrap_or_default())?,
            token_dir: path("TOKEN_STORE_DIR", "./secrets/tokens"),
            data_dir: path("FITSYNC_DATA_DIR", under_systemd),
            metrics: metrics(get("FITSYNC_METRICS"))?,
            lookback_days: number(&settings, "FITSYNC_LOOKBACK_DAYS", 7, 1..=LOOKBACK_DAYS_MAX)?,
            today_minutes: number(&settings, "FITSYNC_TODAY_MINUTES", 180, 0..=1440)?,
            collect_from_consent: one_of(
                &settings,
                "FITSYNC_COLLECT_FROM",
                &["lookback", "consent"],
            )? == "consent",
            consent_form: one_of(&settings, "FITSYNC_CONSENT", &["page", "form"])? == "form",
            time_zone: time_zone(&settings, &mut warnings)?,
            listen: get("FITSYNC_LISTEN").unwrap_or(":8000").to_owned(),
            study_name: get("FITSYNC_STUDY_NAME").map(str::to_owned),
            tls: tls(&settings)?,
            threads: number(&settings, "FITSYNC_THREADS", 4, 1..=THREADS_MAX)? as usize,
            keep_days: number(&settings, "FITSYNC_KEEP_DAYS", 90, 0..=36_500)?,
            bucket: checked(get("S3_BUCKET_RAW"), key::check_bucket_name)?,
            s3_prefix: checked(get("FITSYNC_S3_PREFIX"), |prefix| {
                key::ObjectKey::new(prefix, "probe").map(drop)
            })?,
            s3_sse: get("FITSYNC_S3_SSE").map(str::parse).transpose()?,
            s3_expected_owner: checked(get("FITSYNC_S3_EXPECTED_OWNER"), key::check_owner)?,
            allow_insecure_s3: get("FITSYNC_ALLOW_INSECURE_S3") == Some("1"),
            ca_file: get("FITSYNC_CA_FILE").map(PathBuf::from),
            log_level: log_level(&settings)?,
            warnings: Vec::new(),
            settings,
        };
        if config.lookback_days < LOOKBACK_DAYS_USUAL {
            warnings.push(format!(
                "FITSYNC_LOOKBACK_DAYS={}: what the provider adds or changes later than that is \
                 not seen; at least {LOOKBACK_DAYS_USUAL} are advised",
                config.lookback_days
            ));
        }
        Ok(Self { warnings, ..config })
    }

    /// The folders that lie in the working directory, so that a command can say which they are.
    pub fn working_directory_folders(&self) -> Vec<String> {
        let relative =
            [&self.token_dir, &self.data_dir].into_iter().filter(|dir| dir.is_relative());
        relative.map(|dir| dir.display().to_string()).collect()
    }

    /// Which metrics may be read of a participant, by what a sign-in named.
    pub fn told(&self, token: Option<&Token>, head: &Head) -> Told {
        if self.consent_form { Told::ALL } else { Told::of(token, head) }
    }

    /// The CSV files of one participant and metric.
    pub fn csv_dir(&self, user: &UserId, metric: &str) -> PathBuf {
        self.data_dir.join("users").join(user.as_str()).join(metric)
    }
}

fn checked(value: Option<&str>, check: impl Fn(&str) -> Result<()>) -> Result<Option<String>> {
    value.map(|value| check(value).map(|()| value.to_owned())).transpose()
}

fn check_names(settings: &Settings) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for name in settings.names().filter(|name| name.starts_with("FITSYNC_")) {
        if NAMES.contains(&name) {
            continue;
        }
        if let Some(known) = NAMES.iter().find(|known| is_near(name, known)) {
            return Err(refuse(format!("unknown setting {name}: did you mean {known}?")));
        }
        warnings.push(format!("unknown setting {name} is ignored"));
    }
    Ok(warnings)
}

/// Whether two names differ by at most two typing errors.
fn is_near(one: &str, other: &str) -> bool {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (b, cell) in other.bytes().zip(row.iter_mut().skip(1)) {
            let value = (diagonal + usize::from(a != b)).min(left + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, value);
            left = value;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().is_some_and(|&distance| distance <= 2)
}

fn number(
    settings: &Settings,
    name: &str,
    default: u32,
    allowed: std::ops::RangeInclusive<u32>,
) -> Result<u32> {
    let Some(text) = settings.get(name) else { return Ok(default) };
    let (min, max) = (allowed.start(), allowed.end());
    text.parse()
        .ok()
        .filter(|value| allowed.contains(value))
        .ok_or_else(|| refuse(format!("{name} must be a whole number from {min} to {max}")))
}

fn one_of<'a>(settings: &Settings, name: &str, allowed: &[&'a str]) -> Result<&'a str> {
    let Some(text) = settings.get(name) else {
        return Ok(allowed.first().copied().unwrap_or_default());
    };
    allowed
        .iter()
        .copied()
        .find(|known| *known == text)
        .ok_or_else(|| refuse(format!("{name} must be one of: {}", allowed.join(", "))))
}

fn user_ids(text: &str) -> Result<Vec<UserId>> {
    let mut ids = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let id: UserId = part.parse().map_err(|why| refuse(format!("FITBIT_USER_IDS: {why}")))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// The metrics of a comma separated list; unset means the seed's five, `all` every one.
fn metrics(text: Option<&str>) -> Result<Vec<&'static Metric>> {
    let Some(text) = text else {
        return Ok(table::DEFAULT.iter().filter_map(|name| table::find(name)).collect());
    };
    if text == "all" {
        return Ok(table::METRICS.iter().collect());
    }
    let mut found: Vec<&'static Metric> = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let metric = find_metric(name)?;
        if !found.iter().any(|known| known.name == metric.name) {
            found.push(metric);
        }
    }
    if found.is_empty() {
        return Err(refuse(
            "FITSYNC_METRICS names no metric: name some, or unset it for the usual",
        ));
    }
    Ok(found)
}

/// The metric of a name that somebody typed.
pub fn find_metric(name: &str) -> Result<&'static Metric> {
    table::find(name).ok_or_else(|| {
        let known: Vec<_> = table::METRICS.iter().map(|metric| metric.name).collect();
        refuse(format!("unknown metric {name:?}; known: {}", known.join(", ")))
    })
}

fn time_zone(settings: &Settings, warnings: &mut Vec<String>) -> Result<Option<String>> {
    let Some(name) = settings.get("FITSYNC_TIME_ZONE") else { return Ok(None) };
    match crate::core::day::zone(name) {
        Ok(_) => Ok(Some(name.to_owned())),
        Err(failure) => {
            warnings.clear();
            Err(refuse(format!("FITSYNC_TIME_ZONE: {}", failure.what)))
        }
    }
}

fn tls(settings: &Settings) -> Result<Option<(PathBuf, PathBuf)>> {
    match (settings.get("FITSYNC_TLS_CERT"), settings.get("FITSYNC_TLS_KEY")) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => Ok(Some((cert.into(), key.into()))),
        _ => Err(refuse("FITSYNC_TLS_CERT and FITSYNC_TLS_KEY go together: set both or none")),
    }
}

fn log_level(settings: &Settings) -> Result<log::LevelFilter> {
    let text = one_of(settings, "FITSYNC_LOG", &["info", "error", "warn", "debug"])?;
    log::LevelFilter::from_str(text).map_err(|_| refuse("FITSYNC_LOG is not a level"))
}

/// An address of a service: https, or http on this machine.
fn address(settings: &Settings, name: &str, default: &str) -> Result<String> {
    let url = settings.get(name).unwrap_or(default).trim_end_matches('/').to_owned();
    let https = url.starts_with("https://");
    if https || (url.starts_with("http://") && crate::io::http::is_loopback_url(&url)) {
        return Ok(url);
    }
    Err(refuse(format!("{name} must start with https:// (http:// only for this machine)")))
}

fn google(settings: &Settings) -> Result<Option<GoogleHealth>> {
    let source = one_of(settings, "FITSYNC_DATA_SOURCE", &DATA_SOURCES)?.to_owned();
    let addresses = Endpoints {
        api: address(settings, "GOOGLE_HEALTH_URL", "https://health.googleapis.com")?,
        authorize: address(
            settings,
            "GOOGLE_AUTHORIZE_URL",
            "https://accounts.google.com/o/oauth2/v2/auth",
        )?,
        token: address(settings, "GOOGLE_TOKEN_URL", "https://oauth2.googleapis.com/token")?,
        revoke: address(settings, "GOOGLE_REVOKE_URL", "https://oauth2.googleapis.com/revoke")?,
    };
    let Some(client_id) = settings.get("GOOGLE_CLIENT_ID") else { return Ok(None) };
    let redirect = settings.get("GOOGLE_REDIRECT_URI");
    let app = App {
        client_id: client_id.to_owned(),
        client_secret: Secret::new(settings.get("GOOGLE_CLIENT_SECRET").unwrap_or_default()),
        redirect_uri: redirect.unwrap_or(REDIRECT).to_owned(),
    };
    Ok(Some(GoogleHealth { app, addresses, data_source: source }))
}

fn fitbit(settings: &Settings) -> Result<Option<Fitbit>> {
    let authorize = "https://www.fitbit.com/oauth2/authorize";
    let api = address(settings, "FITBIT_API_URL", "https://api.fitbit.com")?;
    let authorize = address(settings, "FITBIT_AUTHORIZE_URL", authorize)?;
    let Some(client_id) = settings.get("FITBIT_CLIENT_ID") else { return Ok(None) };
    let redirect = settings.get("FITBIT_REDIRECT_URI");
    Ok(Some(Fitbit {
        app: App {
            client_id: client_id.to_owned(),
            client_secret: Secret::new(settings.get("FITBIT_CLIENT_SECRET").unwrap_or_default()),
            redirect_uri: redirect.unwrap_or(REDIRECT).to_owned(),
        },
        api,
        authorize,
    }))
}

fn sign_in_provider(settings: &Settings) -> Result<Option<&'static str>> {
    let named = settings.get("FITSYNC_PROVIDER").is_some();
    let provider = one_of(settings, "FITSYNC_PROVIDER", &[google::NAME, fitbit::NAME])?;
    Ok(named.then_some(provider))
}

const REDIRECT: &str = "http://localhost:8000/auth/callback";

/// A date that somebody typed.
pub fn parse_date(name: &str, text: &str) -> Result<Date> {
    text.parse().map_err(|_| refuse(format!("{name}: {text:?} is not a date like 2026-11-22")))
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
