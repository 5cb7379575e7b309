//! The Google Health API v4: who may ask, what was asked, one page of the answer.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::oauth::SCOPE_PREFIX;
use super::page::{self, PageAsk};
use super::points::{self, Make};
use super::strict::Family;
use super::types::{Action, DataType};
use super::{error, filter, rollup, strict};
use crate::hash::{mix, shuffle};
use crate::http::{Ask, PageTrick, Reply};
use crate::options::{DeviceKind, Order};
use crate::world::{Citizen, World};

/// A caller whose token is good.
struct Caller {
    citizen: Citizen,
    scopes: Vec<String>,
}

impl Caller {
    fn may_read(&self, name: &str) -> bool {
        let scope = format!("{SCOPE_PREFIX}{name}.readonly");
        self.scopes.contains(&scope)
    }

    fn needs(&self, names: &[&str]) -> Result<(), Reply> {
        if names.iter().any(|name| self.may_read(name)) {
            return Ok(());
        }
        Err(known("ACCESS_TOKEN_SCOPE_INSUFFICIENT"))
    }
}

fn known(reason: &str) -> Reply {
    error::by_reason(reason).unwrap_or_else(error::not_found)
}

/// Answers a request to `/v4/…`.
pub fn answer(world: &World, ask: &Ask) -> Reply {
    match checked(world, ask) {
        Ok(reply) | Err(reply) => reply,
    }
}

fn checked(world: &World, ask: &Ask) -> Result<Reply, Reply> {
    let caller = caller(world, ask)?;
    let parts: Vec<_> = ask.path.trim_start_matches('/').split('/').collect();
    let ["v4", "users", user, rest @ ..] = parts.as_slice() else {
        return Err(error::not_found());
    };
    if *user != "me" && *user != caller.citizen.participant.health_user_id {
        return Err(known("CALLER_WITHOUT_PERMISSION"));
    }
    if !caller.citizen.participant.linked {
        return Err(known("ACCOUNT_NOT_LINKED"));
    }
    match (ask.method.as_str(), rest) {
        ("GET", ["identity"]) => identity(ask, &caller),
        ("GET", ["settings"]) => settings(world, ask, &caller),
        ("GET", ["profile"]) => profile(ask, &caller),
        ("GET", ["pairedDevices"]) => devices(ask, &caller),
        ("GET", ["pairedDevices", id]) => device(ask, &caller, id),
        (method, ["dataTypes", id, points]) => {
            let (points, action) = points.split_once(':').unwrap_or((points, ""));
            let action = match (points, method, action) {
                ("dataPoints", "GET", "") => Action::List,
                ("dataPoints", "GET", "reconcile") => Action::Reconcile,
                ("dataPoints", "POST", "rollUp") => Action::RollUp,
                ("dataPoints", "POST", "dailyRollUp") => Action::DailyRollUp,
                _ => return Err(error::not_found()),
            };
            data(world, ask, &caller, id, action)
        }
        _ => Err(error::not_found()),
    }
}

fn caller(world: &World, ask: &Ask) -> Result<Caller, Reply> {
    let challenge = "Bearer realm=\"https://accounts.google.com/\"";
    let Some(token) = ask.bearer() else {
        let reply = known("CREDENTIALS_MISSING");
        return Err(reply.with("www-authenticate", challenge));
    };
    let now = world.now();
    let mut state = world.state();
    let Some(access) = state.grants.access(token, now).cloned() else {
        let challenge = format!("{challenge}, error=\"invalid_token\"");
        let reply = known("ACCESS_TOKEN_EXPIRED");
        return Err(reply.with("www-authenticate", challenge));
    };
    let minute_ago = now - SignedDuration::from_secs(60);
    let times = state.quota.entry(access.who.clone()).or_default();
    times.retain(|at| *at > minute_ago);
    if times.len() >= usize::try_from(world.options.quota_per_minute).unwrap_or(usize::MAX) {
        return Err(known("RATE_LIMIT_EXCEEDED"));
    }
    times.push(now);
    match state.citizen(&access.who).cloned() {
        Some(citizen) => Ok(Caller { citizen, scopes: access.scopes }),
        None => Err(known("CALLER_WITHOUT_PERMISSION")),
    }
}

