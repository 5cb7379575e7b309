//! `fitsync status`: what is known of every participant, from files alone. Exit code 0 always.

use std::collections::BTreeMap;
use std::io::Write as _;

use jiff::civil::Date;
use miniserde::Serialize;

use crate::command::arguments::StatusArguments;
use crate::consent::files::TokenStore;
use crate::core::error::{Failure, Result};
use crate::core::table::utc;
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::io::terminal::print_json;
use crate::ledger::completeness::NEVER_ASKED;
use crate::ledger::entry::{Day, Entry};
use crate::ledger::mark::Mark;
use crate::ledger::overview::Overview;
use crate::portal::pages::text::ago;
use crate::provider::fitbit;
use crate::provider::metric::Metric;
use crate::sign_in::overview::{granted, overview};
use crate::sync::run::named_users;

/// Days that are shown.
const DAYS: u32 = 14;

/// Of the column of names: the longest of the first five, and two blanks.
const METRIC_WIDTH: usize = 12;

#[derive(Debug, Serialize)]
pub struct StatusReport {
    version: u32,
    participants: Vec<ParticipantStatus>,
}

#[derive(Debug, Serialize)]
pub struct ParticipantStatus {
    user_id: String,
    provider: Option<String>,
    state: String,
    state_since: Option<String>,
    device: Option<String>,
    device_synced_at: Option<String>,
    device_unknown: Option<String>,
    grant_expires_at: Option<String>,
    collect_from: Option<String>,
    collect_until: Option<String>,
    /// Whether a sync works on this participant.
    listed: bool,
    waiting: u64,
    metrics: BTreeMap<String, MetricStatus>,
    /// What is wrong with this participant's ledger.
    message: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct MetricStatus {
    granted: bool,
    newest: Option<String>,
    days: Vec<DayStatus>,
}

#[derive(Debug, Serialize)]
pub struct DayStatus {
    date: String,
    state: String,
    rows: u64,
    revisions: u32,
    mark: String,
}

pub fn run(gateway: &Gateway, arguments: &StatusArguments) -> Result<u8> {
    let named = named_users(&arguments.user)?;
    let users = if named.is_empty() { gateway.known()?.into_iter().collect() } else { named };
    let tokens = TokenStore::look(&gateway.config.token_dir)?;
    let status = |user: &UserId| {
        participant(gateway, &tokens, user)
            .unwrap_or_else(|failure| ParticipantStatus::unreadable(user, &failure))
    };
    let report = StatusReport { version: 1, participants: users.iter().map(status).collect() };
    if arguments.json {
        print_json(&report);
    } else {
        let text = table(&report, gateway.clock.now().as_second());
        let _ = std::io::stdout().write_all(text.as_bytes());
    }
    Ok(0)
}

impl ParticipantStatus {
    /// A ledger that cannot be looked into hides nobody else.
    fn unreadable(user: &UserId, failure: &Failure) -> Self {
        Self {
            user_id: user.to_string(),
            provider: None,
            state: "ledger_unreadable".to_owned(),
            state_since: None,
            device: None,
            device_synced_at: None,
            device_unknown: None,
            grant_expires_at: None,
            collect_from: None,
            collect_until: None,
            listed: true,
            waiting: 0,
            metrics: BTreeMap::new(),
            message: Some(failure.to_string()),
        }
    }
}

fn participant(gateway: &Gateway, tokens: &TokenStore, user: &UserId) -> Result<ParticipantStatus> {
    let overview = overview(gateway, tokens, user, DAYS)?;
    let (token, head) = (overview.token.as_ref(), &overview.ledger.head);
    let time = |at: Option<jiff::Timestamp>| at.map(utc);
    let days = overview.ledger.days();
    let zone = overview.ledger.unknown_zone.as_ref();
    let message = zone.map(|zone| {
        format!("its time zone {zone:?} is not known here: the next sync asks for it again")
    });
    Ok(ParticipantStatus {
        user_id: user.to_string(),
        provider: token.map(|token| token.provider.clone()),
        state: overview.state.to_owned(),
        state_since: time(token.and_then(|token| token.state_since)),
        device: head.device.clone(),
        device_synced_at: head.device_synced_at.map(|at| utc(*at)),
        device_unknown: head.device_unknown.clone(),
        grant_expires_at: time(token.and_then(|token| token.refresh_expires_at)),
        collect_from: token.and_then(|token| token.collect_from).map(|d| d.to_string()),
        collect_until: token.and_then(|token| token.collect_until).map(|d| d.to_string()),
        listed: overview.listed,
        waiting: overview.waiting(),
        metrics: (gateway.config.metrics.iter())
            .map(|metric| {
                let status = metric_status(&overview, &days, metric);
                (metric.name.to_owned(), status)
            })
            .collect(),
        message,
    })
}

fn metric_status(
    overview: &Overview,
    days: &BTreeMap<Date, &Day>,
    metric: &Metric,
) -> MetricStatus {
    let day = |(date, entry, mark): (Date, Option<&Entry>, Mark)| DayStatus {
        date: date.to_string(),
        state: match (entry, mark) {
            (Some(entry), _) => entry.state.name(),
            (None, Mark::Missing) => "missing",
            (None, _) => NEVER_ASKED,
        }
        .to_owned(),
        rows: entry.map_or(0, |entry| entry.rows),
        revisions: entry.map_or(0, |entry| entry.revisions),
        mark: mark.character().to_string(),
    };
    MetricStatus {
        granted: granted(overview, metric),
        newest: overview.ledger.head.newest.get(metric.name).map(|at| utc(**at)),
        days: overview.days(days, metric.name).into_iter().map(day).collect(),
    }
}

fn table(report: &StatusReport, now_s: i64) -> String {
    let mut lines = Vec::new();
    let names = report.participants.iter().flat_map(|one| one.metrics.keys());
    let width = names.map(String::len).max().unwrap_or_default().max(METRIC_WIDTH);
    for one in &report.participants {
        lines.push(format!("{}  {}", one.user_id, headline(one, now_s)));
        match one.state.as_str() {
            "never_signed_in" | "unreadable" | "sign_in_again" => {
                lines.push(format!("  run: fitsync login {}", one.user_id));
            }
            "retired" => {
                let on_fitbit = one.provider.as_deref() == Some(fitbit::NAME);
                let cure = if on_fitbit { "migrate" } else { "login" };
                lines.push(format!("  run: fitsync {cure} {}", one.user_id));
            }
            _ => {}
        }
        for (name, metric) in &one.metrics {
            let is_gone = one.state == "never_signed_in" || one.state == "withdrawn";
            if is_gone && metric.newest.is_none() {
                continue;
            }
            let marks: String = metric.days.iter().map(|day| day.mark.as_str()).collect();
            let newest = match (&metric.newest, metric.granted) {
                (_, false) if one.state == "connected" => "not granted".to_owned(),
                (Some(newest), _) => format!("newest {newest}"),
                (None, _) => "no data yet".to_owned(),
            };
            lines.push(format!("  {name:<width$}|{marks}| {newest}"));
        }
    }
    if lines.is_empty() {
        lines.push("No participant yet; run: fitsync login USER".to_owned());
    } else {
        lines.push(LEGEND.to_owned());
    }
    lines.join("\n") + "\n"
}

const LEGEND: &str = "The last 14 days, today last: █ sealed  ▒ provisional  ░ empty  ○ waiting  \
                      · missing  - never asked  ! failed  × not granted";

fn headline(one: &ParticipantStatus, now_s: i64) -> String {
    let mut parts = vec![one.state.replace('_', " ")];
    if let Some(since) = one.state_since.as_ref().filter(|_| one.state != "connected") {
        parts.push(format!("since {since}"));
    }
    let synced = one.device_synced_at.as_ref().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    if let (Some(device), Some(at)) = (&one.device, synced) {
        parts.push(format!("{device} synced {}", ago(now_s - at.as_second())));
    }
    parts.extend(one.device_unknown.clone());
    if one.waiting > 0 {
        parts.push(format!("{} files wait for upload", one.waiting));
    }
    if let Some(at) = &one.grant_expires_at {
        parts.push(format!("consent ends {at}"));
    }
    if let Some(from) = &one.collect_from {
        parts.push(format!("collects from {from}"));
    }
    if let Some(until) = &one.collect_until {
        parts.push(format!("collects until {until}"));
    }
    parts.extend(one.message.clone());
    if !one.listed {
        parts.push("not in FITBIT_USER_IDS, not synced".to_owned());
    }
    parts.join(", ")
}
