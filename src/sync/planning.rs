//! What one participant's run asks for: the device, the zone, what is granted, the plan.
//!
//! The second half of `fetch.rs`, which holds the loop; both are steps of [`Fetch`].

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::consent::token::Token;
use crate::consent::window::Window;
use crate::core::day::{self, Calendar};
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::json::AsText;
use crate::ledger::entry::State;
use crate::ledger::rebuild::Owner;
use crate::ledger::remains;
use crate::provider::metric::Metric;
use crate::provider::{self, newest, paired_devices};
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
    /// The device's last sync: asked first, and before any data.
    pub(super) fn device(&mut self) -> Result<Device> {
        let scope = self.session.provider.settings_scope();
        self.session.ready()?;
        if !self.session.token.granted(&scope) {
            self.ledger.head.device_unknown = Some("device settings were not granted".to_owned());
            self.ask_the_time()?;
            return Ok(Device::Unknown);
        }
        // Wall clocks mean nothing without the zone: before the first run it is not known.
        let mut zone = self.ledger.head.zone.clone();
        if zone.is_none() && self.session.provider.tells_wall_clocks() {
            zone = Some(self.zone()?);
        }
        let zone = day::zone(zone.as_deref().unwrap_or("UTC"))?;
        let provider = self.session.provider;
        let devices = paired_devices(provider, &zone, |request| self.session.call(request));
        // The reply has told the time.
        let now = self.gateway.clock.now();
        let known = Device::at(self.ledger.head.device_synced_at.map(|at| *at), now);
        match devices {
            Ok(devices) => {
                let device = newest(&devices, now);
                let told = device.and_then(|device| device.synced_at);
                let synced = Device::at(told, now);
                self.device_ahead = told.is_some() && synced == Device::Unknown;
                let head = &mut self.ledger.head;
                head.device = device.map(|device| device.name.clone());
                head.device_synced_at = synced.synced_at().map(AsText);
                head.device_unknown = match (synced, told) {
                    (Device::SyncedAt(_), _) => None,
                    (Device::Unknown, Some(at)) => Some(from_the_future(at)),
                    (Device::Unknown, None) => Some("no device has synced yet".to_owned()),
                };
                Ok(synced)
            }
            Err(failure) if failure.class.is_refusal() => {
                let head = &mut self.ledger.head;
                head.device_unknown = Some("device settings were refused".to_owned());
                Ok(Device::Unknown)
            }
            // Data can be read without: days are then judged by what was known before.
            Err(failure) if isolated(&failure) && known != Device::Unknown => {
                self.report.fail(&failure, None, None);
                Ok(known)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Some request that shows the clock to be right, where none is made before the plan: one that
    /// booted in 1970 would make the ledger owe days of 1970.
    fn ask_the_time(&mut self) -> Result<()> {
        if self.gateway.clock.checked() {
            return Ok(());
        }
        let request = self.session.provider.identity_request();
        let answered = self.session.call(&request);
        // A refusal tells the time as well.
        if self.gateway.clock.checked() { Ok(()) } else { answered.map(drop) }
    }

    /// The participant's zone of today. A day's zone is fixed for good, so a zone that could not
    /// be asked is never guessed while the account would name one.
    pub(super) fn zone(&mut self) -> Result<String> {
        if let Some(zone) = &self.zone {
            return Ok(zone.clone());
        }
        if let Some(zone) = self.ledger.unknown_zone.take() {
            let user = self.session.user;
            log::warn!("user={user} {zone:?} is no time zone known here: it is asked again");
        }
        let scope = self.session.provider.zone_scope();
        let known = self.ledger.head.zone.clone();
        let (mut asked, mut refused) = (None, false);
        if self.session.token.granted(&scope) {
            let request = self.session.provider.zone_request();
            let zone = self
                .session
                .call(&request)
                .and_then(|reply| self.session.provider.read_zone(&reply));
            match (zone, &known) {
                (Ok(zone), _) => asked = zone.filter(|name| day::zone(name).is_ok()),
                (Err(failure), _) if failure.class.is_refusal() => {
                    refused = true;
                }
                (Err(failure), Some(_)) if isolated(&failure) => {
                    self.report.fail(&failure, None, None);
                }
                (Err(failure), _) => return Err(failure),
            }
        }
        let config = &self.gateway.config;
        let stored = self.session.token.time_zone.clone();
        let stored = stored.filter(|name| day::zone(name).is_ok());
        let zone = asked.or(known).or(stored).or(config.time_zone.clone());
        if zone.is_none() && refused {
            let what = "the time zone is refused although it was granted; set FITSYNC_TIME_ZONE or";
            let what = format!("{what} run: fitsync login {}", self.session.user);
            return Err(Failure::new(ErrorClass::Auth, what));
        }
        let zone = zone.unwrap_or_else(|| {
            let user = self.session.user;
            log::warn!("user={user} no time zone is known, days are UTC: set FITSYNC_TIME_ZONE");
            "UTC".to_owned()
        });
        self.ledger.head.zone = Some(zone.clone());
        self.zone = Some(zone.clone());
        Ok(zone)
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
        if self.has_new_grants(wishes) || first_seen {
            let all = self.ledger.month_keys()?;
            self.ledger.open_months(all)?;
        }
        Ok(())
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
        let all_metrics = self.reads_all_metrics();
        let head = &mut self.ledger.head;
        if plan.lookback && all_metrics {
            head.lookback_read_at = Some(AsText(self.now));
            head.refused.clear();
        }
        let names = |granted: bool| {
            wishes.iter().filter(move |wish| wish.granted == granted).map(|wish| wish.name)
        };
        // Metrics left out by `--metric` stay as they are known.
        head.granted.retain(|name| !names(false).any(|refused| refused == name));
        for name in names(true) {
            if !head.granted.iter().any(|known| known == name) {
                head.granted.push(name.to_owned());
            }
        }
    }

    /// A run of some metrics only leaves the plan of the others where it was.
    pub(super) fn advance(&mut self, plan: &Plan) {
        if let (Some(read_until), true) = (plan.read_until, self.reads_all_metrics()) {
            self.ledger.head.read_until = Some(AsText(read_until));
        }
    }

    pub(super) fn reads_all_metrics(&self) -> bool {
        let wanted = &self.wanted.metrics;
        let config = &self.gateway.config;
        config.metrics.iter().all(|metric| wanted.iter().any(|known| known.name == metric.name))
    }
}

/// Why a device's time is not believed, for the log and for `status`.
fn from_the_future(at: Timestamp) -> String {
    let at = at.strftime("%Y-%m-%d %H:%M UTC");
    format!("the device's last sync lies in the future ({at}): set the clock of its phone")
}

/// Whether one part may fail so and the others be tried.
fn isolated(failure: &Failure) -> bool {
    matches!(failure.class, ErrorClass::Server | ErrorClass::Format | ErrorClass::Bug)
}
