//! A consent is never lost: refreshes that are repeated, raced, or answered into the void.

use fitsync_sim::{Effect, Fault, Host, Rotation};

use crate::gateway::USER;
use crate::{all_well, asked, connected, expire, run, token_text, until_asked};

#[test]
fn a_lost_reply_to_a_refresh_is_asked_for_once_more() {
    let gateway = connected(1);
    for rotation in [Rotation::None, Rotation::RotateWithGrace] {
        gateway.sim.set_rotation(rotation);
        expire(&gateway);
        gateway.sim.inject(Fault::once(Effect::LostReply).host(Host::Token));
        gateway.sim.clear_requests();
        run(&gateway, &["sync"], 0);
        assert_eq!(asked(&gateway, "/token"), 2);
    }
    all_well(&gateway);
}

#[test]
fn a_lost_reply_of_a_provider_without_grace_costs_a_sign_in_and_nothing_else() {
    let gateway = connected(1);
    run(&gateway, &["sync"], 0);
    gateway.sim.set_rotation(Rotation::Rotate);
    expire(&gateway);
    let before = token_text(&gateway);
    gateway.sim.inject(Fault::once(Effect::LostReply).host(Host::Token));
    let ran = run(&gateway, &["sync"], 3);
    assert!(ran.said.contains(&format!("fitsync login {USER}")), "{}", ran.said);
    let refresh = |text: &str| {
        let token = fitsync::consent::token::Token::parse(text).expect("a token");
        token.refresh_token.expose().to_owned()
    };
    assert_eq!(refresh(&token_text(&gateway)), refresh(&before), "the token is kept");
    run(&gateway, &["login", USER], 0);
    run(&gateway, &["sync"], 0);
    all_well(&gateway);
}

#[test]
fn two_runs_at_once_refresh_once_and_one_of_them_says_that_it_leaves() {
    let gateway = connected(1);
    gateway.sim.set_rotation(Rotation::Rotate);
    expire(&gateway);
    gateway.sim.inject(Fault::once(Effect::Delay { ms: 700 }).host(Host::Token));
    gateway.sim.clear_requests();
    let first = gateway.start(&["sync"]);
    until_asked(&gateway, "/token");
    let second = run(&gateway, &["sync"], 4);
    assert!(second.said.contains("another fitsync run"), "{}", second.said);
    let first = first.wait_with_output().expect("an end");
    assert_eq!(first.status.code(), Some(0));
    assert_eq!(asked(&gateway, "/token"), 1);
    all_well(&gateway);
}

#[test]
fn a_sign_in_during_a_refresh_leaves_a_token_that_works() {
    let gateway = connected(1);
    gateway.sim.set_rotation(Rotation::Rotate);
    expire(&gateway);
    gateway.sim.inject(Fault::once(Effect::Delay { ms: 1_000 }).host(Host::Token));
    gateway.sim.clear_requests();
    let sync = gateway.start(&["sync"]);
    until_asked(&gateway, "/token");
    run(&gateway, &["login", USER], 0);
    let sync = sync.wait_with_output().expect("an end");
    assert!(sync.status.code().is_some());
    expire(&gateway);
    run(&gateway, &["sync"], 0);
    all_well(&gateway);
}

#[test]
fn the_token_before_serves_when_the_newest_cannot_be_read_back() {
    let gateway = connected(1);
    run(&gateway, &["sync"], 0);
    expire(&gateway);
    run(&gateway, &["sync"], 0);
    let whole = token_text(&gateway);
    let path = gateway.tokens().join(format!("{USER}.json"));
    for (count, damaged) in ["", &whole[..50]].into_iter().enumerate() {
        std::fs::write(&path, damaged).expect("a token");
        let ran = run(&gateway, &["sync"], 0);
        assert!(ran.said.contains("using the one before"), "{}", ran.said);
        let kept = std::fs::read_dir(gateway.tokens().join("unreadable")).expect("copies");
        assert_eq!(kept.count(), count + 1);
    }
    gateway.sim.expire_access_tokens();
    run(&gateway, &["sync"], 0);
    assert!(token_text(&gateway).contains("refresh_token"), "the place is taken by a good one");
}

#[test]
fn a_token_folder_that_others_can_read_is_refused_with_the_cure() {
    use std::os::unix::fs::PermissionsExt as _;
    let gateway = connected(1);
    let mode = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(gateway.tokens(), permissions).expect("mode");
    };
    mode(0o755);
    let ran = run(&gateway, &["sync"], 2);
    assert!(ran.said.contains("chmod 700"), "{}", ran.said);
    mode(0o700);
    run(&gateway, &["sync"], 0);
}
