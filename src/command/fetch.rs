//! One participant of a sync: refresh, plan, read, write. This file holds the loop in which all
//! data is fetched; there is no other.
//!
//! The order that nothing is lost by: a day is durable as `wanted` before it is asked; its CSV is
//! durable before its ledger entry says so.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::command::context::Context;
use crate::command::report::ParticipantReport;
use crate::config::{FETCH_SPACE_BYTES_MIN, PAGES_MAX, SIGN_IN_TRY_EVERY_S};
use crate::core::completeness;
use crate::core::day::{self, Calendar, DaySpan};
use crate::core::error::{ErrorClass, Failure, Reach, Result};
use crate::core::hash::sha256_hex;
use crate::core::json::Text;
use crate::core::ledger::{Head, Outcome, Reading, State, within};
use crate::core::plan::{self, Device, Inputs, Job, Plan, Wish};
use crate::core::table::{self, Row, RowKey};
use crate::core::token::{AccountState, Token};
use crate::core::user::{COMPLETENESS, UserId, file_path};
use crate::io::book::Book;
use crate::io::files;
use crate::io::session::{Guard, Session};
use crate::provider::metric::{Cadence, Metric};
use crate::provider::newest;

/// What the arguments ask of every participant.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub metrics: Vec<&'static Metric>,
    pub named: Option<(Date, Date)>,
    /// `--user` named this participant: a recent failure to sign in is not waited out.
    pub insistent: bool,
}

/// Reads everything that is due of one participant; failures go into the report.
pub fn participant(
    context: &Context,
    guard: &Guard,
    wanted: &Wanted,
    user: &UserId,
    report: &mut ParticipantReport,
) {
    let Err(mut failure) = try_participant(context, guard, wanted, user, report) else { return };
    if failure.class == ErrorClass::Auth && !failure.what.contains("fitsync login") {
        failure.what = format!("{}; run: fitsync login {user}", failure.what);
    }
    report.fail(&failure, None, None);
}

fn try_participant(
    context: &Context,
    guard: &Guard,
    wanted: &Wanted,
    user: &UserId,
    report: &mut ParticipantReport,
) -> Result<()> {
    let token = context.tokens.load(user)?.ok_or_else(|| never_signed_in(user))?;
    let mut book = Book::open(&context.config.data_dir, user)?;
    let now = context.clock.now();
    check_state(&token, &book.head, wanted, user, now)?;
    files::make_folder(&context.config.data_dir)?;
    files::check_space(&context.config.data_dir, FETCH_SPACE_BYTES_MIN)?;
    let provider = context.provider(&token.provider)?;
    let store = &context.tokens;
    let mut session = Session::new(provider, user, token, &context.http, store, guard);
    let mut fetch = Fetch { context, wanted, report, book: &mut book, session: &mut session, now };
    let done = fetch.run();
    let settled = fetch.settle_state(&done);
    report.requests += session.requests;
    done.and(settled)
}

fn never_signed_in(user: &UserId) -> Failure {
    let what = format!("never signed in; run: fitsync login {user}");
    Failure::new(ErrorClass::Auth, what)
}

/// A participant who must sign in again is tried once a day all the same; a retired API never.
fn check_state(
    token: &Token,
    head: &Head,
    wanted: &Wanted,
    user: &UserId,
    now: Timestamp,
) -> Result<()> {
    let tried = within(head.sign_in_tried_at, SIGN_IN_TRY_EVERY_S, now);
    match token.state {
        AccountState::Retired => {
            let what =
                format!("this API is switched off; sign in with Google: fitsync login {user}");
            Err(Failure::new(ErrorClass::Retired, what))
        }
        AccountState::SignInAgain if tried && !wanted.insistent => {
            let what = format!("must sign in again; run: fitsync login {user}");
            Err(Failure::new(ErrorClass::Auth, what))
        }
        _ => Ok(()),
    }
}

struct Fetch<'a, 'b> {
    context: &'a Context,
    wanted: &'a Wanted,
    report: &'a mut ParticipantReport,
    book: &'a mut Book,
    session: &'a mut Session<'b>,
    now: Timestamp,
}

