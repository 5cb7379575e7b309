//! Every sentence of the pages, in one place: to be read in one go, corrected, or translated.
//! Values are plain text; the pages escape them.

use jiff::civil::Date;

use crate::ledger::mark::Mark;
use crate::portal::sign_ins::Hint;

pub const LANGUAGE: &str = "en";
pub const STUDY: &str = "fitsync";
pub const FOOTER: &str = "These pages come from the study's own gateway on this network.";

// --- Results of a callback ---
pub const CONNECTED_TITLE: &str = "Connected";
pub const CONNECTED: &str = "The account is connected. You can close this page.";
pub const NOT_CONNECTED_TITLE: &str = "Not connected";
pub const DENIED: &str = "You chose not to share data. Nothing was stored. If that was a mistake, \
     ask the study team for a new sign-in.";
pub const FAILED: &str = "The sign-in could not be completed. Nothing was changed. The study team \
     sees the reason and can start a new sign-in.";
pub const OTHER_ACCOUNT_TITLE: &str = "This is another account";
pub const OTHER_ACCOUNT: &str = "This study id is connected to a different account, and stays so. \
     Sign in with the account that was used before, or ask the study team.";
pub const NOT_KNOWN_TITLE: &str = "One step is left";
pub const NOT_KNOWN: &str = "Please copy this address into the terminal where the sign-in was \
     started, or into the box on the sign-in page. Copy the whole address; it is long.";
pub const OTHER_SIGN_IN_TITLE: &str = "This sign-in is not the newest one";
pub const OTHER_SIGN_IN: &str = "This address belongs to another sign-in, or to one that was \
     started earlier. Nothing was changed. If another terminal waits for it, copy this address \
     into that terminal; else start again from the newest link.";
pub const NOT_FOUND_TITLE: &str = "Nothing here";
pub const NOT_FOUND: &str = "This address is not known, or its link was used or has ended. Ask \
     the study team for a new link.";

// --- Refusals ---
pub const WRONG_HOST: &str = "Open these pages by the address that the gateway printed.";
pub const WRONG_FORM_TITLE: &str = "Please try again";
pub const WRONG_FORM: &str = "This form was too old, or did not come from these pages. Nothing \
     was changed. Go back, load the page again, and repeat the last step.";
pub const BUSY_TITLE: &str = "Busy";
pub const BUSY: &str = "The gateway is busy. Wait a few seconds and try again.";

// --- Start page of a login ---
pub const CODE_TITLE: &str = "Sign in to the study";
pub const CODE_LABEL: &str = "Code from the study team";
pub const CODE_HELP: &str = "Eight letters and digits, such as K7QM-3FXD.";
pub const CODE_BUTTON: &str = "Go on";

// --- The sign-in page ---
pub const STUDY_ID: &str = "Study id";
pub const WHAT: &str = "What is read";
pub const SETTINGS: &str = "settings";
pub const SETTINGS_MEANING: &str = "Which band it is, when it last synced, and its time zone";
pub const BY_WHOM: &str = "By whom";
pub const FROM_WHEN: &str = "From when";
pub const HOW_TO_STOP: &str = "How to stop";
pub const STOP_TEXT: &str = "Tell the study team, or remove the study's access on your account's \
     own page of connected apps:";
pub const STEP_APPROVE: &str = "1. Approve at Google";
pub const APPROVE_HELP: &str = "Sign in with the Google account that your band uses. Leave every \
     box ticked. Your password is typed at Google only.";
pub const APPROVE_BUTTON: &str = "Go to Google";
pub const NEW_TAB: &str = "Opens in a new tab. Come back to this page afterwards.";
pub const STEP_PASTE: &str = "2. Bring the address back";
pub const PASTE_HELP: &str = "After you approve, your browser shows a page that does not load. \
     That is expected. Tap the address at its top, copy all of it, come back to this page and \
     paste it here.";
pub const PASTE_LABEL: &str = "Address of the page that did not load";
pub const PASTE_BUTTON: &str = "Send";
pub const PICTURE_LABEL: &str = "Picture of a browser: the page says that the site cannot be \
     reached. The address at the top is marked to be copied.";
pub const PICTURE_COPY: &str = "Copy this";
pub const PICTURE_ERROR: &str = "This site can\u{2019}t be reached";
pub const PICTURE_FINE: &str = "That is expected.";
pub const STEP_BY_ITSELF: &str = "2. Wait here";
pub const BY_ITSELF_HELP: &str = "After you approve, this page goes on by itself. It looks again \
     every 5 seconds.";
pub const BY_ITSELF_PASTE: &str = "This page stays as it is? Paste the address instead";
pub const STEP_BOUNCE: &str = "2. Send it to the gateway";
pub const BOUNCE_HELP: &str = "After you approve, press \u{201c}Send to the gateway\u{201d} on the \
     page that follows. This page then goes on by itself. It looks again every 5 seconds.";

