//! `fitsync sync --dry-run`: what a run would ask, from the ledger alone, as if every device had
//! just synced. No request, nothing written.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use jiff::civil::Date;
use miniserde::Serialize;

use crate::consent::files::TokenStore;
use crate::core::day::{self, Calendar};
use crate::core::error::Result;
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::io::terminal::print_json;
use crate::ledger::folder::Ledger;
use crate::provider::granted::granted;
use crate::sync::fetch::{RunOptions, never_signed_in};
use crate::sync::plan::{self, Device, Inputs, Plan, Wish};
use crate::sync::planning::window;

/// What would be asked of everybody, as `--json` prints it.
#[derive(Debug, Serialize)]
struct DryRunReport {
    version: u32,
    participants: Vec<PlannedParticipant>,
}

#[derive(Debug, Serialize)]
struct PlannedParticipant {
    user_id: String,
    /// Per metric, the dates.
    ask: BTreeMap<String, Vec<String>>,
    not_granted: Vec<String>,
    /// Why nothing can be planned.
    message: Option<String>,
}

pub fn run(gateway: &Gateway, wanted: &RunOptions, users: &[UserId], json: bool) -> Result<u8> {
    let tokens = TokenStore::look(&gateway.config.token_dir)?;
    let planned = |user: &UserId| -> Result<Plan> {
        let token = tokens.load(user)?.ok_or_else(|| never_signed_in(user))?;
        plan_of(gateway, wanted, user, &token)
    };
    let plans = users.iter().map(|user| (user, planned(user)));
    if json {
        let participants = plans.map(|(user, plan)| reported(user, plan)).collect();
        print_json(&DryRunReport { version: 1, participants });
        return Ok(0);
    }
    let mut out = std::io::stdout().lock();
    let _ =
        writeln!(out, "Dry run: as if every device had just synced; nothing is asked or written.");
    for (user, plan) in plans {
        let line = plan.map_or_else(|failure| failure.to_string(), |plan| described(&plan));
        let _ = writeln!(out, "{user}: {line}");
    }
    Ok(0)
}

fn reported(user: &UserId, plan: Result<Plan>) -> PlannedParticipant {
    let message = plan.as_ref().err().map(ToString::to_string);
    let plan = plan.unwrap_or_default();
    let texts = |dates: &BTreeSet<Date>| dates.iter().map(ToString::to_string).collect();
    PlannedParticipant {
        user_id: user.to_string(),
        ask: plan.ask.iter().map(|(name, dates)| (name.clone(), texts(dates))).collect(),
        not_granted: plan.not_granted.keys().cloned().collect(),
        message,
    }
}

fn plan_of(
    gateway: &Gateway,
    wanted: &RunOptions,
    user: &UserId,
    token: &crate::consent::token::Token,
) -> Result<Plan> {
    let config = &gateway.config;
    gateway.provider(&token.provider)?;
    let now = gateway.clock.now();
    let mut ledger = Ledger::look(&config.data_dir, user)?;
    ledger.head.forget_what_is_to_come(now);
    ledger.open_months(plan::months(&ledger.head, now, config.lookback_days, wanted.named))?;
    let stored = token.time_zone.clone().filter(|name| day::zone(name).is_ok());
    let zone = ledger.head.zone.clone().or(stored).or(config.time_zone.clone());
    let calendar = Calendar::new(ledger.spans(), zone.as_deref().unwrap_or("UTC"))?
        .begins_at(token.account_since);
    let wish = |metric: &&'static crate::provider::metric::Metric| Wish {
        name: metric.name,
        granted: granted(token, metric),
        daily: !metric.cadence.has_instants(),
    };
    let told = config.told(Some(token), &ledger.head);
    let metrics = wanted.metrics.iter().filter(|metric| told.covers(metric.name));
    let wishes: Vec<Wish> = metrics.map(wish).collect();
    Ok(plan::plan(&Inputs {
        now,
        head: &ledger.head,
        days: &ledger.days(),
        calendar: &calendar,
        device: Device::SyncedAt(now),
        clock_wrong: false,
        signed_in: token.obtained_at,
        account: &token.account,
        former: token.legacy_user_id.as_deref(),
        window: window(config, token, &calendar),
        lookback_days: config.lookback_days,
        today_minutes: config.today_minutes,
        named: wanted.named,
        lost: &BTreeSet::new(),
        metrics: &wishes,
    }))
}

fn described(plan: &Plan) -> String {
    let metric = |(name, dates): (&String, &BTreeSet<Date>)| {
        let (first, last) = (dates.first(), dates.last());
        let ends = first.zip(last).map(|(first, last)| format!("{first} to {last}"));
        format!("{name} {} days ({})", dates.len(), ends.unwrap_or_default())
    };
    let list = |days: &BTreeMap<String, BTreeSet<Date>>| {
        days.iter().map(metric).collect::<Vec<_>>().join(", ")
    };
    let asks = if plan.ask.is_empty() { "nothing to ask".to_owned() } else { list(&plan.ask) };
    if plan.not_granted.is_empty() {
        return asks;
    }
    let names: Vec<&str> = plan.not_granted.keys().map(String::as_str).collect();
    format!("{asks}; not granted: {}", names.join(", "))
}
