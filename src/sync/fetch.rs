//! One participant of a sync: refresh, plan, read, write. This file holds the loop in which all
//! data is fetched; there is no other.
//!
//! The order that nothing is lost by: a day is durable as `wanted` before it is asked; its CSV is
//! durable before its ledger entry says so.

use std::collections::BTreeSet;
use std::io::Read;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::core::day::{self, Calendar, DaySpan};
use crate::core::error::{ErrorClass, Failure, Result, Smaller};
use crate::core::hash::sha256_hex;
use crate::core::json::AsText;
use crate::core::table::{self, Row, RowKey};
use crate::core::user::{COMPLETENESS, UserId, file_path};
use crate::gateway::Gateway;
use crate::io::files;
use crate::ledger::entry::{FileChange, Reading, State};
use crate::ledger::folder::Ledger;
use crate::ledger::sealing::Circumstances;
use crate::limits::{EXTRA_REQUESTS_MAX, FETCH_SPACE_BYTES_MIN, PAGES_MAX};
use crate::provider::DataPage;
use crate::provider::job::Job;
use crate::provider::metric::Metric;
use crate::sync::account::check_state;
use crate::sync::consent::note_told;
use crate::sync::notices::warn_of_end;
use crate::sync::plan::{Device, Plan};
use crate::sync::report::ParticipantReport;
use crate::sync::session::{Circuits, Session, Tries};
use crate::sync::uploads::Uploads;

/// What the arguments ask of every participant.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    pub metrics: Vec<&'static Metric>,
    /// `--metric` left out some of those in the settings: their plan stays where it was.
    pub narrowed: bool,
    pub named: Option<(Date, Date)>,
    /// `--user` named this participant: a recent failure to sign in is not waited out.
    pub insistent: bool,
}

/// Reads everything that is due of one participant; failures go into the report.
pub fn participant(
    gateway: &Gateway,
    circuits: &Circuits,
    uploads: &Uploads,
    wanted: &RunOptions,
    user: &UserId,
    report: &mut ParticipantReport,
) {
    let done = try_participant(gateway, circuits, uploads, wanted, user, report);
    let Err(mut failure) = done else { return };
    let signs_in = matches!(failure.class, ErrorClass::Auth | ErrorClass::Retired);
    if signs_in && !failure.what.contains("fitsync ") {
        failure.what = format!("{}; run: fitsync login {user}", failure.what);
    }
    report.fail(&failure, None, None);
}

fn try_participant(
    gateway: &Gateway,
    circuits: &Circuits,
    uploads: &Uploads,
    wanted: &RunOptions,
    user: &UserId,
    report: &mut ParticipantReport,
) -> Result<()> {
    let token = gateway.tokens.load(user)?.ok_or_else(|| never_signed_in(user))?;
    if !wanted.insistent && gateway.tokens.is_undecided(user)? {
        log::info!("user={user} somebody compares the band: read when that is answered, or ended");
        return Ok(());
    }
    let mut ledger = Ledger::open(&gateway.config.data_dir, user)?;
    let now = gateway.clock.now();
    check_state(&token, &ledger.head, wanted, user, now)?;
    warn_of_end(&token, user, now);
    files::make_folder(&gateway.config.data_dir)?;
    files::check_space(&gateway.config.data_dir, FETCH_SPACE_BYTES_MIN)?;
    let provider = gateway.provider(&token.provider)?;
    let (store, circuit) = (&gateway.tokens, circuits.of(provider.name()));
    let mut session = Session::new(provider, user, token, &gateway.http, store, circuit);
    let told = note_told(gateway, &mut session, &ledger.head)?;
    let wanted = &wanted.covered(&told, user);
    let (ledger, open) = (&mut ledger, &mut session);
    let mut fetch = Fetch {
        gateway,
        uploads,
        wanted,
        report,
        ledger,
        session: open,
        now,
        zone: None,
        device_ahead: false,
        extra: EXTRA_REQUESTS_MAX,
    };
    let done = fetch.run();
    let settled = fetch.settle_state(&done);
    report.requests += session.requests();
    done.and(settled)
}

pub fn never_signed_in(user: &UserId) -> Failure {
    let what = format!("never signed in; run: fitsync login {user}");
    Failure::new(ErrorClass::Auth, what)
}

/// What was read of one day.
struct DayRead<'a> {
    date: Date,
    span: DaySpan,
    rows: &'a [Row],
    /// The provider is still at work on it.
    unfinished: bool,
}

