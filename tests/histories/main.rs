//! Long random lives of the pure core: plan, ledger, back-off and token go through months of
//! outages, late syncs, revisions, shrinking days, quota, denied scopes, travels, crashes, lost
//! ledgers and clocks that jump. At the end the bucket holds what was measured.
//!
//! Everything follows from a seed, which a failure names; `HISTORY_SEED=n` repeats one.

mod chance;
mod check;
mod disk;
mod gateway;
mod upload;
mod world;

use chance::Chance;
use gateway::Gateway;
use world::World;

const DAYS: u64 = 120;

/// Histories that found something: a head that was lost in a long outage, days that only a device
/// that is not known any more, a right clock or another look-back could seal, a metric that a lost
/// month did not name, a device that was first seen after a long outage or after days that had
/// been sealed by age.
const FOUND: [u64; 9] = [
    1_795_478_343_002,
    1_795_704_451_020,
    1_795_705_325_024,
    1_795_706_477_009,
    1_795_707_106_012,
    1_795_707_126_037,
    1_795_707_338_046,
    1_795_707_471_026,
    1_795_707_499_038,
];

/// One history; the answer is how much happened in it.
fn live(seed: u64) -> Lived {
    let mut chance = Chance::new(seed);
    let mut world = World::new(&mut chance);
    let mut gateway = Gateway::new(&mut chance);
    let mut lived = Lived::default();
    let runs_a_day = 1 + chance.below(4);
    for _ in 0..DAYS * runs_a_day {
        world.pass(24 * 3600 / runs_a_day, &mut chance);
        gateway.run(&mut world, &mut chance);
        lived.runs += 1;
    }
    world.calm_down(&mut chance);
    gateway.sign_in(&mut world);
    // What shrank is believed after six hours, what was read last is sent, clocks are right.
    for _ in 0..6 {
        world.pass_quietly(7 * 3600);
        gateway.run(&mut world, &mut Chance::never());
    }
    gateway.check(&world);
    lived.requests = gateway.requests;
    lived.crashes = gateway.crashes;
    lived
}

#[derive(Default)]
struct Lived {
    runs: u64,
    requests: u64,
    crashes: u64,
}

fn all(seeds: impl Iterator<Item = u64>) {
    let (mut sum, mut count, mut failed) = (Lived::default(), 0, Vec::new());
    for seed in seeds {
        let Ok(lived) = std::panic::catch_unwind(|| live(seed)) else {
            failed.push(seed);
            continue;
        };
        sum.runs += lived.runs;
        sum.requests += lived.requests;
        sum.crashes += lived.crashes;
        count += 1;
    }
    println!(
        "{count} histories of {DAYS} days: {} runs, {} requests, {} crashes",
        sum.runs, sum.requests, sum.crashes
    );
    assert!(failed.is_empty(), "each is seen with HISTORY_SEED=: {failed:?}");
    assert!(sum.crashes > count && sum.requests > 10 * count, "nothing happens in them");
}

#[test]
fn known_histories_end_with_all_data_in_the_bucket() {
    match std::env::var("HISTORY_SEED") {
        Ok(seed) => {
            live(seed.parse().expect("a number"));
        }
        Err(_) => all((0..20).chain(FOUND)),
    }
}

#[test]
fn new_histories_end_with_all_data_in_the_bucket() {
    let now = fitsync_sim::jiff::Timestamp::now().as_second();
    let first = u64::try_from(now).expect("after 1970") * 1_000;
    let count = std::env::var("HISTORIES").map_or(8, |count| count.parse().expect("a number"));
    println!("seeds from {first}");
    all(first..first + count);
}