// --- While and after ---
pub const CHECKING_TITLE: &str = "Checking with Google";
pub const CHECKING: &str = "This takes a few seconds. The page goes on by itself.";
pub const CHECKING_LINK: &str = "Look again now";
pub const REVIEW_TITLE: &str = "Is this the band on the wrist?";
pub const REVIEW_HELP: &str = "Compare it with the band that is worn, then press Done.";
pub const ACCOUNT: &str = "Account";
pub const DEVICE: &str = "Device";
pub const NO_DEVICE: &str = "No device is paired with this account yet. Pair the band in the \
     Google Health app, then ask the study team to look again.";
pub const DEVICE_NOT_SHARED: &str = "Not known: the devices were not shared.";
pub const DEVICE_UNTOLD: &str = "Not known: Google could not be asked for it just now.";
pub const GRANTED: &str = "Shared";
pub const GRANTED_NONE: &str = "Nothing";
pub const MISSING: &str = "Not shared";
pub const MISSING_HELP: &str = "To share this too, sign in once more and leave every box ticked.";
pub const MISSING_BUTTON: &str = "Sign in once more";
pub const HOW_LONG: &str = "How long";
pub const UNTIL_WITHDRAWN: &str = "Until you withdraw.";
pub const NO_END: &str = "no end date";
pub const DONE_BUTTON: &str = "Done";
pub const NOT_MINE_BUTTON: &str = "No, this is another band";
pub const NOT_MINE_HELP: &str = "This lets the account go again, and you can sign in with the \
     right one.";
pub const NOT_MINE_STAYED: &str = "The account could not be let go and is still connected. Try it \
     again, or ask the study's team.";
pub const DONE_TITLE: &str = "All done";
pub const DONE: &str = "The account is connected and the link is used up. You can close this page.";
pub const ENDED_TITLE: &str = "This link has ended";
pub const ENDED: &str = "Nothing was changed. Ask the study team for a new link.";

/// The title of the sign-in page.
pub fn sign_in_title(user: &str) -> String {
    format!("Connect {user}")
}

/// Who reads.
pub fn by_whom(study: Option<&str>) -> String {
    let study = study.unwrap_or("The study that gave you this link");
    format!(
        "{study}, with a gateway of its own on this network. It only reads; it changes nothing in \
         your account."
    )
}

/// From when data are read.
pub fn period(from: Option<Date>, until: Option<Date>) -> String {
    match (from.map(day), until.map(day)) {
        (Some(from), Some(until)) => format!("From {from} to {until}."),
        (Some(from), None) => format!("From {from} on."),
        (None, Some(until)) => format!("To {until}."),
        (None, None) => "From today on.".to_owned(),
    }
}

/// `Charge 6, synced 4 minutes ago`
pub fn device(name: &str, ago: Option<&str>) -> String {
    match ago {
        Some(ago) => format!("{name}, synced {ago}"),
        None => format!("{name}, never synced"),
    }
}

/// The last four characters of an account.
pub fn account(end: &str) -> String {
    format!("ends in {end}")
}

/// Until when the permission lasts.
pub fn lasts_until(date: &str) -> String {
    format!("Until {date}; then please sign in again.")
}

/// Why the last attempt led to nothing.
pub const fn hint(hint: Hint) -> &'static str {
    match hint {
        Hint::NoCode => {
            "There is no code in what you sent. Copy the whole address of the page that did not \
             load; it is long and holds \u{201c}code=\u{201d}."
        }
        Hint::OtherSignIn => {
            "That address belongs to another sign-in. Press \u{201c}Go to Google\u{201d} on this \
             page and send the address that comes after it."
        }
        Hint::Denied => {
            "You did not agree at Google, so nothing was changed. If that was a mistake, press \
             \u{201c}Go to Google\u{201d} again."
        }
        Hint::OtherAccount => {
            "This account cannot be used here: either this study id is connected to a different \
             account, or this account belongs to another study id. Nothing was changed. Sign in \
             with the account that was used before, or ask the study team."
        }
        Hint::NotLinked => {
            "This Google account has no Google Health profile. Open the Google Health app with \
             this account once, then try again; or use the account that the band uses."
        }
        Hint::CodeRefused => {
            "The address was too old or had been used before. Press \u{201c}Go to Google\u{201d} \
             again and send the new address within a few minutes."
        }
        Hint::NotReachable => {
            "The gateway could not reach Google. Wait a moment, then press \u{201c}Go to \
             Google\u{201d} again."
        }
        Hint::Busy => {
            "Many people sign in right now. Wait a moment, then press \u{201c}Go to \
             Google\u{201d} again."
        }
        Hint::Failed => {
            "The sign-in could not be completed. Nothing was changed. The study team sees the \
             reason; you can try again."
        }
        Hint::TakenBack => {
            "The account was let go. Sign in with the account that the band on the wrist uses."
        }
    }
}

