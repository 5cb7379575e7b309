//! The gateway: the steps of `command/fetch.rs`, `command/planning.rs` and `io/queue.rs` over a disk
//! that is a map of texts, with a crash between any two of them.

use std::collections::{BTreeMap, BTreeSet};

use fitsync::core::backoff::queue_wait_s;
use fitsync::core::completeness::{self, CompletenessRow};
use fitsync::core::day::{Calendar, DaySpan};
use fitsync::core::error::{ErrorClass, Failure, Secret};
use fitsync::core::json::Text;
use fitsync::core::ledger::{Day, Entry, Head, Month, MonthKey, Outcome, Reading, State, next_try};
use fitsync::core::plan::{self, Device, Inputs, Plan, Reach, Wish};
use fitsync::core::rebuild::{self, LocalFile, Owner, Remains};
use fitsync::core::token::{AccountState, Grant, Token};
use fitsync_sim::jiff::Timestamp;
use fitsync_sim::jiff::civil::Date;

use crate::chance::Chance;
use crate::world::{METRICS, World, later};

const LOOKBACK_DAYS: u32 = 7;
const TODAY_MINUTES: u32 = 180;
const ACCOUNT: &str = "account";
/// Beyond this no certificate is valid.
const TLS_OFF_S: i64 = 60 * 86_400;

/// Why a run ended early.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Crash,
    Failed(ErrorClass),
}

type Step<T> = Result<T, End>;

pub struct Gateway {
    /// What survives a crash: ledger, tokens, CSV files.
    disk: BTreeMap<String, String>,
    pub requests: u64,
    pub crashes: u64,
    /// What the provider answered last, by file name.
    read: BTreeMap<String, String>,
    first_run: Option<Timestamp>,
}

/// What a run holds in memory.
struct Run {
    head: Head,
    months: BTreeMap<MonthKey, Month>,
    now: Timestamp,
    clock_wrong: bool,
}

fn file_name(metric: &str, date: Date) -> String {
    format!("{metric}/{date}")
}

fn hash(text: &str) -> String {
    fitsync::core::hash::sha256_hex(text.as_bytes())
}

impl Gateway {
    pub fn new(_chance: &mut Chance) -> Gateway {
        let disk = BTreeMap::new();
        Gateway { disk, requests: 0, crashes: 0, read: BTreeMap::new(), first_run: None }
    }

    /// A new consent.
    pub fn sign_in(&mut self, world: &mut World) {
        let person = &mut world.person;
        person.refresh += 1;
        person.revoked = false;
        person.access_until = later(world.now, 3600);
        let token = Token::new("google-health", ACCOUNT, &grant(world), world.machine());
        self.disk.insert("token".to_owned(), token.to_json());
    }

    pub fn run(&mut self, world: &mut World, chance: &mut Chance) {
        if !self.disk.contains_key("token") || (world.person.revoked && chance.happens(100)) {
            // Another box may be left unticked than the last time.
            world.person.granted = METRICS.into_iter().filter(|_| !chance.happens(100)).collect();
            world.person.settings_granted = !chance.happens(100);
            self.sign_in(world);
        }
        self.spoil(chance);
        let crash = if chance.happens(150) { chance.below(60) } else { u64::MAX };
        let mut steps = Steps { left: crash };
        self.first_run.get_or_insert(world.now);
        match self.fetch(world, chance, &mut steps) {
            Err(End::Crash) => {
                self.crashes += 1;
                return;
            }
            Ok(()) | Err(End::Failed(_)) => {}
        }
        if self.upload(world, chance, &mut steps) == Err(End::Crash) {
            self.crashes += 1;
        }
    }

    /// Now and then a file of the ledger cannot be read back.
    fn spoil(&mut self, chance: &mut Chance) {
        if !chance.happens(10) {
            return;
        }
        let names: Vec<String> =
            self.disk.keys().filter(|name| name.starts_with("ledger/")).cloned().collect();
        if !names.is_empty() {
            let index = usize::try_from(chance.below(names.len() as u64)).expect("small");
            self.disk.insert(names[index].clone(), "{\"version\":".to_owned());
        }
    }

