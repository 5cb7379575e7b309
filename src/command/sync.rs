//! `fitsync sync`: every participant, several at a time, then the upload backlog.

use jiff::civil::Date;

use crate::command::arguments::SyncArguments;
use crate::core::day;
use crate::core::error::{ErrorClass, Failure, Result};
use crate::gateway::Gateway;
use crate::io::clock::{CLOCK_CURE, clock_is_off};
use crate::io::terminal::print_json;
use crate::provider::metric::Metric;
use crate::settings::{find_metric, parse_date};
use crate::sync::dry_run;
use crate::sync::fetch::RunOptions;
use crate::sync::notices::tell_added_metrics;
use crate::sync::report::{ParticipantReport, RunReport};
use crate::sync::run::{make_room, named_users, run_lock, sweep, unfinished_withdrawals, work};
use crate::sync::uploads::Uploads;

pub fn run(gateway: &Gateway, arguments: &SyncArguments) -> Result<u8> {
    let users = named_users(&arguments.user)?;
    let today = gateway.clock.now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let metrics = metrics(gateway, &arguments.metric)?;
    let wanted = RunOptions {
        narrowed: metrics.len() < gateway.config.metrics.len(),
        metrics,
        named: dates(arguments.from.as_deref(), arguments.to.as_deref(), today)?,
        insistent: !users.is_empty(),
    };
    let chosen = gateway.chosen(&users)?;
    if arguments.dry_run {
        return dry_run::run(gateway, &wanted, &chosen, arguments.json);
    }
    let _lock = run_lock(gateway)?;
    let uploads = Uploads::open(gateway, chosen.len(), arguments.no_upload, wanted.insistent)?;
    sweep(gateway);
    if chosen.is_empty() && gateway.known()?.is_empty() {
        log::warn!("nobody is signed in yet; run: fitsync login USER");
    }
    let unfinished = unfinished_withdrawals(gateway);
    tell_added_metrics(gateway, &chosen);
    make_room(gateway);
    let mut reports = work(gateway, &wanted, &uploads, &chosen);
    if gateway.clock.known_wrong() {
        let off = clock_is_off(gateway.clock.skew_s());
        log::warn!("{off}; no day is sealed until it is right; {CLOCK_CURE}");
    }
    uploads.backlog(&chosen, &mut reports);
    make_room(gateway);
    let waiting = uploads.waiting(&chosen);
    reports.iter().for_each(ParticipantReport::log);
    reports.extend(unfinished);
    let report = RunReport::new(reports, waiting);
    report.log();
    if arguments.json {
        print_json(&report);
    }
    Ok(report.exit)
}

fn metrics(gateway: &Gateway, names: &[String]) -> Result<Vec<&'static Metric>> {
    if names.is_empty() {
        return Ok(gateway.config.metrics.clone());
    }
    let named: Vec<_> = names.iter().map(|name| find_metric(name)).collect::<Result<_>>()?;
    let wanted = &gateway.config.metrics;
    let is_one = |metric: &Metric, of: &[&Metric]| of.iter().any(|one| one.name == metric.name);
    if let Some(other) = named.iter().find(|metric| !is_one(metric, wanted)) {
        let what = format!("--metric {0}: FITSYNC_METRICS does not name {0}", other.name);
        return Err(Failure::new(ErrorClass::Usage, what));
    }
    Ok(wanted.iter().copied().filter(|metric| is_one(metric, &named)).collect())
}

fn dates(from: Option<&str>, to: Option<&str>, today: Date) -> Result<Option<(Date, Date)>> {
    let usage = |what: &str| Err(Failure::new(ErrorClass::Usage, what));
    let Some(from) = from else {
        return if to.is_none() { Ok(None) } else { usage("--to needs --from") };
    };
    let from = parse_date("--from", from)?;
    let to = to.map_or(Ok(Date::MAX), |to| parse_date("--to", to))?;
    if from > to {
        return usage("--from is after --to");
    }
    // The day may have begun already east of here.
    if from > day::next(today) {
        return usage("--from is after today");
    }
    if from < jiff::civil::date(2007, 1, 1) {
        return usage("--from is before the first Fitbit (2007)");
    }
    Ok(Some((from, to)))
}
