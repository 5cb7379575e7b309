//! Networks that are away: for a run, for one participant, for two weeks.

use std::sync::atomic::{AtomicI64, Ordering};

use fitsync::command::arguments::{SyncArguments, UploadArguments};
use fitsync::command::{sync, upload};
use fitsync::gateway;
use fitsync::io::clock::Clock;
use fitsync::settings::Config;
use fitsync::settings::source::Settings;
use fitsync_sim::jiff::{SignedDuration, Timestamp};
use fitsync_sim::{Effect, Fault, Host};

use crate::gateway::{Gateway, USER, WHO};
use crate::{all_well, check, connected, run};

#[test]
fn no_network_at_all_ends_the_run_and_the_next_one_catches_up() {
    let gateway = connected(4);
    gateway.sim.set_down(true);
    run(&gateway, &["sync"], 75);
    gateway.sim.set_down(false);
    run(&gateway, &["sync"], 0);
    all_well_for(&gateway, 4);
}

fn all_well_for(gateway: &Gateway, participants: usize) {
    let objects = gateway.sim.s3_objects();
    for number in 1..=participants {
        let of_user = format!("users/user_{number:03}/steps/");
        assert!(objects.iter().any(|(key, _)| key.starts_with(&of_user)), "{of_user}");
    }
}

#[test]
fn a_participant_who_always_fails_never_blocks_the_others() {
    let gateway = connected(4);
    // The first one in the list, and one at a time: the others come after them.
    let ill = Effect::Status { status: 500, retry_after_s: Some(0) };
    gateway.sim.inject(Fault::always(ill).host(Host::Google).who(WHO));
    run(&gateway, &["sync"], 75);
    let objects = gateway.sim.s3_objects();
    for number in 2..=4 {
        let of_user = format!("users/user_{number:03}/steps/");
        assert!(objects.iter().any(|(key, _)| key.starts_with(&of_user)), "{of_user}");
    }
    gateway.sim.clear_faults();
    run(&gateway, &["sync"], 0);
    all_well(&one_user(gateway));
}

/// The checks look at the first participant.
fn one_user(gateway: Gateway) -> Gateway {
    let others = ["user_002", "user_003", "user_004"];
    for user in others {
        let objects = gateway.sim.s3_dir().join(gateway.sim.bucket()).join("users").join(user);
        std::fs::remove_dir_all(objects).expect("objects");
    }
    gateway
}

/// The commands in this process, under a clock that is moved by hand.
struct Weeks {
    gateway: Gateway,
    begun: Timestamp,
    passed_s: AtomicI64,
}

impl Weeks {
    fn new() -> Weeks {
        let begun = Timestamp::now();
        Weeks { gateway: connected(1), begun, passed_s: AtomicI64::new(0) }
    }

    fn now(&self) -> Timestamp {
        self.begun + SignedDuration::from_secs(self.passed_s.load(Ordering::Relaxed))
    }

    /// So many hours pass, and the band has just synced.
    fn pass(&self, hours: i64) {
        let passed_s = self.passed_s.fetch_add(hours * 3600, Ordering::Relaxed) + hours * 3600;
        self.gateway.sim.set_clock_offset_s(passed_s);
        // A minute that is not over is not asked.
        let second = self.now().as_second();
        let minute = Timestamp::from_second(second - second % 60 - 60).expect("an instant");
        self.gateway.sim.set_device_sync(WHO, minute).expect("p1");
    }

    fn in_process(&self) -> gateway::Gateway {
        let pairs = self.gateway.settings.iter();
        let pairs: Vec<_> = pairs.map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let config = Config::new(Settings::of(&pairs)).expect("settings");
        gateway::Gateway::new(config, Clock::simulated(self.now())).expect("a gateway")
    }

    fn sync(&self) -> u8 {
        let arguments = SyncArguments {
            user: Vec::new(),
            metric: Vec::new(),
            from: None,
            to: None,
            no_upload: false,
            dry_run: false,
            json: false,
        };
        self.alone(|| sync::run(&self.in_process(), &arguments))
    }

    fn upload(&self) -> u8 {
        let arguments = UploadArguments { user: Vec::new(), json: false };
        self.alone(|| upload::run(&self.in_process(), &arguments))
    }

    /// A child that another test is just starting may hold a copy of our lock for an instant.
    fn alone(&self, command: impl Fn() -> fitsync::core::error::Result<u8>) -> u8 {
        for _ in 0..200 {
            match command().unwrap_or_else(|failure| failure.class.exit_code()) {
                4 => std::thread::sleep(std::time::Duration::from_millis(20)),
                code => return code,
            }
        }
        panic!("the lock is never free");
    }
}

#[test]
fn after_two_weeks_without_a_store_everything_is_sent_oldest_first() {
    let weeks = Weeks::new();
    assert_eq!(weeks.sync(), 0);
    let gateway = &weeks.gateway;
    gateway.sim.inject(Fault::always(Effect::Close).host(Host::S3));
    // Each run tries a store that is away for a while, so not every day has one.
    for _ in 0..3 {
        weeks.pass(120);
        assert_eq!(weeks.sync(), 75);
    }
    gateway.sim.clear_faults();
    gateway.sim.clear_requests();
    assert_eq!(weeks.upload(), 0);
    let puts = gateway.sim.requests().into_iter().filter(|seen| seen.method == "PUT");
    let days = puts
        .filter(|seen| !seen.path.contains("/completeness/"))
        .map(|seen| seen.path.rsplit_once('_').map(|(_, day)| day.to_owned()).expect("a day"));
    let days: Vec<String> = days.collect();
    assert!(days.len() > 20 && days.is_sorted(), "{days:?}");
    let wrong = check::check(gateway, &[check::days_ago(gateway, 16, 0)]);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn after_two_weeks_without_the_provider_every_day_is_read() {
    let weeks = Weeks::new();
    assert_eq!(weeks.sync(), 0);
    let gateway = &weeks.gateway;
    gateway.sim.inject(Fault::always(Effect::Close).host(Host::Google));
    for _ in 0..3 {
        weeks.pass(120);
        assert_eq!(weeks.sync(), 75);
    }
    gateway.sim.clear_faults();
    assert_eq!(weeks.sync(), 0);
    let wrong = check::check(gateway, &[check::days_ago(gateway, 16, 0)]);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(gateway.data().join("ledger").join(USER).is_dir());
}
