//! What one participant's run asks for: the device, the zone, what is granted, the plan.
//!
//! The second half of `fetch.rs`, which holds the loop; both are steps of [`Fetch`].

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::consent::token::Token;
use crate::consent::window::Window;
use crate::core::day::{self, Calendar};
use crate::core::error::Result;
use crate::core::json::AsText;
use crate::ledger::entry::State;
use crate::ledger::rebuild::Owner;
use crate::ledger::remains;
use crate::ledger::sealing;
use crate::provider;
use crate::provider::metric::table::METRICS;
use crate::provider::metric::{Cadence, Metric};
use crate::settings::Config;
use crate::sync::fetch::Fetch;
use crate::sync::plan::{self, Device, Inputs, Plan, Wish};

/// The days that may be asked at all, by no option more. The day of the consent is in the token;
/// not so where the zone was not known then, or the setting came later.
pub(super) fn window(config: &Config, token: &Token, calendar: &Calendar) -> Window {
    let mut window = token.window();
    if window.from.is_none() && config.collect_from_consent {
        window.from = token.obtained_at.map(|at| calendar.date_of(at));
    }
    window
}

impl Fetch<'_, '_> {
    /// Metrics whose minutes the provider fills come last: the rows of the others tell how far data
    /// have come, whatever a device says.
    pub(super) fn in_reading_order(&self) -> Vec<&'static Metric> {
        let mut metrics = self.wanted.metrics.clone();
        metrics.sort_by_key(|metric| self.session.provider.fills_after_sync(metric));
        metrics
    }

    /// From when on the values of a metric are the provider's filling, and no data.
    pub(super) fn filled_from(&self, metric: &Metric, device: Device) -> Option<Timestamp> {
        let provider = self.session.provider;
        let synced_at = device.synced_at().filter(|_| provider.fills_after_sync(metric))?;
        let measured = METRICS
            .iter()
            .filter(|other| other.cadence == Cadence::Minute && !provider.fills_after_sync(other));
        let newest = measured.filter_map(|other| self.ledger.head.newest.get(other.name));
        let minute = SignedDuration::from_mins(1);
        let ends = newest.map(|at| at.saturating_add(minute).unwrap_or(**at));
        Some(ends.fold(synced_at, Timestamp::max))
    }

    /// The metrics' first days, where version 1 did not keep them, and which may not be asked.
    pub(super) fn note_first_days(&mut self) {
        let mut head = std::mem::take(&mut self.ledger.head);
        head.gather_first_days(self.ledger.months().flat_map(|(_, month)| month.entries()));
        let config = &self.gateway.config;
        let told = config.told(Some(&self.session.token), &head);
        let names = config.metrics.iter().map(|metric| metric.name);
        head.note_never_asked(names.filter(|name| !told.covers(name)));
        self.ledger.head = head;
    }

    pub(super) fn wishes(&self) -> Vec<Wish<'static>> {
        let lookback =
            plan::lookback_due(&self.ledger.head, self.session.token.obtained_at, self.now);
        let granted = |metric: &Metric| {
            let granted = provider::granted::granted(&self.session.token, metric);
            let refused = self.ledger.head.refused.iter().any(|name| name == metric.name);
            granted && (lookback || !refused)
        };
        let wish = |metric: &&'static Metric| Wish {
            name: metric.name,
            granted: granted(metric),
            daily: !metric.cadence.has_instants(),
        };
        self.wanted.metrics.iter().map(wish).collect()
    }

    /// Opens what this run may ask, and all months when a metric is newly granted or the device is
    /// seen for the first time.
    pub(super) fn open_months(&mut self, wishes: &[Wish], device: Device) -> Result<()> {
        let lookback_days = self.gateway.config.lookback_days;
        self.ledger.keep_named(plan::recent_months(self.now, lookback_days));
        let named = self.wanted.named;
        self.ledger.open_months(plan::months(&self.ledger.head, self.now, lookback_days, named))?;
        let first_seen = device.synced_at().is_some() && self.ledger.head.read_until.is_none();
        let is_of_version_1 = self.ledger.head.first_days.is_none();
        if self.has_new_grants(wishes) || first_seen || is_of_version_1 {
            let all = self.ledger.month_keys()?;
            self.ledger.open_months(all)?;
        }
        Ok(())
    }

    /// Notes what this run saw of the device, where the time is certain.
    pub(super) fn note_passed(&mut self, device: Device) {
        let clock = &self.gateway.clock;
        if let (Device::SyncedAt(at), true, false) = (device, clock.checked(), clock.known_wrong())
        {
            let token = &self.session.token;
            let accounts = [token.account.as_str(), token.legacy_user_id.as_deref().unwrap_or("")];
            let days = self.ledger.days_mut();
            let own = days.filter(|day| accounts.contains(&day.account.as_str()));
            sealing::note_passed(own, at, self.now);
        }
    }

    fn has_new_grants(&self, wishes: &[Wish]) -> bool {
        let known = &self.ledger.head.granted;
        self.ledger.head.first_day.is_some()
            && wishes.iter().any(|wish| wish.granted && !known.iter().any(|name| name == wish.name))
    }

    /// Rebuilds the months whose ledger was lost, from the local files and from what the bucket
    /// says; the days that neither knows of.
    pub(super) fn rebuild(&mut self) -> Result<BTreeSet<Date>> {
        let (mut missing, user) = (BTreeSet::new(), self.session.user);
        if self.ledger.head_lost {
            log::warn!("user={user} the ledger's head.json was lost: the months tell what it said");
        }
        for key in self.ledger.lost.clone() {
            let stored = self.uploads.completeness(user, key).unwrap_or_else(|failure| {
                log::warn!("user={user} {failure}; the ledger of {key} is rebuilt without it");
                Vec::new()
            });
            let config = &self.gateway.config;
            let zone = self.ledger.head.zone.clone().or(config.time_zone.clone());
            let owner = Owner {
                account: &self.session.token.account,
                since: self.session.token.account_since,
                zone: zone.as_deref().unwrap_or("UTC"),
            };
            let mut month = remains::month(&config.data_dir, user, key, &stored, &owner)?;
            month.want(self.wanted.metrics.iter().map(|metric| metric.name), owner.account);
            // Without a head nobody knows the first day: what is left of the month names one.
            let known = month.days.first_key_value().map(|(&date, _)| AsText(date));
            let first = if self.ledger.head_lost { known } else { self.ledger.head.first_day };
            let days = day::range(key.first_day(), key.last_day())
                .filter(|date| first.is_none_or(|first| *date >= *first));
            let unknown = days.filter(|date| !month.days.contains_key(date));
            missing.extend(unknown);
            log::warn!(
                "user={user} the ledger of {key} was lost: {} of its days are rebuilt from files",
                month.days.len()
            );
            self.ledger.restore(key, month);
        }
        Ok(missing)
    }

    pub(super) fn calendar(&self, zone: &str) -> Result<Calendar> {
        let since = self.session.token.account_since;
        Ok(Calendar::new(self.ledger.spans(), zone)?.begins_at(since))
    }

    /// The plan. `missing`: days of a lost month that nothing is known of.
    pub(super) fn plan(
        &self,
        device: Device,
        wishes: &[Wish],
        calendar: &Calendar,
        missing: &BTreeSet<Date>,
    ) -> Plan {
        let config = &self.gateway.config;
        plan::plan(&Inputs {
            now: self.now,
            head: &self.ledger.head,
            days: &self.ledger.days(),
            calendar,
            device,
            clock_wrong: self.gateway.clock.known_wrong(),
            signed_in: self.session.token.obtained_at,
            account: &self.session.token.account,
            former: self.session.token.legacy_user_id.as_deref(),
            window: window(config, &self.session.token, calendar),
            lookback_days: config.lookback_days,
            today_minutes: config.today_minutes,
            named: self.wanted.named,
            lost: missing,
            metrics: wishes,
        })
    }

    pub(super) fn note_plan(&mut self, plan: &Plan, calendar: &mut Calendar) {
        let account = self.session.token.account.clone();
        let not_granted = plan.not_granted.iter();
        let not_granted = not_granted.flat_map(|(metric, dates)| {
            dates.iter().map(move |&date| (metric.as_str(), date, State::NotGranted))
        });
        let wanted = plan.wanted().map(|(metric, date)| (metric, date, State::Wanted));
        let mut notes: Vec<_> = not_granted.chain(wanted).collect();
        // Days are fixed in their order, so that each starts where the one before ended.
        notes.sort_by_key(|&(_, date, _)| date);
        for (metric, date, state) in notes {
            let span = calendar.fix(date);
            self.ledger.note(metric, date, &span, &account, state);
        }
    }

    /// What the operator names is owed before anything can fail, so that a run that ends early
    /// leaves it to the next one. Days of the look-back are asked by every run.
    pub(super) fn note_named(&mut self) -> Result<()> {
        let (Some(_), Some(zone)) = (self.wanted.named, self.ledger.head.zone.clone()) else {
            return Ok(());
        };
        let known = self.ledger.head.device_synced_at;
        let device = Device::at(known.map(|at| *at), self.now);
        let wishes = self.wishes();
        self.open_months(&wishes, device)?;
        if !self.ledger.lost.is_empty() {
            return Ok(());
        }
        let mut calendar = self.calendar(&zone)?;
        let mut plan = self.plan(device, &wishes, &calendar, &BTreeSet::new());
        let recent = day::back(calendar.date_of(self.now), self.gateway.config.lookback_days);
        for dates in plan.ask.values_mut().chain(plan.later.values_mut()) {
            dates.retain(|date| *date < recent);
        }
        plan.not_granted.clear();
        self.note_plan(&plan, &mut calendar);
        self.ledger.save_months()
    }

    /// From here on the ledger owes the planned days; the head may move on.
    pub(super) fn finish_plan(&mut self, plan: &Plan, wishes: &[Wish]) {
        self.advance(plan);
        let all_metrics = !self.wanted.narrowed;
        let head = &mut self.ledger.head;
        if plan.lookback && all_metrics {
            head.lookback_read_at = Some(AsText(self.now));
            head.refused.clear();
        }
        let names = |granted: bool| {
            wishes.iter().filter(move |wish| wish.granted == granted).map(|wish| wish.name)
        };
        // Metrics left out by `--metric` stay as they are known; one that the settings name no
        // more is new when they name it again.
        let narrowed = self.wanted.narrowed;
        head.granted.retain(|name| narrowed && !names(false).any(|refused| refused == name));
        for name in names(true) {
            if !head.granted.iter().any(|known| known == name) {
                head.granted.push(name.to_owned());
            }
        }
    }

    /// A run of some metrics only leaves the plan of the others where it was.
    pub(super) fn advance(&mut self, plan: &Plan) {
        if self.wanted.narrowed {
            return;
        }
        let head = &mut self.ledger.head;
        head.read_until = plan.read_until.map(AsText).or(head.read_until);
        head.early_seals_asked = Some(true);
    }
}
