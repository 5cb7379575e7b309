//! What one participant's account tells beside the data: when the device last synced, and the zone.
//!
//! Two side requests of [`Fetch`]: one that fails never sinks a participant.

use jiff::Timestamp;

use crate::core::day::{self, fixed_zone, offset_s};
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::json::AsText;
use crate::provider::{LastSync, ToldZone, last_sync, paired_devices};
use crate::sync::fetch::Fetch;
use crate::sync::plan::Device;

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
        let head = &mut self.ledger.head;
        match devices {
            Ok(devices) => {
                let (device, synced) = last_sync(&devices, now);
                self.device_ahead = matches!(synced, LastSync::ToCome(_));
                head.device = device.map(|device| device.name.clone());
                let (at, unknown) = match synced {
                    LastSync::At(at) => (Some(at), None),
                    LastSync::ToCome(at) => (None, Some(from_the_future(at))),
                    LastSync::Untold => {
                        let name = head.device.as_deref().unwrap_or("a device");
                        (None, Some(format!("{name} does not tell when it last synced")))
                    }
                    LastSync::NoDevice => (None, Some("no device has synced yet".to_owned())),
                };
                head.device_synced_at = at.map(AsText);
                head.device_unknown = unknown;
                Ok(at.map_or(Device::Unknown, Device::SyncedAt))
            }
            Err(failure) if failure.class.is_refusal() => {
                head.device_unknown = Some("device settings were refused".to_owned());
                Ok(Device::Unknown)
            }
            // Data can be read without: days are then judged by what was known before.
            Err(failure) if is_of_this_request(&failure) => {
                let known = Device::at(head.device_synced_at.map(|at| *at), now);
                if known == Device::Unknown {
                    head.device_unknown = Some("the devices could not be asked for".to_owned());
                }
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

    /// The participant's zone of today. A day's zone is fixed for good: a zone that the account
    /// names is never guessed, and where it cannot be asked what was known before holds.
    pub(super) fn zone(&mut self) -> Result<String> {
        if let Some(zone) = &self.zone {
            return Ok(zone.clone());
        }
        let user = self.session.user;
        if let Some(zone) = self.ledger.unknown_zone.take() {
            log::warn!("user={user} {zone:?} is no time zone known here: it is asked again");
        }
        let told = self.ask_zone()?;
        let zone = zone_of(&told, self.known_zones(), self.gateway.clock.now())?;
        let zone = zone.unwrap_or_else(|| {
            log::warn!("user={user} no time zone is known, days are UTC: set FITSYNC_TIME_ZONE");
            "UTC".to_owned()
        });
        self.ledger.head.zone = Some(zone.clone());
        self.zone = Some(zone.clone());
        Ok(zone)
    }

    /// The zones that were known before, the best first.
    fn known_zones(&self) -> impl Iterator<Item = String> + use<> {
        let stored = self.session.token.time_zone.clone();
        let stored = stored.filter(|name| day::zone(name).is_ok());
        let configured = self.gateway.config.time_zone.clone();
        [self.ledger.head.zone.clone(), stored, configured].into_iter().flatten()
    }

    /// What the account says; nothing where it was not shared or could not be asked.
    fn ask_zone(&mut self) -> Result<ToldZone> {
        let provider = self.session.provider;
        if !self.session.token.granted(&provider.zone_scope()) {
            return Ok(ToldZone::default());
        }
        let reply = self.session.call(&provider.zone_request());
        match reply.and_then(|reply| provider.read_zone(&reply)) {
            Err(failure) if failure.class.is_refusal() => {
                log::warn!(
                    "user={} the time zone is refused although it was granted",
                    self.session.user
                );
                Ok(ToldZone::default())
            }
            // Not so where the account names one that cannot be read, and no other is known.
            Err(failure)
                if is_of_this_request(&failure)
                    && (failure.class != ErrorClass::Format
                        || self.known_zones().next().is_some()) =>
            {
                self.report.fail(&failure, None, None);
                Ok(ToldZone::default())
            }
            told => told,
        }
    }
}

/// The zone by what the account says and by what was known before, the best first.
pub(super) fn zone_of(
    told: &ToldZone,
    mut known: impl Iterator<Item = String>,
    now: Timestamp,
) -> Result<Option<String>> {
    match (&told.name, told.offset_s) {
        (Some(name), _) if day::zone(name).is_ok() => Ok(Some(name.clone())),
        (Some(name), None) => {
            let what = format!(
                "the account's time zone {name:?} is not known here, so where its days begin is \
                 not known either: install a newer fitsync; until then nothing is read"
            );
            Err(Failure::new(ErrorClass::Format, what))
        }
        (Some(_), Some(offset)) => Ok(fixed_zone(offset)),
        // An offset alone tells a participant who travels, not one whose clocks were changed.
        (None, Some(offset)) => {
            Ok(known.find(|name| offset_s(name, now) == Some(offset)).or(fixed_zone(offset)))
        }
        (None, None) => Ok(known.next()),
    }
}

/// Why a device's time is not believed, for the log and for `status`.
fn from_the_future(at: Timestamp) -> String {
    let at = at.strftime("%Y-%m-%d %H:%M UTC");
    format!("the device's last sync lies in the future ({at}): set the clock of its phone")
}

/// Whether one request may fail so and others be answered.
const fn is_of_this_request(failure: &Failure) -> bool {
    matches!(failure.class, ErrorClass::Server | ErrorClass::Format | ErrorClass::Bug)
}

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;
