//! One participant as the operator's pages show it: from the [`Overview`] to a view.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::consent::files::TokenStore;
use crate::core::day::Calendar;
use crate::core::error::Result;
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::ledger::entry::{Day, Entry};
use crate::ledger::mark::Mark;
use crate::ledger::overview::{Overview, calendar};
use crate::portal::pages::chart::DayView;
use crate::portal::pages::operator::{MetricView, ParticipantView};
use crate::portal::pages::text::{self, Why};
use crate::provider;
use crate::provider::metric::{Cadence, Metric};

/// A participant's files, opened for the last `days`.
pub fn overview(
    gateway: &Gateway,
    tokens: &TokenStore,
    user: &UserId,
    days: u32,
) -> Result<Overview> {
    let (dir, listed) = (&gateway.config.data_dir, gateway.is_synced(user));
    Overview::load(dir, tokens, user, days, listed, gateway.clock.now())
}

/// Whether the metric was granted, and the provider agrees.
pub fn granted(overview: &Overview, metric: &Metric) -> bool {
    let granted =
        |token| provider::granted::granted(token, metric) && !overview.refused(metric.name);
    overview.token.as_ref().is_some_and(granted)
}

/// As the operator's pages show it.
pub fn view(overview: &Overview, gateway: &Gateway) -> Result<ParticipantView> {
    let (days, calendar) = (overview.ledger.days(), calendar(&overview.ledger)?);
    let head = &overview.ledger.head;
    let metrics = gateway.config.metrics.iter().map(|metric| MetricView {
        name: metric.name.to_owned(),
        newest: head.newest.get(metric.name).map(|at| **at),
        days: day_views(overview, &days, metric, &calendar),
    });
    let fails = |entry: &Entry| entry.file.waits() && entry.file.last_error.is_some();
    let token = overview.token.as_ref();
    Ok(ParticipantView {
        user: overview.user.to_string(),
        state: overview.state.to_owned(),
        problem: None,
        device: head.device.clone(),
        synced_at: head.device_synced_at.map(|at| *at),
        device_unknown: head.device_unknown.clone(),
        metrics: metrics.collect(),
        waiting: overview.waiting(),
        upload_fails: (overview.ledger.months())
            .any(|(_, month)| month.entries().any(|(_, _, entry)| fails(entry))),
        expires_at: token.and_then(|token| token.refresh_expires_at),
        collect_from: token.and_then(|token| token.collect_from),
        collect_until: token.and_then(|token| token.collect_until),
        listed: overview.listed,
    })
}

fn day_views(
    overview: &Overview,
    days: &BTreeMap<Date, &Day>,
    metric: &Metric,
    calendar: &Calendar,
) -> Vec<DayView> {
    let synced_at = overview.ledger.head.device_synced_at.map(|at| *at);
    let view = |(date, entry, mark): (Date, Option<&Entry>, Mark)| {
        let error = entry.and_then(|entry| entry.error.as_ref());
        let why = text::why(&Why {
            mark,
            error: error.map(|error| error.class.as_str()),
            shrunk: entry.is_some_and(|entry| entry.shrunk.is_some()),
            passed: entry.is_some_and(|entry| entry.passed_at.is_some()),
            is_today: date == overview.today,
            daily: metric.cadence == Cadence::Daily,
            sparse: !metric.gaps.contains("not worn"),
            connected: overview.state == "connected",
            device_behind: synced_at.is_some_and(|at| at < calendar.span(date).start),
        });
        DayView { date, mark, why: why.to_owned() }
    };
    overview.days(days, metric.name).into_iter().map(view).collect()
}