    fn request(&mut self, world: &World, chance: &mut Chance) -> Step<()> {
        self.requests += 1;
        if world.clock_off_s.abs() > TLS_OFF_S {
            return Err(End::Failed(ErrorClass::Clock));
        }
        if world.provider_down || chance.happens(10) {
            return Err(End::Failed(ErrorClass::Network));
        }
        if chance.happens(10) {
            return Err(End::Failed(ErrorClass::Quota));
        }
        Ok(())
    }

    /// The refresh transaction: ask, write durably, use.
    fn ready(
        &mut self,
        world: &mut World,
        run: &Run,
        chance: &mut Chance,
        steps: &mut Steps,
    ) -> Step<Token> {
        let mut token = Token::parse(&self.disk["token"]).expect("a token");
        let accepted = world.now < world.person.access_until && !world.person.revoked;
        if token.fresh(run.now) && accepted {
            return Ok(token);
        }
        self.request(world, chance)?;
        if world.person.revoked || token.refresh_token.expose() != world.person.refresh.to_string()
        {
            token.set_state(AccountState::SignInAgain, run.now);
            self.disk.insert("token".to_owned(), token.to_json());
            return Err(End::Failed(ErrorClass::Auth));
        }
        world.person.access_until = later(world.now, 3600);
        token.renew(&grant(world), run.now);
        steps.next()?;
        self.disk.insert("token".to_owned(), token.to_json());
        Ok(token)
    }

    fn open(&self, now: Timestamp) -> (Run, BTreeSet<MonthKey>) {
        let text = self.disk.get("ledger/head");
        let keys =
            || self.disk.keys().filter_map(|name| name.strip_prefix("ledger/2").map(month_key));
        let head = text.and_then(|text| miniserde::json::from_str::<Head>(text).ok());
        let head = head.unwrap_or_else(|| {
            let all: Vec<_> = keys().map(Text).collect();
            Head { open_months: all.clone(), waiting_months: all, ..Head::default() }
        });
        (Run { head, months: BTreeMap::new(), now, clock_wrong: false }, keys().collect())
    }

    fn open_months(&self, run: &mut Run, keys: BTreeSet<MonthKey>) -> BTreeSet<Date> {
        let mut missing = BTreeSet::new();
        for key in keys {
            let Some(text) = self.disk.get(&format!("ledger/{key}")) else { continue };
            let month = miniserde::json::from_str::<Month>(text).unwrap_or_else(|_| {
                let month = self.rebuild(key, run.head.zone.as_deref().unwrap_or("UTC"));
                let days = fitsync::core::day::range(key.first_day(), key.last_day());
                let first = run.head.first_day;
                let days = days.filter(|date| first.is_none_or(|first| *date >= *first));
                missing.extend(days.filter(|date| !month.days.contains_key(date)));
                month
            });
            let first = month.days.first_key_value().map(|(&date, _)| Text(date));
            run.head.first_day = match (run.head.first_day, first) {
                (Some(known), Some(first)) => Some(known.min(first)),
                (known, first) => known.or(first),
            };
            run.months.insert(key, month);
        }
        missing
    }

    fn rebuild(&self, key: MonthKey, zone: &str) -> Month {
        let rows = |text: Option<&String>| -> Vec<CompletenessRow> {
            text.and_then(|text| completeness::read(text.as_bytes()).ok()).unwrap_or_default()
        };
        let local = rows(self.disk.get(&format!("csv/completeness/{key}")));
        let stored = rows(self.disk.get(&format!("bucket/completeness/{key}")));
        let files = self.disk.iter().filter_map(|(name, text)| {
            let (metric, date) = name.strip_prefix("csv/")?.split_once('/')?;
            let date = date.parse().ok()?;
            let rows = text.lines().count() as u64 - 1;
            let rows = if metric == "completeness" { return None } else { rows };
            let file = LocalFile { sha256: hash(text), bytes: text.len() as u64, rows };
            Some(((date, metric.to_owned()), file))
        });
        let remains = Remains { local: &local, stored: &stored, files: &files.collect() };
        rebuild::month(key, remains, &Owner { account: ACCOUNT, since: None, zone })
            .expect("a month")
    }

