//! The study's id of a participant: a code, never a name; safe as a part of paths and keys.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

/// `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`, checked before it can become part of a path or a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(String);

const LENGTH_MAX: usize = 64;

impl UserId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The metric name under which a month's completeness file lies.
pub const COMPLETENESS: &str = "completeness";

/// Where a file lies, below the data folder and, the same, below the bucket's prefix.
pub fn file_path(user: &UserId, metric: &str, date: Date) -> String {
    let stamp = if metric == COMPLETENESS { "%Y%m" } else { "%Y%m%d" };
    format!("users/{user}/{metric}/{user}_{metric}_{}.csv", date.strftime(stamp))
}

/// The day of a metric's file, by its name; `None` where it is none of this participant's.
pub fn date_of_file(user: &UserId, metric: &str, name: &str) -> Option<Date> {
    let rest = name.strip_prefix(user.as_str())?.strip_prefix('_')?.strip_prefix(metric)?;
    let stamp = rest.strip_prefix('_')?.strip_suffix(".csv")?;
    Date::strptime("%Y%m%d", stamp).ok()
}

impl fmt::Display for UserId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl FromStr for UserId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        if starts && plain && text.len() <= LENGTH_MAX {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "{text:?} is not a participant id: letters, digits, dot, dash and underscore, \
             starting with a letter or digit, at most {LENGTH_MAX} characters"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_where_the_data_engineer_looks() {
        let user: UserId = "user_001".parse().unwrap();
        let date = jiff::civil::date(2026, 11, 2);
        assert_eq!(
            file_path(&user, "steps", date),
            "users/user_001/steps/user_001_steps_20261102.csv"
        );
        assert_eq!(
            file_path(&user, COMPLETENESS, date),
            "users/user_001/completeness/user_001_completeness_202611.csv"
        );
        assert_eq!(date_of_file(&user, "steps", "user_001_steps_20261102.csv"), Some(date));
        for name in ["user_001_hrv_20261102.csv", "user_001_steps_202611.csv", "user_001.csv"] {
            assert_eq!(date_of_file(&user, "steps", name), None);
        }
    }

    #[test]
    fn what_could_leave_its_folder_is_no_id() {
        for text in ["", ".", "..", "../x", "a/b", "-a", ".a", "a b", "ü", "a\n", &"a".repeat(65)]
        {
            assert!(text.parse::<UserId>().is_err(), "{text:?}");
        }
        for text in ["user_001", "A", "7.b-c", &"a".repeat(64)] {
            assert!(text.parse::<UserId>().is_ok(), "{text:?}");
        }
    }
}
