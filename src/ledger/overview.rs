//! What the files say of one participant: for `status` and for the operator's pages. Reads only.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::consent::files::TokenStore;
use crate::consent::token::Token;
use crate::core::day::{Calendar, back, range};
use crate::core::error::Result;
use crate::core::user::UserId;
use crate::ledger::entry::{Day, Entry};
use crate::ledger::folder::Ledger;
use crate::ledger::mark::Mark;
use crate::ledger::month::MonthKey;

/// One participant's files, opened for the last days.
#[derive(Debug)]
pub struct Overview {
    pub user: UserId,
    pub token: Option<Token>,
    /// The account's state by its name in the token file, or why there is none.
    pub state: &'static str,
    pub ledger: Ledger,
    /// The first day that is shown, and today, in the participant's zone.
    pub from: Date,
    pub today: Date,
    /// Whether a sync works on this participant.
    pub listed: bool,
}

impl Overview {
    /// Of the last `days`; `listed`: whether a sync works on the participant.
    pub fn load(
        data_dir: &Path,
        tokens: &TokenStore,
        user: &UserId,
        days: u32,
        listed: bool,
        now: Timestamp,
    ) -> Result<Self> {
        let (token, state) = match tokens.load(user) {
            _ if tokens.is_withdrawn(user) => (None, "withdrawn"),
            Ok(Some(token)) => {
                let state = token.state.name();
                (Some(token), state)
            }
            Ok(None) => (None, "never_signed_in"),
            Err(_) => (None, "unreadable"),
        };
        let mut ledger = Ledger::look(data_dir, user)?;
        let today = calendar(&ledger)?.date_of(now);
        let from = back(today, days.saturating_sub(1));
        let months = ledger.named_months();
        ledger.open_months(months.into_iter().chain(MonthKey::range(from, today)))?;
        Ok(Self { user: user.clone(), token, state, ledger, from, today, listed })
    }

    /// How many files wait for upload.
    pub fn waiting(&self) -> u64 {
        self.ledger.months().map(|(_, month)| month.waiting()).sum()
    }

    /// Whether the provider refused the metric although it was granted.
    pub fn refused(&self, metric: &str) -> bool {
        self.ledger.head.refused.iter().any(|name| name == metric)
    }

    /// The shown days of one metric: date, entry, mark.
    pub fn days<'a>(
        &self,
        days: &BTreeMap<Date, &'a Day>,
        metric: &str,
    ) -> Vec<(Date, Option<&'a Entry>, Mark)> {
        let head = &self.ledger.head;
        range(self.from, self.today)
            .map(|date| {
                let entry = days.get(&date).and_then(|day| day.metrics.get(metric));
                let mark = entry.map_or_else(|| Mark::of_nothing(head, metric, date), Mark::of);
                (date, entry, mark)
            })
            .collect()
    }
}

/// The participant's civil days, as the last run knew the zone.
pub fn calendar(ledger: &Ledger) -> Result<Calendar> {
    Calendar::new(BTreeMap::new(), ledger.head.zone.as_deref().unwrap_or("UTC"))
}
