//! What `fitsync doctor` finds: lines, each with a level and a cure, and the judgements that need
//! no look at the world. Pure.

use jiff::Timestamp;

use crate::core::address::is_loopback_url;
use crate::core::error::{ErrorClass, Failure, Result, worst_exit};
use crate::io::clock::{CLOCK_CURE, clock_is_off};
use crate::io::net::proxy::Exceptions;
use crate::limits::{
    CLOCK_DOUBT_S_MIN, CLOCK_SKEW_S_MIN, FETCH_SPACE_BYTES_MIN, GRANT_ENDS_SOON_S, LOW_WATER_BYTES,
    NAMES_SHOWN_MAX,
};
use crate::portal::redirect::{Verdict, judge};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Ok,
    Warn,
    Fail,
}

impl Level {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, in one word.
    pub check: &'static str,
    pub level: Level,
    pub text: String,
    /// What to do; `None` where all is well.
    pub cure: Option<String>,
    /// The settings are wrong: every other command ends with 2 as well.
    wrong_settings: bool,
}

impl Finding {
    fn new(check: &'static str, level: Level, text: String, cure: Option<String>) -> Self {
        Self { check, level, text, cure, wrong_settings: false }
    }

    pub fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Level::Ok, text.into(), None)
    }

    pub fn warn(check: &'static str, text: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::new(check, Level::Warn, text.into(), Some(cure.into()))
    }

    pub fn fail(check: &'static str, text: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::new(check, Level::Fail, text.into(), Some(cure.into()))
    }

    /// A failure; its text often names a cure of its own.
    pub fn failure(check: &'static str, failure: &Failure) -> Self {
        let cure = Some(general_cure(failure.class).to_owned());
        let wrong_settings = failure.class == ErrorClass::Usage;
        let place = failure.at.as_ref().map_or(String::new(), |at| format!(" ({at})"));
        let text = format!("{}{place}", failure.what);
        Self { wrong_settings, ..Self::new(check, Level::Fail, text, cure) }
    }

    /// As a warning: something else is lost by it, the main job is not.
    #[must_use]
    pub fn into_warning(self) -> Self {
        Self { level: self.level.min(Level::Warn), wrong_settings: false, ..self }
    }

    /// `WARN  redirect      text; cure: what to do`
    pub fn line(&self) -> String {
        let (level, check, text) = (self.level.name().to_ascii_uppercase(), self.check, &self.text);
        let cure = self.cure.as_ref().map_or(String::new(), |cure| format!("; cure: {cure}"));
        format!("{level:<4}  {check:<12}  {text}{cure}")
    }
}

/// What helps against a class of failures, beside what their texts say.
const fn general_cure(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Network => {
            "check this machine's network, its name server, and HTTPS_PROXY if there is one"
        }
        ErrorClass::Server | ErrorClass::Quota | ErrorClass::Format => {
            "wait, then run fitsync doctor again"
        }
        ErrorClass::Damaged => "replace the card or disk of this machine",
        ErrorClass::Newer => "install the version that is named",
        ErrorClass::Disk => "check the disk, and whom the folder belongs to",
        ErrorClass::Clock => "sudo timedatectl set-ntp true",
        ErrorClass::Auth => "fitsync login USER",
        ErrorClass::Retired => "fitsync migrate",
        _ => "correct what is named here, then run fitsync doctor again",
    }
}

/// 0 when nothing failed, 2 for wrong settings, else 1.
pub fn exit(findings: &[Finding]) -> u8 {
    let failed = findings.iter().filter(|finding| finding.level == Level::Fail);
    worst_exit(failed.map(|finding| if finding.wrong_settings { 2 } else { 1 }))
}

