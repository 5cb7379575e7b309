//! Sixty days of an account as accounts are: odd elements, wide requests and large pages that are
//! not answered, a cloud that needs hours, bands that are away for days and devices that tell no
//! time. In the end every good day is in the bucket and right, every day that cannot be read is
//! named, and the requests are few.
//!
//! Everything follows from a seed, which a failure names; `CLOUD_SEED=n` repeats one,
//! `CLOUD_SEEDS=n` lives so many.

use std::collections::{BTreeMap, BTreeSet};

use fitsync::command::arguments::SyncArguments;
use fitsync::io::clock::Clock;
use fitsync_sim::jiff::civil::Date;
use fitsync_sim::jiff::tz::TimeZone;
use fitsync_sim::jiff::{SignedDuration, Timestamp};
use fitsync_sim::truth::{self, Day};
use fitsync_sim::{
    Device, DeviceKind, Effect, Fault, Host, Metric, Odd, Options, Participant, Processing, Reads,
    Told, key, oddities,
};
use serde_json::Value;

use crate::chance::Chance;
use crate::world::{DayRow, USER, WHO, World};

const DAYS: i64 = 60;
const LOOKBACK_DAYS: i64 = 7;
/// Until what came last is sealed.
const QUIET_DAYS: i64 = 4;
const SEEDS: u64 = 2;

/// Requests with faults: so many times those without, and so many more for each odd day.
const TIMES: f64 = 1.2;
const PER_ODD_DAY: f64 = 16.0;

/// What devices tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Devices {
    Band,
    /// A watch that tells no time.
    Silent,
    /// The same, beside a band in the drawer.
    SilentAndOld,
}

/// Everything that happens in one life, drawn before it begins.
#[derive(Debug)]
struct Life {
    seed: u64,
    metrics: Vec<Metric>,
    zone: &'static str,
    devices: Devices,
    processing: Processing,
    odd: BTreeMap<(Date, String), Odd>,
    faults: Vec<Fault>,
    /// When the program runs, and when the band had last synced.
    runs: Vec<(Timestamp, Timestamp)>,
}

fn after(at: Timestamp, seconds: i64) -> Timestamp {
    at + SignedDuration::from_secs(seconds)
}

fn pick<T: Clone>(chance: &mut Chance, from: &[T]) -> T {
    from[usize::try_from(chance.below(from.len() as u64)).expect("small")].clone()
}

fn up_to(chance: &mut Chance, limit: i64) -> i64 {
    i64::try_from(chance.below(u64::try_from(limit).expect("positive"))).expect("small")
}

impl Life {
    fn draw(seed: u64, start: Timestamp) -> Life {
        let mut chance = Chance::new(seed);
        let chance = &mut chance;
        let mut metrics = BTreeSet::new();
        while metrics.len() < 4 {
            metrics.insert(pick(chance, &Metric::ALL));
        }
        let zones = ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland"];
        let devices = match chance.below(10) {
            0 | 1 => Devices::Silent,
            2 => Devices::SilentAndOld,
            _ => Devices::Band,
        };
        let processing = Processing {
            minutes_s: up_to(chance, 3600),
            nights_s: up_to(chance, 6 * 3600),
            stages_s: up_to(chance, 6 * 3600),
            leaves_false_out: chance.happens(300),
        };
        let mut life = Life {
            seed,
            metrics: metrics.into_iter().collect(),
            zone: pick(chance, &zones),
            devices,
            processing,
            odd: BTreeMap::new(),
            faults: faults(chance),
            runs: runs(chance, start, devices),
        };
        life.draw_odd(chance, start);
        life
    }

    fn draw_odd(&mut self, chance: &mut Chance, start: Timestamp) {
        let about = |odd: &Odd| odd.truth.iter().any(|(metric, _)| self.metrics.contains(metric));
        let possible: Vec<Odd> = oddities::all().into_iter().filter(about).collect();
        let today = start.to_zoned(TimeZone::get(self.zone).expect("a zone")).date();
        for day in -LOOKBACK_DAYS..DAYS {
            if !possible.is_empty() && chance.happens(80) {
                let date = today.saturating_add(fitsync_sim::jiff::Span::new().days(day));
                let odd = pick(chance, &possible);
                self.odd.insert((date, odd.data_type.clone()), odd);
            }
        }
    }

