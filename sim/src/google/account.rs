//! Who the caller is: identity, profile, settings, paired devices.

use serde_json::{Map, Value, json};

use super::health::Caller;
use super::page::{self, PageAsk};
use super::{error, points, strict};
use crate::http::{Ask, PageTrick, Reply};
use crate::options::{Device, DeviceKind, SettingsReply, Told};
use crate::world::World;

pub fn identity(ask: &Ask, caller: &Caller) -> Result<Reply, Reply> {
    caller.needs(&[
        "activity_and_fitness",
        "ecg",
        "health_metrics_and_measurements",
        "irn",
        "location",
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

/// All fields are optional (discovery document, schema `Settings`).
pub fn settings(world: &World, ask: &Ask, caller: &Caller) -> Result<Reply, Reply> {
    caller.needs(&["settings"])?;
    strict::query(ask, &[])?;
    let now = world.now();
    let zone = caller.citizen.person.zone_at(now);
    let mut body = json!({
        "name": "users/me/settings",
        "autoStrideEnabled": true,
        "distanceUnit": "DISTANCE_UNIT_KILOMETERS",
        "languageLocale": "en_US",
        "utcOffset": format!("{}s", zone.to_offset(now).seconds()),
        "temperatureUnit": "TEMPERATURE_UNIT_CELSIUS",
        "timeZone": zone.iana_name().unwrap_or("Etc/UTC"),
        "weightUnit": "WEIGHT_UNIT_KILOGRAMS",
    });
    let mut without = |names: &[&str]| {
        let fields = body.as_object_mut().into_iter();
        fields.for_each(|fields| fields.retain(|name, _| !names.contains(&name.as_str())));
    };
    match &caller.citizen.participant.settings {
        SettingsReply::Whole => {}
        SettingsReply::Empty => body = json!({}),
        SettingsReply::WithoutZone => without(&["timeZone", "utcOffset"]),
        SettingsReply::OffsetAlone => without(&["timeZone"]),
        SettingsReply::NullZone => body["timeZone"] = Value::Null,
        SettingsReply::Zone { name, with_offset } => {
            if !with_offset {
                without(&["utcOffset"]);
            }
            body["timeZone"] = Value::from(name.as_str());
        }
    }
    Ok(Reply::json(200, &body))
}

pub fn profile(ask: &Ask, caller: &Caller) -> Result<Reply, Reply> {
    caller.needs(&["profile"])?;
    strict::query(ask, &[])?;
    let joined = points::date_json(caller.citizen.person.joined);
    let body = json!({"name": "users/me/profile", "age": 41, "membershipStartDate": joined});
    Ok(Reply::json(200, &body))
}

fn device_json(device: &Device) -> Value {
    let (kind, features): (_, &[&str]) = match device.kind {
        DeviceKind::Tracker => {
            ("TRACKER", &["ACTIVE_ZONE_MINUTES", "CALORIES", "HEART_RATE", "STEPS"])
        }
        DeviceKind::Scale => ("SCALE", &["WEIGHT"]),
    };
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("name", Value::from(format!("users/me/pairedDevices/{}", device.id)));
    put("deviceType", Value::from(kind));
    put("batteryStatus", Value::from("High"));
    put("batteryLevel", Value::from(85));
    match device.tells {
        Told::Sync => put("lastSyncTime", points::instant_json(device.last_sync)),
        Told::Wrong(at) => put("lastSyncTime", points::instant_json(at)),
        Told::Nothing => None,
    };
    put("deviceVersion", Value::from(device.version.as_str()));
    put("macAddress", Value::from("AA:BB:CC:DD:EE:FF"));
    // Devices that tell no time were seen without features too.
    if device.tells != Told::Nothing {
        put("features", Value::from(features.to_vec()));
    }
    Value::Object(fields)
}

/// Pages of five unless asked otherwise, of a hundred at most.
pub fn devices(world: &World, ask: &Ask, caller: &Caller) -> Result<Reply, Reply> {
    caller.needs(&["settings"])?;
    let map = strict::query(ask, &["pageSize", "pageToken"])?;
    let size = match strict::number(&map, "pageSize")? {
        None | Some(0) => 5,
        Some(size) => usize::try_from(size.min(100))
            .map_err(|_| error::invalid_field("page_size", "Page size must not be negative."))?,
    };
    let citizen = &caller.citizen;
    let rows: Vec<Value> = citizen.participant.devices.iter().map(device_json).collect();
    let asked = PageAsk {
        key: world.page_key(),
        request: format!("{} pairedDevices {size}", citizen.participant.name),
        size,
        token: strict::text(&map, "pageToken")?,
        trick: match ask.trick {
            PageTrick::Empty => PageTrick::None,
            other => other,
        },
        empty_percent: 0,
    };
    let (rows, token) = page::page(&asked, &rows)?;
    let mut body = Map::new();
    if !rows.is_empty() {
        body.insert("pairedDevices".to_owned(), Value::Array(rows));
    }
    if let Some(token) = token {
        body.insert("nextPageToken".to_owned(), Value::from(token));
    }
    Ok(Reply::json(200, &Value::Object(body)))
}

pub fn device(ask: &Ask, caller: &Caller, id: &str) -> Result<Reply, Reply> {
    caller.needs(&["settings"])?;
    strict::query(ask, &[])?;
    let mut all = caller.citizen.participant.devices.iter();
    match all.find(|device| device.id == id) {
        Some(device) => Ok(Reply::json(200, &device_json(device))),
        None => Err(error::by_reason("RESOURCE_NOT_FOUND").unwrap_or_else(error::not_found)),
    }
}