/// The run of one participant; its other half is `planning.rs`.
pub(super) struct Fetch<'a, 'b> {
    pub(super) gateway: &'a Gateway,
    /// Where a lost ledger is looked for.
    pub(super) uploads: &'a Uploads<'a>,
    pub(super) wanted: &'a RunOptions,
    pub(super) report: &'a mut ParticipantReport,
    pub(super) ledger: &'a mut Ledger,
    pub(super) session: &'a mut Session<'b>,
    pub(super) now: Timestamp,
    /// The zone, once this run asked it.
    pub(super) zone: Option<String>,
    /// The device says that it synchronised at a time that is still to come.
    pub(super) device_ahead: bool,
    /// Requests that may still be made beside those that were planned.
    pub(super) extra: u64,
}

impl Fetch<'_, '_> {
    fn run(&mut self) -> Result<()> {
        self.note_named()?;
        let mut device = self.device()?;
        // A clock that the first reply has shown to be wrong is corrected from here on.
        self.now = self.gateway.clock.now();
        self.ledger.head.forget_what_is_to_come(self.now);
        let wishes = self.wishes();
        self.open_months(&wishes, device)?;
        let missing = self.rebuild()?;
        self.note_first_days();
        if let Some(since) = self.session.token.account_since {
            self.ledger.end_other_accounts(&self.session.token.account, since);
        }
        if let Some(zone) = self.ledger.head.zone.clone() {
            let calendar = self.calendar(&zone)?;
            let plan = self.plan(device, &wishes, &calendar, &missing);
            if plan.is_idle() {
                self.tell_named(&plan, &wishes);
                self.advance(&plan);
                self.note_passed(device);
                return self.conclude();
            }
        }
        let known_zone = self.ledger.head.zone.clone();
        let zone = self.zone()?;
        if self.session.provider.tells_wall_clocks() && known_zone.as_ref() != Some(&zone) {
            device = self.device()?;
        }
        let mut calendar = self.calendar(&zone)?;
        let plan = self.plan(device, &wishes, &calendar, &missing);
        self.note_plan(&plan, &mut calendar);
        self.note_passed(device);
        self.ledger.save_months()?;
        self.finish_plan(&plan, &wishes);
        self.tell_named(&plan, &wishes);
        self.ledger.save()?;
        self.sweep()?;
        let read = self.read_all(&plan, device, &calendar);
        self.conclude()?;
        read
    }

    /// Also where there was nothing to read: a run that was killed just before this left it.
    fn conclude(&mut self) -> Result<()> {
        let (data_dir, user) = (&self.gateway.config.data_dir, self.session.user);
        if let Some(why) = self.ledger.head.device_unknown.as_ref().filter(|_| self.device_ahead) {
            log::warn!("user={user} {why}; until then its days stay provisional");
        }
        self.ledger.sweep()?;
        files::sweep(&self.gateway.config.csv_dir(user, COMPLETENESS))?;
        self.report.files_written += self.ledger.write_completeness(data_dir, user)?;
        self.ledger.save()
    }

    fn sweep(&self) -> Result<()> {
        let config = &self.gateway.config;
        let user = self.session.user;
        files::make_durable(&config.data_dir.join("users").join(user.as_str()))?;
        let mut metrics = self.wanted.metrics.iter();
        metrics.try_for_each(|metric| files::sweep(&config.csv_dir(user, metric.name)))
    }

