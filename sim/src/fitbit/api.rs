//! The Fitbit Web API: who may ask, how often, and for which days.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::data::{self, Slot};
use super::error;
use crate::http::{Ask, Reply};
use crate::options::DeviceKind;
use crate::person::day_of;
use crate::world::{Citizen, World};

/// A caller whose token is good.
struct Caller {
    citizen: Citizen,
    scopes: Vec<String>,
}

impl Caller {
    fn needs(&self, scope: &str, what: &str) -> Result<(), Reply> {
        if self.scopes.iter().any(|one| one == scope) {
            return Ok(());
        }
        let text = format!("This application does not have permission to access {what} data.");
        Err(error::visit(403, "insufficient_scope", &text))
    }
}

/// Answers a request to `/1/user/…`, with the headers that tell what is left of the hour.
pub fn answer(world: &World, ask: &Ask) -> Reply {
    let caller = match caller(world, ask) {
        Ok(caller) => caller,
        Err(reply) => return reply,
    };
    let now = world.now();
    let limit = world.options.fitbit.quota_per_hour;
    let hour = now.as_second().div_euclid(3600);
    let reset_s = (hour + 1) * 3600 - now.as_second();
    let used = {
        let mut state = world.state();
        let used = &mut state.fitbit_quota;
        let entry = used.entry(caller.citizen.participant.name.clone()).or_insert((hour, 0));
        if entry.0 != hour {
            *entry = (hour, 0);
        }
        entry.1 += 1;
        entry.1
    };
    let reply = if used > limit {
        error::too_many().with("retry-after", reset_s.to_string())
    } else {
        checked(world, ask, &caller).unwrap_or_else(|reply| reply)
    };
    reply
        .with("fitbit-rate-limit-limit", limit.to_string())
        .with("fitbit-rate-limit-remaining", limit.saturating_sub(used).to_string())
        .with("fitbit-rate-limit-reset", reset_s.to_string())
}

fn caller(world: &World, ask: &Ask) -> Result<Caller, Reply> {
    let Some(token) = ask.bearer() else {
        return Err(error::visit(401, "invalid_request", "Authorization header required."));
    };
    let now = world.now();
    let state = world.state();
    let Some(access) = state.fitbit.access(token) else {
        let text = format!("Access token invalid: {token}.");
        return Err(error::visit(401, "invalid_token", &text));
    };
    if now >= access.expires {
        let text = format!("Access token expired: {token}.");
        return Err(error::visit(401, "expired_token", &text));
    }
    let citizen = state.citizen(&access.who).cloned();
    let citizen = citizen.ok_or_else(|| error::classic(404, "not_found", "No such user."))?;
    Ok(Caller { citizen, scopes: access.scopes.clone() })
}

fn not_found() -> Reply {
    error::classic(404, "not_found", "The API you are requesting could not be found.")
}

fn checked(world: &World, ask: &Ask, caller: &Caller) -> Result<Reply, Reply> {
    let path = ask.path.strip_suffix(".json").ok_or_else(not_found)?;
    let parts: Vec<_> = path.split('/').skip(3).collect();
    let [user, rest @ ..] = parts.as_slice() else {
        return Err(not_found());
    };
    if *user != "-" && *user != caller.citizen.participant.legacy_user_id {
        let text = "API client is not authorized by Fitbit to access the resource requested.";
        return Err(error::visit(403, "insufficient_permissions", text));
    }
    let value = match rest {
        ["profile"] => profile(world, caller)?,
        ["devices"] => devices(world, caller)?,
        ["activities", resource, "date", days @ ..] => {
            activity(world, ask, caller, resource, days)?
        }
        ["hrv", "date", days @ ..] => {
            caller.needs("heartrate", "heart rate")?;
            let (from, to) = range(world, caller, days, 30)?;
            let source = source(world, caller);
            json!({"hrv": data::hrv(source, from, to)})
        }
        ["temp", "skin", "date", days @ ..] => {
            caller.needs("temperature", "temperature")?;
            let (from, to) = range(world, caller, days, 30)?;
            let language = ask.header("accept-language").replace('-', "_");
            let fahrenheit = language.starts_with("en_US");
            let source = source(world, caller);
            json!({"tempSkin": data::skin_temperature(source, from, to, fahrenheit)})
        }
        _ => return Err(not_found()),
    };
    Ok(Reply::json(200, &value))
}

fn source<'a>(world: &World, caller: &'a Caller) -> data::Source<'a> {
    let now = world.now();
    let synced = caller.citizen.synced().unwrap_or(now);
    data::Source {
        person: &caller.citizen.person,
        synced,
        now: now.max(synced),
        zone: caller.citizen.person.zone_at(now),
    }
}

fn invalid(message: &str) -> Reply {
    error::classic(400, "validation", message)
}

/// A date of a path; `today` is the participant's.
fn date(world: &World, caller: &Caller, text: &str) -> Result<Date, Reply> {
    if text == "today" {
        let now = world.now();
        return Ok(caller.citizen.person.zone_at(now).to_datetime(now).date());
    }
    let date = (text.len() == 10).then(|| text.parse().ok()).flatten();
    date.ok_or_else(|| invalid(&format!("Invalid date: {text}")))
}

