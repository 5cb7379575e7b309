//! The Google Health API v4: who may ask, what was asked, one page of the answer.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::oauth::SCOPE_PREFIX;
use super::page::{self, PageAsk};
use super::points::{self, Make};
use super::strict::Family;
use super::types::{Action, DataType};
use super::{account, error, filter, rollup, strict};
use crate::fault::Asked;
use crate::hash::{mix, shuffle};
use crate::http::{Ask, PageTrick, Reply};
use crate::options::Order;
use crate::world::{Citizen, World};

/// A caller whose token is good.
pub struct Caller {
    pub citizen: Citizen,
    scopes: Vec<String>,
}

impl Caller {
    fn may_read(&self, name: &str) -> bool {
        let scope = format!("{SCOPE_PREFIX}{name}.readonly");
        self.scopes.contains(&scope)
    }

    /// Refuses a caller who has none of these scopes.
    pub fn needs(&self, names: &[&str]) -> Result<(), Reply> {
        if names.iter().any(|name| self.may_read(name)) {
            return Ok(());
        }
        Err(known("ACCESS_TOKEN_SCOPE_INSUFFICIENT"))
    }
}

fn known(reason: &str) -> Reply {
    error::by_reason(reason).unwrap_or_else(error::not_found)
}

/// How much data a request asks for.
pub fn asked(ask: &Ask, data_type: &DataType) -> Asked {
    if ask.method == "POST" {
        let body: Value = serde_json::from_slice(&ask.body).unwrap_or_default();
        let at = |name: &str| filter::rfc3339(body["range"][name].as_str()?);
        let range = at("startTime").zip(at("endTime"));
        return Asked { range, rows: body["pageSize"].as_i64().unwrap_or(1440) };
    }
    let filter = filter::parse(data_type, ask.parameter("filter").unwrap_or("")).ok();
    let rows = ask.parameter("pageSize").and_then(|text| text.parse().ok());
    let (default, _) = data_type.page_sizes(Action::Reconcile);
    let default = i64::try_from(default).unwrap_or(0);
    Asked { range: filter.and_then(|filter| filter.range()), rows: rows.unwrap_or(default) }
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
        ("GET", ["identity"]) => account::identity(ask, &caller),
        ("GET", ["settings"]) => account::settings(world, ask, &caller),
        ("GET", ["profile"]) => account::profile(ask, &caller),
        ("GET", ["pairedDevices"]) => account::devices(world, ask, &caller),
        ("GET", ["pairedDevices", id]) => account::device(ask, &caller, id),
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
        Action::List | Action::Reconcile => {
            let names = ["pageSize", "pageToken", "filter", "dataSourceFamily"];
            strict::query(ask, &names)?
        }
        Action::RollUp => rollup_body(ask, "windowSize")?,
        Action::DailyRollUp => rollup_body(ask, "windowSizeDays")?,
    };
    let size = strict::page_size(&asked, data_type, action)?;
    let family = strict::family(&asked, &citizen.participant.health_user_id)?;
    if action == Action::List && id == "sleep" && asked.contains_key("dataSourceFamily") {
        let text = "Filtering by data source family is not supported for sleep; use \
                    ReconcileDataPoints.";
        return Err(error::invalid_field("data_source_family", text));
    }
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
    if action == Action::DailyRollUp && page.trick == PageTrick::None {
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
    let synced = person.cloud.seen_until(citizen.synced().unwrap_or(now), now);
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
                now,
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
