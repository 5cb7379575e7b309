//! SIGTERM: no new request, the work is kept; a refresh under way is waited for.

use fitsync_sim::{Effect, Fault, Host, Rotation};

use crate::{all_well, asked, connected, expire, run, terminate, token_text, until_asked};

#[test]
fn a_run_that_is_told_to_stop_ends_in_the_middle_of_a_request_and_the_next_one_goes_on() {
    let gateway = connected(1);
    gateway.sim.inject(Fault::once(Effect::Hang).host(Host::Google).path("dataTypes"));
    let child = gateway.start(&["sync"]);
    until_asked(&gateway, "dataTypes");
    terminate(&child);
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(75));
    assert_eq!(asked(&gateway, "dataTypes"), 1, "a new request was made");
    run(&gateway, &["sync"], 0);
    all_well(&gateway);
}

#[test]
fn an_upload_that_is_told_to_stop_is_finished_by_the_next_one() {
    let gateway = connected(1);
    run(&gateway, &["sync", "--no-upload"], 0);
    gateway.sim.inject(Fault::once(Effect::Hang).host(Host::S3).method("PUT").skip(1));
    gateway.sim.clear_requests();
    let child = gateway.start(&["upload"]);
    for _ in 0..3_000 {
        if asked(&gateway, "PUT") >= 2 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    terminate(&child);
    assert_eq!(child.wait_with_output().expect("an end").status.code(), Some(75));
    run(&gateway, &["upload"], 0);
    all_well(&gateway);
}

#[test]
fn a_refresh_that_is_under_way_reaches_the_disk() {
    let gateway = connected(1);
    gateway.sim.set_rotation(Rotation::Rotate);
    expire(&gateway);
    let before = token_text(&gateway);
    // Longer than what a stopping run is otherwise given.
    gateway.sim.inject(Fault::once(Effect::Delay { ms: 3_000 }).host(Host::Token));
    gateway.sim.clear_requests();
    let child = gateway.start(&["sync"]);
    until_asked(&gateway, "/token");
    terminate(&child);
    assert_eq!(child.wait_with_output().expect("an end").status.code(), Some(75));
    assert_ne!(token_text(&gateway), before);
    run(&gateway, &["sync"], 0);
    all_well(&gateway);
}
