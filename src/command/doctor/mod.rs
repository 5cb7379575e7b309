//! `fitsync doctor`: looks at everything that a run leans on and says what to do. It takes no lock
//! that a run needs, and changes nothing but one probe object, which it removes again.

mod bucket;
mod files;
mod finding;
mod inspect;
mod outside;
mod people;
mod report;

use crate::command::arguments::DoctorArguments;
use crate::command::doctor::finding::Finding;
use crate::command::doctor::report::Report;
use crate::core::error::Result;
use crate::gateway::Gateway;
use crate::io::clock::Clock;
use crate::settings::Config;

/// `config`: the settings, or why they are refused.
pub fn run(config: Result<Config>, arguments: &DoctorArguments) -> u8 {
    let mut report = Report::new(arguments.json);
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

pub fn check(gateway: &Gateway, report: &mut Report) {
    let store = gateway.store_as(true);
    let store_address = store.as_ref().ok().and_then(|store| store.as_ref()?.address().ok());
    report.add_all(outside::proxy(gateway));
    outside::name_look_up(gateway, store_address.as_deref(), report);
    let behind_s = outside::providers(gateway, report);
    report.add_all(people::check(gateway));
    bucket::check(gateway, store, report);
    report.add_all(outside::clock(gateway, behind_s));
}
