//! The control API: everything that [`Controls`] can do, as JSON over HTTP.
//!
//! Arguments come as query parameters or as the fields of a JSON object, whichever is handier.
//! `GET /_sim/` lists what there is.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::arguments::Arguments;
use super::expected::Expected;
use super::{Controls, fault_json, traits};
use crate::google::grant::Rotation;
use crate::google::{error, token};
use crate::http::{Ask, Host, Reply};
use crate::log::Seen;
use crate::truth::Day;
use crate::world::zone;

const HELP: &str = "\
GET  /_sim/                this list, and where the services are
POST /_sim/consent         url, who[, decision=deny]: where the browser ends
POST /_sim/device_sync     who, at (an instant, or now)[, device]
POST /_sim/zone            who, zone[, from]
POST /_sim/grants          who[, scopes=a,b]: what stays ticked; without scopes everything
POST /_sim/linked          who, linked=true|false
POST /_sim/told            who, tells=sync|nothing|an instant: lastSyncTime of all bands
POST /_sim/settings        who, reply=whole|empty|without_zone|offset_alone|null_zone|zone
                           [, zone, with_offset=true]
POST /_sim/processing      who[, minutes_s, nights_s, stages_s, leaves_false_out]: hours of the
                           cloud after a sync; before stages_s a sleep has processed: false
POST /_sim/odd             who, date, type, at, effect=remove|null|rename|retype|set|twice[, to]
                           [, every]: elements of a type on a day; at is below the type's message
POST /_sim/clear_odd       who
POST /_sim/revise          who, date[, metric]
POST /_sim/shrink          who, date, keep_percent[, metric]
POST /_sim/revoke          who
POST /_sim/expire          every access token is over
POST /_sim/rotation        rotation=none|rotate|grace
POST /_sim/fitbit          retired=true|false and/or grace=true|false
POST /_sim/clock           offset_s
POST /_sim/fault           see effects below; host, path, method, who, skip, count (or always),
                           days_above, rows_above, date: what is asked for
POST /_sim/clear_faults
POST /_sim/down            down=true|false[, host=google|fitbit|s3]
POST /_sim/clear_requests
GET  /_sim/requests        every request since then
GET  /_sim/counts
GET  /_sim/secrets
GET  /_sim/objects         what the bucket holds: key, bytes, sha256, puts
GET  /_sim/truth           who, user_id, metric, date[, zone][, start, end][, provider=fitbit]: CSV
GET  /_sim/expected        who, user_id, from, to[, zone][, metrics=a,b|all]: key, rows, sha256
";

impl Controls {
    /// Addresses, keys and calls as one JSON document, as the binary prints it when it is ready.
    pub fn about(&self) -> Value {
        let object = |pairs: Vec<(&str, String)>| {
            let pairs = pairs.into_iter();
            let pairs = pairs.map(|(name, value)| (name.to_owned(), Value::from(value)));
            Value::Object(pairs.collect::<Map<_, _>>())
        };
        let calls: Vec<_> = HELP.lines().collect();
        json!({
            "control": self.control_url(),
            "google": self.google_url(),
            "authorize": self.authorize_url(),
            "token": self.token_url(),
            "revoke": self.revoke_url(),
            "s3": self.s3_url(),
            "bucket": self.bucket(),
            "region": self.region(),
            "access_key": self.access_key(),
            "secret_key": self.secret_key(),
            "client_id": self.client_id(),
            "client_secret": self.client_secret(),
            "participants": self.names(),
            "fitbit": self.fitbit_url(),
            "environment": object(self.environment()),
            "fitbit_environment": object(self.fitbit_environment()),
            "calls": calls,
            "effects": fault_json::EFFECTS,
            "reasons": error::all_reasons(),
            "oauth_errors": token::ERRORS,
        })
    }
}

/// Answers one call.
pub fn answer(controls: &Controls, ask: &Ask) -> Reply {
    let Some(call) = ask.path.strip_prefix("/_sim") else {
        return Reply::json(404, &json!({"error": "paths begin with /_sim/"}));
    };
    let call = call.trim_matches('/');
    let result = Arguments::of(ask).and_then(|arguments| match call {
        "truth" => truth(controls, &arguments),
        _ => {
            let value = match read(controls, call, &arguments)? {
                Some(value) => value,
                None => write(controls, call, &arguments)?,
            };
            Ok(Reply::json(200, &value))
        }
    });
    result.unwrap_or_else(|problem| Reply::json(400, &json!({"error": problem})))
}

