//! `fitsync doctor`: looks at everything that a run leans on and says what to do. It takes no lock
//! that a run needs, and changes nothing but one probe object, which it removes again.

mod bucket;
mod files;
mod finding;
mod inspect;
mod outside;
mod people;

use std::io::Write as _;

use miniserde::Serialize;

use crate::command::arguments::DoctorArguments;
use crate::command::doctor::finding::{Finding, Level};
use crate::core::error::Result;
use crate::gateway::Gateway;
use crate::io::clock::Clock;
use crate::io::terminal::print_json;
use crate::settings::Config;

#[derive(Debug, Serialize)]
struct DoctorReport {
    version: u32,
    exit: u8,
    checks: Vec<CheckReport>,
}

#[derive(Debug, Serialize)]
struct CheckReport {
    check: String,
    level: String,
    text: String,
    cure: Option<String>,
}

/// Lines are told as they are found: some of them take their time.
#[derive(Debug)]
pub(super) struct Report {
    json: bool,
    findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, finding: Finding) {
        if !self.json {
            // Who reads the pipe may be gone; the exit code still tells.
            let _ = writeln!(std::io::stdout().lock(), "{}", finding.line());
        }
        self.findings.push(finding);
    }

    fn add_all(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.add(finding));
    }

    fn end(self) -> u8 {
        let exit = finding::exit(&self.findings);
        let count = |level| self.findings.iter().filter(|one| one.level == level).count();
        if self.json {
            let check = |finding: Finding| CheckReport {
                check: finding.check.to_owned(),
                level: finding.level.name().to_owned(),
                text: finding.text,
                cure: finding.cure,
            };
            let checks = self.findings.into_iter().map(check).collect();
            print_json(&DoctorReport { version: 1, exit, checks });
        } else {
            let counts = [Level::Ok, Level::Warn, Level::Fail].map(count);
            let [ok, warn, fail] = counts;
            let _ = writeln!(std::io::stdout().lock(), "{ok} OK, {warn} WARN, {fail} FAIL");
        }
        exit
    }
}

/// `config`: the settings, or why they are refused.
pub fn run(config: Result<Config>, arguments: &DoctorArguments) -> u8 {
    let mut report = Report { json: arguments.json, findings: Vec::new() };
    let config = match config {
        Ok(config) => config,
        Err(failure) => {
            report.add(Finding::failure("settings", &failure));
            return report.end();
        }
    };
    crate::io::log::start(config.log_level.min(log::LevelFilter::Warn));
    report.add_all(files::settings(&config));
    report.add_all(files::folders(&config));
    match Gateway::inspect(config, Clock::default()) {
        Ok(gateway) => check(&gateway, &mut report),
        Err(failure) => report.add(Finding::failure("settings", &failure)),
    }
    report.end()
}

fn check(gateway: &Gateway, report: &mut Report) {
    let store = gateway.store();
    let store_address = store.as_ref().ok().and_then(|store| store.as_ref()?.address().ok());
    report.add_all(outside::proxy(gateway));
    outside::name_look_up(gateway, store_address.as_deref(), report);
    let behind_s = outside::providers(gateway, report);
    report.add_all(people::check(gateway));
    bucket::check(gateway, store, report);
    report.add_all(outside::clock(gateway, behind_s));
}
