//! One run: who, what is asked (`plan`), the one loop that reads data (`fetch`), what is sent
//! (`uploads`), what is told (`report`).

pub mod account;
pub mod consent;
pub mod device;
pub mod dry_run;
pub mod fetch;
pub mod notices;
pub mod plan;
pub mod planning;
pub mod queue;
pub mod reading;
pub mod report;
pub mod run;
pub mod session;
pub mod sizes;
pub mod uploads;
