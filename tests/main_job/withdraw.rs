//! A participant withdraws: revoked, removed, refused, and finished later where that must wait.

use std::io::Write as _;
use std::process::Stdio;

use fitsync_sim::Participant;

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
    world.sync(&[]).exits(0).says("the withdrawal is complete");
    assert!(!world.sim.is_granted(WHO));
    assert!(!world.objects().keys().any(|key| key.contains("/user_001/")));
    let text = std::fs::read_to_string(&marker).unwrap();
    assert!(text.contains("\"refresh_token\":null"), "{text}");
    assert_eq!(left_of(&world, USER), ["user_001.lock", "user_001.withdrawn"]);
}
