//! The same cases for every provider: requests go to the known hosts, and no reply, however it is
//! damaged, makes a parser panic, quote a value, or find rows that were not there.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use miniserde::json::{Number, Value};

use crate::core::day::{DaySpan, range};
use crate::core::error::{ErrorClass, Failure, Secret};
use crate::core::exchange::{Reply, Request};
use crate::provider::fitbit::Fitbit;
use crate::provider::google::{Endpoints, GoogleHealth};
use crate::provider::job::Job;
use crate::provider::metric::Metric;
use crate::provider::metric::table::{METRICS, find};
use crate::provider::{App, Provider};

fn app() -> App {
    App {
        client_id: "client".to_owned(),
        client_secret: Secret::new("client-secret"),
        redirect_uri: "http://localhost:8000/auth/callback".to_owned(),
    }
}

pub fn google() -> GoogleHealth {
    GoogleHealth {
        app: app(),
        addresses: Endpoints {
            api: "https://health.googleapis.com".to_owned(),
            authorize: "https://accounts.google.com/o/oauth2/v2/auth".to_owned(),
            token: "https://oauth2.googleapis.com/token".to_owned(),
            revoke: "https://oauth2.googleapis.com/revoke".to_owned(),
        },
        data_source: "all-sources".to_owned(),
    }
}

pub fn fitbit() -> Fitbit {
    Fitbit {
        app: app(),
        api: "https://api.fitbit.com".to_owned(),
        authorize: "https://www.fitbit.com/oauth2/authorize".to_owned(),
    }
}

pub fn reply(body: &str) -> Reply {
    Reply { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

/// A job for whole days, in UTC unless the zone says otherwise.
pub fn job(metric: &Metric, first: Date, last: Date, zone: &str) -> Job {
    let tz = TimeZone::get(zone).unwrap();
    let span = |date: Date| (date, DaySpan::natural(date, &tz, zone));
    let days: BTreeMap<_, _> = range(first, last).map(span).collect();
    let (from, to) = (days[&first].start, days[&last].end);
    Job { metric: metric.name.to_owned(), days, from, to, page_rows: None }
}

struct Case {
    provider: Box<dyn Provider>,
    metric: &'static str,
    text: &'static str,
    /// The first and the last date.
    dates: (&'static str, &'static str),
    rows: usize,
}

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("samples/", $name, ".json"))
    };
}

const FLOORS: &str = r#"{"rollupDataPoints":[{"startTime":"2026-10-15T15:00:00Z",
    "endTime":"2026-10-15T15:01:00Z","floors":{"countSum":"2"}}]}"#;
const VO2_MAX: &str = r#"{"dataPoints":[{"dailyVo2Max":{"date":{"year":2026,"month":10,"day":15},
    "vo2Max":41.5,"cardioFitnessLevel":"VERY_GOOD","vo2MaxCovariance":0.4}}]}"#;

const ACTIVE_ENERGY: &str = r#"{"rollupDataPoints":[{"startTime":"2026-10-15T15:00:00Z",
    "endTime":"2026-10-15T15:01:00Z","activeEnergyBurned":{"kcalSum":4.25}}]}"#;
const HEART_RATE_ZONES: &str = r#"{"rollupDataPoints":[{"startTime":"2026-10-15T15:00:00Z",
    "endTime":"2026-10-15T15:01:00Z","timeInHeartRateZone":{"timeInHeartRateZones":[
    {"heartRateZone":"MODERATE","duration":"22s"},{"heartRateZone":"PEAK","duration":"38s"}]}}]}"#;
const SPO2_SAMPLES: &str = r#"{"dataPoints":[{"oxygenSaturation":{"sampleTime":{
    "physicalTime":"2026-10-15T10:35:00Z","utcOffset":"-25200s"},"percentage":96.5}}]}"#;