    fn save(&mut self, run: &mut Run, steps: &mut Steps, whole: bool) -> Step<()> {
        let mut open: BTreeSet<MonthKey> = run.head.open_months.iter().map(|key| key.0).collect();
        open.retain(|key| !whole || !run.months.contains_key(key));
        open.extend(run.months.iter().filter(|(_, month)| month.open()).map(|(&key, _)| key));
        if !whole {
            run.head.open_months = open.iter().copied().map(Text).collect();
            steps.next()?;
            self.disk.insert("ledger/head".to_owned(), miniserde::json::to_string(&run.head));
        }
        for (key, month) in &run.months {
            steps.next()?;
            self.disk.insert(format!("ledger/{key}"), miniserde::json::to_string(month));
        }
        if whole {
            let waits = |(_, month): &(&MonthKey, &Month)| month.waiting() > 0;
            let waiting = run.months.iter().filter(waits).map(|(&key, _)| Text(key));
            let unopened = run.head.waiting_months.iter().copied();
            let unopened = unopened.filter(|key| !run.months.contains_key(key));
            run.head.waiting_months = unopened.chain(waiting).collect();
            run.head.open_months = open.into_iter().map(Text).collect();
            steps.next()?;
            self.disk.insert("ledger/head".to_owned(), miniserde::json::to_string(&run.head));
        }
        Ok(())
    }

    fn fetch(&mut self, world: &mut World, chance: &mut Chance, steps: &mut Steps) -> Step<()> {
        let (mut run, _) = self.open(world.machine());
        let token = self.ready(world, &run, chance, steps)?;
        let mut device = Device::Unknown;
        if world.person.settings_granted {
            self.request(world, chance)?;
            device = Device::SyncedAt(world.person.synced_at);
        }
        // The reply has told the time.
        run.clock_wrong = world.clock_off_s.abs() > fitsync::config::CLOCK_SKEW_S_MIN;
        run.now = if run.clock_wrong { world.now } else { world.machine() };
        let mut keys = plan::months(&run.head, run.now, LOOKBACK_DAYS, None);
        let known: BTreeSet<String> = run.head.granted.iter().cloned().collect();
        let wishes: Vec<Wish> =
            METRICS.iter().map(|name| Wish { name, granted: token.granted(name) }).collect();
        let first_seen = device != Device::Unknown && run.head.read_until.is_none();
        if first_seen || wishes.iter().any(|wish| wish.granted && !known.contains(wish.name)) {
            keys.extend(self.open(run.now).1);
        }
        let missing = self.open_months(&mut run, keys);
        let zone = world.person.zone.to_owned();
        let spans = spans(&run);
        let mut calendar = Calendar::new(spans, &zone).expect("a zone");
        run.head.zone = Some(zone);
        let plan = make_plan(&run, device, &calendar, &missing, &wishes);
        check_plan(&run, &plan, device, &calendar, &missing);
        if std::env::var("HISTORY_TRACE").is_ok() {
            println!(
                "{} machine {} device {device:?} until {:?} lookback {} ask {:?}",
                world.now,
                run.now,
                run.head.read_until,
                plan.lookback,
                plan.ask.get("steps")
            );
        }
        note(&mut run, &plan, &mut calendar);
        self.save(&mut run, steps, false)?;
        if plan.lookback {
            run.head.lookback_read_at = Some(Text(run.now));
        }
        if let Some(until) = plan.read_until {
            run.head.read_until = Some(Text(until));
        }
        run.head.granted =
            wishes.iter().filter(|wish| wish.granted).map(|wish| wish.name.to_owned()).collect();
        self.save(&mut run, steps, true)?;
        let read = self.read(world, &mut run, &plan, device, &calendar, chance, steps);
        if read == Err(End::Crash) {
            return read;
        }
        self.save(&mut run, steps, true)?;
        read
    }

