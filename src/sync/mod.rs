//! One run: who, what is asked (`plan`), the one loop that reads data (`fetch`), what is sent
//! (`uploads`), what is told (`report`).

pub mod conclude;
pub mod dry_run;
pub mod fetch;
pub mod notices;
pub mod plan;
pub mod planning;
pub mod queue;
pub mod report;
pub mod run;
pub mod session;
pub mod uploads;
