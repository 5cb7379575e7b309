//! Everything that a test does to the world, and asks of it.
//!
//! `addresses` is where the world runs and with which keys, `expected` what fitsync must have
//! written, `api` all of it as JSON over HTTP, with faults by `fault_json` and what accounts and
//! days are like by `traits`.

mod addresses;
pub mod api;
mod arguments;
mod expected;
mod fault_json;
mod traits;

use std::path::PathBuf;
use std::sync::Arc;

use hyper::HeaderMap;
use jiff::Timestamp;
use jiff::civil::Date;
use url::Url;

pub use expected::{Expected, key};

use crate::fault::{Effect, Fault};
use crate::gate::Gate;
use crate::google::grant::Rotation;
use crate::http::{Ask, Host, PageTrick, Reply};
use crate::log::{Counts, Seen};
use crate::metric::Metric;
use crate::odd::Odd;
use crate::options::{Device, DeviceKind, Processing, SettingsReply, Told};
use crate::person::{Edit, Person};
use crate::world::{Citizen, World, zone};
use crate::{fitbit, google};

/// Where the services are.
#[derive(Clone, Debug)]
pub struct Addresses {
    pub google: String,
    pub fitbit: String,
    pub s3: String,
    pub control: String,
}

/// What both providers have granted at one moment.
#[derive(Clone, Debug)]
pub struct Consents {
    google: google::grant::Grants,
    fitbit: fitbit::grant::Grants,
}

/// A handle on a running world; clones are handles on the same one.
#[derive(Clone, Debug)]
pub struct Controls {
    pub(crate) world: Arc<World>,
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) gates: Vec<(Host, Gate)>,
    pub(crate) s3_dir: PathBuf,
    pub(crate) authority: Option<String>,
}

impl Controls {
    /// What a browser and a participant do with a sign-in address: the address that the
    /// browser ends on. An error page is an error, with its text.
    pub fn consent(&self, authorize_url: &str, who: &str) -> Result<String, String> {
        self.decide(authorize_url, who, "")
    }

    /// The same, whatever the participant would have decided.
    pub fn deny(&self, authorize_url: &str, who: &str) -> Result<String, String> {
        self.decide(authorize_url, who, "deny")
    }

    fn decide(&self, authorize_url: &str, who: &str, decision: &str) -> Result<String, String> {
        let url = Url::parse(authorize_url).map_err(|problem| problem.to_string())?;
        let at_fitbit = url.path() == fitbit::oauth::AUTHORIZE_PATH;
        let (answer, approve_path): (fn(&World, &Ask) -> Reply, _) = match at_fitbit {
            true => (fitbit::answer, fitbit::oauth::APPROVE_PATH),
            false => (google::answer, google::oauth::APPROVE_PATH),
        };
        let page = answer(&self.world, &get(&url));
        let ticket = page.headers.iter().find(|(name, _)| *name == "x-sim-ticket");
        let Some((_, ticket)) = ticket else {
            return Err(String::from_utf8_lossy(&page.body).into_owned());
        };
        let mut approve = url.clone();
        approve.set_path(approve_path);
        let pairs = [("ticket", ticket.as_str()), ("who", who), ("decision", decision)];
        approve.query_pairs_mut().clear().extend_pairs(pairs);
        let reply = answer(&self.world, &get(&approve));
        let location = reply.headers.iter().find(|(name, _)| *name == "location");
        match location {
            Some((_, location)) => Ok(location.clone()),
            None => Err(String::from_utf8_lossy(&reply.body).into_owned()),
        }
    }

    fn change<T>(&self, who: &str, change: impl FnOnce(&mut Citizen) -> T) -> Result<T, String> {
        let mut state = self.world.state();
        let citizen = state.citizen_mut(who);
        citizen.map(change).ok_or_else(|| format!("no participant {who}"))
    }

    /// The participant's band syncs (or synced) at that instant: what was measured before it
    /// is there from now on, and nothing that was measured later.
    pub fn set_device_sync(&self, who: &str, at: Timestamp) -> Result<(), String> {
        self.sync(who, at, |device| device.kind == DeviceKind::Tracker)
    }

    /// The same for one device of several, by its id.
    pub fn set_one_device_sync(&self, who: &str, id: &str, at: Timestamp) -> Result<(), String> {
        self.sync(who, at, |device| device.id == id)
    }

    fn sync(
        &self,
        who: &str,
        at: Timestamp,
        which: impl Fn(&Device) -> bool,
    ) -> Result<(), String> {
        self.change(who, |citizen| {
            let devices = citizen.participant.devices.iter_mut();
            devices.filter(|device| which(device)).for_each(|device| device.last_sync = at);
            citizen.note_sync();
        })
    }