fn cases() -> Vec<Case> {
    let google = |metric, text, rows| {
        let dates = ("2026-06-01", "2026-10-16");
        Case { provider: Box::new(google()), metric, text, dates, rows }
    };
    let fitbit = |metric, text, dates, rows| Case {
        provider: Box::new(fitbit()),
        metric,
        text,
        dates,
        rows,
    };
    let november = ("2025-11-12", "2025-11-19");
    vec![
        google("azm", sample!("active_zone_minutes_list"), 3),
        google("hrv", sample!("daily_heart_rate_variability"), 2),
        google("wrist_temp", sample!("daily_sleep_temperature_derivations"), 1),
        google("wrist_temp", sample!("daily_sleep_temperature_derivations_nan"), 1),
        google("calories", sample!("total_calories_rollup_60s"), 6),
        google("heart_rate", sample!("heart_rate_rollup_60s"), 1),
        google("distance", sample!("distance_rollup_60s"), 1),
        google("floors", FLOORS, 1),
        google("resting_heart_rate", sample!("daily_resting_heart_rate"), 1),
        google("spo2", sample!("daily_oxygen_saturation"), 1),
        google("breathing_rate", sample!("daily_respiratory_rate"), 1),
        google("vo2_max", VO2_MAX, 1),
        google("sleep", sample!("sleep_list"), 2),
        google("sleep_summary", sample!("sleep_list"), 1),
        google("sleep_quality", sample!("sleep_list"), 1),
        google("hrv_samples", sample!("heart_rate_variability_list"), 1),
        google("spo2_samples", SPO2_SAMPLES, 1),
        google("active_energy", ACTIVE_ENERGY, 1),
        google("heart_rate_zones", HEART_RATE_ZONES, 1),
        google("exercise", sample!("exercise_list"), 1),
        google("weight", sample!("weight_list"), 1),
        fitbit("azm", sample!("fitbit/azm_intraday_1min_by_date"), ("2025-11-19", "2025-11-19"), 5),
        fitbit("azm", sample!("fitbit/azm_intraday_empty"), ("2025-11-19", "2025-11-19"), 0),
        fitbit(
            "steps",
            sample!("fitbit/steps_intraday_empty_dataset"),
            ("2025-11-19", "2025-11-19"),
            0,
        ),
        fitbit(
            "hrv",
            r#"{"hrv":[{"value":{"dailyRmssd":34.938,"deepRmssd":31.567},
                "dateTime":"2025-11-13"}]}"#,
            november,
            1,
        ),
        fitbit("hrv", sample!("fitbit/hrv_empty"), november, 0),
        fitbit("wrist_temp", sample!("fitbit/temp_skin_by_interval"), november, 2),
        fitbit("wrist_temp", sample!("fitbit/temp_skin_empty"), november, 0),
    ]
}

/// Those whose samples are whole days: too long to mutate each field of.
fn long_cases() -> Vec<Case> {
    let steps = sample!("fitbit/IntradayActivitiesSteps");
    let calories = sample!("fitbit/IntradayActivitiesCalories");
    let missing = sample!("fitbit/IntradayActivitiesCaloriesMissingDateTime");
    let fitbit = |metric, text, date, rows| {
        let dates = (date, date);
        Case { provider: Box::new(fitbit()), metric, text, dates, rows }
    };
    vec![
        Case {
            provider: Box::new(google()),
            metric: "steps",
            text: sample!("steps_rollup_60s_full_day"),
            dates: ("2026-10-14", "2026-10-16"),
            rows: 1400,
        },
        fitbit("steps", steps, "2016-03-08", steps.matches("\"time\"").count()),
        fitbit("calories", calories, "2015-03-20", 1440),
        fitbit("calories", missing, "2015-03-21", 1440),
    ]
}

