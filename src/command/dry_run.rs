//! `fitsync sync --dry-run`: what a run would ask, from the ledger alone, as if every device had
//! just synced. No request, nothing written.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use jiff::civil::Date;

use crate::command::context::Context;
use crate::command::fetch::Wanted;
use crate::command::planning::window;
use crate::core::day::Calendar;
use crate::core::error::Result;
use crate::core::plan::{self, Device, Inputs, Plan, Wish};
use crate::core::user::UserId;
use crate::io::book::Book;
use crate::io::tokens::TokenStore;

pub fn run(context: &Context, wanted: &Wanted, users: &[UserId]) -> Result<u8> {
    let tokens = TokenStore::look(&context.config.token_dir)?;
    let mut out = std::io::stdout().lock();
    let _ =
        writeln!(out, "Dry run: as if every device had just synced; nothing is asked or written.");
    for user in users {
        let line = match tokens.load(user) {
            Ok(Some(token)) => match plan_of(context, wanted, user, &token) {
                Ok(plan) => described(&plan),
                Err(failure) => failure.to_string(),
            },
            Ok(None) => format!("never signed in; run: fitsync login {user}"),
            Err(failure) => failure.to_string(),
        };
        let _ = writeln!(out, "{user}: {line}");
    }
    Ok(0)
}

fn plan_of(
    context: &Context,
    wanted: &Wanted,
    user: &UserId,
    token: &crate::core::token::Token,
) -> Result<Plan> {
    let config = &context.config;
    let provider = context.provider(&token.provider)?;
    let now = context.clock.now();
    let mut book = Book::look(&config.data_dir, user)?;
    book.open_months(plan::months(&book.head, now, config.lookback_days, wanted.named))?;
    let zone = book.head.zone.clone().or(token.time_zone.clone()).or(config.time_zone.clone());
    let calendar = Calendar::new(book.spans(), zone.as_deref().unwrap_or("UTC"))?;
    let wish = |metric: &&'static crate::provider::metric::Metric| Wish {
        name: metric.name,
        granted: token.granted(&provider.scope_of(metric)),
    };
    let wishes: Vec<Wish> = wanted.metrics.iter().map(wish).collect();
    Ok(plan::plan(&Inputs {
        now,
        head: &book.head,
        days: &book.days(),
        calendar: &calendar,
        device: Device::SyncedAt(now),
        account: &token.account,
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