impl Fetch<'_, '_> {
    fn run(&mut self) -> Result<()> {
        let device = self.device()?;
        let wishes = self.wishes();
        let looked_into = plan::months(
            &self.book.head,
            self.now,
            self.context.config.lookback_days,
            self.wanted.named,
        );
        self.book.open_months(looked_into.iter().copied())?;
        if self.has_new_grants(&wishes) {
            let all = self.book.month_keys()?;
            self.book.open_months(all)?;
        }
        if let Some(since) = self.session.token.account_since {
            self.book.end_other_accounts(&self.session.token.account, since);
        }
        let known_zone = self.book.head.zone.clone();
        if let Some(zone) = known_zone.filter(|_| self.book.lost.is_empty()) {
            let calendar = self.calendar(&zone)?;
            let (plan, _) = self.plan(device, &wishes, &calendar);
            if plan.is_idle() {
                self.advance(&plan);
                return self.book.save();
            }
        }
        let zone = self.zone()?;
        let mut calendar = self.calendar(&zone)?;
        let (plan, lost) = self.plan(device, &wishes, &calendar);
        self.note_plan(&plan, &lost, &mut calendar);
        self.book.save_months(&looked_into)?;
        self.finish_plan(&plan, &wishes);
        self.book.save()?;
        self.sweep()?;
        let read = self.read_all(&plan, device, &calendar);
        self.write_completeness()?;
        self.book.save()?;
        read
    }

    /// The device's last sync: asked first, and before any data.
    fn device(&mut self) -> Result<Device> {
        let scope = self.session.provider.settings_scope();
        self.session.ready()?;
        if !self.session.token.granted(&scope) {
            self.book.head.device_unknown = Some("device settings were not granted".to_owned());
            return Ok(Device::Unknown);
        }
        let request = self.session.provider.devices_request();
        let devices = self
            .session
            .call(&request)
            .and_then(|reply| self.session.provider.read_devices(&reply));
        let known = self.book.head.device_synced_at;
        match devices {
            Ok(devices) => {
                let device = newest(&devices);
                let synced_at = device.and_then(|device| device.synced_at);
                let head = &mut self.book.head;
                head.device = device.map(|device| device.name.clone());
                head.device_synced_at = synced_at.map(Text);
                head.device_unknown =
                    synced_at.is_none().then(|| "no device has synced yet".to_owned());
                Ok(synced_at.map_or(Device::Unknown, Device::SyncedAt))
            }
            Err(failure) if failure.class == ErrorClass::NotGranted => {
                let head = &mut self.book.head;
                head.device_unknown = Some("device settings were refused".to_owned());
                Ok(Device::Unknown)
            }
            // Data can be read without: days are then judged by what was known before.
            Err(failure) if isolated(&failure) && known.is_some() => {
                self.report.fail(&failure, None, None);
                Ok(known.map_or(Device::Unknown, |at| Device::SyncedAt(*at)))
            }
            Err(failure) => Err(failure),
        }
    }

    /// The participant's zone of today. A day's zone is fixed for good, so a zone that could not
    /// be asked is never guessed while the account would name one.
    fn zone(&mut self) -> Result<String> {
        let scope = self.session.provider.settings_scope();
        let known = self.book.head.zone.clone();
        let mut asked = None;
        if self.session.token.granted(&scope) {
            let request = self.session.provider.zone_request();
            let zone = self
                .session
                .call(&request)
                .and_then(|reply| self.session.provider.read_zone(&reply));
            match (zone, &known) {
                (Ok(zone), _) => asked = zone.filter(|name| day::zone(name).is_ok()),
                (Err(failure), _) if failure.class == ErrorClass::NotGranted => {}
                (Err(failure), Some(_)) if isolated(&failure) => {
                    self.report.fail(&failure, None, None);
                }
                (Err(failure), _) => return Err(failure),
            }
        }
        let config = &self.context.config;
        let stored = self.session.token.time_zone.clone();
        let zone = asked.or(known).or(stored).or(config.time_zone.clone()).unwrap_or_else(|| {
            let user = self.session.user;
            log::warn!("user={user} no time zone is known, days are UTC: set FITSYNC_TIME_ZONE");
            "UTC".to_owned()
        });
        self.book.head.zone = Some(zone.clone());
        Ok(zone)
    }