fn identity(ask: &Ask, caller: &Caller) -> Result<Reply, Reply> {
    caller.needs(&[
        "activity_and_fitness",
        "ecg",
        "health_metrics_and_measurements",
        "irn",
        "logged_symptoms",
        "mindfulness",
        "profile",
        "reproductive_health",
        "settings",
        "sleep",
    ])?;
    strict::query(ask, &[])?;
    let one = &caller.citizen.participant;
    let body = json!({
        "name": "users/me/identity",
        "legacyUserId": one.legacy_user_id,
        "healthUserId": one.health_user_id,
    });
    Ok(Reply::json(200, &body))
}

fn settings(world: &World, ask: &Ask, caller: &Caller) -> Result<Reply, Reply> {
    caller.needs(&["settings"])?;
    strict::query(ask, &[])?;
    let now = world.now();
    let zone = caller.citizen.person.zone_at(now);
    let body = json!({
        "name": "users/me/settings",
        "autoStrideEnabled": true,
        "distanceUnit": "DISTANCE_UNIT_KILOMETERS",
        "languageLocale": "en_US",
        "utcOffset": format!("{}s", zone.to_offset(now).seconds()),
        "temperatureUnit": "TEMPERATURE_UNIT_CELSIUS",
        "timeZone": zone.iana_name().unwrap_or("Etc/UTC"),
        "weightUnit": "WEIGHT_UNIT_KILOGRAMS",
    });
    Ok(Reply::json(200, &body))
}

fn profile(ask: &Ask, caller: &Caller) -> Result<Reply, Reply> {
    caller.needs(&["profile"])?;
    strict::query(ask, &[])?;
    let joined = points::date_json(caller.citizen.person.joined);
    let body = json!({"name": "users/me/profile", "age": 41, "membershipStartDate": joined});
    Ok(Reply::json(200, &body))
}

fn device_json(device: &crate::options::Device) -> Value {
    let (kind, features): (_, &[&str]) = match device.kind {
        DeviceKind::Tracker => {
            ("TRACKER", &["ACTIVE_ZONE_MINUTES", "CALORIES", "HEART_RATE", "STEPS"])
        }
        DeviceKind::Scale => ("SCALE", &["WEIGHT"]),
    };
    json!({
        "name": format!("users/me/pairedDevices/{}", device.id),
        "deviceType": kind,
        "batteryStatus": "NORMAL",
        "batteryLevel": 85,
        "lastSyncTime": points::instant_json(device.last_sync),
        "deviceVersion": device.version,
        "macAddress": "AA:BB:CC:DD:EE:FF",
        "features": features,
    })
}

fn devices(ask: &Ask, caller: &Caller) -> Result<Reply, Reply> {
    caller.needs(&["settings"])?;
    let map = strict::query(ask, &["pageSize", "pageToken"])?;
    strict::number(&map, "pageSize")?;
    let all = &caller.citizen.participant.devices;
    let body = match all.as_slice() {
        [] => json!({}),
        all => json!({"pairedDevices": all.iter().map(device_json).collect::<Vec<_>>()}),
    };
    Ok(Reply::json(200, &body))
}

fn device(ask: &Ask, caller: &Caller, id: &str) -> Result<Reply, Reply> {
    caller.needs(&["settings"])?;
    strict::query(ask, &[])?;
    let mut all = caller.citizen.participant.devices.iter();
    match all.find(|device| device.id == id) {
        Some(device) => Ok(Reply::json(200, &device_json(device))),
        None => Err(error::by_status(404)),
    }
}

