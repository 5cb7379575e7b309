//! What a run asks for: which days of which metrics, as few requests as possible.
//!
//! The rules are design section "The life of a day". All of them lead to dates; the filters then
//! take away what must not, or need not, be asked. Nothing here changes the ledger.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::consent::window::Window;
use crate::core::day::{Calendar, ahead, back, ceil_minute, next, previous, range, within};
use crate::ledger::entry::{Day, Entry, State};
use crate::ledger::head::Head;
use crate::ledger::month::MonthKey;
use crate::limits::{EARLY_SEALS_DAYS, LOOKBACK_EVERY_S};

/// What is known of the participant's device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    SyncedAt(Timestamp),
    /// None paired, one without a time, settings not granted, or a time that is still to come.
    Unknown,
}

impl Device {
    /// From its last sync, if one is known; a time that is still to come cannot be true.
    pub fn at(synced_at: Option<Timestamp>, now: Timestamp) -> Self {
        synced_at.filter(|at| !ahead(*at, now)).map_or(Self::Unknown, Self::SyncedAt)
    }

    pub const fn synced_at(self) -> Option<Timestamp> {
        match self {
            Self::SyncedAt(at) => Some(at),
            Self::Unknown => None,
        }
    }
}

/// A metric of this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish<'a> {
    pub name: &'a str,
    pub granted: bool,
    /// One value for a whole date, measured in the night before.
    pub daily: bool,
}

/// Everything that a plan depends on.
#[derive(Debug)]
pub struct Inputs<'a> {
    pub now: Timestamp,
    pub head: &'a Head,
    pub days: &'a BTreeMap<Date, &'a Day>,
    pub calendar: &'a Calendar,
    pub device: Device,
    /// Whether a service has shown the machine's clock to be wrong: nothing is sealed then.
    pub clock_wrong: bool,
    /// The last sign-in: it may have cured whatever was refused.
    pub signed_in: Option<Timestamp>,
    pub account: &'a str,
    /// The same person's account at the retired API.
    pub former: Option<&'a str>,
    pub window: Window,
    pub lookback_days: u32,
    pub today_minutes: u32,
    /// `--from` and `--to`.
    pub named: Option<(Date, Date)>,
    /// Days whose ledger was lost.
    pub lost: &'a BTreeSet<Date>,
    pub metrics: &'a [Wish<'a>],
}

/// What to do, per metric.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// To ask now.
    pub ask: BTreeMap<String, BTreeSet<Date>>,
    /// Named by the operator, but the device has not synced so far: asked when it has.
    pub later: BTreeMap<String, BTreeSet<Date>>,
    /// Not granted: noted without a request.
    pub not_granted: BTreeMap<String, BTreeSet<Date>>,
    /// The whole look-back is among them.
    pub lookback: bool,
    /// Up to where the device's data has been asked when this plan is done.
    pub read_until: Option<Timestamp>,
}

impl Plan {
    /// Nothing to request and nothing to note.
    pub fn is_idle(&self) -> bool {
        self.ask.is_empty() && self.later.is_empty() && self.not_granted.is_empty()
    }

    /// Every (metric, date) that becomes `wanted`.
    pub fn wanted(&self) -> impl Iterator<Item = (&str, Date)> {
        let all = self.ask.iter().chain(&self.later);
        all.flat_map(|(metric, dates)| dates.iter().map(move |&date| (metric.as_str(), date)))
    }
}

/// Whether the whole look-back is due: once a day, and after a sign-in.
pub fn lookback_due(head: &Head, signed_in: Option<Timestamp>, now: Timestamp) -> bool {
    let since = |signed_in| head.lookback_read_at.is_some_and(|read_at| *read_at < signed_in);
    // One that is still to come was noted by a clock that has jumped.
    signed_in.filter(|at| *at <= now).is_some_and(since)
        || !within(head.lookback_read_at, LOOKBACK_EVERY_S, now)
}