    fn wishes(&self) -> Vec<Wish<'static>> {
        let lookback = plan::lookback_due(&self.book.head, self.now);
        let granted = |metric: &Metric| {
            let scope = self.session.provider.scope_of(metric);
            let refused = self.book.head.refused.iter().any(|name| name == metric.name);
            self.session.token.granted(&scope) && (lookback || !refused)
        };
        let wish = |metric: &&'static Metric| Wish { name: metric.name, granted: granted(metric) };
        self.wanted.metrics.iter().map(wish).collect()
    }

    fn has_new_grants(&self, wishes: &[Wish]) -> bool {
        let known = &self.book.head.granted;
        !known.is_empty()
            && wishes.iter().any(|wish| wish.granted && !known.iter().any(|name| name == wish.name))
    }

    fn calendar(&self, zone: &str) -> Result<Calendar> {
        Calendar::new(self.book.spans(), zone)
    }

    /// The plan, and the days of months whose ledger was lost.
    fn plan(&self, device: Device, wishes: &[Wish], calendar: &Calendar) -> (Plan, BTreeSet<Date>) {
        let config = &self.context.config;
        let mut window = self.session.token.window();
        if window.from.is_none() && config.collect_from_consent {
            window.from = self.session.token.obtained_at.map(|at| calendar.date_of(at));
        }
        let lost: BTreeSet<Date> = (self.book.lost.iter())
            .flat_map(|month| day::range(month.first_day(), month.last_day()))
            .filter(|&date| self.book.head.first_day.is_none_or(|first| date >= *first))
            .collect();
        let plan = plan::plan(&Inputs {
            now: self.now,
            head: &self.book.head,
            days: &self.book.days(),
            calendar,
            device,
            account: &self.session.token.account,
            window,
            lookback_days: config.lookback_days,
            today_minutes: config.today_minutes,
            named: self.wanted.named,
            lost: &lost,
            metrics: wishes,
        });
        (plan, lost)
    }

    fn note_plan(&mut self, plan: &Plan, lost: &BTreeSet<Date>, calendar: &mut Calendar) {
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
            self.book.note(metric, date, &span, &account, state);
        }
        if !lost.is_empty() {
            log::warn!(
                "user={} days of {} lost ledger months are read again",
                self.session.user,
                self.book.lost.len()
            );
            self.book.lost.clear();
        }
    }

    /// From here on the ledger owes the planned days; the head may move on.
    fn finish_plan(&mut self, plan: &Plan, wishes: &[Wish]) {
        self.advance(plan);
        let all_metrics = self.reads_all_metrics();
        let head = &mut self.book.head;
        if plan.lookback && all_metrics {
            head.lookback_read_at = Some(Text(self.now));
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
    fn advance(&mut self, plan: &Plan) {
        if let (Some(read_until), true) = (plan.read_until, self.reads_all_metrics()) {
            self.book.head.read_until = Some(Text(read_until));
        }
    }

    fn reads_all_metrics(&self) -> bool {
        let wanted = &self.wanted.metrics;
        let config = &self.context.config;
        config.metrics.iter().all(|metric| wanted.iter().any(|known| known.name == metric.name))
    }

    fn sweep(&self) -> Result<()> {
        self.book.sweep()?;
        let metrics = self.wanted.metrics.iter().map(|metric| metric.name);
        for name in metrics.chain([COMPLETENESS]) {
            files::sweep(&self.context.config.csv_dir(self.session.user, name))?;
        }
        Ok(())
    }

    fn read_all(&mut self, plan: &Plan, device: Device, calendar: &Calendar) -> Result<()> {
        let mut tried = 0;
        let mut denied = Vec::new();
        for metric in self.wanted.metrics.clone() {
            let Some(dates) = plan.ask.get(metric.name) else { continue };
            tried += 1;
            let reach = self.session.provider.reach(metric);
            for job in plan::jobs(metric.name, dates, reach, calendar, self.now) {
                match self.read_job(metric, &job, device, calendar) {
                    Ok(()) => {}
                    Err(failure) if failure.class == ErrorClass::NotGranted => {
                        self.refused(metric, dates);
                        denied.push((metric, failure));
                        break;
                    }
                    Err(failure) => self.job_failed(metric, &job, failure)?,
                }
                self.book.save_months(&BTreeSet::new())?;
            }
        }
        if tried > 0 && denied.len() == tried && tried == self.wanted.metrics.len() {
            let what = "everything is refused although it was granted";
            return Err(Failure::new(ErrorClass::Auth, what));
        }
        for (metric, failure) in denied {
            self.report.fail(&failure, Some(metric.name), None);
        }
        Ok(())
    }

    /// A granted metric that the provider refuses: noted, and asked again with the look-back.
    fn refused(&mut self, metric: &Metric, dates: &BTreeSet<Date>) {
        self.book.head.refused.push(metric.name.to_owned());
        for &date in dates {
            if let Ok(entry) = self.book.entry_mut(metric.name, date)
                && entry.state == State::Wanted
            {
                entry.state = State::NotGranted;
            }
        }
    }

    /// One metric failing never stops another; what touches the participant or all does.
    fn job_failed(&mut self, metric: &Metric, job: &Job, failure: Failure) -> Result<()> {
        for &date in &job.dates {
            if let Ok(entry) = self.book.entry_mut(metric.name, date) {
                entry.failed(failure.class, self.now);
            }
        }
        if failure.class.reach() != Reach::Item {
            return Err(failure);
        }
        let day = (job.dates.len() == 1).then(|| job.first().to_string());
        self.report.fail(&failure, Some(metric.name), day);
        Ok(())
    }

    fn read_job(
        &mut self,
        metric: &Metric,
        job: &Job,
        device: Device,
        calendar: &Calendar,
    ) -> Result<()> {
        let rows = self.pages(metric, job)?;
        let mut rows = self.session.provider.combine(metric, tidied(metric, rows));
        if let (true, Device::SyncedAt(at)) = (metric.filled_by_provider, device) {
            rows.retain(|row| !matches!(row.key, RowKey::Instant(key) if key >= at));
        }
        let mut rest = rows.as_slice();
        for &date in &job.dates {
            let span = calendar.span(date);
            let (of_day, after) = cut(rest, date, &span);
            rest = after;
            self.settle(metric, date, &span, of_day, device, calendar)?;
        }
        Ok(())
    }

    fn pages(&mut self, metric: &Metric, job: &Job) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        // A day without minutes (a flight across the date line) needs no request.
        if metric.cadence == Cadence::Minute && job.from >= job.to {
            return Ok(rows);
        }
        let mut next: Option<String> = None;
        let mut seen = BTreeSet::new();
        for _ in 0..PAGES_MAX {
            let request = self.session.provider.page_request(metric, job, next.as_deref());
            let reply = self.session.call(&request)?;
            let page = self.session.provider.read_page(metric, job, &reply)?;
            rows.extend(page.rows);
            match page.next {
                None => return Ok(rows),
                Some(token) if seen.insert(token.clone()) => next = Some(token),
                Some(_) => return Err(Failure::new(ErrorClass::Format, "a page token repeats")),
            }
        }
        Err(Failure::new(ErrorClass::Format, format!("more than {PAGES_MAX} pages")))
    }

    /// Takes in one day that was read: its file first, then its entry.
    fn settle(
        &mut self,
        metric: &Metric,
        date: Date,
        span: &DaySpan,
        rows: &[Row],
        device: Device,
        calendar: &Calendar,
    ) -> Result<()> {
        let user = self.session.user;
        let zone = day::zone(&span.zone)?;
        let bytes = table::csv(user.as_str(), &metric.header(), &zone, rows)?;
        let today = calendar.date_of(self.now);
        let lookback_ended = date < day::back(today, self.context.config.lookback_days);
        let passed = match device {
            Device::SyncedAt(at) => at >= span.end,
            Device::Unknown => lookback_ended,
        };
        let mut entry = self.book.entry_mut(metric.name, date)?.clone();
        let outcome = entry.settle(&Reading {
            rows: rows.len() as u64,
            sha256: sha256_hex(&bytes),
            bytes: bytes.len() as u64,
            at: self.now,
            device_synced_at: device.synced_at(),
            seals: passed && self.now >= span.end && !self.context.clock.known_wrong(),
            provider: self.session.provider.name(),
            data_source: self.session.provider.data_source(),
        });
        if outcome == Outcome::Write {
            self.write(metric.name, date, &bytes)?;
        }
        *self.book.entry_mut(metric.name, date)? = entry;
        let newest = rows.last().map(|row| match row.key {
            RowKey::Instant(at) => at,
            RowKey::Date(_) => span.start,
        });
        if let Some(at) = newest {
            let newest = &mut self.book.head.newest;
            let known = newest.entry(metric.name.to_owned()).or_insert(Text(at));
            *known = (*known).max(Text(at));
        }
        self.report.days_read += 1;
        Ok(())
    }

    fn write(&mut self, metric: &str, date: Date, bytes: &[u8]) -> Result<()> {
        let path = self.context.config.data_dir.join(file_path(self.session.user, metric, date));
        files::make_folder(path.parent().unwrap_or(&self.context.config.data_dir))?;
        files::write_durably(&path, bytes)?;
        self.report.files_written += 1;
        Ok(())
    }

    /// The completeness file of each month that says something else than before.
    fn write_completeness(&mut self) -> Result<()> {
        let mut changed = BTreeMap::new();
        for (key, month) in self.book.months() {
            let bytes = completeness::csv(self.session.user, month)?;
            let sha256 = sha256_hex(&bytes);
            let file = &month.completeness;
            let known = file.sha256.as_ref() == Some(&sha256) && !file.missing;
            if !month.days.is_empty() && !known {
                changed.insert(key, (bytes, sha256));
            }
        }
        for (key, (bytes, sha256)) in changed {
            self.write(COMPLETENESS, key.first_day(), &bytes)?;
            if let Some(month) = self.book.month_mut(key) {
                month.completeness.written(&sha256, bytes.len() as u64);
            }
        }
        Ok(())
    }

    /// Keeps what the run learned about the participant's grant.
    fn settle_state(&mut self, done: &Result<()>) -> Result<()> {
        let state = match done {
            Ok(()) => AccountState::Connected,
            Err(failure) if failure.class == ErrorClass::Auth => AccountState::SignInAgain,
            Err(failure) if failure.class == ErrorClass::Retired => AccountState::Retired,
            Err(_) => return Ok(()),
        };
        if state == AccountState::SignInAgain {
            self.book.head.sign_in_tried_at = Some(Text(self.now));
            self.book.save()?;
        }
        self.session.note_state(state)
    }
}

/// Whether one part may fail so and the others be tried.
fn isolated(failure: &Failure) -> bool {
    matches!(failure.class, ErrorClass::Server | ErrorClass::Format | ErrorClass::Bug)
}

fn tidied(metric: &Metric, mut rows: Vec<Row>) -> Vec<Row> {
    table::tidy(&mut rows, metric.google.combine.is_some());
    rows
}

/// The rows of a day, and those after it; rows before it belong to days that were not asked.
fn cut<'a>(rows: &'a [Row], date: Date, span: &DaySpan) -> (&'a [Row], &'a [Row]) {
    let before = rows.partition_point(|row| match row.key {
        RowKey::Instant(at) => at < span.start,
        RowKey::Date(on) => on < date,
    });
    let rows = rows.get(before..).unwrap_or_default();
    let of_day = rows.partition_point(|row| match row.key {
        RowKey::Instant(at) => at < span.end,
        RowKey::Date(on) => on <= date,
    });
    rows.split_at(of_day)
}
