//! How a day looks in a picture of completeness; the terminal and the pages draw from this.

use crate::ledger::entry::{Entry, State};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Sealed,
    Provisional,
    /// Sealed, and the provider has no row.
    Empty,
    /// To be asked, or never asked since the participant's first day.
    Missing,
    Failed,
    NotGranted,
    /// Before the participant's first day.
    Before,
}

impl Mark {
    pub fn of(entry: Option<&Entry>, before_first_day: bool) -> Self {
        let Some(entry) = entry else {
            return if before_first_day { Self::Before } else { Self::Missing };
        };
        match entry.state {
            // What was read since is no failure any more.
            State::Wanted if entry.error.is_some() => Self::Failed,
            State::Wanted => Self::Missing,
            State::Provisional => Self::Provisional,
            State::Sealed if entry.rows == 0 => Self::Empty,
            State::Sealed => Self::Sealed,
            State::NotGranted => Self::NotGranted,
        }
    }

    /// One character of a row of block characters.
    pub const fn character(self) -> char {
        match self {
            Self::Sealed => '█',
            Self::Provisional => '▒',
            Self::Empty => '░',
            Self::Missing => '·',
            Self::Failed => '!',
            Self::NotGranted => '×',
            Self::Before => ' ',
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Provisional => "provisional",
            Self::Empty => "empty",
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::NotGranted => "not granted",
            Self::Before => "before the first day",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::error::ErrorClass;

    #[test]
    fn a_day_without_an_entry_is_missing_only_since_the_first_day() {
        assert_eq!(Mark::of(None, true), Mark::Before);
        assert_eq!(Mark::of(None, false), Mark::Missing);
    }

    #[test]
    fn a_failed_read_shows_until_the_day_is_read() {
        let mut entry = Entry { rows: 4, ..Entry::wanted() };
        assert_eq!(Mark::of(Some(&entry), false), Mark::Missing);
        entry.failed(ErrorClass::Server, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(Mark::of(Some(&entry), false), Mark::Failed);
        // Version 1 left it there, where another day of the same request had failed.
        entry.state = State::Sealed;
        assert_eq!(Mark::of(Some(&entry), false), Mark::Sealed);
    }
}
