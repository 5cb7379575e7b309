//! What is outside of the gateway: time, people with bands, the provider, the bucket.

use std::collections::{BTreeMap, BTreeSet};

use fitsync_sim::jiff::civil::Date;
use fitsync_sim::jiff::{SignedDuration, Timestamp};

use crate::chance::Chance;

pub const METRICS: [&str; 3] = ["steps", "azm", "hrv"];
const ZONES: [&str; 6] = [
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "Pacific/Honolulu",
    "Australia/Lord_Howe",
];

pub struct World {
    pub now: Timestamp,
    /// The gateway's clock is off by so much.
    pub clock_off_s: i64,
    pub provider_down: bool,
    pub bucket_down: bool,
    pub person: Person,
    /// What the bucket holds, and how often each key was sent.
    pub bucket: BTreeMap<String, String>,
}

/// One participant: their band, account and consent. What they measured is a pure function.
pub struct Person {
    pub zone: &'static str,
    pub synced_at: Timestamp,
    /// Syncs of which the cloud has not worked up everything yet: what was sent, and when that is
    /// done. Nights (`hrv`) are there only then.
    at_work: Vec<(Timestamp, Timestamp)>,
    /// The band does not tell when it last synced.
    pub untold: bool,
    /// Metrics whose box was left ticked.
    pub granted: BTreeSet<&'static str>,
    pub settings_granted: bool,
    /// The provider's own state: which refresh token lives, and until when the access token does.
    pub refresh: u64,
    pub revoked: bool,
    pub access_until: Timestamp,
    /// Days that the provider reads otherwise now: revision, and how much is left of them.
    edits: BTreeMap<(Date, &'static str), (u32, u64)>,
}

impl World {
    pub fn new(chance: &mut Chance) -> World {
        let start: Timestamp = "2026-02-10T03:00:00Z".parse().expect("an instant");
        let now = later(start, chance.below(200 * 86_400));
        World {
            now,
            clock_off_s: 0,
            provider_down: false,
            bucket_down: false,
            person: Person {
                zone: ZONES[usize::try_from(chance.below(6)).expect("small")],
                synced_at: now,
                at_work: Vec::new(),
                untold: false,
                granted: METRICS.into(),
                settings_granted: true,
                refresh: 1,
                revoked: false,
                access_until: now,
                edits: BTreeMap::new(),
            },
            bucket: BTreeMap::new(),
        }
    }

    pub fn pass_quietly(&mut self, seconds: u64) {
        self.now = later(self.now, seconds);
        self.person.synced_at = self.now;
    }

    /// Time goes on, and things happen.
    pub fn pass(&mut self, seconds: u64, chance: &mut Chance) {
        self.now = later(self.now, seconds * chance.below(1500) / 1000);
        flip(&mut self.provider_down, chance, 60, 200);
        flip(&mut self.bucket_down, chance, 60, 150);
        if chance.happens(20) {
            let off = [0, 30, -400, 7200, -86_400 * 9, 86_400 * 40, -1_700_000_000];
            self.clock_off_s = off[usize::try_from(chance.below(7)).expect("small")];
        }
        let person = &mut self.person;
        // Some sync each hour, some after two weeks.
        if chance.happens(400) {
            let ago = chance.below(5 * 3600);
            person.sync(earlier(self.now, ago), self.now, chance.below(20 * 3600));
        }
        flip(&mut person.untold, chance, 3, 30);
        if chance.happens(8) {
            person.zone = ZONES[usize::try_from(chance.below(6)).expect("small")];
        }
        if chance.happens(5) {
            person.revoked = true;
        }
        if chance.happens(60) {
            let date = earlier(self.now, chance.below(6 * 86_400));
            let date = date.to_zoned(fitsync_sim::jiff::tz::TimeZone::UTC).date();
            let metric = METRICS[usize::try_from(chance.below(3)).expect("small")];
            let (revision, keep) = person.edits.entry((date, metric)).or_insert((0, 100));
            *revision += 1;
            if chance.happens(300) {
                *keep = [0, 30, 80][usize::try_from(chance.below(3)).expect("small")];
            }
        }
    }

    /// The end of all trouble.
    pub fn calm_down(&mut self, chance: &mut Chance) {
        self.provider_down = false;
        self.bucket_down = false;
        self.clock_off_s = 0;
        self.person.synced_at = self.now;
        self.person.untold = false;
        self.person.at_work.clear();
        // Some never tell when their band synced.
        self.person.settings_granted |= chance.happens(500);
    }

    /// The gateway's clock.
    pub fn machine(&self) -> Timestamp {
        let off = SignedDuration::from_secs(self.clock_off_s);
        self.now.checked_add(off).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

fn flip(state: &mut bool, chance: &mut Chance, begins: u64, ends: u64) {
    if chance.happens(if *state { ends } else { begins }) {
        *state = !*state;
    }
}

impl Person {
    /// The band sends what it has until `at`; the cloud works on it for so long.
    fn sync(&mut self, at: Timestamp, now: Timestamp, seconds: u64) {
        self.at_work.retain(|(_, done)| *done > now);
        if at > self.synced_at {
            self.at_work.push((self.synced_at, later(now, seconds)));
            self.synced_at = at;
        }
    }

    /// Up to where the cloud has worked up what the band sent.
    fn worked_up(&self, now: Timestamp) -> Timestamp {
        let open = self.at_work.iter().filter(|(_, done)| *done > now);
        open.map(|(from, _)| *from).fold(self.synced_at, Timestamp::min)
    }

    /// Whether the provider says that it is still at work on a day.
    pub fn is_unfinished(&self, metric: &str, end: Timestamp, now: Timestamp) -> bool {
        metric == "azm" && end <= self.synced_at && end > self.worked_up(now)
    }

    /// The rows of a day and what they say: one for each UTC hour of it that the band has sent. A
    /// metric has days without any.
    pub fn measured(
        &self,
        metric: &'static str,
        date: Date,
        (start, end): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> (u64, String) {
        let there = if metric == "hrv" { self.worked_up(now) } else { self.synced_at };
        let first = start.as_second().div_euclid(3600) + i64::from(start.as_second() % 3600 != 0);
        let until = end.min(there).as_second();
        let worn = |hour: &i64| (hour * 7 + i64::from(metric.as_bytes()[0])) % 5 != 0;
        let off = i64::from(date.day()) % 9 == 4;
        let hours: Vec<i64> = (first..).take_while(|hour| hour * 3600 < until).collect();
        let mut hours: Vec<i64> = hours.into_iter().filter(|hour| worn(hour) && !off).collect();
        let (revision, keep) = self.edits.get(&(date, metric)).copied().unwrap_or((0, 100));
        hours.truncate(hours.len() * usize::try_from(keep).expect("percent") / 100);
        (hours.len() as u64, format!("{metric} r{revision} {hours:?}"))
    }
}

pub fn later(at: Timestamp, seconds: u64) -> Timestamp {
    at + SignedDuration::from_secs(i64::try_from(seconds).expect("seconds"))
}

pub fn earlier(at: Timestamp, seconds: u64) -> Timestamp {
    at - SignedDuration::from_secs(i64::try_from(seconds).expect("seconds"))
}