// --- Coverage ---
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

// --- Operator ---
pub const START_TITLE: &str = "Study gateway";
pub const START: &str = "Participants: open the link that the study team gave you.";
pub const START_OPERATOR: &str = "For the study team";
pub const OPERATOR_TITLE: &str = "Study team";
pub const PASSWORD_LABEL: &str = "Operator's password";
pub const PASSWORD_BUTTON: &str = "Sign in";
pub const PASSWORD_WRONG: &str = "That is not the password.";
pub const PASSWORD_WAIT: &str = "Too many wrong passwords from this device. Wait ten minutes.";
pub const SIGN_OUT: &str = "Sign out";
pub const PARTICIPANTS_TITLE: &str = "Participants";
pub const FILTER_LABEL: &str = "Which participants";
pub const ALL: &str = "All";
pub const ATTENTION: &str = "Needs attention";
pub const NOBODY: &str = "No participant yet. Invite the first one.";
pub const NOBODY_NEEDS: &str = "Nobody needs attention.";
pub const INVITE_TITLE: &str = "Invite a participant";
pub const INVITE_LABEL: &str = "Study id, new or known";
pub const INVITE_HELP: &str = "A code, never a name: letters, digits, dot, dash and underscore.";
pub const INVITE_BUTTON: &str = "Make a link";
pub const INVITE_AGAIN: &str = "Make a new sign-in link";
pub const INVITE_REFUSED_TITLE: &str = "No link was made";
pub const LINK_HELP: &str = "Let the participant's phone scan the code, or open the link. It works \
     once, for 24 hours, and only on this network.";
pub const LINK_LABEL: &str = "Sign-in link as a QR code";
pub const LINK_OPEN: &str = "Open it here";
pub const LINK_GONE: &str = "This link was used or has ended.";
pub const BACK: &str = "Back to all participants";
pub const STATE: &str = "State";
pub const LAST_SYNC: &str = "Last sync of the band";
pub const NEWEST: &str = "Newest data";
pub const WAITING: &str = "Waiting for upload";
pub const EXPIRES: &str = "Consent ends";
pub const COVERAGE: &str = "The last 14 days, today on the right";
pub const LEGEND: &str = "What the marks mean";
pub const CALENDAR: &str = "The last 90 days";
pub const GAPS: &str = "Gaps";
pub const NO_GAPS: &str = "There is no gap.";
pub const NOTHING: &str = "none";
pub const UNKNOWN: &str = "not known";
pub const NOT_LISTED: &str = "not in FITBIT_USER_IDS, so not synced";
pub const UPLOAD_FAILS: &str = "files were refused by the store";
pub const DAYS_FAIL: &str = "reading failed on some days";
pub const CONFIRM_TITLE: &str = "Connect a participant";
pub const CONFIRM_BUTTON: &str = "Go on to the sign-in page";
pub const PREVIOUS: &str = "Previous page";
pub const NEXT: &str = "Next page";

/// The state of an account.
pub fn state(name: &str) -> &'static str {
    match name {
        "connected" => "connected",
        "sign_in_again" => "must sign in again",
        "retired" => "retired provider: sign in again with Google",
        "never_signed_in" => "never signed in",
        "withdrawn" => "has withdrawn",
        "ledger_unreadable" => "ledger cannot be read",
        _ => "token file cannot be read: sign in again",
    }
}

/// `2 files`
pub fn files(count: u64) -> String {
    match count {
        0 => NOTHING.to_owned(),
        1 => "1 file".to_owned(),
        _ => format!("{count} files"),
    }
}

/// A band that has not synced for long.
pub fn band_silent(ago: &str) -> String {
    format!("the band last synced {ago}")
}

/// A consent that ends soon, or has ended.
pub fn consent_ends(date: &str) -> String {
    format!("the consent ends on {date}")
}

/// Metrics that were not shared.
pub fn not_shared(names: &str) -> String {
    format!("not granted: {names}")
}

/// The title of the page that shows a link.
pub fn link_title(user: &str) -> String {
    format!("Sign-in link for {user}")
}

/// The question before a sign-in that was asked for by address.
pub fn confirm(user: &str) -> String {
    format!("This opens a sign-in for {user}.")
}

/// One day, or from one to another.
pub fn days(from: Date, to: Date) -> String {
    if from == to { day(from) } else { format!("{} to {}", day(from), day(to)) }
}

pub fn page_of(page: usize, pages: usize) -> String {
    format!("Page {page} of {pages}")
}