impl Case {
    fn metric(&self) -> &'static Metric {
        find(self.metric).unwrap()
    }

    fn job(&self) -> Job {
        let date = |text: &str| text.parse().unwrap();
        job(self.metric(), date(self.dates.0), date(self.dates.1), "UTC")
    }

    /// The rows, or `None` where the reply was refused; a refusal quotes nothing.
    fn read(&self, text: &str) -> Option<usize> {
        let (metric, job) = (self.metric(), self.job());
        let refused = |failure: &Failure| {
            assert_eq!(failure.class, ErrorClass::Format, "{failure}");
            assert!(!failure.to_string().contains("marker"), "{failure}");
        };
        match self.provider.read_page(metric, &job, &mut text.as_bytes()) {
            Ok(page) => {
                page.odd.values().chain(&page.unplaced).for_each(refused);
                let odd = !page.odd.is_empty() || page.unplaced.is_some();
                let rows = self.provider.combine(metric, page.rows).len();
                (!odd).then_some(rows)
            }
            Err(failure) => {
                refused(&failure);
                None
            }
        }
    }
}

#[test]
fn every_sample_gives_its_rows_with_a_cell_per_column() {
    for case in cases().iter().chain(&long_cases()) {
        let (metric, job) = (case.metric(), case.job());
        let page = case.provider.read_page(metric, &job, &mut case.text.as_bytes()).unwrap();
        let rows = case.provider.combine(metric, page.rows);
        assert_eq!(rows.len(), case.rows, "{} of {}", case.metric, case.provider.name());
        for row in rows {
            assert_eq!(row.cells.len(), metric.columns.len(), "{}", case.metric);
            assert_eq!(row.instant().is_some(), metric.cadence.has_instants());
        }
    }
}

/// A way to a value: members by name, elements by index.
type Path = Vec<Step>;

#[derive(Clone)]
enum Step {
    Member(String),
    Element(usize),
}

fn paths(value: &Value, here: &Path, found: &mut Vec<Path>) {
    let mut visit = |step: Step, value: &Value| {
        let mut path = here.clone();
        path.push(step);
        found.push(path.clone());
        paths(value, &path, found);
    };
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                visit(Step::Member(name.clone()), value);
            }
        }
        Value::Array(array) => {
            for (index, value) in array.iter().enumerate() {
                visit(Step::Element(index), value);
            }
        }
        _ => {}
    }
}

/// Puts `new` in a place; `None` takes the place away.
fn changed(value: &Value, path: &[Step], new: Option<&Value>) -> Value {
    let Some((step, rest)) = path.split_first() else { return value.clone() };
    match (value, step) {
        (Value::Object(object), Step::Member(name)) => {
            let mut object = object.clone();
            match (rest.is_empty(), new) {
                (true, None) => drop(object.remove(name)),
                (true, Some(new)) => drop(object.insert(name.clone(), new.clone())),
                (false, _) => {
                    let inner = changed(&object[name], rest, new);
                    object.insert(name.clone(), inner);
                }
            }
            Value::Object(object)
        }
        (Value::Array(array), Step::Element(index)) => {
            let mut array = array.clone();
            match (rest.is_empty(), new) {
                (true, None) => drop(array.remove(*index)),
                (true, Some(new)) => array[*index] = new.clone(),
                (false, _) => array[*index] = changed(&array[*index], rest, new),
            }
            Value::Array(array)
        }
        _ => value.clone(),
    }
}