/// The months that every run looks into whatever it finds.
pub fn recent_months(now: Timestamp, lookback_days: u32) -> BTreeSet<MonthKey> {
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    MonthKey::range(back(today, lookback_days + 2), next(today)).collect()
}

/// The months that a plan looks into, a little generously at the ends: neighbours fix a day.
pub fn months(
    head: &Head,
    now: Timestamp,
    lookback_days: u32,
    named: Option<(Date, Date)>,
) -> BTreeSet<MonthKey> {
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let recent = back(today, lookback_days + 2);
    let mut from = recent;
    for done in [head.read_until, head.lookback_read_at].into_iter().flatten() {
        from = from.min(back(done.to_zoned(jiff::tz::TimeZone::UTC).date(), lookback_days + 2));
    }
    if let Some(first) = head.first_day {
        if head.early_seals_asked.is_none() {
            from = from.min(back(today, EARLY_SEALS_DAYS));
        }
        // Nothing is known, or asked, from before it.
        from = from.max(previous(*first)).min(recent);
    }
    let mut months: BTreeSet<_> = MonthKey::range(from, next(today)).collect();
    months.extend(head.open_months.iter().map(|month| month.0));
    if let Some((from, to)) = named {
        months.extend(MonthKey::range(previous(from), next(to)));
    }
    months
}

/// The plan of one participant.
pub fn plan(inputs: &Inputs) -> Plan {
    let today = inputs.calendar.date_of(inputs.now);
    let lookback = lookback_due(inputs.head, inputs.signed_in, inputs.now);
    let mut dates = BTreeSet::new();
    if lookback {
        dates.extend(range(lookback_from(inputs, today), today));
    }
    if let Some(from) = moved_from(inputs, today) {
        dates.extend(range(from, today));
    }
    if let Some((from, to)) = inputs.named {
        dates.extend(range(from, to.min(today)));
    }
    dates.extend(inputs.lost);
    dates.extend(never_asked(inputs, today));
    let mut plan = Plan { lookback, ..Plan::default() };
    for wish in inputs.metrics {
        plan_metric(inputs, *wish, today, &dates, &mut plan);
    }
    plan.read_until = read_until(inputs, &plan, today);
    plan
}

/// The first day of the look-back. Where no device says what is new, it reaches back to the last
/// one: an outage may have lasted longer than the look-back.
fn lookback_from(inputs: &Inputs, today: Date) -> Date {
    let from = back(today, inputs.lookback_days);
    match (inputs.device, inputs.head.lookback_read_at) {
        (Device::Unknown, Some(read_at)) => from.min(inputs.calendar.date_of(*read_at)),
        _ => from,
    }
}

/// Days of the past that no run has asked: those that waited for a device which is no longer
/// known, and, where the head was lost, all gaps between the days that are known.
fn never_asked(inputs: &Inputs, today: Date) -> impl Iterator<Item = Date> {
    let head = inputs.head;
    let since = match (inputs.device, head.read_until, head.lookback_read_at) {
        (Device::Unknown, Some(until), _) => Some(inputs.calendar.date_of(*until)),
        (_, None, None) => inputs.days.keys().next().copied(),
        _ => None,
    };
    let all = since.into_iter().flat_map(move |since| range(since, today));
    all.filter(|date| !inputs.days.contains_key(date))
}

/// From which day on new data may have come, if any.
fn moved_from(inputs: &Inputs, today: Date) -> Option<Date> {
    match (inputs.device, inputs.head.read_until) {
        (Device::Unknown, _) => Some(previous(today)),
        // Before it was seen, the look-back told what is new, up to an outage.
        (Device::SyncedAt(_), None) => {
            let first = inputs.head.first_day.map_or(Date::MIN, |first| *first);
            let read_at = inputs.head.lookback_read_at.map(|at| inputs.calendar.date_of(*at));
            let recent = back(today, inputs.lookback_days);
            Some(read_at.map_or(recent, |date| date.max(first).min(recent)))
        }
        // A device from a drawer may have synced long before the participant signed in.
        (Device::SyncedAt(at), Some(until)) if at > *until => {
            let first = inputs.head.first_day.map_or(Date::MIN, |first| *first);
            Some(inputs.calendar.date_of(*until).max(first))
        }
        (Device::SyncedAt(_), Some(_)) => None,
    }
}

