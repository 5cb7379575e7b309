//! Lines are told as they are found: some of them take their time.

use std::io::Write as _;

use miniserde::Serialize;

use crate::command::doctor::finding::{self, Finding, Level};
use crate::io::terminal::print_json;

#[derive(Debug, Serialize)]
pub struct DoctorReport {
    version: u32,
    exit: u8,
    checks: Vec<CheckReport>,
}

#[derive(Debug, Serialize)]
pub struct CheckReport {
    check: String,
    level: String,
    text: String,
    cure: Option<String>,
}

/// Lines are told as they are found: some of them take their time.
#[derive(Debug)]
pub struct Report {
    json: bool,
    findings: Vec<Finding>,
}

impl Report {
    pub const fn new(json: bool) -> Self {
        Self { json, findings: Vec::new() }
    }

    pub fn add(&mut self, finding: Finding) {
        if !self.json {
            // Who reads the pipe may be gone; the exit code still tells.
            let _ = writeln!(std::io::stdout().lock(), "{}", finding.line());
        }
        self.findings.push(finding);
    }

    pub fn add_all(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.add(finding));
    }

    pub fn end(self) -> u8 {
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
