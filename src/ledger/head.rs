//! The head of a participant's ledger, `head.json`: what is known beside the days.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::core::day::ahead;
use crate::core::json::AsText;
use crate::ledger::entry::{Entry, VERSION};
use crate::ledger::month::MonthKey;

/// What a run must know of a participant before it opens any month.
#[derive(Debug, Clone, PartialEq, Eq, miniserde::Serialize, miniserde::Deserialize)]
pub struct Head {
    pub version: u32,
    pub zone: Option<String>,
    /// The product name of the device, for pages.
    pub device: Option<String>,
    pub device_synced_at: Option<AsText<Timestamp>>,
    /// Why there is no device time, in words.
    pub device_unknown: Option<String>,
    /// The device time up to which days were asked: what came later moves the plan.
    pub read_until: Option<AsText<Timestamp>>,
    pub lookback_read_at: Option<AsText<Timestamp>>,
    /// Months with something to read.
    pub open_months: Vec<AsText<MonthKey>>,
    /// Months with something to upload.
    pub waiting_months: Vec<AsText<MonthKey>>,
    /// The metrics granted at the last run, so that a new grant is noticed.
    pub granted: Vec<String>,
    /// Granted metrics that the provider refused all the same; asked again with the look-back.
    pub refused: Vec<String>,
    /// The first day ever asked: before it nothing is missing.
    pub first_day: Option<AsText<Date>>,
    /// The first day of each metric, and [`Date::MAX`] where it was never asked. A ledger of
    /// version 1 has none: they are gathered from its months.
    pub first_days: Option<BTreeMap<String, AsText<Date>>>,
    /// What version 1 sealed before the cloud may have been done was asked once more.
    pub early_seals_asked: Option<bool>,
    /// The newest time of a row, per metric.
    pub newest: BTreeMap<String, AsText<Timestamp>>,
    /// When a participant who must sign in again was last tried all the same.
    pub sign_in_tried_at: Option<AsText<Timestamp>>,
    /// Per metric, the largest request that the service answers, where it refused larger ones.
    pub sizes: Option<BTreeMap<String, AnsweredSize>>,
}

/// The largest request that a service was found to answer.
#[derive(Debug, Clone, PartialEq, Eq, miniserde::Serialize, miniserde::Deserialize)]
pub struct AnsweredSize {
    pub days: Option<u32>,
    /// Rows of a page.
    pub rows: Option<u32>,
    pub at: AsText<Timestamp>,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            version: VERSION,
            zone: None,
            device: None,
            device_synced_at: None,
            device_unknown: None,
            read_until: None,
            lookback_read_at: None,
            open_months: Vec::new(),
            waiting_months: Vec::new(),
            granted: Vec::new(),
            refused: Vec::new(),
            first_day: None,
            first_days: None,
            early_seals_asked: None,
            newest: BTreeMap::new(),
            sign_in_tried_at: None,
            sizes: None,
        }
    }
}

impl Head {
    /// The first days of a ledger of version 1, from the entries of all its months.
    pub fn gather_first_days<'a>(
        &mut self,
        entries: impl Iterator<Item = (Date, &'a String, &'a Entry)>,
    ) {
        if self.first_days.is_none() {
            self.first_days = Some(BTreeMap::new());
            entries.for_each(|(date, metric, _)| self.was_asked(metric, date));
        }
    }

    /// A day of a metric stands in the ledger.
    pub fn was_asked(&mut self, metric: &str, date: Date) {
        let Some(first_days) = &mut self.first_days else { return };
        let first = first_days.entry(metric.to_owned()).or_insert(AsText(date));
        first.0 = date.min(first.0);
    }

    /// Notes the metrics of the settings that were never asked; one that is named no more is let
    /// go of.
    pub fn note_never_asked<'a>(&mut self, named: impl Iterator<Item = &'a str> + Clone) {
        let first_days = self.first_days.get_or_insert_default();
        first_days.retain(|name, first| **first < Date::MAX || named.clone().any(|n| n == name));
        for name in named {
            first_days.entry(name.to_owned()).or_insert(AsText(Date::MAX));
        }
    }

    /// Whether a metric was not asked on a day of which nothing is known, so that it cannot be
    /// missing.
    pub fn never_asked(&self, metric: &str, date: Date) -> bool {
        match &self.first_days {
            Some(first_days) => first_days.get(metric).is_none_or(|first| date < **first),
            // Version 1 knew no first day of a metric, only whether it was granted.
            None => !self.granted.iter().any(|name| name == metric),
        }
    }

    /// Forgets the device's times that are still to come: a wrong clock told them, and waiting for
    /// them would keep the participant idle for years.
    pub fn forget_what_is_to_come(&mut self, now: Timestamp) {
        let past = |at: &AsText<Timestamp>| !ahead(**at, now);
        self.device_synced_at = self.device_synced_at.filter(past);
        self.read_until = self.read_until.filter(past);
    }
}
