//! Every sentence of the pages, in one place: to be read in one go, corrected, or translated.
//! Values of the participant are filled in, and escaped, by the pages.

pub const LANGUAGE: &str = "en";
pub const STUDY: &str = "fitsync";
pub const FOOTER: &str = "These pages come from the study's own gateway on this network.";

pub const CONNECTED_TITLE: &str = "Connected";
pub const CONNECTED: &str = "The account is connected. You can close this page.";

pub const DENIED_TITLE: &str = "Not connected";
pub const DENIED: &str = "You chose not to share data. Nothing was stored. If that was a mistake, \
     ask the study team for a new sign-in.";

pub const FAILED_TITLE: &str = "Not connected";
pub const FAILED: &str = "The sign-in could not be completed. Nothing was changed. The study team \
     sees the reason and can start a new sign-in.";

pub const OTHER_ACCOUNT_TITLE: &str = "This is another account";
pub const OTHER_ACCOUNT: &str = "This study id is connected to a different account, and stays so. \
     Sign in with the account that was used before, or ask the study team.";

pub const NOT_KNOWN_TITLE: &str = "One step is left";
pub const NOT_KNOWN: &str = "Copy the whole address of this page and paste it where the sign-in \
     was started: into the terminal, or into the box on the sign-in page.";

pub const OTHER_SIGN_IN_TITLE: &str = "This sign-in is not the newest one";
pub const OTHER_SIGN_IN: &str = "This address belongs to another sign-in, or to one that was \
     started earlier. Nothing was changed. Start again from the newest link.";

pub const NOT_FOUND_TITLE: &str = "Nothing here";
pub const NOT_FOUND: &str = "This address is not known, or its link was used or has ended. Ask \
     the study team for a new link.";

// --- Coverage ---
use crate::core::picture::Mark;

pub const NO_DAYS: &str = "no days yet";
pub const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The short name of a month, 1 to 12.
pub fn month(number: i8) -> &'static str {
    let at = usize::try_from(number - 1).unwrap_or_default();
    MONTHS.get(at).copied().unwrap_or_default()
}

/// What a mark is called on pages.
pub const fn mark(mark: Mark) -> &'static str {
    match mark {
        Mark::Sealed => "complete",
        Mark::Provisional => "provisional",
        Mark::Empty => "without data",
        Mark::Missing => "missing",
        Mark::Failed => "failed",
        Mark::NotGranted => "not shared",
        Mark::Before => "before the first day",
    }
}
