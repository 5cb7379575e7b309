//! The state behind all services: participants, tokens, clock, log.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ring::hmac;

use crate::cloud::Cloud;
use crate::fault::Faults;
use crate::fitbit::grant::Grants as FitbitGrants;
use crate::google::grant::Grants;
use crate::hash::mix;
use crate::log::Log;
use crate::options::{DeviceKind, Options, Participant};
use crate::person::{Edit, Person};

/// A participant and what their data follows from.
#[derive(Clone, Debug)]
pub struct Citizen {
    pub participant: Participant,
    pub person: Person,
}

impl Citizen {
    /// When the newest band last synced; `None` without one.
    pub fn synced(&self) -> Option<Timestamp> {
        let devices = self.participant.devices.iter();
        let bands = devices.filter(|device| device.kind == DeviceKind::Tracker);
        bands.map(|device| device.last_sync).max()
    }

    /// Remembers the newest sync, for the cloud's work on it.
    pub fn note_sync(&mut self) {
        if let Some(synced) = self.synced() {
            self.person.cloud.synced(synced);
        }
    }
}

/// What changes while the world runs.
#[derive(Debug)]
pub struct State {
    pub citizens: Vec<Citizen>,
    pub grants: Grants,
    /// The same at Fitbit.
    pub fitbit: FitbitGrants,
    /// When each participant's last minute of requests was made.
    pub quota: HashMap<String, Vec<Timestamp>>,
    /// Each participant's present hour at Fitbit, and the requests in it.
    pub fitbit_quota: HashMap<String, (i64, u32)>,
    /// Successful uploads of each key.
    pub puts: BTreeMap<String, u32>,
    /// How each key was asked to be encrypted: the headers of its last upload.
    pub encryption: BTreeMap<String, Vec<(&'static str, String)>>,
}

impl State {
    /// The participant of that name, address or user id.
    pub fn citizen(&self, who: &str) -> Option<&Citizen> {
        let index = self.index(who)?;
        self.citizens.get(index)
    }

    /// The same, to change it.
    pub fn citizen_mut(&mut self, who: &str) -> Option<&mut Citizen> {
        let index = self.index(who)?;
        self.citizens.get_mut(index)
    }

    fn index(&self, who: &str) -> Option<usize> {
        self.citizens.iter().position(|citizen| {
            let one = &citizen.participant;
            [&one.name, &one.email, &one.health_user_id, &one.legacy_user_id]
                .into_iter()
                .any(|name| name == who)
        })
    }
}

/// One simulated outside world.
#[derive(Debug)]
pub struct World {
    pub options: Options,
    pub faults: Faults,
    pub log: Log,
    state: Mutex<State>,
    clock_offset_ms: AtomicI64,
    page_key: hmac::Key,
}

impl World {
    /// The world of some options. A zone that nobody knows is an error that names it.
    pub fn new(options: Options) -> Result<World, String> {
        let citizens = options
            .participants
            .iter()
            .map(|participant| {
                let person = person(options.seed, participant)?;
                let participant = participant.clone();
                Ok(Citizen { participant, person })
            })
            .collect::<Result<Vec<_>, String>>()?;
        let page_key = mix(options.seed, "page tokens", 0).to_be_bytes();
        let state = State {
            citizens,
            grants: Grants::new(&options),
            fitbit: FitbitGrants::new(&options),
            quota: HashMap::new(),
            fitbit_quota: HashMap::new(),
            puts: BTreeMap::new(),
            encryption: BTreeMap::new(),
        };
        Ok(World {
            options,
            faults: Faults::default(),
            log: Log::default(),
            state: Mutex::new(state),
            clock_offset_ms: AtomicI64::new(0),
            page_key: hmac::Key::new(hmac::HMAC_SHA256, &page_key),
        })
    }

    /// The state; a panic elsewhere does not matter to it.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The world's time.
    pub fn now(&self) -> Timestamp {
        let offset = SignedDuration::from_millis(self.clock_offset_ms.load(Ordering::Relaxed));
        Timestamp::now().saturating_add(offset).unwrap_or(Timestamp::MAX)
    }

    /// Moves the world's clock against the machine's.
    pub fn set_clock_offset_s(&self, seconds: i64) {
        self.clock_offset_ms.store(seconds * 1000, Ordering::Relaxed);
    }

    /// The key that page tokens are signed with.
    pub fn page_key(&self) -> &hmac::Key {
        &self.page_key
    }
}

/// The person behind a participant.
fn person(seed: u64, participant: &Participant) -> Result<Person, String> {
    let mut zones = Vec::new();
    for (from, name) in &participant.zones {
        zones.push((*from, zone(name)?));
    }
    if zones.is_empty() {
        return Err(format!("participant {} has no zone", participant.name));
    }
    zones.sort_by_key(|(from, _)| *from);
    Ok(Person {
        name: participant.name.clone(),
        seed: mix(seed, &participant.name, 0),
        joined: participant.joined,
        zones,
        off_percent: participant.off_percent,
        missing_nights_percent: participant.missing_nights_percent,
        edits: BTreeMap::<_, Edit>::new(),
        odd: BTreeMap::new(),
        cloud: cloud(participant),
    })
}

fn cloud(participant: &Participant) -> Cloud {
    let mut cloud = Cloud { syncs: Vec::new(), processing: participant.processing };
    let bands = participant.devices.iter().filter(|device| device.kind == DeviceKind::Tracker);
    if let Some(newest) = bands.map(|device| device.last_sync).max() {
        cloud.synced(newest);
    }
    cloud
}

/// The zone of an IANA name.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("no such time zone: {name}"))
}