/// Whether the device is seen for the first time, or as if, as the head was lost.
const fn first_seen(inputs: &Inputs) -> bool {
    matches!(inputs.device, Device::SyncedAt(_)) && inputs.head.read_until.is_none()
}

fn plan_metric(inputs: &Inputs, wish: Wish, today: Date, dates: &BTreeSet<Date>, plan: &mut Plan) {
    let entry = |date: Date| inputs.days.get(&date).and_then(|day| day.metrics.get(wish.name));
    let known = inputs.days.iter();
    let pending: BTreeSet<Date> = known
        .filter_map(|(&date, day)| pending(inputs, wish, day, plan).then_some(date))
        .chain(added(inputs, wish, today).filter(|&date| entry(date).is_none()))
        .collect();
    for &date in dates.union(&pending) {
        if !allowed(inputs, wish, date, today) || stays_as_it_was(inputs, date, entry(date)) {
            continue;
        }
        let named = inputs.named.is_some_and(|(from, to)| from <= date && date <= to);
        if !named && entry(date).is_some_and(|entry| entry.odd_waits(plan.lookback)) {
            continue;
        }
        let shelf = if !wish.granted {
            if entry(date).is_some_and(|entry| entry.state != State::Wanted) {
                continue;
            }
            &mut plan.not_granted
        } else if !today_due(inputs, date, today, entry(date)) {
            continue;
        } else if polled(inputs, date, today, plan) && !pending.contains(&date) {
            if !poll_due(inputs, entry(date)) {
                continue;
            }
            &mut plan.ask
        } else if waits_for_device(inputs, date, today, entry(date)) {
            if entry(date).is_some() {
                continue;
            }
            &mut plan.later
        } else {
            &mut plan.ask
        };
        shelf.entry(wish.name.to_owned()).or_default().insert(date);
    }
}

/// Whether the metric may be read, and could not at the last run.
fn is_new(inputs: &Inputs, wish: Wish) -> bool {
    wish.granted && !inputs.head.granted.iter().any(|known| known == wish.name)
}

/// The days of a metric that was added later: from the participant's first one on.
fn added(inputs: &Inputs, wish: Wish, today: Date) -> impl Iterator<Item = Date> {
    // One that the provider refused had them; they are noted as not granted.
    let refused = inputs.head.refused.iter().any(|known| known == wish.name);
    let first = inputs.head.first_day.filter(|_| is_new(inputs, wish) && !refused);
    first.into_iter().flat_map(move |first| range(*first, today))
}

/// Whether a day that is known is still to be asked, or asked once more.
fn pending(inputs: &Inputs, wish: Wish, day: &Day, plan: &Plan) -> bool {
    let Some(entry) = day.metrics.get(wish.name) else { return false };
    let newly_granted = is_new(inputs, wish);
    entry.state == State::Wanted
        // The cloud has had its time since the device passed the day.
        || entry.cloud_is_due(inputs.now, plan.lookback)
        || (inputs.head.early_seals_asked.is_none()
            && entry.sealed_early(*day.end, inputs.lookback_days, inputs.now))
        || entry.shrunk_due(inputs.now)
        // A device's time that was still to come said that it was whole.
        || entry.device_was_ahead(inputs.now)
        // What was not granted, and what was not whole when the grant was lost.
        || (matches!(entry.state, State::NotGranted | State::Provisional) && newly_granted)
        || (entry.clock_was_wrong.is_some() && !inputs.clock_wrong)
        // No device said, or will say, that it is whole: the look-back settles it.
        || (entry.state == State::Provisional
            && entry.clock_was_wrong.is_none()
            && (inputs.device == Device::Unknown || entry.device_synced_at.is_none())
            && plan.lookback)
        // What was not whole, or sealed by age alone: the device may have sent more since.
        || (first_seen(inputs)
            && (entry.state == State::Provisional
                || (entry.state == State::Sealed && entry.device_synced_at.is_none())))
}