    /// What all bands tell of their syncs from now on.
    pub fn set_told(&self, who: &str, tells: Told) -> Result<(), String> {
        self.change(who, |citizen| {
            let devices = citizen.participant.devices.iter_mut();
            let bands = devices.filter(|device| device.kind == DeviceKind::Tracker);
            bands.for_each(|band| band.tells = tells);
        })
    }

    /// What the account's settings tell from now on.
    pub fn set_settings(&self, who: &str, settings: SettingsReply) -> Result<(), String> {
        self.change(who, |citizen| citizen.participant.settings = settings)
    }

    /// How long the cloud works on what the bands sent.
    pub fn set_processing(&self, who: &str, processing: Processing) -> Result<(), String> {
        self.change(who, |citizen| citizen.person.cloud.processing = processing)
    }

    /// A day has odd elements from now on, besides those that it has.
    pub fn set_odd(&self, who: &str, date: Date, odd: Odd) -> Result<(), String> {
        self.change(who, |citizen| citizen.person.odd.entry(date).or_default().push(odd))
    }

    /// No day has odd elements any more.
    pub fn clear_odd(&self, who: &str) -> Result<(), String> {
        self.change(who, |citizen| citizen.person.odd.clear())
    }

    /// Other devices from now on; none at all is possible.
    pub fn set_devices(&self, who: &str, devices: Vec<Device>) -> Result<(), String> {
        self.change(who, |citizen| {
            citizen.participant.devices = devices;
            citizen.note_sync();
        })
    }

    /// The participant travels: from an instant on another zone.
    pub fn set_zone(&self, who: &str, from: Timestamp, name: &str) -> Result<(), String> {
        let zone = zone(name)?;
        self.change(who, |citizen| {
            let zones = &mut citizen.person.zones;
            zones.push((from, zone));
            zones.sort_by_key(|(from, _)| *from);
        })
    }

    /// What the participant leaves ticked at the next consent; `None`: everything.
    pub fn set_grants(&self, who: &str, grants: Option<Vec<String>>) -> Result<(), String> {
        self.change(who, |citizen| citizen.participant.grants = grants)
    }

    /// Whether the participant's Google account has a Google Health profile.
    pub fn set_linked(&self, who: &str, linked: bool) -> Result<(), String> {
        self.change(who, |citizen| citizen.participant.linked = linked)
    }

    /// The provider gives other values for a day from now on; `None` stands for all metrics.
    pub fn revise_day(&self, who: &str, metric: Option<Metric>, date: Date) -> Result<(), String> {
        self.edit(who, metric, date, |edit| edit.revision += 1)
    }

    /// The provider has only so many percent of a day's rows from now on.
    pub fn shrink_day(
        &self,
        who: &str,
        metric: Option<Metric>,
        date: Date,
        keep_percent: u8,
    ) -> Result<(), String> {
        self.edit(who, metric, date, |edit| edit.keep_percent = keep_percent)
    }

    fn edit(
        &self,
        who: &str,
        metric: Option<Metric>,
        date: Date,
        change: impl FnOnce(&mut Edit),
    ) -> Result<(), String> {
        // Sleep, its summary and its quality are views of the same.
        let metric = match metric {
            Some(Metric::SleepSummary | Metric::SleepQuality) => Some(Metric::Sleep),
            other => other,
        };
        self.change(who, |citizen| {
            change(citizen.person.edits.entry((date, metric)).or_default());
        })
    }

    /// The participant removes the app's access in the Google account.
    pub fn revoke(&self, who: &str) {
        let mut state = self.world.state();
        state.grants.revoke_all(who);
        state.fitbit.revoke_all(who);
    }

    /// Whether the participant's consent stands.
    pub fn is_granted(&self, who: &str) -> bool {
        !self.living_tokens(who).is_empty()
    }

    /// The participant's refresh tokens that still give access, of both providers.
    pub fn living_tokens(&self, who: &str) -> Vec<String> {
        let state = self.world.state();
        state.grants.living(who).chain(state.fitbit.living(who)).cloned().collect()
    }

    /// All that was granted until now; an experiment that begins again goes back to it.
    pub fn consents(&self) -> Consents {
        let state = self.world.state();
        Consents { google: state.grants.clone(), fitbit: state.fitbit.clone() }
    }

    pub fn set_consents(&self, consents: &Consents) {
        let mut state = self.world.state();
        state.grants = consents.google.clone();
        state.fitbit = consents.fitbit.clone();
    }