    fn read_all(&mut self, plan: &Plan, device: Device, calendar: &Calendar) -> Result<()> {
        let mut tried = 0;
        let mut denied = Vec::new();
        for metric in self.in_reading_order() {
            let Some(dates) = plan.ask.get(metric.name) else { continue };
            tried += 1;
            if let Some(refusal) = self.read_metric(metric, dates, device, calendar)? {
                self.refused(metric, dates, refusal.class);
                denied.push((metric, refusal));
            }
            self.ledger.save_months()?;
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

    /// A granted metric that the provider refuses: noted, and asked again with the look-back. When
    /// it is allowed then, that is a new grant: all its days are asked.
    fn refused(&mut self, metric: &Metric, dates: &BTreeSet<Date>, class: ErrorClass) {
        let head = &mut self.ledger.head;
        head.refused.push(metric.name.to_owned());
        head.granted.retain(|name| name != metric.name);
        for &date in dates {
            if let Ok(entry) = self.ledger.entry_mut(metric.name, date) {
                if class == ErrorClass::Denied {
                    // The participant consented: shown as failed, and no choice of theirs.
                    entry.failed(class, self.now);
                }
                entry.not_granted();
            }
        }
    }

    /// Asks one range and takes in its days; those that are odd are noted.
    pub(super) fn read_job(
        &mut self,
        metric: &Metric,
        job: &Job,
        tries: Tries,
        device: Device,
        calendar: &Calendar,
    ) -> Result<()> {
        let read = self.pages(metric, job, tries)?;
        let mut rows = self.session.provider.combine(metric, read.rows);
        if let Some(end) = self.filled_from(metric, device) {
            rows.retain(|row| !matches!(row.key, RowKey::Instant(key) if key >= end));
        }
        let mut rest = rows.as_slice();
        for date in job.dates() {
            let span = calendar.span(date);
            let (of_day, after) = table::cut(rest, date, &span);
            rest = after;
            if !read.odd.contains_key(&date) {
                let unfinished = read.unfinished.contains(&date);
                let day = DayRead { date, span, rows: of_day, unfinished };
                self.take_in(metric, &day, device, calendar)?;
            }
        }
        self.note_odd(metric, job, &read.odd);
        Ok(())
    }

    /// All pages of a job as one.
    fn pages(&mut self, metric: &Metric, job: &Job, tries: Tries) -> Result<DataPage> {
        let mut read = DataPage::default();
        // A day without minutes (a flight across the date line) needs no request.
        if metric.cadence.has_instants() && job.from >= job.to {
            return Ok(read);
        }
        let mut next: Option<String> = None;
        let mut seen = BTreeSet::new();
        for _ in 0..PAGES_MAX {
            let provider = self.session.provider;
            let request = provider.page_request(metric, job, next.as_deref());
            let page = |body: &mut dyn Read| provider.read_page(metric, job, body);
            let page = self.session.read(&request, tries, page)?;
            if let Some(failure) = page.unplaced {
                return Err(failure.at(request.label()).asked_smaller(Smaller::AtOnce));
            }
            read.rows.extend(page.rows);
            read.odd.extend(page.odd);
            read.unfinished.extend(page.unfinished);
            read.bare += page.bare;
            match page.next {
                None => {
                    if read.bare > 0 {
                        let (user, bare) = (self.session.user, read.bare);
                        log::debug!(
                            "user={user} metric={} windows={bare} without a value",
                            job.metric
                        );
                    }
                    return Ok(read);
                }
                Some(token) if seen.insert(token.clone()) => next = Some(token),
                Some(_) => return Err(Failure::new(ErrorClass::Format, "a page token repeats")),
            }
        }
        Err(Failure::new(ErrorClass::Format, format!("more than {PAGES_MAX} pages")))
    }

    /// Takes in one day that was read: its file first, then its entry.
    fn take_in(
        &mut self,
        metric: &Metric,
        read: &DayRead,
        device: Device,
        calendar: &Calendar,
    ) -> Result<()> {
        let DayRead { date, span, rows, unfinished } = read;
        let (date, user) = (*date, self.session.user);
        let zone = day::zone(&span.zone)?;
        let bytes = table::csv(user.as_str(), &metric.header(), &zone, rows)?;
        let today = calendar.date_of(self.now);
        let lookback_ended = date <= day::back(today, self.gateway.config.lookback_days);
        let mut entry = self.ledger.entry_mut(metric.name, date)?.clone();
        let clock_wrong = self.gateway.clock.known_wrong();
        let seals = entry.seals(&Circumstances {
            now: self.now,
            day_end: span.end,
            device_synced_at: device.synced_at(),
            is_old: device == Device::Unknown && lookback_ended && !self.device_ahead,
            clock_wrong,
            unfinished: *unfinished,
        });
        let outcome = entry.settle(&Reading {
            rows: rows.len() as u64,
            sha256: sha256_hex(&bytes),
            bytes: bytes.len() as u64,
            at: self.now,
            device_synced_at: device.synced_at(),
            seals,
            unfinished: *unfinished,
            clock_wrong,
            provider: self.session.provider.name(),
            data_source: self.session.provider.data_source(),
        });
        if outcome == FileChange::Write {
            self.write(metric.name, date, &bytes)?;
        }
        let known = self.ledger.entry_mut(metric.name, date)?;
        if entry.state == State::Sealed && *unfinished && !known.was_sealed {
            log::warn!("user={user} {} of {date} is sealed, and still unfinished", metric.name);
            self.report.sealed_unfinished += 1;
        }
        *known = entry;
        let newest = rows.last().map(|row| match row.key {
            RowKey::Instant(at) => at,
            RowKey::Date(_) => span.start,
        });
        if let Some(at) = newest {
            let newest = &mut self.ledger.head.newest;
            let known = newest.entry(metric.name.to_owned()).or_insert(AsText(at));
            *known = (*known).max(AsText(at));
        }
        self.report.days_read += 1;
        Ok(())
    }

    fn write(&mut self, metric: &str, date: Date, bytes: &[u8]) -> Result<()> {
        let data_dir = &self.gateway.config.data_dir;
        let path = data_dir.join(file_path(self.session.user, metric, date));
        files::make_folder(path.parent().unwrap_or(data_dir))?;
        // The last of the disk is for ledgers and tokens.
        files::check_space(data_dir, bytes.len() as u64 + FETCH_SPACE_BYTES_MIN)?;
        files::write_durably(&path, bytes)?;
        self.report.files_written += 1;
        Ok(())
    }
}
