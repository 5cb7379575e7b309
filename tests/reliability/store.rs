//! No upload is lost: stores that refuse, break off, are away or poisoned by single files.

use fitsync_sim::{Effect, Fault, Host};

use crate::gateway::Gateway;
use crate::{all_well, connected, run};

fn puts(effect: Effect) -> Fault {
    Fault::always(effect).host(Host::S3).method("PUT")
}

/// A run under a fault that lasts, and one after it.
fn waits_under(gateway: &Gateway, fault: Fault, codes: &[i32]) {
    gateway.sim.inject(fault);
    let ran = gateway.run(&["sync"], None);
    assert!(ran.code.is_some_and(|code| codes.contains(&code)), "{ran:?}");
    assert_eq!(gateway.sim.s3_objects(), []);
    gateway.sim.clear_faults();
    run(gateway, &["upload"], 0);
    all_well(gateway);
}

#[test]
fn uploads_that_break_off_wait_for_the_next_run() {
    waits_under(&connected(1), puts(Effect::ResetUpload { after_bytes: 1_000 }), &[75]);
}

#[test]
fn a_store_that_is_ill_gets_everything_when_it_is_well() {
    let ill = Effect::Status { status: 500, retry_after_s: None };
    waits_under(&connected(1), puts(ill), &[75]);
}

#[test]
fn a_store_that_asks_to_slow_down_gets_everything_later() {
    let slow = Effect::S3Error { status: 503, code: "SlowDown".to_owned() };
    waits_under(&connected(1), puts(slow), &[75]);
}

#[test]
fn refused_credentials_keep_the_files_and_fetching_goes_on() {
    let denied = Effect::S3Error { status: 403, code: "AccessDenied".to_owned() };
    waits_under(&connected(1), puts(denied), &[1, 75]);
}

#[test]
fn an_upload_whose_confirmation_was_lost_is_sent_again() {
    let gateway = connected(1);
    gateway.sim.inject(puts(Effect::LostReply).count(3));
    let ran = gateway.run(&["sync"], None);
    assert!(matches!(ran.code, Some(0 | 75)), "{ran:?}");
    run(&gateway, &["sync", "--user", "user_001"], 0);
    all_well(&gateway);
}

#[test]
fn poisoned_files_never_block_the_others() {
    let mut gateway = connected(1);
    gateway.settings.insert("FITSYNC_LOOKBACK_DAYS".into(), "20".into());
    run(&gateway, &["sync", "--no-upload"], 0);
    // All the older half, so that they come first.
    let denied = Effect::S3Error { status: 400, code: "InvalidRequest".to_owned() };
    let from = crate::check::days_ago(&gateway, 20, 10);
    let days: Vec<_> = (0..10)
        .map(|day| from.0 + fitsync_sim::jiff::ToSpan::days(day))
        .map(|date| date.strftime("%Y%m%d").to_string())
        .collect();
    for day in &days {
        gateway.sim.inject(puts(denied.clone()).path(day));
    }
    for _ in 0..2 {
        let ran = gateway.run(&["upload"], None);
        assert!(matches!(ran.code, Some(1 | 75)), "{ran:?}");
    }
    let objects = gateway.sim.s3_objects();
    let healthy = crate::check::entries(&gateway)
        .into_iter()
        .filter(|((date, _), entry)| *date > from.1 && entry.file.sha256.is_some());
    let mut count = 0;
    for ((date, metric), _) in healthy {
        let name = format!("{metric}_{}.csv", date.strftime("%Y%m%d"));
        assert!(objects.iter().any(|(key, _)| key.ends_with(&name)), "{name} was blocked");
        count += 1;
    }
    assert!(count > 10, "{count}");
    gateway.sim.clear_faults();
    run(&gateway, &["upload"], 0);
    let wrong = crate::check::check(&gateway, &[crate::check::days_ago(&gateway, 20, 0)]);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_file_that_is_damaged_before_it_was_sent_is_read_again() {
    let gateway = connected(1);
    run(&gateway, &["sync", "--no-upload"], 0);
    let entries = crate::check::entries(&gateway);
    let user = crate::gateway::USER.parse().expect("an id");
    let mut files = entries.iter().filter(|(_, entry)| entry.file.sha256.is_some());
    let ((date, metric), _) = files.next().expect("a file");
    let path = fitsync::core::user::file_path(&user, metric, *date);
    std::fs::write(gateway.data().join(path), "cut").expect("damage");
    let ran = run(&gateway, &["upload"], 1);
    assert!(ran.said.contains("will be read again"), "{}", ran.said);
    run(&gateway, &["sync"], 0);
    all_well(&gateway);
}