#[test]
fn every_sample_survives_each_field_removed_nulled_and_retyped() {
    let replacements = [
        None,
        Some(Value::Null),
        Some(Value::String("marker".to_owned())),
        Some(Value::Number(Number::F64(-1.5e300))),
        Some(Value::Bool(true)),
        Some(Value::Array(vec![Value::Null].into_iter().collect())),
        Some(Value::Object([("marker".to_owned(), Value::Null)].into_iter().collect())),
    ];
    let mut refused = 0;
    for case in cases() {
        let whole: Value = miniserde::json::from_str(case.text).unwrap();
        let mut found = Vec::new();
        paths(&whole, &Vec::new(), &mut found);
        for path in &found {
            for new in &replacements {
                let text = miniserde::json::to_string(&changed(&whole, path, new.as_ref()));
                match case.read(&text) {
                    Some(rows) => assert!(rows <= case.rows, "{}: {text}", case.metric),
                    None => refused += 1,
                }
            }
        }
        assert!(case.read("{\"marker\":[]}").is_none(), "{}", case.metric);
        for text in ["", "null", "[]", "<html>marker</html>", "{\"error\":{\"code\":500}}"] {
            assert!(case.read(text).is_none(), "{}: {text}", case.metric);
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn ten_thousand_damaged_replies_make_no_parser_panic() {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        usize::try_from(state >> 33).unwrap() % below
    };
    let (short, long) = (cases(), long_cases());
    let signs = b"{}[]\",:0-.eEn\\u\xc3 ";
    for case in short.iter().chain(&long) {
        for _ in 0..(if case.text.len() > 20_000 { 40 } else { 430 }) {
            let mut bytes = case.text.as_bytes().to_vec();
            for _ in 0..=random(3) {
                let at = random(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
                if bytes.is_empty() {
                    break;
                }
                match random(4) {
                    0 => drop(bytes.remove(at)),
                    1 => bytes.insert(at, signs[random(signs.len())]),
                    2 => bytes[at] = signs[random(signs.len())],
                    _ => bytes.truncate(at + 1),
                }
            }
            let reply = Reply { status: 200, headers: Vec::new(), body: bytes };
            let page =
                case.provider.read_page(case.metric(), &case.job(), &mut reply.body.as_slice());
            if let Ok(page) = page {
                case.provider.combine(case.metric(), page.rows);
            }
            let _ = case.provider.read_devices(&reply, &TimeZone::UTC);
            let _ = case.provider.read_zone(&reply);
            let _ = case.provider.read_identity(&reply);
            let _ = case.provider.read_grant(&reply);
            let refusal = Reply { status: 400, ..reply };
            let _ = case.provider.classify(&refusal);
            let _ = case.provider.classify_token(&refusal);
        }
    }
}

#[test]
fn every_request_goes_to_a_known_host_and_shows_no_secret() {
    let date: Date = "2026-11-22".parse().unwrap();
    let (code, verifier) = (Secret::new("the-code"), Secret::new("the-verifier"));
    let providers: [(Box<dyn Provider>, &[&str]); 2] = [
        (Box::new(google()), &["https://health.googleapis.com/", "https://oauth2.googleapis.com/"]),
        (Box::new(fitbit()), &["https://api.fitbit.com/"]),
    ];
    for (provider, hosts) in providers {
        let mut requests: Vec<Request> = vec![
            provider.code_request(&code, &verifier),
            provider.refresh_request(&code),
            provider.revoke_request(&code),
            provider.identity_request(),
            provider.devices_request(None),
            provider.zone_request(),
        ];
        for metric in METRICS.iter().filter(|metric| provider.scope_of(metric).is_some()) {
            for page in [None, Some("next&page=2")] {
                requests.push(provider.page_request(metric, &job(metric, date, date, "UTC"), page));
            }
        }
        for request in requests {
            assert!(hosts.iter().any(|host| request.url.starts_with(host)), "{request:?}");
            assert!(!request.url.contains(' ') && !request.url.contains('"'), "{request:?}");
            assert!(!format!("{request:?}").contains("the-code"), "{request:?}");
            // The Fitbit Web API would answer in the units of that language.
            assert!(request.headers.iter().all(|(name, _)| name != "accept-language"));
        }
        let url = provider.authorize_url(&["scope".to_owned()], "a state", "challenge");
        for part in ["response_type=code", "code_challenge_method=S256", "state=a%20state"] {
            assert!(url.contains(part), "{url}");
        }
        assert!(!url.contains("client-secret"), "{url}");
    }
}