fn data(
    world: &World,
    ask: &Ask,
    caller: &Caller,
    id: &str,
    action: Action,
) -> Result<Reply, Reply> {
    let data_type = DataType::named(id).ok_or_else(|| error::unknown_type(id))?;
    if !data_type.can(action) {
        let supported = data_type.supported();
        return Err(error::unsupported_action(action.title(), id, &supported));
    }
    caller.needs(&[data_type.scope])?;
    let citizen = &caller.citizen;
    let now = world.now();
    let asked = match action {
        Action::List => strict::query(ask, &["pageSize", "pageToken", "filter"])?,
        Action::Reconcile => {
            let names = ["pageSize", "pageToken", "filter", "dataSourceFamily"];
            strict::query(ask, &names)?
        }
        Action::RollUp => rollup_body(ask, "windowSize")?,
        Action::DailyRollUp => rollup_body(ask, "windowSizeDays")?,
    };
    let size = strict::page_size(&asked, data_type)?;
    let family = strict::family(&asked, &citizen.participant.health_user_id)?;
    let mut rows = rows(citizen, data_type, (action, family), &asked, size, now)?;
    let request = request_text(caller, id, action, &asked);
    order(world, &request, &mut rows);
    let mut page = PageAsk {
        key: world.page_key(),
        request,
        size,
        token: strict::text(&asked, "pageToken")?,
        trick: ask.trick,
        empty_percent: world.options.empty_pages_percent,
    };
    if action == Action::DailyRollUp {
        // The reply has no field for a token: everything comes at once.
        (page.size, page.token, page.trick) = (usize::MAX, "", PageTrick::None);
        page.empty_percent = 0;
    }
    let (rows, token) = page::page(&page, &rows)?;
    Ok(reply(action, &rows, token))
}

fn rollup_body(ask: &Ask, window: &str) -> Result<Map<String, Value>, Reply> {
    strict::query(ask, &[])?;
    let names = ["range", window, "pageSize", "pageToken", "dataSourceFamily"];
    strict::body(ask, &names)
}

fn rows<'a>(
    citizen: &'a Citizen,
    data_type: &'a DataType,
    (action, family): (Action, Family),
    asked: &Map<String, Value>,
    size: usize,
    now: Timestamp,
) -> Result<Vec<Make<'a>>, Reply> {
    let person = &citizen.person;
    let synced = citizen.synced().unwrap_or(now);
    let rolls = rollup::Source { person, synced, now, family };
    let mut rows = match action {
        Action::RollUp => {
            let windows = rollup::windows(asked, data_type, size)?;
            rollup::roll_up(rolls, data_type, windows)
        }
        Action::DailyRollUp => {
            let days = rollup::days(asked, data_type, size)?;
            rollup::daily_roll_up(rolls, data_type, days)
        }
        Action::List | Action::Reconcile => {
            let filter = filter::parse(data_type, strict::text(asked, "filter")?)?;
            let devices = &citizen.participant.devices;
            let source = points::Source {
                person,
                synced,
                device: devices.first().map_or("Phone", |one| one.version.as_str()),
                user: &citizen.participant.health_user_id,
            };
            let points = points::points(source, data_type, &filter).into_iter();
            match action {
                Action::List => {
                    points.map(|point| points::listed(source, data_type, point)).collect()
                }
                _ => points
                    .filter_map(|point| points::reconciled(source, data_type, family, point))
                    .collect(),
            }
        }
    };
    if family == Family::Own {
        rows.clear();
    }
    Ok(rows)
}

/// What must be the same in every request for a page of the same answer.
fn request_text(caller: &Caller, id: &str, action: Action, asked: &Map<String, Value>) -> String {
    let who = &caller.citizen.participant.name;
    let mut fields: Vec<_> = asked
        .iter()
        .filter(|(name, _)| *name != "pageToken")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    fields.sort();
    format!("{who} {} {id} {}", action.title(), fields.join("&"))
}

fn order<T>(world: &World, request: &str, rows: &mut [T]) {
    let lot = mix(world.options.seed, request, 0);
    let shuffled = match world.options.order {
        Order::Documented => false,
        Order::Shuffled => true,
        Order::Mixed => lot.is_multiple_of(2),
    };
    if shuffled {
        shuffle(lot, rows);
    }
}

fn reply(action: Action, rows: &[Make<'_>], token: Option<String>) -> Reply {
    let name = match action {
        Action::List | Action::Reconcile => "dataPoints",
        Action::RollUp | Action::DailyRollUp => "rollupDataPoints",
    };
    let mut body = Map::new();
    if !rows.is_empty() {
        let rows = rows.iter().map(|make| make()).collect();
        body.insert(name.to_owned(), Value::Array(rows));
    }
    if let Some(token) = token {
        body.insert("nextPageToken".to_owned(), Value::from(token));
    }
    Reply::json(200, &Value::Object(body))
}
