//! How a day looks in a picture of completeness; the terminal and the pages draw from this.

use jiff::civil::Date;

use crate::ledger::entry::{Entry, State};
use crate::ledger::head::Head;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Sealed,
    Provisional,
    /// Sealed, and the provider has no row.
    Empty,
    /// To be asked.
    Waiting,
    /// It should be there, and no run has asked for it.
    Missing,
    /// The metric could not be asked on that day.
    NeverAsked,
    Failed,
    NotGranted,
    /// Before the participant's first day.
    Before,
}

impl Mark {
    /// Of a day by its entry.
    pub fn of(entry: &Entry) -> Self {
        match entry.state {
            _ if entry.error.is_some() => Self::Failed,
            State::Wanted => Self::Waiting,
            State::Provisional => Self::Provisional,
            State::Sealed if entry.rows == 0 => Self::Empty,
            State::Sealed => Self::Sealed,
            State::NotGranted => Self::NotGranted,
        }
    }

    /// Of a day of which the ledger knows nothing.
    pub fn of_nothing(head: &Head, metric: &str, date: Date) -> Self {
        if head.first_day.is_none_or(|first| date < *first) {
            Self::Before
        } else if head.never_asked(metric, date) {
            Self::NeverAsked
        } else {
            Self::Missing
        }
    }

    /// One character of a row of block characters.
    pub const fn character(self) -> char {
        match self {
            Self::Sealed => '█',
            Self::Provisional => '▒',
            Self::Empty => '░',
            Self::Waiting => '○',
            Self::Missing => '·',
            Self::NeverAsked => '-',
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
            Self::Waiting => "waiting",
            Self::Missing => "missing",
            Self::NeverAsked => "never asked",
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
    use crate::core::json::AsText;
    use jiff::civil::date;

    #[test]
    fn a_day_without_an_entry_is_missing_only_since_the_metrics_first_day() {
        let day = |number| date(2026, 11, number);
        let mut head = Head::default();
        assert_eq!(Mark::of_nothing(&head, "steps", day(9)), Mark::Before);
        head.first_day = Some(AsText(day(3)));
        head.first_days = Some([("steps".to_owned(), AsText(day(5)))].into());
        let marks = [2, 4, 5].map(|number| Mark::of_nothing(&head, "steps", day(number)));
        assert_eq!(marks, [Mark::Before, Mark::NeverAsked, Mark::Missing]);
        assert_eq!(Mark::of_nothing(&head, "hrv", day(9)), Mark::NeverAsked);
        // Version 1 kept no first day of a metric.
        head.first_days = None;
        head.granted = vec!["steps".to_owned()];
        assert_eq!(Mark::of_nothing(&head, "steps", day(4)), Mark::Missing);
        assert_eq!(Mark::of_nothing(&head, "hrv", day(9)), Mark::NeverAsked);
    }

    #[test]
    fn a_failed_read_shows_over_the_state() {
        let mut entry = Entry { state: State::Sealed, rows: 4, ..Entry::wanted() };
        assert_eq!(Mark::of(&entry), Mark::Sealed);
        entry.failed(ErrorClass::Server, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(Mark::of(&entry), Mark::Failed);
    }
}