    fn person(&self, start: Timestamp) -> Participant {
        let newest = |tells| Device {
            tells,
            ..Device::new("1", "Pixel Watch", DeviceKind::Tracker, after(start, -600))
        };
        let sixty_days_ago = after(start, -DAYS * 86_400);
        let old = Device::new("2", "Inspire", DeviceKind::Tracker, sixty_days_ago);
        let devices = match self.devices {
            Devices::Band => vec![newest(Told::Sync)],
            Devices::Silent => vec![newest(Told::Nothing)],
            Devices::SilentAndOld => vec![newest(Told::Nothing), old],
        };
        Participant {
            zones: vec![(Timestamp::MIN, self.zone.to_owned())],
            devices,
            processing: self.processing,
            ..Participant::new(WHO)
        }
    }

    /// Lives it: the world at its end, and the requests for health data.
    fn live(&self, start: Timestamp, with_faults: bool) -> (World, usize) {
        let options = Options {
            seed: self.seed,
            participants: vec![self.person(start)],
            empty_pages_percent: 0,
            ..Options::default()
        };
        let mut world = World::new(options);
        let names: Vec<_> = self.metrics.iter().map(|metric| metric.name()).collect();
        world.set("FITSYNC_METRICS", &names.join(","));
        world.connect(USER, WHO);
        if with_faults {
            for ((date, _), odd) in &self.odd {
                world.sim.set_odd(WHO, *date, odd.clone()).expect("a person");
            }
            self.faults.iter().for_each(|fault| world.sim.inject(fault.clone()));
        }
        world.sim.clear_requests();
        let clock = Clock::default();
        for (at, synced) in &self.runs {
            if world.sim.synced(WHO).expect("a person").is_some_and(|before| before < *synced) {
                world.sim.set_one_device_sync(WHO, "1", *synced).expect("a person");
            }
            world.sync_at(&clock, *at, &SyncArguments::default());
        }
        let requests = world.sim.requests().into_iter();
        let requests = requests.filter(|seen| seen.host == Host::Google).count();
        (world, requests)
    }
}

/// Wide ranges and large pages that are not answered.
fn faults(chance: &mut Chance) -> Vec<Fault> {
    let status = |status| Effect::Status { status, retry_after_s: None };
    let possible = [
        Fault::always(status(504)).host(Host::Google).days_above(3),
        Fault::always(status(504)).host(Host::Google).rows_above(5000),
        Fault::always(status(500)).host(Host::Google).path("/sleep/").days_above(5),
        Fault::always(status(503)).host(Host::Google).days_above(6),
        Fault::always(status(500)).host(Host::Google).path("rollUp").days_above(1),
    ];
    (0..chance.below(3)).map(|_| pick(chance, &possible)).collect()
}

/// Two runs a day at some hour; the band syncs before most of them, and now and then is away.
fn runs(chance: &mut Chance, start: Timestamp, devices: Devices) -> Vec<(Timestamp, Timestamp)> {
    // Nobody knows of what a silent device brings later than the look-back.
    let days_away = if devices == Devices::Band { 12 } else { 3 };
    let (mut synced, mut back) = (after(start, -600), start);
    let mut runs = vec![(start, synced)];
    for half_day in 1..=2 * (DAYS + QUIET_DAYS) {
        let at = after(start, half_day * 43_200 + up_to(chance, 6 * 3600));
        if half_day <= 2 * (DAYS - days_away) && at >= back && chance.happens(60) {
            back = after(at, up_to(chance, days_away * 86_400));
        }
        if at >= back {
            synced = after(at, -60 * (1 + up_to(chance, 120)));
        }
        runs.push((at, synced));
    }
    runs
}

/// Whether the oddity meets anything that was measured.
fn bites(odd: &Odd, usual: &[u8]) -> bool {
    let text = std::str::from_utf8(usual).expect("text");
    let mut rows = text.lines().skip(1);
    odd.every <= 1
        || rows.any(|row| {
            let time = row.split(',').nth(1).and_then(|cell| cell.parse::<Timestamp>().ok());
            time.is_some_and(|at| at.as_second().div_euclid(60) % odd.every == 0)
        })
}

