//! What a run tells: one line per participant in the log, a summary, `--json`, the exit code.

use miniserde::Serialize;

use crate::core::error::{ErrorClass, Failure, worst_exit};
use crate::core::user::UserId;

/// One participant's part of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParticipantReport {
    pub user_id: String,
    pub requests: u64,
    pub days_read: u64,
    pub files_written: u64,
    pub files_uploaded: u64,
    /// Days that the provider still calls unfinished and that are not waited for any longer.
    pub sealed_unfinished: u64,
    pub failures: Vec<FailureReport>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureReport {
    pub class: String,
    pub metric: Option<String>,
    pub day: Option<String>,
    pub message: String,
}

/// The whole run, as `sync --json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunReport {
    pub version: u32,
    pub exit: u8,
    pub participants: Vec<ParticipantReport>,
    pub waiting: u64,
}

/// What `--json` prints where a command ended before its work.
#[derive(Debug, Serialize)]
pub struct EarlyEnd {
    version: u32,
    exit: u8,
    participants: Vec<ParticipantReport>,
    message: String,
}

impl EarlyEnd {
    pub fn new(failure: &Failure) -> Self {
        let exit = failure.class.exit_code();
        Self { version: 1, exit, participants: Vec::new(), message: failure.to_string() }
    }
}

impl ParticipantReport {
    pub fn new(user: &UserId) -> Self {
        Self {
            user_id: user.to_string(),
            requests: 0,
            days_read: 0,
            files_written: 0,
            files_uploaded: 0,
            sealed_unfinished: 0,
            failures: Vec::new(),
        }
    }

    pub fn fail(&mut self, failure: &Failure, metric: Option<&str>, day: Option<String>) {
        let level = match failure.class.exit_code() {
            0 if failure.class == ErrorClass::NotGranted => log::Level::Info,
            0 | 75 => log::Level::Warn,
            _ => log::Level::Error,
        };
        self.note(level, failure, metric, day);
    }

    /// For a reason that the log has already told.
    pub fn fail_again(&mut self, failure: &Failure, metric: Option<&str>, day: Option<String>) {
        self.note(log::Level::Debug, failure, metric, day);
    }

    fn note(
        &mut self,
        level: log::Level,
        failure: &Failure,
        metric: Option<&str>,
        day: Option<String>,
    ) {
        let (class, user) = (failure.class.name(), &self.user_id);
        let message = failure.to_string();
        let same = |known: &FailureReport| (known.message == message) && (known.day == day);
        // The same thing stands in the way of several steps.
        if self.failures.iter().any(|known| same(known) && known.metric.as_deref() == metric) {
            return;
        }
        log::log!(level, "user={user} metric={} class={class} {failure}", metric.unwrap_or("-"));
        // A participant's own choice.
        if failure.class == ErrorClass::NotGranted {
            return;
        }
        self.failures.push(FailureReport {
            class: class.to_owned(),
            metric: metric.map(str::to_owned),
            day,
            message,
        });
    }

    pub fn log(&self) {
        log::info!(
            "user={} requests={} days_read={} files_written={} files_uploaded={} failures={}",
            self.user_id,
            self.requests,
            self.days_read,
            self.files_written,
            self.files_uploaded,
            self.failures.len()
        );
    }
}

impl RunReport {
    pub fn new(participants: Vec<ParticipantReport>, waiting: u64) -> Self {
        let classes = participants.iter().flat_map(|report| &report.failures);
        let exit = worst_exit(classes.map(|failure| exit_of(&failure.class)));
        Self { version: 1, exit, participants, waiting }
    }

    pub fn log(&self) {
        let sum = |count: fn(&ParticipantReport) -> u64| -> u64 {
            self.participants.iter().map(count).sum()
        };
        log::info!(
            "participants={} requests={} days_read={} files_written={} files_uploaded={} \
             waiting={} failures={} exit={}",
            self.participants.len(),
            sum(|report| report.requests),
            sum(|report| report.days_read),
            sum(|report| report.files_written),
            sum(|report| report.files_uploaded),
            self.waiting,
            sum(|report| report.failures.len() as u64),
            self.exit
        );
    }
}

fn exit_of(class: &str) -> u8 {
    ErrorClass::named(class).map_or(1, ErrorClass::exit_code)
}
