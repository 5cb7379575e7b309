//! A participant withdraws: revoked, removed, refused, and finished later where that must wait.

use std::io::Write as _;
use std::process::Stdio;

use fitsync_sim::{Effect, Fault, Host, Participant};
use serde_json::Value;

use crate::interrupted::kill_after;
use crate::world::{USER, WHO, World, plain, ran};

fn two() -> World {
    let world = World::connected(plain(Participant::numbered(2)));
    world.connect("user_0011", "p2");
    world.sync(&[]).exits(0);
    world
}

fn left_of(world: &World, user: &str) -> Vec<String> {
    let names = world.snapshot().into_keys();
    let names = names.map(|path| path.to_string_lossy().into_owned());
    names
        .filter(|name| name.contains(&format!("{user}/")) || name.contains(&format!("{user}.")))
        .map(|name| name.rsplit('/').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn everything_of_the_participant_is_removed_and_of_nobody_else() {
    let world = two();
    let objects = world.objects();
    let of = |user: &str| objects.keys().filter(|key| key.contains(&format!("/{user}/"))).count();
    assert!(of(USER) > 10 && of("user_0011") > 10);
    let receipt = world.run(&["withdraw", USER, "--delete-objects", "--yes"]).exits(0);
    assert!(receipt.stdout.contains("Withdrawal of user_001"), "{}", receipt.stdout);
    let wanted = format!("stored objects   {} deleted", of(USER));
    assert!(receipt.stdout.contains(&wanted), "{}", receipt.stdout);
    assert!(receipt.stdout.contains("confirmed by the provider"), "{}", receipt.stdout);
    assert!(!world.sim.is_granted(WHO) && world.sim.is_granted("p2"));
    assert_eq!(left_of(&world, USER), ["user_001.lock", "user_001.withdrawn"]);
    let now = world.objects();
    assert!(!now.keys().any(|key| key.contains("/user_001/")));
    assert_eq!(now.len(), of("user_0011"), "nothing of the others");
    world.run(&["login", USER]).exits(2).says("has withdrawn");
    world.sync(&[]).exits(0);
    assert_eq!(world.status(USER)["state"], "withdrawn");
    let again = world.run(&["withdraw", USER, "--yes"]).exits(0);
    assert!(again.stdout.contains("Done. This id cannot sign in again."), "{}", again.stdout);
    world.check_bucket("user_0011", "p2");
}

#[test]
fn a_consent_that_comes_after_the_withdrawal_is_given_back() {
    let world = two();
    for (user, who, confirmed) in [(USER, WHO, true), ("user_0011", "p2", false)] {
        let mut login = world.login(&[user]);
        world.run(&["withdraw", user, "--yes"]).exits(0);
        let address = world.sim.consent(&login.url, who).expect("a consent");
        if !confirmed {
            let broken = Effect::Status { status: 500, retry_after_s: None };
            world.sim.inject(Fault::always(broken).path("revoke"));
        }
        login.paste(&address);
        let ran = login.end().exits(1).says(&format!("{user} has withdrawn"));
        assert_eq!(world.sim.is_granted(who), !confirmed);
        ran.says(if confirmed { "consent was revoked" } else { "myaccount.google.com" });
        assert!(!world.token_file(user).exists());
    }
}

#[test]
fn without_being_asked_to_the_objects_stay() {
    let world = two();
    let before = world.objects();
    let receipt = world.run(&["withdraw", USER, "--yes"]).exits(0);
    assert!(receipt.stdout.contains("fitsync withdraw user_001 --delete-objects"));
    assert_eq!(world.objects(), before);
    world.run(&["withdraw", USER, "--yes", "--delete-objects"]).exits(0);
    assert!(!world.objects().keys().any(|key| key.contains("/user_001/")));
}

#[test]
fn the_id_is_typed_or_nothing_happens() {
    let world = two();
    let before = world.snapshot();
    for typed in ["", "user_0011\n", "yes\n"] {
        let mut command = world.command(&["withdraw", USER]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(2), "{typed:?}");
    }
    assert_eq!(world.snapshot(), before);
    world.run(&["withdraw", "stranger", "--yes"]).exits(2).says("not known");
}

#[test]
fn offline_the_marker_waits_and_a_later_run_finishes() {
    let world = two();
    world.sim.set_down(true);
    let receipt = ran(&mut world.command(&["withdraw", USER, "--delete-objects", "--yes"]));
    let receipt = receipt.exits(75);
    assert!(receipt.stdout.contains("NOT YET"), "{}", receipt.stdout);
    assert!(!world.token_file(USER).exists());
    let marker = world.dir.join("tokens/user_001.withdrawn");
    assert!(std::fs::read_to_string(&marker).unwrap().contains("refresh_token\":\"1//"));
    world.sim.set_down(false);
    world.sim.set_host_down(Host::S3, true);
    let ran = world.sync(&[]).exits(75).says("withdrawal: ");
    assert!(ran.stdout.contains("withdrawal: ") && !ran.stderr.contains("nobody is signed in"));
    world.sim.set_host_down(Host::S3, false);
    world.sync(&[]).exits(0).says("the withdrawal is complete");
    assert!(!world.sim.is_granted(WHO));
    assert!(!world.objects().keys().any(|key| key.contains("/user_001/")));
    let text = std::fs::read_to_string(&marker).unwrap();
    assert!(text.contains("\"refresh_token\":null"), "{text}");
    assert_eq!(left_of(&world, USER), ["user_001.lock", "user_001.withdrawn"]);
}

/// Nothing is left of the participant but the lock and the marker, and the marker says so.
#[track_caller]
fn check_gone(world: &World) {
    assert!(!world.sim.is_granted(WHO));
    assert!(!world.objects().keys().any(|key| key.contains("/user_001/")));
    assert_eq!(left_of(world, USER), ["user_001.lock", "user_001.withdrawn"]);
    let marker = marker(world);
    assert_eq!(marker["refresh_token"], Value::Null);
    assert!(marker["objects_deleted_at"].is_string() && marker["local_removed_at"].is_string());
    world.check_bucket("user_0011", "p2");
}

fn marker(world: &World) -> Value {
    let bytes = std::fs::read(world.dir.join("tokens/user_001.withdrawn")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn a_withdrawal_that_is_killed_anywhere_is_finished_by_the_next_sync() {
    let withdraw = ["withdraw", USER, "--delete-objects", "--yes"];
    // The revocation has no answer; the first object is not gone; some are.
    for (label, requests) in [("revoke", 1), ("DELETE", 1), ("DELETE", 7)] {
        let world = two();
        let slow = Fault::always(Effect::Delay { ms: 50 }).host(Host::S3).method("DELETE");
        let hang = Fault::once(Effect::Hang).host(Host::Token).path("revoke");
        world.sim.inject(if label == "revoke" { hang } else { slow });
        kill_after(&world, &withdraw, label, requests);
        world.sim.clear_faults();
        world.run(&["login", USER]).exits(2).says("has withdrawn");
        world.sync(&[]).exits(0).says("the withdrawal is complete");
        check_gone(&world);
    }
}

#[test]
fn what_cannot_be_deleted_is_listed_and_tried_again() {
    let world = two();
    let count = |world: &World| {
        world.objects().keys().filter(|key| key.contains("/user_001/")).count() as u64
    };
    let all = count(&world);
    let denied = Effect::S3Error { status: 403, code: "AccessDenied".to_owned() };
    world.sim.inject(Fault::always(denied).host(Host::S3).method("DELETE").path("/calories/"));
    let receipt = world.run(&["withdraw", USER, "--delete-objects", "--yes"]).exits(1);
    let left = count(&world);
    assert!(left > 0 && left < all);
    let lines =
        receipt.stdout.lines().filter(|line| line.contains("left: users/user_001/calories/"));
    assert_eq!(lines.count() as u64, left, "{}", receipt.stdout);
    assert!(receipt.stdout.contains(&format!("{} deleted", all - left)), "{}", receipt.stdout);
    world.sim.clear_faults();
    world.sync(&[]).exits(0).says("the withdrawal is complete");
    check_gone(&world);
    assert_eq!(marker(&world)["objects_deleted"].as_u64(), Some(all));
    assert!(!marker(&world)["objects_left"].to_string().contains("calories"));
}

#[test]
fn no_command_works_on_the_id_afterwards() {
    let world = two();
    world.run(&["withdraw", USER, "--yes"]).exits(0);
    let before = world.snapshot();
    for words in [
        ["login", USER].as_slice(),
        &["sync", "--user", USER],
        &["upload", "--user", USER],
        &["migrate", USER],
        &["verify", "--user", USER],
    ] {
        world.run(words).exits(2).says("user_001 has withdrawn from the study");
    }
    assert_eq!(world.snapshot(), before);
    world.sync(&[]).exits(0);
    assert_eq!(world.status(USER)["state"], "withdrawn");
}

#[test]
fn a_sign_in_that_was_open_during_the_withdrawal_stores_nothing() {
    let world = two();
    let mut login = world.login(&[USER]);
    let address = world.sim.consent(&login.url, WHO).unwrap();
    world.run(&["withdraw", USER, "--yes"]).exits(0);
    login.paste(&address);
    login.end().exits(1).says("has withdrawn");
    assert!(!world.token_file(USER).exists());
}

#[test]
fn a_consent_at_the_retired_api_is_ended_there_and_one_from_before_a_move_too() {
    let mut world = World::new(plain(Participant::numbered(2)));
    world.use_fitbit();
    world.connect(USER, WHO);
    world.connect("user_002", "p2");
    let asked = |world: &World| world.asked("revoke").iter().map(|s| s.host).collect::<Vec<_>>();
    let receipt = world.run(&["withdraw", USER, "--yes"]).exits(0).stdout;
    assert!(receipt.contains("confirmed by the provider"), "{receipt}");
    assert_eq!(asked(&world), [Host::Fitbit]);
    assert!(!world.sim.is_granted(WHO));

    // Moved while the retired API could not be reached, so its grant was kept aside.
    world.unset("FITSYNC_PROVIDER");
    world.sim.set_host_down(Host::Fitbit, true);
    world.connect_by(&["migrate", "user_002"], "p2").exits(0);
    world.sim.set_host_down(Host::Fitbit, false);
    world.sim.clear_requests();
    let receipt = world.run(&["withdraw", "user_002", "--yes"]).exits(0).stdout;
    assert!(receipt.contains("consent before   fitbit: confirmed"), "{receipt}");
    assert_eq!(asked(&world), [Host::Token, Host::Fitbit]);
    assert!(!world.sim.is_granted("p2"));
    assert_eq!(left_of(&world, "user_002"), ["user_002.lock", "user_002.withdrawn"]);
}

#[test]
fn an_api_that_is_switched_off_ends_the_consent_with_it() {
    let mut world = World::new(plain(Participant::numbered(1)));
    world.use_fitbit();
    world.connect(USER, WHO);
    world.sim.set_fitbit_retired(true);
    let receipt = world.run(&["withdraw", USER, "--yes"]).exits(0).stdout;
    assert!(receipt.contains("the provider is switched off"), "{receipt}");
    assert!(receipt.contains("Done."), "{receipt}");
}

/// The token file, and none before it.
fn write_token(world: &World, text: &str) {
    std::fs::write(world.token_file(USER), text).unwrap();
    std::fs::remove_file(world.dir.join("tokens/user_001.json.prev")).ok();
}

#[test]
fn a_refused_revocation_is_a_failure_until_it_is_accepted() {
    let world = two();
    world.sim.inject(
        Fault::always(Effect::Status { status: 403, retry_after_s: None })
            .host(Host::Token)
            .path("revoke"),
    );
    let receipt = world.run(&["withdraw", USER, "--yes"]).exits(1);
    let receipt = receipt.says("https://myaccount.google.com/connections").stdout;
    assert!(receipt.contains("revoked          NOT YET: "), "{receipt}");
    assert!(!receipt.contains("refuses"), "perhaps a proxy answered: {receipt}");
    world.sync(&[]).exits(1).says("withdrawal: HTTP 403");
    // A web page is no answer of the provider's.
    world.sim.clear_faults();
    let page = Effect::Html { status: 200 };
    world.sim.inject(Fault::always(page).host(Host::Token).path("revoke"));
    let ran = world.sync(&[]).exits(1).says("withdrawal: a web page came");
    assert!(!ran.says("https://myaccount.google.com/connections").stderr.contains("refuses"));
    world.sim.clear_faults();
    world.sync(&[]).exits(0).says("the withdrawal is complete");
    assert!(!world.sim.is_granted(WHO));
}

#[test]
fn what_an_older_receipt_says_of_a_token_that_could_not_be_read_stays() {
    let world = two();
    world.run(&["withdraw", USER, "--yes"]).exits(0);
    let mut old = marker(&world);
    old["revoked_at"] = Value::Null;
    old["revocation"] = "the token file cannot be read".into();
    std::fs::write(world.dir.join("tokens/user_001.withdrawn"), old.to_string()).unwrap();
    let receipt = world.run(&["withdraw", USER, "--yes"]).exits(0).stdout;
    assert!(receipt.contains("revoked          NO: the token file cannot be read"), "{receipt}");
}

#[test]
fn a_token_of_another_version_or_cut_behind_its_refresh_token_is_revoked() {
    for change in ["newer", "cut", "cut with a newer one before"] {
        let world = two();
        let whole = std::fs::read_to_string(world.token_file(USER)).unwrap();
        let newer = whole.replace("\"version\":1", "\"version\":99");
        let end = whole.find("\"scope\"").unwrap();
        write_token(&world, if change == "newer" { &newer } else { &whole[..end] });
        if change.contains("before") {
            write_token(&world, &whole[..20]);
            std::fs::write(world.dir.join("tokens/user_001.json.prev"), newer).unwrap();
        }
        let receipt = world.run(&["withdraw", USER, "--yes"]).exits(0).stdout;
        assert!(receipt.contains("confirmed by the provider"), "{change}: {receipt}");
        assert!(!world.sim.is_granted(WHO), "{change}");
        assert_eq!(left_of(&world, USER), ["user_001.lock", "user_001.withdrawn"], "{change}");
    }
}

#[test]
fn a_token_that_cannot_be_read_is_kept_and_told_until_somebody_took_it_away() {
    let world = two();
    let cut = "{\"provider\":\"google-health\",\"refresh_token\":\"1//cut";
    write_token(&world, cut);
    let cure = "remove the study's application at https://myaccount.google.com/connections";
    let receipt = world.run(&["withdraw", USER, "--yes"]).exits(1).says(cure).stdout;
    assert!(receipt.contains("NO: the token cannot be read"), "{receipt}");
    assert!(!receipt.contains("Done."), "{receipt}");
    let again = world.run(&["withdraw", USER, "--yes"]).exits(1).says(cure).stdout;
    assert!(again.contains("NO: the token cannot be read"), "{again}");
    world.sync(&[]).exits(1).says(cure);
    assert_eq!(std::fs::read_to_string(world.token_file(USER)).unwrap(), cut);
    assert!(!world.data().join("users/user_001").exists());
    std::fs::remove_file(world.token_file(USER)).unwrap();
    world.sync(&[]).exits(0).says("the withdrawal is complete");
    assert_eq!(left_of(&world, USER), ["user_001.lock", "user_001.withdrawn"]);
    std::fs::write(world.token_file(USER), cut).unwrap();
    let last = world.run(&["withdraw", USER, "--yes"]).exits(0).stdout;
    assert!(!world.token_file(USER).exists(), "what is left of a grant that is gone goes");
    assert!(last.contains("(not by fitsync: its token file could not be read"), "{last}");
}

#[test]
fn a_receipt_that_cannot_be_read_is_kept_and_the_token_beside_it_revoked() {
    for unreadable in ["", "{\"version\":1,\"user_id\":\"user_001\"}"] {
        let world = two();
        std::fs::write(world.dir.join("tokens/user_001.withdrawn"), unreadable).unwrap();
        world.sync(&[]).exits(0).says("the withdrawal is complete");
        assert!(!world.sim.is_granted(WHO));
        assert!(marker(&world)["revocation"].as_str().unwrap().contains("confirmed"));
        assert!(marker(&world)["requested_at"].as_str().unwrap().starts_with("20"));
        assert_eq!(kept_receipts(&world), [unreadable]);
    }
}

#[test]
fn a_receipt_that_cannot_be_read_stands_for_a_consent_of_which_nothing_is_known() {
    let world = two();
    let path = world.dir.join("tokens/user_001.withdrawn");
    world.sim.set_down(true);
    world.run(&["withdraw", USER, "--yes"]).exits(75);
    world.sim.set_down(false);
    // Cut, and still with the refresh token that is to be revoked.
    let waiting = std::fs::read_to_string(&path).unwrap();
    let cut = waiting[..waiting.len() - 3].to_owned();
    std::fs::write(&path, &cut).unwrap();
    world.sync(&[]).exits(0).says("the withdrawal is complete");
    assert!(!world.sim.is_granted(WHO));
    assert_eq!(kept_receipts(&world), [cut]);
    std::fs::write(&path, "").unwrap();
    world.sync(&[]).exits(1).says("the receipt of before cannot be read");
    let receipt = world.run(&["withdraw", USER, "--yes"]).exits(1).stdout;
    assert!(receipt.contains("NO: not known: the receipt of before"), "{receipt}");
}

/// The copies of receipts that could not be read.
fn kept_receipts(world: &World) -> Vec<String> {
    let files = std::fs::read_dir(world.dir.join("tokens/unreadable")).unwrap().flatten();
    let receipts =
        files.filter(|file| file.file_name().to_string_lossy().starts_with("user_001.withdrawn."));
    receipts.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect()
}

#[test]
fn objects_are_deleted_from_a_bucket_that_is_named() {
    let mut world = two();
    let bucket = world.sim.environment().into_iter().find(|(name, _)| *name == "S3_BUCKET_RAW");
    let (name, bucket) = bucket.unwrap();
    let before = world.snapshot();
    world.unset(name);
    world.run(&["withdraw", USER, "--delete-objects", "--yes"]).exits(2).says("S3_BUCKET_RAW");
    assert_eq!(world.snapshot(), before);
    world.set(name, &bucket);
    world.sim.set_host_down(Host::S3, true);
    world.run(&["withdraw", USER, "--delete-objects", "--yes"]).exits(75);
    world.sim.set_host_down(Host::S3, false);
    // A wish of before; its cure ends it.
    world.unset(name);
    world.sync(&[]).exits(1).says("set it to the one that holds the objects");
    world.set(name, &bucket);
    world.sync(&[]).exits(0).says("the withdrawal is complete");
    check_gone(&world);
}