/// Calls that change nothing.
fn read(controls: &Controls, call: &str, arguments: &Arguments) -> Result<Option<Value>, String> {
    let value = match call {
        "" => controls.about(),
        "requests" => controls.requests().iter().map(seen_json).collect(),
        "counts" => {
            let counts = controls.counts();
            json!({
                "requests": counts.requests,
                "in_flight_max": counts.in_flight_max,
                "connections": counts.connections,
                "s3_connections": controls.connections(Host::S3),
            })
        }
        "secrets" => json!(controls.secrets()),
        "objects" => {
            let objects = controls.s3_objects();
            let row = |(key, bytes): &(String, Vec<u8>)| {
                json!({
                    "key": key,
                    "bytes": bytes.len(),
                    "sha256": sha256(bytes),
                    "puts": controls.puts(key),
                })
            };
            objects.iter().map(row).collect()
        }
        "expected" => {
            let days = (arguments.read("from")?, arguments.read("to")?);
            let zone = arguments.maybe("zone");
            let (who, user_id) = (arguments.text("who")?, arguments.text("user_id")?);
            let metrics = arguments.metrics()?;
            let files = controls.expected_of(&metrics, &who, &user_id, days, zone.as_deref())?;
            files.iter().map(expected_json).collect()
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn seen_json(seen: &Seen) -> Value {
    json!({
        "at": seen.at.to_string(),
        "host": seen.host.name(),
        "who": seen.who,
        "method": seen.method,
        "path": seen.path,
        "label": seen.label,
        "status": seen.status,
        "in_flight": seen.in_flight,
    })
}

fn expected_json(file: &Expected) -> Value {
    json!({"key": file.key, "rows": file.rows, "sha256": sha256(&file.bytes)})
}

fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Calls that change the world.
fn write(controls: &Controls, call: &str, arguments: &Arguments) -> Result<Value, String> {
    match call {
        "consent" => {
            let (url, who) = (arguments.text("url")?, arguments.text("who")?);
            let redirect = match arguments.maybe("decision").as_deref() {
                Some("deny") => controls.deny(&url, &who)?,
                _ => controls.consent(&url, &who)?,
            };
            return Ok(json!({"redirect": redirect}));
        }
        "expire" => controls.expire_access_tokens(),
        "rotation" => controls.set_rotation(match arguments.text("rotation")?.as_str() {
            "none" => Rotation::None,
            "rotate" => Rotation::Rotate,
            "grace" => Rotation::RotateWithGrace,
            other => return Err(format!("no such rotation: {other}")),
        }),
        "fitbit" => {
            if arguments.maybe("retired").is_some() {
                controls.set_fitbit_retired(arguments.read("retired")?);
            }
            if arguments.maybe("grace").is_some() {
                controls.set_fitbit_grace(arguments.read("grace")?);
            }
        }
        "clock" => controls.set_clock_offset_s(arguments.read("offset_s")?),
        "fault" => controls.inject(fault_json::fault(&arguments.0)?),
        "clear_faults" => controls.clear_faults(),
        "down" => {
            let down = arguments.read("down")?;
            match arguments.maybe("host") {
                None => controls.set_down(down),
                Some(name) => {
                    let host = Host::named(&name).ok_or_else(|| format!("no host {name}"))?;
                    controls.set_host_down(host, down);
                }
            }
        }
        "clear_requests" => controls.clear_requests(),
        other => write_participant(controls, other, arguments)?,
    }
    Ok(json!({}))
}

/// Calls that change one participant.
fn write_participant(controls: &Controls, call: &str, arguments: &Arguments) -> Result<(), String> {
    let who = || arguments.text("who");
    match call {
        "device_sync" => {
            let at = match arguments.text("at")?.as_str() {
                "now" => controls.now(),
                _ => arguments.read("at")?,
            };
            match arguments.maybe("device") {
                Some(id) => controls.set_one_device_sync(&who()?, &id, at),
                None => controls.set_device_sync(&who()?, at),
            }
        }
        "zone" => {
            let from = match arguments.maybe("from") {
                Some(_) => arguments.read("from")?,
                None => controls.now(),
            };
            controls.set_zone(&who()?, from, &arguments.text("zone")?)
        }
        "grants" => {
            let scopes = arguments.maybe("scopes");
            let scopes = scopes.map(|list| list.split(',').map(str::to_owned).collect());
            controls.set_grants(&who()?, scopes)
        }
        "linked" => controls.set_linked(&who()?, arguments.read("linked")?),
        "revise" => {
            let date: Date = arguments.read("date")?;
            controls.revise_day(&who()?, arguments.metric()?, date)
        }
        "shrink" => {
            let (date, keep) = (arguments.read("date")?, arguments.read("keep_percent")?);
            controls.shrink_day(&who()?, arguments.metric()?, date, keep)
        }
        "revoke" => {
            controls.revoke(&who()?);
            Ok(())
        }
        other => traits::write(controls, other, &who()?, arguments)
            .unwrap_or_else(|| Err(format!("no such call: {other}; there are:\n{HELP}"))),
    }
}

/// The CSV of a day; a day without rows is 204.
fn truth(controls: &Controls, arguments: &Arguments) -> Result<Reply, String> {
    let (who, user_id) = (arguments.text("who")?, arguments.text("user_id")?);
    let metric = arguments.metric()?.ok_or("metric is missing")?;
    let date: Date = arguments.read("date")?;
    let zone = match arguments.maybe("zone") {
        Some(name) => zone(&name)?,
        None => controls.person(&who)?.zone_at(controls.now()).clone(),
    };
    let mut day = Day::civil(date, &zone);
    if arguments.maybe("start").is_some() {
        let instant = |name| arguments.read::<Timestamp>(name);
        (day.start, day.end) = (instant("start")?, instant("end")?);
    }
    let bytes = match arguments.maybe("provider").as_deref() {
        Some("fitbit") => controls.fitbit_truth(&who, &user_id, metric, &day)?,
        _ => controls.truth(&who, &user_id, metric, &day)?,
    };
    Ok(match bytes {
        Some(bytes) => Reply {
            status: 200,
            headers: vec![("content-type", "text/csv".to_owned())],
            body: bytes,
        },
        None => Reply::html(204, ""),
    })
}
