//! `fitsync upload`, and the uploading part of `sync`.

use crate::command::arguments::UploadArguments;
use crate::core::error::{ErrorClass, Failure, Result};
use crate::gateway::Gateway;
use crate::io::terminal::print_json;
use crate::sync::report::{ParticipantReport, RunReport};
use crate::sync::run::{make_room, named_users, run_lock, unfinished_withdrawals};
use crate::sync::uploads::Uploads;

pub fn run(gateway: &Gateway, arguments: &UploadArguments) -> Result<u8> {
    let chosen = gateway.chosen(&named_users(&arguments.user)?)?;
    let _lock = run_lock(gateway)?;
    if gateway.config.bucket.is_none() {
        return Err(Failure::new(ErrorClass::Usage, "S3_BUCKET_RAW is not set: no bucket"));
    }
    let unfinished = unfinished_withdrawals(gateway)?;
    let uploads = Uploads::open(gateway, chosen.len(), false, true)?;
    let mut reports: Vec<_> = chosen.iter().map(ParticipantReport::new).collect();
    uploads.backlog(&chosen, &mut reports);
    make_room(gateway);
    let waiting = uploads.waiting(&chosen);
    reports.extend(unfinished);
    let report = RunReport::new(reports, waiting);
    report.log();
    if arguments.json {
        print_json(&report);
    }
    Ok(report.exit)
}