/// One day or a range of at most so many days.
fn range(
    world: &World,
    caller: &Caller,
    days: &[&str],
    days_max: i64,
) -> Result<(Date, Date), Reply> {
    let (from, to) = match days {
        [day] => (*day, *day),
        [from, to] => (*from, *to),
        _ => return Err(not_found()),
    };
    let (from, to) = (date(world, caller, from)?, date(world, caller, to)?);
    if to < from {
        return Err(invalid("The end date must not be before the start date."));
    }
    if day_of(to) - day_of(from) >= days_max {
        let text = format!("The range must not be longer than {days_max} days.");
        return Err(invalid(&text));
    }
    Ok((from, to))
}

const RESOURCES: [&str; 5] = ["steps", "calories", "distance", "floors", "active-zone-minutes"];

fn activity(
    world: &World,
    ask: &Ask,
    caller: &Caller,
    resource: &str,
    days: &[&str],
) -> Result<Value, Reply> {
    if !RESOURCES.contains(&resource) {
        return Err(not_found());
    }
    caller.needs("activity", "activity")?;
    let source = source(world, caller);
    let (days, times) = match days {
        [days @ .., "time", from, to] => (days, Some((*from, *to))),
        days => (days, None),
    };
    let (from, to, detail) = match days {
        [day, "1d", detail] => (*day, *day, *detail),
        [from, to, detail] => (*from, *to, *detail),
        [day, "1d"] | [day] => {
            let (from, to) = range(world, caller, &[day], 1)?;
            return Ok(data::totals(source, resource, from, to));
        }
        [from, to] => {
            let (from, to) = range(world, caller, &[from, to], 1095)?;
            return Ok(data::totals(source, resource, from, to));
        }
        _ => return Err(not_found()),
    };
    if !world.options.fitbit.intraday {
        let text = "API client is not authorized by Fitbit to access the resource requested.";
        return Err(error::visit(403, "insufficient_permissions", text));
    }
    let minutes = match detail {
        "1min" => 1,
        "5min" => 5,
        "15min" => 15,
        _ => return Err(invalid(&format!("Invalid detail level: {detail}"))),
    };
    let utc = match ask.parameter("timezone") {
        None => false,
        Some("UTC") if resource != "active-zone-minutes" => true,
        Some(_) => return Err(invalid("Invalid timezone parameter value")),
    };
    let (from, to) = range(world, caller, &[from, to], 2)?;
    let (first, last) = match times {
        None => (0, 1439),
        Some((first, last)) => (clock(first)?, clock(last)?),
    };
    let length = (day_of(to) - day_of(from)) * 1440 + last - first + 1;
    if !(1..=1440).contains(&length) {
        return Err(invalid("The maximum range is 24 hours."));
    }
    let slot = Slot { first: (from, first), length, minutes, utc };
    Ok(data::intraday(source, resource, slot))
}

/// `HH:mm` as a minute of the day.
fn clock(text: &str) -> Result<i64, Reply> {
    let wrong = || invalid(&format!("Invalid time: {text}"));
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let part = |text: &str, below: i64| {
        let number = text.parse::<i64>().ok().filter(|n| (0..below).contains(n));
        number.filter(|_| text.len() == 2).ok_or_else(wrong)
    };
    Ok(part(hour, 24)? * 60 + part(minute, 60)?)
}

fn profile(world: &World, caller: &Caller) -> Result<Value, Reply> {
    caller.needs("profile", "profile")?;
    let now = world.now();
    let zone = caller.citizen.person.zone_at(now);
    let offset_ms = i64::from(zone.to_offset(now).seconds()) * 1000;
    let name = &caller.citizen.participant.name;
    Ok(json!({"user": {
        "aboutMe": "",
        "avatar": "https://static0.fitbit.com/images/profile/defaultProfile_100.png",
        "avatar150": "https://static0.fitbit.com/images/profile/defaultProfile_150.png",
        "city": "Somewhere",
        "country": "GB",
        "dateOfBirth": "1983-01-28",
        "displayName": name,
        "distanceUnit": "en_US",
        "encodedId": caller.citizen.participant.legacy_user_id,
        "foodsLocale": "en_US",
        "fullName": format!("Participant {name}"),
        "gender": "NA",
        "glucoseUnit": "METRIC",
        "height": 170.2,
        "heightUnit": "en_US",
        "locale": "en_GB",
        "memberSince": caller.citizen.person.joined.to_string(),
        "offsetFromUTCMillis": offset_ms,
        "startDayOfWeek": "SUNDAY",
        "strideLengthRunning": 88.5,
        "strideLengthWalking": 70.6,
        "timezone": zone.iana_name().unwrap_or("Etc/UTC"),
        "waterUnit": "METRIC",
        "weight": 79.3,
        "weightUnit": "METRIC",
    }}))
}

fn devices(world: &World, caller: &Caller) -> Result<Value, Reply> {
    caller.needs("settings", "settings")?;
    let zone = caller.citizen.person.zone_at(world.now());
    let devices = caller.citizen.participant.devices.iter().map(|device| {
        let synced = zone.to_datetime(device.last_sync);
        let kind = match device.kind {
            DeviceKind::Tracker => "TRACKER",
            DeviceKind::Scale => "SCALE",
        };
        json!({
            "battery": "Medium",
            "batteryLevel": 60,
            "deviceVersion": device.version,
            "features": [],
            "id": device.id,
            "lastSyncTime": synced.strftime("%Y-%m-%dT%H:%M:%S.000").to_string(),
            "mac": "16ADD56D54GD",
            "type": kind,
        })
    });
    Ok(devices.collect())
}
