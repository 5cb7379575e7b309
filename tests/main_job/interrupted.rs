//! Runs that end in the middle: the next plain run goes on, and nobody has to help.

use std::process::Stdio;
use std::time::{Duration, Instant};

use fitsync_sim::jiff::civil::date;
use fitsync_sim::{Effect, Fault, Host};

use crate::world::{USER, WHO, World, living_in, plain};

/// Kills a run without a warning when the world has seen so many requests of a kind.
pub fn kill_after(world: &World, arguments: &[&str], label: &str, requests: usize) {
    world.sim.clear_requests();
    let mut command = world.command(arguments);
    let mut child = command.stderr(Stdio::null()).spawn().expect("the binary runs");
    let deadline = Instant::now() + Duration::from_secs(60);
    while world.asked(label).len() < requests {
        assert!(Instant::now() < deadline, "never so many requests");
        assert!(child.try_wait().expect("a state").is_none(), "it ended before");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("a process");
    child.wait().expect("an end");
}

#[test]
fn a_backfill_of_90_days_that_is_killed_twice_is_finished_by_plain_syncs() {
    let world = World::connected(plain(vec![living_in("America/New_York")]));
    let days = (date(2026, 8, 10), date(2026, 11, 7));
    let backfill = ["sync", "--from", "2026-08-10", "--to", "2026-11-07"];
    world.sim.inject(Fault::always(Effect::Delay { ms: 30 }).path("dataTypes"));
    // In the middle of reading: steps are there, calories in part.
    kill_after(&world, &backfill, "total-calories:rollUp", 5);
    world.sim.clear_faults();
    // In the middle of sending.
    kill_after(&world, &["sync"], "PUT", 60);
    world.sync(&[]).exits(0);
    world.sync_sealed(USER);
    assert!(world.check_days(USER, WHO, days, "America/New_York") > 90 * 3);
    world.check_bucket(USER, WHO);
    let rows = world.completeness(USER);
    let old: Vec<_> = rows.iter().filter(|row| row.date <= days.1).collect();
    assert_eq!(old.len(), 90 * 5);
    assert!(old.iter().all(|row| row.state == "sealed"));
    // And then there is nothing left to do.
    world.sim.clear_requests();
    world.sync(&[]).exits(0);
    assert_eq!(world.asked("").len(), 1);
}

#[test]
fn a_backfill_that_finds_no_network_is_owed_to_the_next_run() {
    let world = World::connected(plain(vec![living_in("Europe/Berlin")]));
    world.sync(&[]).exits(0);
    world.sim.set_down(true);
    world.sync(&["--from", "2026-10-20", "--to", "2026-10-26"]).exits(75);
    world.sim.set_down(false);
    world.sync(&[]).exits(0);
    let days = (date(2026, 10, 20), date(2026, 10, 26));
    assert!(world.check_days(USER, WHO, days, "Europe/Berlin") > 7 * 3);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_network_that_is_away_loses_nothing_and_the_next_run_reads_it_all() {
    let world = World::connected(plain(vec![living_in("Europe/Berlin")]));
    world.sim.set_down(true);
    let down = world.sync(&[]).exits(75);
    assert_eq!(down.failures(), ["network -"]);
    world.sim.set_down(false);
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);

    // It goes away while the days are being read.
    let named = ["--from", "2026-09-01", "--to", "2026-09-07"];
    world.sim.inject(Fault::always(Effect::Close).host(Host::Google).path("total-calories"));
    let cut = world.sync(&named).exits(75);
    assert_eq!(cut.failures(), ["network calories"]);
    world.sim.clear_faults();
    world.sync(&[]).exits(0);
    let days = (date(2026, 9, 1), date(2026, 9, 7));
    world.check_days(USER, WHO, days, "Europe/Berlin");
    world.check_bucket(USER, WHO);
}
