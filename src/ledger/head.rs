//! The head of a participant's ledger, `head.json`: what is known beside the days.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::core::day::ahead;
use crate::core::json::AsText;
use crate::ledger::entry::VERSION;
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
            newest: BTreeMap::new(),
            sign_in_tried_at: None,
            sizes: None,
        }
    }
}

impl Head {
    /// Forgets the device's times that are still to come: a wrong clock told them, and waiting for
    /// them would keep the participant idle for years.
    pub fn forget_what_is_to_come(&mut self, now: Timestamp) {
        let past = |at: &AsText<Timestamp>| !ahead(**at, now);
        self.device_synced_at = self.device_synced_at.filter(past);
        self.read_until = self.read_until.filter(past);
    }
}