    #[expect(clippy::too_many_arguments, reason = "the world and everything that a run knows")]
    fn read(
        &mut self,
        world: &World,
        run: &mut Run,
        plan: &Plan,
        device: Device,
        calendar: &Calendar,
        chance: &mut Chance,
        steps: &mut Steps,
    ) -> Step<()> {
        for metric in METRICS {
            let Some(dates) = plan.ask.get(metric) else { continue };
            for job in plan::jobs(metric, dates, Reach::MINUTES, calendar, run.now) {
                let asked = self.request(world, chance);
                for &date in &job.dates {
                    if let Err(End::Failed(class)) = asked {
                        let now = run.now;
                        entry_mut(run, metric, date).failed(class, now);
                        continue;
                    }
                    self.settle(world, run, metric, date, device, calendar, steps)?;
                }
                match asked {
                    Err(End::Failed(ErrorClass::Quota | ErrorClass::Clock)) => return asked,
                    _ => self.save(run, steps, false)?,
                }
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the world and everything that a run knows")]
    fn settle(
        &mut self,
        world: &World,
        run: &mut Run,
        metric: &'static str,
        date: Date,
        device: Device,
        calendar: &Calendar,
        steps: &mut Steps,
    ) -> Step<()> {
        let span = calendar.span(date);
        // A minute that is still to come is not asked.
        let end = span.end.min(run.now).max(span.start);
        let (rows, said) = world.person.measured(metric, date, (span.start, end));
        let text =
            format!("header\n{}", format!("{said}\n").repeat(usize::try_from(rows).expect("few")));
        let passed = match device {
            Device::SyncedAt(at) => at >= span.end,
            Device::Unknown => {
                date <= fitsync::core::day::back(calendar.date_of(run.now), LOOKBACK_DAYS)
            }
        };
        let reading = Reading {
            rows,
            sha256: hash(&text),
            bytes: text.len() as u64,
            at: run.now,
            device_synced_at: device.synced_at(),
            seals: passed && run.now >= span.end && !run.clock_wrong,
            provider: "google-health",
            data_source: "all-sources",
        };
        let mut entry = entry_mut(run, metric, date).clone();
        let outcome = entry.settle(&reading);
        if outcome == Outcome::Write {
            steps.next()?;
            self.disk.insert(format!("csv/{}", file_name(metric, date)), text.clone());
        }
        if outcome != Outcome::Hold && (rows > 0 || entry.file.sha256.is_some()) {
            self.read.insert(file_name(metric, date), text);
        }
        *entry_mut(run, metric, date) = entry;
        Ok(())
    }

    /// Completeness files, and everything that waits, oldest first; the ledger after a batch.
    fn upload(&mut self, world: &mut World, chance: &mut Chance, steps: &mut Steps) -> Step<()> {
        let now = world.machine();
        let (mut run, _) = self.open(now);
        let named = run.head.open_months.iter().chain(&run.head.waiting_months);
        let named = named.map(|key| key.0).collect();
        self.open_months(&mut run, named);
        let disk = &mut self.disk;
        for (key, month) in &mut run.months {
            for (&date, day) in &mut month.days {
                for (metric, entry) in &mut day.metrics {
                    let name = file_name(metric, date);
                    if !entry.file.waits() || !entry.file.due(now) {
                        continue;
                    }
                    let text = disk
                        .get(&format!("csv/{name}"))
                        .filter(|text| Some(hash(text)) == entry.file.sha256);
                    let Some(text) = text.cloned() else {
                        entry.file.missing = true;
                        entry.state = State::Wanted;
                        continue;
                    };
                    if world.bucket_down || chance.happens(20) {
                        let failure = Failure::new(ErrorClass::Server, "HTTP 503");
                        let wait_s = queue_wait_s(entry.file.attempts, chance.next());
                        entry.file.refused(&failure, next_try(now, wait_s));
                        continue;
                    }
                    steps.next()?;
                    world.bucket.insert(name, text.clone());
                    entry.file.uploaded(&hash(&text), "md5", text.len() as u64);
                }
            }
            let user = "u".parse().expect("an id");
            let bytes = completeness::csv(&user, month).expect("a completeness file");
            let text = String::from_utf8(bytes).expect("text");
            disk.insert(format!("csv/completeness/{key}"), text.clone());
            if !month.entries().any(|(_, _, entry)| entry.file.waits()) && !world.bucket_down {
                disk.insert(format!("bucket/completeness/{key}"), text);
            }
        }
        self.save(&mut run, steps, true)
    }

    /// What must hold when all trouble is over.
    pub fn check(&self, world: &World) {
        let (mut run, mut keys) = self.open(world.now);
        // A damaged month in which nothing is open is noticed when something is.
        let whole = |key: &MonthKey| {
            let text = &self.disk[&format!("ledger/{key}")];
            miniserde::json::from_str::<Month>(text).is_ok()
        };
        keys.retain(whole);
        self.open_months(&mut run, keys);
        let today =
            Calendar::new(spans(&run), world.person.zone).expect("a zone").date_of(world.now);
        let first = *run.head.first_day.expect("a first day");
        let mut end: Option<Timestamp> = None;
        for date in fitsync::core::day::range(first, today) {
            let Some(month) = run.months.get(&MonthKey::of(date)) else {
                end = None;
                continue;
            };
            let day = month.days.get(&date).unwrap_or_else(|| panic!("{date} was never asked"));
            assert!(
                end.is_none_or(|end| end == *day.start),
                "{date} does not begin where its day before ended"
            );
            end = Some(*day.end);
            for metric in METRICS {
                self.check_day(world, metric, date, day, today);
            }
        }
    }

    fn check_day(&self, world: &World, metric: &'static str, date: Date, day: &Day, today: Date) {
        let name = file_name(metric, date);
        let entry = &day.metrics.get(metric).unwrap_or_else(|| panic!("{name} has no entry"));
        if entry.state == State::NotGranted {
            assert!(!world.person.granted.contains(metric), "{name} was granted");
            return;
        }
        if !world.person.granted.contains(metric) {
            return;
        }
        assert_ne!(entry.state, State::Wanted, "{name}: {entry:?}");
        assert!(!entry.file.waits(), "{name} waits: {entry:?}");
        let held = world.bucket.get(&name);
        assert_eq!(held, self.read.get(&name), "{name} is not what was read last");
        if date == today {
            return;
        }
        let (rows, said) = world.person.measured(metric, date, (*day.start, *day.end));
        let hours = |text: &str| text.split_once('[').map(|(_, hours)| hours.to_owned());
        let held_row = held.and_then(|text| text.lines().nth(1)).unwrap_or_default();
        let sure = said.contains(" r0 ");
        // A day that the provider changed long after is not read again; all others are whole.
        if sure && rows > 0 {
            assert_eq!(hours(held_row), hours(&said), "{name} is not whole: {entry:?}");
        }
        if sure && rows == 0 {
            assert_eq!(held_row, "", "{name} has rows that nobody measured");
        }
    }
}

/// A crash between two operations on the disk.
struct Steps {
    left: u64,
}

impl Steps {
    fn next(&mut self) -> Step<()> {
        if self.left == 0 {
            return Err(End::Crash);
        }
        self.left = self.left.saturating_sub(u64::from(self.left != u64::MAX));
        Ok(())
    }
}

fn grant(world: &World) -> Grant {
    Grant {
        access_token: Secret::new("access"),
        refresh_token: Some(Secret::new(world.person.refresh.to_string())),
        expires_in_s: Some(3600),
        scopes: Some(world.person.granted.iter().map(|name| (*name).to_owned()).collect()),
        ..Grant::default()
    }
}

fn month_key(rest: &str) -> MonthKey {
    format!("2{rest}").parse().expect("a month")
}

fn days(run: &Run) -> BTreeMap<Date, &Day> {
    run.months.values().flat_map(|month| &month.days).map(|(&date, day)| (date, day)).collect()
}

fn spans(run: &Run) -> BTreeMap<Date, DaySpan> {
    days(run).into_iter().map(|(date, day)| (date, day.span())).collect()
}

fn entry_mut<'a>(run: &'a mut Run, metric: &str, date: Date) -> &'a mut Entry {
    let month = run.months.get_mut(&MonthKey::of(date)).expect("a month");
    month.days.get_mut(&date).expect("a day").metrics.get_mut(metric).expect("an entry")
}

fn make_plan(
    run: &Run,
    device: Device,
    calendar: &Calendar,
    missing: &BTreeSet<Date>,
    wishes: &[Wish],
) -> Plan {
    plan::plan(&Inputs {
        now: run.now,
        head: &run.head,
        days: &days(run),
        calendar,
        device,
        account: ACCOUNT,
        window: plan::Window::default(),
        lookback_days: LOOKBACK_DAYS,
        today_minutes: TODAY_MINUTES,
        named: None,
        lost: missing,
        metrics: wishes,
    })
}

/// Every day that is asked has a reason to be.
fn check_plan(
    run: &Run,
    plan: &Plan,
    device: Device,
    calendar: &Calendar,
    missing: &BTreeSet<Date>,
) {
    let today = calendar.date_of(run.now);
    let oldest = fitsync::core::day::back(today, LOOKBACK_DAYS);
    let moved = match (device, run.head.read_until) {
        (Device::SyncedAt(at), Some(until)) => at > *until,
        _ => true,
    };
    let known = days(run);
    for (metric, dates) in &plan.ask {
        for date in dates {
            let entry = known.get(date).and_then(|day| day.metrics.get(metric));
            let recent = plan.lookback && *date >= oldest;
            let since = run.head.read_until.map_or(oldest, |until| calendar.date_of(*until));
            let first_seen = run.head.read_until.is_none();
            let synced = moved && (first_seen || *date >= since || *date >= oldest);
            let yesterday = fitsync::core::day::previous(today);
            let unknown = device == Device::Unknown && *date >= yesterday;
            let new = !run.head.granted.iter().any(|known| known == metric);
            let owed = new
                || entry.is_none_or(|entry| {
                    entry.state == State::Wanted
                        || entry.state == State::NotGranted
                        || entry.shrunk_due(run.now)
                });
            let lost = missing.contains(date);
            assert!(*date <= today, "{metric} of {date} is asked, and today is {today}");
            assert!(
                recent || synced || unknown || owed || lost,
                "{metric} of {date} is asked without a reason: {entry:?}"
            );
        }
    }
    let jobs = plan.ask.values().map(|dates| dates.len()).max().unwrap_or(0);
    assert!(jobs < 400, "a plan of {jobs} days");
}

fn note(run: &mut Run, plan: &Plan, calendar: &mut Calendar) {
    let not_granted = plan.not_granted.iter().flat_map(|(metric, dates)| {
        dates.iter().map(move |&date| (metric.clone(), date, State::NotGranted))
    });
    let wanted = plan.wanted().map(|(metric, date)| (metric.to_owned(), date, State::Wanted));
    let mut notes: Vec<_> = not_granted.chain(wanted).collect();
    notes.sort_by_key(|(_, date, _)| *date);
    for (metric, date, state) in notes {
        let span = calendar.fix(date);
        let month = run.months.entry(MonthKey::of(date)).or_default();
        let day = month.days.entry(date).or_insert_with(|| Day::new(&span, ACCOUNT));
        day.metrics.entry(metric).or_insert_with(Entry::wanted).state = state;
        let first = run.head.first_day.map_or(date, |first| (*first).min(date));
        run.head.first_day = Some(Text(first));
    }
}
