//! A ledger with something odd in it: told once, with the cure, and nobody else's matter.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::world::{USER, WHO, World, at_noon, plain};

/// The head, then the months.
fn files(world: &World) -> Vec<PathBuf> {
    let folder = world.data().join("ledger").join(USER);
    let paths = std::fs::read_dir(folder).expect("a ledger").flatten().map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect()
}

fn zones(world: &World) -> BTreeSet<String> {
    world.completeness(USER).into_iter().map(|row| row.zone).collect()
}

#[test]
fn a_folder_in_the_place_of_a_ledger_file_is_told_once_with_the_cure() {
    let world = World::connected(plain(vec![at_noon()]));
    world.sync(&[]).exits(0);
    for path in files(&world) {
        let aside = path.with_extension("aside");
        std::fs::rename(&path, &aside).expect("damage");
        std::fs::create_dir(&path).expect("damage");
        let ran = world.sync(&[]).exits(1);
        assert_eq!(ran.stderr.matches("move it away").count(), 1, "{}", ran.stderr);
        assert_eq!(ran.failures().len(), 1);
        let status = world.run(&["status"]).exits(0).stdout;
        assert!(status.contains(USER) && status.contains("move it away"), "{status}");
        std::fs::remove_dir(&path).expect("cure");
        std::fs::rename(&aside, &path).expect("cure");
    }
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_time_zone_that_this_build_does_not_know_stops_nothing() {
    let world = World::connected(plain(vec![at_noon()]));
    world.sync(&[]).exits(0);
    let before = zones(&world);
    let zone = before.first().expect("a zone");
    for path in files(&world) {
        let text = std::fs::read_to_string(&path).expect("a file");
        assert!(text.contains(&format!("\"{zone}\"")), "{text}");
        std::fs::write(&path, text.replace(zone, "Mars/Olympus")).expect("damage");
    }
    let status = world.run(&["status"]).exits(0).stdout;
    assert!(status.contains("Mars/Olympus") && status.contains('█'), "{status}");
    let first = world.completeness(USER)[0].date.to_string();
    let ran = world.sync(&["--from", &first]).exits(0);
    assert_eq!(ran.stderr.matches("it is asked again").count(), 1, "{}", ran.stderr);
    assert_eq!(zones(&world), before, "days that were read again are in the account's zone");
    world.check_bucket(USER, WHO);
    assert!(!world.run(&["status"]).exits(0).stdout.contains("Mars/Olympus"));
    world.sync(&[]).exits(0);
}
