//! What is said of days, of gaps and of time gone by.

use jiff::civil::Date;

use crate::ledger::mark::Mark;

pub const NO_DAYS: &str = "no days yet";
pub const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The short name of a month, 1 to 12.
pub fn month(number: i8) -> &'static str {
    let at = usize::try_from(number - 1).unwrap_or_default();
    MONTHS.get(at).copied().unwrap_or_default()
}

/// `22 Nov 2026`: no order of day and month to be mistaken.
pub fn day(date: Date) -> String {
    format!("{} {} {}", date.day(), month(date.month()), date.year())
}

/// `4 minutes ago`
pub fn ago(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..60 => return "just now".to_owned(),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

/// What a mark is called on pages.
pub const fn mark(mark: Mark) -> &'static str {
    mark.word()
}

/// What is known of a day that is not sealed.
#[derive(Debug, Clone, Copy)]
pub struct Why<'a> {
    pub mark: Mark,
    /// The class of the last failure.
    pub error: Option<&'a str>,
    /// The last answer had lost most of the day.
    pub shrunk: bool,
    /// The device has synced past its end.
    pub passed: bool,
    pub is_today: bool,
    /// One value per night.
    pub daily: bool,
    /// A worn band may well have nothing of this kind.
    pub sparse: bool,
    /// The sign-in works.
    pub connected: bool,
    /// The device has not synced since this day began.
    pub device_behind: bool,
}

/// The reason of a gap in words; empty for a day that is sealed.
pub fn why(why: &Why) -> &'static str {
    match why.mark {
        Mark::Sealed | Mark::Before => "",
        Mark::Failed => failure(why.error.unwrap_or_default()),
        Mark::NotGranted => "the participant did not share this",
        Mark::Empty if why.daily => "no value for this night: the band was probably not worn",
        Mark::Empty if why.sparse => "the band synced; there was nothing of this kind on that day",
        Mark::Empty => "the band synced, but recorded nothing: it was probably not worn",
        Mark::Provisional if why.shrunk => "the last answer had less data; it is asked once more",
        Mark::NeverAsked => "the participant was not told of this, or it was added later",
        Mark::Provisional | Mark::Waiting | Mark::Missing if why.is_today => "the day is not over",
        Mark::Provisional if why.passed => "the band has synced; the provider may still add to it",
        Mark::Provisional => "the band has not synced past the end of this day",
        Mark::Waiting | Mark::Missing if !why.connected => "the sign-in had ended: sign in again",
        Mark::Waiting if why.device_behind => "the band has not synced since before this day",
        Mark::Waiting => "not read yet; the next sync asks for it",
        Mark::Missing => "no sync has asked for it",
    }
}

/// The last failure by its class; the next sync tries again.
fn failure(class: &str) -> &'static str {
    match class {
        "network" => "the gateway had no connection; it tries again",
        "server" => "the provider had a fault; the gateway tries again",
        "quota" => "too many requests; the gateway tries again",
        "auth" | "account" | "code" => "the sign-in had ended: sign in again",
        "retired" => "the provider is switched off: sign in again with Google",
        "config" => "the study's application was refused: see fitsync doctor",
        "disk" => "the gateway's disk failed or was full",
        "clock" => "the gateway's clock was wrong",
        "format" => "the answer could not be read: please report it",
        _ => "reading failed; the gateway tries again",
    }
}