/// `a, b, c and 4 more`
pub fn named<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<&str> = all.into_iter().collect();
    let shown = all.iter().take(NAMES_SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMES_SHOWN_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

const USUAL_REDIRECT: &str = "http://localhost:8000/auth/callback";

/// As the sign-in judges it.
pub fn google_redirect(uri: &str) -> Finding {
    let check = "redirect";
    match judge(uri) {
        Verdict::Good if is_loopback_url(uri) => {
            Finding::ok(check, format!("{uri} (its address is pasted back from other machines)"))
        }
        Verdict::Good => Finding::ok(check, uri.to_owned()),
        Verdict::Doubtful(why) | Verdict::Wrong(why) => {
            let cure = format!(
                "register {USUAL_REDIRECT} at Google, set GOOGLE_REDIRECT_URI to it, and paste the \
                 address of the page that does not load"
            );
            Finding::fail(check, format!("Google refuses {uri} as a redirect address: {why}"), cure)
        }
    }
}

/// A name that only multicast DNS answers, which a static program does not speak.
pub fn needs_mdns(host: &str) -> bool {
    host.trim_end_matches('.').to_ascii_lowercase().ends_with(".local")
}

pub const MDNS_CURE: &str = "use the machine's address, or write the name into /etc/hosts: \
                             a static program does not look up .local names";

/// Exceptions from the proxy that are in no form that is understood.
pub fn no_proxy(exceptions: &Exceptions) -> Vec<Finding> {
    let found = exceptions.unusable.iter().map(|entry| {
        let text = format!("the entry {entry:?} of NO_PROXY is not understood");
        let cure = "write hosts as a.example, .a.example, 10.1.2.3 or 10.0.0.0/8, with commas";
        Finding::warn("proxy", text, cure)
    });
    found.collect()
}

/// How far this machine's clock is from that of a service.
pub fn clock(skew_s: i64) -> Finding {
    let check = "clock";
    let text = clock_is_off(skew_s);
    match skew_s.abs() {
        off_s if off_s > CLOCK_SKEW_S_MIN => Finding::fail(check, text, CLOCK_CURE),
        off_s if off_s > CLOCK_DOUBT_S_MIN => Finding::warn(check, text, CLOCK_CURE),
        _ => {
            Finding::ok(check, format!("within {} s of the services' clocks", skew_s.abs().max(1)))
        }
    }
}

/// Whether locks hold in the token folder: two runs that refresh one token at once would lose it.
pub fn locks(folder: &str, exclude: Result<bool>) -> Finding {
    let check = "locks";
    let cure = "put TOKEN_STORE_DIR and FITSYNC_DATA_DIR on a disk of this machine, not on a share";
    match exclude {
        Ok(true) => Finding::ok(check, format!("flock works in {folder}")),
        Ok(false) => Finding::fail(check, format!("flock does not exclude in {folder}"), cure),
        Err(failure) => {
            let text = format!("there is no flock in {folder}: {}", failure.what);
            Finding::fail(check, text, cure)
        }
    }
}

/// The disk of the data folder.
pub fn space(free_bytes: u64, size_bytes: u64) -> Finding {
    let check = "disk";
    let mb = |bytes: u64| bytes / 1_000_000;
    let text = format!("{} MB of {} MB free", mb(free_bytes), mb(size_bytes));
    let cure = "make room on this disk, or lower FITSYNC_KEEP_DAYS";
    if free_bytes < FETCH_SPACE_BYTES_MIN {
        Finding::fail(check, format!("{text}: nothing is fetched any more"), cure)
    } else if free_bytes < LOW_WATER_BYTES {
        Finding::warn(check, format!("{text}: uploaded files are removed early to make room"), cure)
    } else {
        Finding::ok(check, text)
    }
}

/// The disk of the token folder, where that is another one.
pub fn token_space(free_bytes: u64, size_bytes: u64) -> Finding {
    let check = "disk";
    let mb = |bytes: u64| bytes / 1_000_000;
    let text = format!("tokens: {} MB of {} MB free", mb(free_bytes), mb(size_bytes));
    if free_bytes < FETCH_SPACE_BYTES_MIN {
        let text = format!("{text}: tokens cannot be renewed and nobody can sign in");
        Finding::fail(check, text, "make room on the disk of TOKEN_STORE_DIR")
    } else {
        Finding::ok(check, text)
    }
}

/// Consents that end by themselves: those of an app in Testing, after seven days.
pub fn grants(now: Timestamp, mut ends: Vec<(String, Timestamp)>) -> Vec<Finding> {
    ends.sort_by_key(|(_, at)| *at);
    let (ended, running): (Vec<_>, Vec<_>) = ends.into_iter().partition(|(_, at)| *at <= now);
    let who = |ends: &[(String, Timestamp)]| named(ends.iter().map(|(user, _)| user.as_str()));
    let mut found = Vec::new();
    if !ended.is_empty() {
        let text = format!("the consents of {} have ended (seven days in Testing)", who(&ended));
        let cure = "publish the application to Production, then fitsync login each of them";
        found.push(Finding::warn("testing", text, cure));
    }
    if let Some((_, first)) = running.first() {
        let soon = first.as_second() - now.as_second() < GRANT_ENDS_SOON_S;
        let text = format!(
            "the consents of {} end by themselves, the first {}at {}: the application is in \
             Testing, where each lasts seven days",
            who(&running),
            if soon { "soon, " } else { "" },
            first.strftime("%Y-%m-%d %H:%M UTC")
        );
        let cure =
            "publish it to Production in the Google console, then let everyone sign in again";
        found.push(Finding::warn("testing", text, cure));
    }
    found
}

#[cfg(test)]
#[path = "finding_tests.rs"]
mod tests;