/// What the ledger says of each day of each metric.
fn entries(world: &World) -> BTreeMap<(Date, String), Value> {
    let folder = world.data().join("ledger").join(USER);
    let mut entries = BTreeMap::new();
    for file in std::fs::read_dir(folder).expect("a ledger").flatten() {
        let text = std::fs::read_to_string(file.path()).expect("text");
        let month: Value = serde_json::from_str(&text).expect("JSON");
        for (date, day) in month["days"].as_object().into_iter().flatten() {
            for (metric, entry) in day["metrics"].as_object().into_iter().flatten() {
                let date = date.parse().expect("a date");
                entries.insert((date, metric.clone()), entry.clone());
            }
        }
    }
    entries
}

/// Every good day is in the bucket and right, every other one is named. The odd days that are.
fn check(life: &Life, world: &World, end: Timestamp) -> Result<usize, String> {
    let person = world.sim.person(WHO).expect("a person");
    let mut usual = person.clone();
    usual.odd.clear();
    let objects = world.objects();
    let entries = entries(world);
    let mut failed = 0;
    let mut seen = 0;
    for row in world.completeness(USER) {
        if after(row.end, (QUIET_DAYS - 1) * 86_400) > end {
            continue;
        }
        seen += 1;
        let DayRow { date, start, end, synced, .. } = row;
        let metric = Metric::named(&row.metric).expect("a metric");
        let name = key(USER, metric, date);
        let day = Day { date, zone: TimeZone::get(&row.zone).expect("a zone"), start, end };
        let of = |person| truth::csv(person, USER, metric, &day, synced);
        let fails = |odd: &&Odd| odd.truth.contains(&(metric, Reads::Failed));
        let odd = person.odd.get(&date).into_iter().flatten().find(fails);
        let bitten = odd.is_some_and(|odd| of(&usual).is_some_and(|csv| bites(odd, &csv)));
        let wanted = if bitten || odd.is_none() { of(&person) } else { of(&usual) };
        if objects.get(&name) != wanted.as_ref() {
            let lines = |bytes: Option<&Vec<u8>>| {
                bytes.map(|bytes| String::from_utf8_lossy(bytes).lines().count())
            };
            let (found, wanted) = (lines(objects.get(&name)), lines(wanted.as_ref()));
            let odd = person.odd.get(&date);
            return Err(format!("{name}: {found:?} lines, not {wanted:?}; {row:?}; {odd:?}"));
        }
        let entry = &entries[&(date, row.metric.clone())];
        if bitten {
            failed += 1;
            if entry["error"].is_null() || entry["state"] == "sealed" {
                return Err(format!("{name} cannot be read and is not named: {entry}"));
            }
        } else if entry["state"] != "sealed" || !entry["error"].is_null() {
            return Err(format!("{name} is good and not sealed: {entry}"));
        }
    }
    let least = usize::try_from(DAYS).expect("small") * life.metrics.len();
    if seen < least {
        return Err(format!("{seen} days of metrics, not {least}"));
    }
    Ok(failed)
}

/// One life, twice: with and without faults. Says what happened in it.
fn one_life(seed: u64) -> Result<String, String> {
    let start = Timestamp::now();
    let life = Life::draw(seed, start);
    let end = life.runs.last().expect("runs").0;
    let (calm, calm_requests) = life.live(start, false);
    check(&life, &calm, end).map_err(|problem| format!("without faults: {problem}"))?;
    drop(calm);
    let (world, requests) = life.live(start, true);
    let failed = check(&life, &world, end)?;
    let odd = life.odd.len();
    let line = format!(
        "seed {seed}: {:?} {:?}, {requests} requests, {calm_requests} without faults, {odd} odd \
         days, {failed} not readable",
        life.metrics.iter().map(|metric| metric.name()).collect::<Vec<_>>(),
        life.devices,
    );
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let most = calm_requests as f64 * TIMES + odd as f64 * PER_ODD_DAY;
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let is_few = requests as f64 <= most;
    if is_few { Ok(line) } else { Err(format!("more than {most:.0}: {line}; {:?}", life.faults)) }
}

#[test]
fn sixty_days_end_with_every_good_day_in_the_bucket_and_every_odd_one_named() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seeds = match number("CLOUD_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CLOUD_SEEDS").unwrap_or(SEEDS),
    };
    let mut failed = Vec::new();
    for seed in seeds {
        match std::panic::catch_unwind(|| one_life(seed)) {
            Ok(Ok(line)) => println!("{line}"),
            Ok(Err(problem)) => failed.push(format!("CLOUD_SEED={seed}: {problem}")),
            Err(_) => failed.push(format!("CLOUD_SEED={seed}: see above")),
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