    /// Every access token is over; refresh tokens stay.
    pub fn expire_access_tokens(&self) {
        let mut state = self.world.state();
        state.grants.expire_access_tokens();
        state.fitbit.expire_access_tokens();
    }

    /// What a refresh at Google does to the refresh token.
    pub fn set_rotation(&self, rotation: Rotation) {
        self.world.state().grants.rotation = rotation;
    }

    /// Turns the Fitbit API off (410 on everything), or on again.
    pub fn set_fitbit_retired(&self, retired: bool) {
        self.world.state().fitbit.retired = retired;
    }

    /// Whether a refresh at Fitbit that is repeated within two minutes gets the same answer.
    pub fn set_fitbit_grace(&self, grace: bool) {
        self.world.state().fitbit.grace = grace;
    }

    /// Moves the world's clock against the machine's. The store follows only forward, because
    /// the server inside also looks at the machine's clock when a presigned address ends.
    pub fn set_clock_offset_s(&self, seconds: i64) {
        self.world.set_clock_offset_s(seconds);
    }

    pub fn inject(&self, fault: Fault) {
        self.world.faults.add(fault);
    }

    /// Shorthand: an effect on the next request of a service whose path has that part.
    pub fn inject_once(&self, host: Host, path: &str, effect: Effect) {
        self.inject(Fault::once(effect).host(host).path(path));
    }

    pub fn clear_faults(&self) {
        self.world.faults.clear();
    }

    /// Nobody listens any more, at any service; or everybody again.
    pub fn set_down(&self, down: bool) {
        self.gates.iter().for_each(|(_, gate)| gate.set_closed(down));
        self.gates.iter().for_each(|(_, gate)| gate.wait());
    }

    /// The same for the port of one service; Google's share one.
    pub fn set_host_down(&self, host: Host, down: bool) {
        if let Some(gate) = self.gate(host) {
            gate.set_closed(down);
            gate.wait();
        }
    }

    pub(crate) fn gate(&self, host: Host) -> Option<&Gate> {
        let found = self.gates.iter().find(|(one, _)| *one == host.port());
        found.map(|(_, gate)| gate)
    }

    /// Whether nobody listens at a service.
    pub fn is_down(&self, host: Host) -> bool {
        self.gate(host).is_some_and(Gate::is_closed)
    }

    pub fn requests(&self) -> Vec<Seen> {
        self.world.log.seen()
    }

    pub fn counts(&self) -> Counts {
        self.world.log.counts()
    }

    /// Connections to the port of a service since the log was cleared.
    pub fn connections(&self, host: Host) -> usize {
        self.world.log.connections(host.port())
    }

    /// The most requests that were being worked on at once.
    pub fn max_in_flight(&self) -> usize {
        self.counts().in_flight_max
    }

    pub fn clear_requests(&self) {
        self.world.log.clear();
    }

    /// Every secret that was ever given out, the client's and the store's included.
    pub fn secrets(&self) -> Vec<String> {
        let state = self.world.state();
        let mut secrets = state.grants.secrets();
        secrets.extend_from_slice(state.fitbit.secrets());
        secrets
    }

    /// Successful uploads of a key.
    pub fn puts(&self, key: &str) -> u32 {
        self.world.state().puts.get(key).copied().unwrap_or(0)
    }

    /// What the bucket holds, by key.
    pub fn s3_objects(&self) -> Vec<(String, Vec<u8>)> {
        let bucket = self.s3_dir.join(self.bucket());
        let mut objects = Vec::new();
        let mut folders = vec![bucket.clone()];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            for path in entries.map(|entry| entry.path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if let (Ok(bytes), Ok(key)) =
                    (std::fs::read(&path), path.strip_prefix(&bucket))
                {
                    objects.push((key.to_string_lossy().into_owned(), bytes));
                }
            }
        }
        objects.sort();
        objects
    }

    /// The participant as they are now; a copy keeps saying what was true.
    pub fn person(&self, who: &str) -> Result<Person, String> {
        self.change(who, |citizen| citizen.person.clone())
    }

    /// When the participant's newest band last synced.
    pub fn synced(&self, who: &str) -> Result<Option<Timestamp>, String> {
        self.change(who, |citizen| citizen.synced())
    }
}

fn get(url: &Url) -> Ask {
    Ask {
        host: Host::Authorize,
        method: "GET".to_owned(),
        path: url.path().to_owned(),
        query: url.query_pairs().into_owned().collect(),
        headers: HeaderMap::new(),
        body: Vec::new(),
        trick: PageTrick::None,
    }
}
