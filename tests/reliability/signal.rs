//! Signals: no new request, the work is kept; a refresh under way is waited for.

use fitsync_sim::{Effect, Fault, Host, Rotation};

use crate::gateway::{Gateway, USER};
use crate::{all_well, asked, connected, expire, run, signal, terminate, token_text, until_asked};

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

/// A sync that hangs in its first request for data.
fn hanging() -> Gateway {
    let gateway = connected(1);
    gateway.sim.inject(Fault::once(Effect::Hang).host(Host::Google).path("dataTypes"));
    gateway
}

#[test]
fn a_closed_terminal_ends_a_run_like_sigterm_and_ctrl_c_with_its_own_code() {
    for (name, code, by) in
        [("HUP", 75, "a signal"), ("TERM", 75, "a signal"), ("INT", 130, "Ctrl-C")]
    {
        let gateway = hanging();
        let child = gateway.start(&["sync"]);
        until_asked(&gateway, "dataTypes");
        signal(child.id(), name);
        let output = child.wait_with_output().expect("an end");
        assert_eq!(output.status.code(), Some(code), "{name}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said.matches(&format!("stopped by {by}; ")).count(), 1, "{said}");
        assert!(said.contains("waits for the next run"), "{said}");
        run(&gateway, &["sync"], 0);
        all_well(&gateway);
    }
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let gateway = connected(1);
    gateway
        .sim
        .inject(Fault::once(Effect::Delay { ms: 3_000 }).host(Host::Google).path("dataTypes"));
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' HUP INT; exec \"$0\" sync", env!("CARGO_BIN_EXE_fitsync")]);
    let child = command.env_clear().envs(&gateway.settings).spawn().expect("a shell");
    until_asked(&gateway, "dataTypes");
    signal(child.id(), "HUP");
    signal(child.id(), "INT");
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(0));
    all_well(&gateway);
}

#[test]
fn a_refresh_under_way_is_finished_whatever_the_signal() {
    for name in ["HUP", "INT"] {
        let gateway = connected(1);
        gateway.sim.set_rotation(Rotation::Rotate);
        expire(&gateway);
        let before = token_text(&gateway);
        gateway.sim.inject(Fault::once(Effect::Delay { ms: 3_000 }).host(Host::Token));
        gateway.sim.clear_requests();
        let child = gateway.start(&["sync"]);
        until_asked(&gateway, "/token");
        signal(child.id(), name);
        assert!(child.wait_with_output().expect("an end").status.code().is_some());
        assert_ne!(token_text(&gateway), before);
        run(&gateway, &["sync"], 0);
        all_well(&gateway);
    }
}

#[test]
fn the_pages_end_well_by_any_signal_and_a_sign_in_that_is_waited_for_does_not() {
    for (name, code) in [("HUP", 75), ("TERM", 75), ("INT", 130)] {
        let gateway = connected(1);
        for (arguments, code) in [(&["serve"][..], 0), (&["login", USER], code)] {
            let mut child = gateway.start(arguments);
            let said =
                until_said(&mut child, if code == 0 { "the pages are at" } else { "Open this" });
            signal(child.id(), name);
            let output = child.wait_with_output().expect("an end");
            let rest = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{arguments:?} {name}: {said}{rest}");
            assert!(code == 0 || rest.contains("changed nothing"), "{rest}");
        }
        run(&gateway, &["sync"], 0);
    }
}

/// Reads what a program says up to some words.
fn until_said(child: &mut std::process::Child, words: &str) -> String {
    use std::io::Read as _;
    let stderr = child.stderr.as_mut().expect("stderr");
    let (mut said, mut byte) = (Vec::new(), [0]);
    while !String::from_utf8_lossy(&said).contains(words) {
        assert_eq!(stderr.read(&mut byte).expect("a byte"), 1, "it ended before");
        said.push(byte[0]);
    }
    String::from_utf8_lossy(&said).into_owned()
}
