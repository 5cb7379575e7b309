//! The gateway: the steps of `command/fetch.rs`, `command/planning.rs` and `io/queue.rs` over
//! a disk
//! that is a map of texts.

use std::collections::{BTreeMap, BTreeSet};

use fitsync::consent::token::{AccountState, Grant, Token};
use fitsync::consent::window::Window;
use fitsync::core::day::Calendar;
use fitsync::core::error::{ErrorClass, Secret};
use fitsync::core::json::AsText;
use fitsync::ledger::entry::{Day, Entry, FileChange, Reading, State};
use fitsync::ledger::month::MonthKey;
use fitsync::ledger::sealing::{self, Circumstances};
use fitsync::provider::job::{self, Extent};
use fitsync::sync::plan::{self, Device, Inputs, Plan, Wish};
use fitsync_sim::jiff::Timestamp;
use fitsync_sim::jiff::civil::Date;

use crate::chance::Chance;
use crate::check::check_plan;
use crate::disk::{Run, Steps, days, spans};
use crate::world::{METRICS, World, later};

const TODAY_MINUTES: u32 = 180;
pub const LOOKBACK_DAYS: u32 = 7;
pub const ACCOUNT: &str = "account";
/// Beyond this no certificate is valid.
const TLS_OFF_S: i64 = 60 * 86_400;

/// Why a run ended early.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Crash,
    Failed(ErrorClass),
}

pub type Step<T> = Result<T, End>;

pub struct Gateway {
    /// What survives a crash: ledger, tokens, CSV files.
    pub disk: BTreeMap<String, String>,
    pub requests: u64,
    pub crashes: u64,
    /// What the provider answered last, by file name.
    pub read: BTreeMap<String, String>,
    first_run: Option<Timestamp>,
}

pub fn file_name(metric: &str, date: Date) -> String {
    format!("{metric}/{date}")
}

pub fn hash(text: &str) -> String {
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

    fn fetch(&mut self, world: &mut World, chance: &mut Chance, steps: &mut Steps) -> Step<()> {
        let (mut run, _) = self.open(world.machine());
        let token = self.ready(world, &run, chance, steps)?;
        let mut device = Device::Unknown;
        // Without a device there is a request all the same, which tells the time.
        self.request(world, chance)?;
        if world.person.settings_granted && !world.person.untold {
            device = Device::SyncedAt(world.person.synced_at);
        }
        // The reply has told the time.
        run.clock_wrong = world.clock_off_s.abs() > fitsync::limits::CLOCK_SKEW_S_MIN;
        run.now = if run.clock_wrong { world.now } else { world.machine() };
        let mut keys = plan::months(&run.head, run.now, LOOKBACK_DAYS, None);
        let known: BTreeSet<String> = run.head.granted.iter().cloned().collect();
        let wishes: Vec<Wish> = METRICS
            .iter()
            .map(|name| Wish { name, granted: token.granted(name), daily: *name == "hrv" })
            .collect();
        let first_seen = device != Device::Unknown && run.head.read_until.is_none();
        if first_seen || wishes.iter().any(|wish| wish.granted && !known.contains(wish.name)) {
            keys.extend(self.open(run.now).1);
        }
        let missing = self.open_months(&mut run, keys);
        let zone = world.person.zone.to_owned();
        let spans = spans(&run);
        let mut calendar = Calendar::new(spans, &zone).expect("a zone");
        run.head.zone = Some(zone);
        let plan = make_plan(&run, &token, device, &calendar, &missing, &wishes);
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
        if let (Device::SyncedAt(at), false) = (device, run.clock_wrong) {
            let days = run.months.values_mut().flat_map(|month| month.days.values_mut());
            sealing::note_passed(days, at, run.now);
        }
        self.save(&mut run, steps, false)?;
        if plan.lookback {
            run.head.lookback_read_at = Some(AsText(run.now));
        }
        run.head.early_seals_asked = Some(true);
        if let Some(until) = plan.read_until {
            run.head.read_until = Some(AsText(until));
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
            for job in job::jobs(metric, dates, Extent::MINUTES, calendar, run.now) {
                let asked = self.request(world, chance);
                for date in job.dates() {
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
        let (rows, said) = world.person.measured(metric, date, (span.start, end), world.now);
        let text =
            format!("header\n{}", format!("{said}\n").repeat(usize::try_from(rows).expect("few")));
        let ended = fitsync::core::day::back(calendar.date_of(run.now), LOOKBACK_DAYS);
        let unfinished = world.person.is_unfinished(metric, span.end, world.now);
        let circumstances = Circumstances {
            now: run.now,
            day_end: span.end,
            device_synced_at: device.synced_at(),
            is_old: device == Device::Unknown && date <= ended,
            clock_wrong: run.clock_wrong,
            unfinished,
        };
        let seals = entry_mut(run, metric, date).seals(&circumstances);
        let reading = Reading {
            rows,
            sha256: hash(&text),
            bytes: text.len() as u64,
            at: run.now,
            device_synced_at: device.synced_at(),
            seals,
            unfinished,
            clock_wrong: run.clock_wrong,
            provider: "google-health",
            data_source: "all-sources",
        };
        let mut entry = entry_mut(run, metric, date).clone();
        let outcome = entry.settle(&reading);
        if outcome == FileChange::Write {
            steps.next()?;
            self.disk.insert(format!("csv/{}", file_name(metric, date)), text.clone());
        }
        if outcome != FileChange::Hold {
            let name = file_name(metric, date);
            // A day without rows makes no file, also where a crash forgot that it had some.
            let _ = match rows > 0 || entry.file.sha256.is_some() {
                true => self.read.insert(name, text),
                false => self.read.remove(&name),
            };
        }
        *entry_mut(run, metric, date) = entry;
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

fn entry_mut<'a>(run: &'a mut Run, metric: &str, date: Date) -> &'a mut Entry {
    let month = run.months.get_mut(&MonthKey::of(date)).expect("a month");
    month.days.get_mut(&date).expect("a day").metrics.get_mut(metric).expect("an entry")
}

fn make_plan(
    run: &Run,
    token: &Token,
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
        clock_wrong: run.clock_wrong,
        signed_in: token.obtained_at,
        former: None,
        account: ACCOUNT,
        window: Window::default(),
        lookback_days: LOOKBACK_DAYS,
        today_minutes: TODAY_MINUTES,
        named: None,
        lost: missing,
        metrics: wishes,
    })
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
        run.first_noted = Some(run.first_noted.map_or(date, |first| first.min(date)));
    }
}
