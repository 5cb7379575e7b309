//! Months: the ledger has one file for each.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

use crate::core::day::next;

/// `2026-11`
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonthKey(Date);

impl MonthKey {
    pub fn of(date: Date) -> Self {
        Self(date.first_of_month())
    }

    pub fn first_day(self) -> Date {
        self.0
    }

    pub fn last_day(self) -> Date {
        self.0.last_of_month()
    }

    pub fn next(self) -> Self {
        Self::of(next(self.last_day()))
    }

    /// The months from one date's to another's, both included.
    pub fn range(from: Date, to: Date) -> impl Iterator<Item = Self> {
        let last = Self::of(to);
        std::iter::successors(Some(Self::of(from)), |month| Some(month.next()))
            .take_while(move |&month| month <= last)
            .take(crate::limits::MONTHS_MAX)
    }
}

impl fmt::Display for MonthKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0.strftime("%Y-%m"))
    }
}

impl FromStr for MonthKey {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        format!("{text}-01").parse().map(Self)
    }
}