/// The study window, the account, and the end of time.
fn allowed(inputs: &Inputs, wish: Wish, date: Date, today: Date) -> bool {
    let window = &inputs.window;
    let since = window.account_since.map(|at| match wish.daily {
        true => next(inputs.calendar.civil_date(at)),
        false => inputs.calendar.date_of(ceil_minute(at)),
    });
    date <= today
        && window.from.is_none_or(|from| date >= from)
        && window.until.is_none_or(|until| date <= until)
        && since.is_none_or(|since| date >= since)
        && inputs.days.get(&date).is_none_or(|day| {
            day.account == inputs.account || inputs.former == Some(day.account.as_str())
        })
}

/// What the retired API told of the days before the move stands, unless the day is named.
fn stays_as_it_was(inputs: &Inputs, date: Date, entry: Option<&Entry>) -> bool {
    let former = inputs.days.get(&date).is_some_and(|day| day.account != inputs.account);
    let moved = inputs.window.moved_at.map(|at| inputs.calendar.date_of(at));
    former
        && !is_named(inputs, date)
        && moved.is_none_or(|moved| date < moved)
        && entry.is_some_and(|entry| entry.state != State::Wanted)
}

/// The running day is read at most so often, unless it is named or was never read.
fn today_due(inputs: &Inputs, date: Date, today: Date, entry: Option<&Entry>) -> bool {
    if date != today || is_named(inputs, date) {
        return true;
    }
    let wanted = entry.is_some_and(|entry| entry.state == State::Wanted);
    inputs.today_minutes > 0 && (wanted || poll_due(inputs, entry))
}

fn is_named(inputs: &Inputs, date: Date) -> bool {
    inputs.named.is_some_and(|(from, to)| from <= date && date <= to)
}

/// Whether it is yesterday and there is no other reason to ask it than that no device tells of
/// anything new.
fn polled(inputs: &Inputs, date: Date, today: Date, plan: &Plan) -> bool {
    inputs.device == Device::Unknown
        && date == previous(today)
        && !(plan.lookback || is_named(inputs, date) || inputs.lost.contains(&date))
}

/// Whether so much time has passed since it was read that there may be something new.
fn poll_due(inputs: &Inputs, entry: Option<&Entry>) -> bool {
    let read_at = entry.and_then(|entry| entry.read_at);
    let pause_s = i64::from(inputs.today_minutes) * 60;
    inputs.today_minutes > 0 && !within(read_at, pause_s, inputs.now)
}

/// Days after the device's last sync are asked only within the look-back, but for those that a
/// device had passed which is not known any more.
fn waits_for_device(inputs: &Inputs, date: Date, today: Date, entry: Option<&Entry>) -> bool {
    let Device::SyncedAt(at) = inputs.device else { return false };
    date < back(today, inputs.lookback_days)
        && date > inputs.calendar.date_of(at)
        && entry.is_none_or(|entry| entry.passed(inputs.now).is_none())
}

/// If the running day was put off, what the device sent of it is still to be asked.
fn read_until(inputs: &Inputs, plan: &Plan, today: Date) -> Option<Timestamp> {
    let at = inputs.device.synced_at()?;
    let before = inputs.head.read_until.map(|until| *until);
    let asks_today = plan.ask.values().any(|dates| dates.contains(&today));
    let moved = before.is_none_or(|before| at > before);
    let mut metrics = inputs.metrics.iter();
    let today_allowed = metrics.any(|&wish| allowed(inputs, wish, today, today));
    if !moved || asks_today || !today_allowed {
        return Some(at);
    }
    let start = inputs.calendar.span(today).start;
    Some(before.map_or(at.min(start), |before| before.max(at.min(start))))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
