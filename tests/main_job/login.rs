//! `fitsync login`: what a technician sees and what is kept, whatever the participant decides.

use fitsync_sim::jiff::SignedDuration;
use fitsync_sim::jiff::tz::TimeZone;
use fitsync_sim::{Device, DeviceKind, Effect, Fault, Host, Options, Participant};

use crate::world::{USER, WHO, World, at_noon, just_now, one, plain};

/// The value of a parameter of an address.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

#[test]
fn the_address_stands_alone_on_stdout_with_pkce_s256_and_a_state_that_is_never_the_same() {
    let world = World::new(plain(one()));
    let (first, second) = (world.login(&[USER]).kill(), world.login(&[USER]).kill());
    assert_eq!(first.stdout.trim().lines().count(), 1, "{}", first.stdout);
    let get = |name: &str| [&first, &second].map(|ran| parameter(ran.stdout.trim(), name));
    assert_eq!(get("code_challenge_method")[0].as_deref(), Some("S256"));
    for name in ["state", "code_challenge"] {
        let [one, other] = get(name);
        assert!(one.as_ref().is_some_and(|text| text.len() >= 22), "{name}: {one:?}");
        assert_ne!(one, other, "{name}");
    }
    let challenge = get("code_challenge")[0].clone();
    assert_eq!(challenge.map(|text| text.len()), Some(43));
    assert_eq!(get("access_type")[0].as_deref(), Some("offline"));
    assert!(first.stderr.contains(USER) && first.stderr.contains("paste"), "{}", first.stderr);
    assert!(!world.token_file(USER).exists());
}

#[test]
fn a_sign_in_tells_the_account_the_device_and_what_is_collected_and_keeps_the_token_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new(plain(one()));
    let ran = world.connect(USER, WHO).says("Connected: user_001 (account …h-p1)");
    let ran = ran.says("Device: Charge 6, synced").says("steps, calories, azm, hrv, wrist_temp");
    ran.says("The consent lasts until it is withdrawn.");
    let mode = |path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(world.token_file(USER)), 0o600);
    assert_eq!(mode(world.dir.join("tokens")), 0o700);
    let token = std::fs::read_to_string(world.token_file(USER)).expect("a token");
    let token: serde_json::Value = serde_json::from_str(&token).expect("JSON");
    let person = Participant::new(WHO);
    for (name, value) in [
        ("provider", "google-health"),
        ("health_user_id", person.health_user_id.as_str()),
        ("legacy_user_id", person.legacy_user_id.as_str()),
        ("state", "connected"),
        ("token_type", "Bearer"),
    ] {
        assert_eq!(token[name], value, "{name}");
    }
    for name in ["access_token", "refresh_token", "expires_in", "scope", "obtained_at"] {
        assert!(!token[name].is_null(), "{name}");
    }
}

#[test]
fn the_end_of_stdin_is_no_error_and_the_sign_in_goes_on() {
    let world = World::new(plain(one()));
    let mut login = world.login(&[USER]);
    login.close_stdin();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(login.is_waiting(), "it ended with stdin: {}", login.heard());
    login.kill();
}

#[test]
fn a_participant_who_does_not_agree_changes_nothing() {
    let world = World::new(plain(one()));
    let mut login = world.login(&[USER]);
    let address = world.sim.deny(&login.url, WHO).expect("an answer");
    login.paste(&address);
    login.end().exits(3).says("did not agree");
    assert!(!world.token_file(USER).exists());
    assert!(world.asked("token").is_empty());
}

#[test]
fn nobody_who_signs_in_for_a_minute_is_told_and_changes_nothing() {
    let world = World::new(plain(one()));
    let login = world.login(&[USER, "--timeout", "1"]);
    // Its listener is on the loopback address: no phone can come.
    let ran = login.end().exits(3).says("Nobody signed in in time");
    ran.says("let a browser on this machine open this page, which leads through it (1 minute): ");
    assert!(!world.token_file(USER).exists());
}

#[test]
fn a_code_that_was_used_before_is_refused_and_nothing_is_kept() {
    let world = World::new(plain(one()));
    let mut first = world.login(&[USER]);
    let address = world.sim.consent(&first.url, WHO).expect("a consent");
    first.paste(&address);
    first.end().exits(0);
    let code = parameter(&address, "code").expect("a code");
    let mut second = world.login(&["user_002"]);
    let state = parameter(&second.url, "state").expect("a state");
    second.paste(&format!("http://localhost:8000/auth/callback?state={state}&code={code}"));
    second.end().exits(1).says("too old, or was used before");
    assert!(!world.token_file("user_002").exists());
}

#[test]
fn a_code_that_is_too_old_is_refused_and_nothing_is_kept() {
    let world = World::new(plain(one()));
    let mut login = world.login(&[USER]);
    let address = world.sim.consent(&login.url, WHO).expect("a consent");
    world.sim.set_clock_offset_s(700);
    login.paste(&address);
    login.end().exits(1).says("too old, or was used before");
    assert!(!world.token_file(USER).exists());
}

#[test]
fn a_provider_that_is_out_of_reach_is_told_as_such() {
    let world = World::new(plain(one()));
    let mut login = world.login(&[USER]);
    let address = world.sim.consent(&login.url, WHO).expect("a consent");
    world.sim.set_down(true);
    login.paste(&address);
    login.end().exits(75);
    assert!(!world.token_file(USER).exists());
}

#[test]
fn an_account_without_a_health_profile_is_refused_at_once() {
    let world = World::new(plain(vec![Participant { linked: false, ..Participant::new(WHO) }]));
    let mut login = world.login(&[USER]);
    let address = world.sim.consent(&login.url, WHO).expect("a consent");
    login.paste(&address);
    login.end().exits(3).says("no Google Health profile");
    assert!(!world.token_file(USER).exists());
}

#[test]
fn an_account_belongs_to_one_participant() {
    let world = World::connected(plain(one()));
    let before = world.snapshot();
    let ran = world.connect_with(&["user_002"], WHO).exits(1);
    ran.says("already connected as user_001");
    assert_eq!(world.snapshot(), before);
}

#[test]
fn a_different_account_takes_a_participants_place_only_when_asked_to() {
    let world = World::connected(plain(Participant::numbered(2)));
    world.sync(&[]).exits(0);
    let objects = world.objects();
    let before = std::fs::read(world.token_file(USER)).expect("a token");
    world.connect_with(&[USER], "p2").exits(1).says("--replace");
    assert_eq!(std::fs::read(world.token_file(USER)).expect("a token"), before);

    world.connect_with(&[USER, "--replace"], "p2").exits(0);
    world.sync(&["--from", "2026-11-01", "--to", "2026-11-20"]).exits(0);
    // The days of the account before are never read again or overwritten.
    for (key, bytes) in objects {
        if !key.contains("/completeness/") {
            assert_eq!(world.objects().get(&key), Some(&bytes), "{key}");
        }
    }
    // The same account again is no replacement.
    world.connect_with(&[USER], "p2").exits(0);
}

#[test]
fn another_account_is_asked_from_its_sign_in_on_also_where_the_one_before_was_never_read() {
    let world = World::connected(plain(Participant::numbered(2)));
    let signed_in = fitsync_sim::jiff::Timestamp::now();
    world.connect_with(&[USER, "--replace"], "p2").exits(0);
    world.sync(&["--from", "2026-11-01"]).exits(0);
    assert!(world.asked("variability").is_empty(), "that night was before the sign-in");
    let rows = world.completeness(USER);
    assert!(
        !rows.is_empty()
            && rows.iter().all(|row| row.date >= signed_in.to_zoned(TimeZone::UTC).date())
    );
    for (key, bytes) in world.objects() {
        let text = String::from_utf8(bytes).expect("text");
        let mut times =
            text.lines().skip(1).filter_map(|line| line.split(',').nth(1)?.parse().ok());
        assert!(times.all(|time: fitsync_sim::jiff::Timestamp| time >= signed_in), "{key}");
    }
}

#[test]
fn the_end_of_a_testing_apps_consent_is_told_with_its_date() {
    let world = World::new(Options { testing_app: true, ..plain(one()) });
    let ends = fitsync_sim::jiff::Timestamp::now() + SignedDuration::from_hours(7 * 24);
    let ran = world.connect(USER, WHO).says("The consent lasts 7 days, until ");
    let date =
        |second: i64| (ends + SignedDuration::from_secs(second)).strftime("%Y-%m-%d").to_string();
    assert!(ran.stderr.contains(&date(0)) || ran.stderr.contains(&date(-60)), "{}", ran.stderr);
    ran.says("Production");
    assert!(world.status(USER)["grant_expires_at"].is_string());
}

#[test]
fn a_scale_is_no_band_and_an_account_without_a_band_is_told() {
    let mut person = Participant::new(WHO);
    let scale = Device::new("77", "Aria Air", DeviceKind::Scale, just_now());
    person.devices.push(scale.clone());
    let world = World::new(plain(vec![person]));
    world.connect(USER, WHO).says("Device: Charge 6");
    world.sim.set_devices(WHO, vec![scale]).expect("a person");
    world.connect(USER, WHO).says("No device is paired");
}

#[test]
fn the_window_of_the_study_is_kept_and_nothing_outside_it_is_ever_asked() {
    let world = World::new(plain(one()));
    let today = just_now().strftime("%Y-%m-%d").to_string();
    let from = (just_now() - SignedDuration::from_hours(72)).strftime("%Y-%m-%d").to_string();
    let until = (just_now() - SignedDuration::from_hours(48)).strftime("%Y-%m-%d").to_string();
    let window = [USER, "--collect-from", &from, "--collect-until", &until];
    world.connect_with(&window, WHO).exits(0);
    world.sync(&["--from", "2026-10-01", "--to", &today]).exits(0);
    let dates = world.completeness(USER).into_iter().map(|row| row.date.to_string());
    let dates: std::collections::BTreeSet<_> = dates.collect();
    assert_eq!(dates, [from.clone(), until.clone()].into());
    // A later sign-in does not widen it by itself.
    world.connect(USER, WHO);
    assert_eq!(world.status(USER)["collect_from"], from);
    assert_eq!(world.status(USER)["collect_until"], until);
}

#[test]
fn the_window_of_the_study_outlives_a_token_that_cannot_be_read() {
    let world = World::new(plain(one()));
    let from = (just_now() - SignedDuration::from_hours(72)).strftime("%Y-%m-%d").to_string();
    let until = (just_now() - SignedDuration::from_hours(48)).strftime("%Y-%m-%d").to_string();
    let window = [USER, "--collect-from", &from, "--collect-until", &until];
    world.connect_with(&window, WHO).exits(0);
    world.sync(&[]).exits(0);
    let (token, previous) = (world.token_file(USER), world.dir.join("tokens/user_001.json.prev"));
    let whole = std::fs::read_to_string(&token).expect("a token");
    std::fs::write(&token, &whole[..whole.len() - 5]).expect("damage");
    let _ = std::fs::remove_file(&previous);
    world.run(&["login", USER, "--collect-from", "2100-01-01"]).exits(2).says(&until);
    let ran = world.connect(USER, WHO);
    assert!(!ran.stderr.contains("the study window"), "{}", ran.stderr);
    assert_eq!(world.status(USER)["collect_from"], from);
    assert_eq!(world.status(USER)["collect_until"], until);
    // A bound that is cut off is none that may be left out.
    let end = whole.find("\"collect_until\"").expect("a bound") + "\"collect_until\":\"20".len();
    std::fs::write(&token, &whole[..end]).expect("damage");
    let _ = std::fs::remove_file(&previous);
    world.connect(USER, WHO);
    world.sync(&["--from", "2026-10-01"]).exits(1).says("collect_until in the token file");
    world.connect_with(&[USER, "--collect-from", &from], WHO).exits(0);
    world.sync(&["--from", "2026-10-01"]).exits(1).says("collect_until in the token file");
    world.connect_with(&[USER, "--collect-until", &until], WHO).exits(0);
    world.sync(&["--from", "2026-10-01"]).exits(0);
    let days = world.completeness(USER).into_iter().map(|row| row.date.to_string());
    assert_eq!(days.collect::<std::collections::BTreeSet<_>>(), [from.clone(), until].into());
    // Nothing of it is left.
    for path in [&token, &previous] {
        let _ = std::fs::remove_file(path);
    }
    let ran = world.connect(USER, WHO);
    let lines = ran.stderr.lines().filter(|line| line.contains("with it the study window"));
    assert_eq!(lines.count(), 1, "{}", ran.stderr);
}

#[test]
fn a_window_without_a_day_is_refused_before_anybody_consents() {
    let mut world = World::new(plain(one()));
    world.connect_with(&[USER, "--collect-from", "2026-11-24"], WHO).exits(0);
    let ran = world.run(&["login", USER, "--collect-until", "2026-11-20"]).exits(2);
    assert_eq!(ran.stdout, "");
    ran.says("collected from 2026-11-24 to 2026-11-20");
    let both = ["--collect-from", "2026-11-01", "--collect-until", "2026-11-20"];
    world.connect_with(&[&[USER], &both[..]].concat(), WHO).exits(0);
    world.run(&["login", USER, "--collect-from", "2026-11-21"]).exits(2).says("ever be read");
    world.set("FITSYNC_COLLECT_FROM", "consent");
    let past = ["login", "user_002", "--collect-until", "2026-10-01"];
    world.run(&past).exits(2).says("nothing would ever be read of user_002");
}

#[test]
fn what_would_waste_a_consent_is_told_before_it() {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut world = World::new(plain(one()));
    let secret = world.unset("GOOGLE_CLIENT_SECRET");
    for command in [&["login", USER][..], &["serve"]] {
        let ran = world.run(command).exits(2).says("GOOGLE_CLIENT_SECRET is not set");
        assert_eq!(ran.stdout, "");
    }
    world.set("GOOGLE_CLIENT_SECRET", &secret.expect("a secret"));
    let mut private = std::fs::DirBuilder::new();
    private.mode(0o700).create(world.dir.join("tokens")).expect("a folder");
    std::fs::create_dir(world.dir.join("tokens/.user_001.probe.tmp")).expect("a folder");
    let ran = world.run(&["login", USER]).exits(1).says("nobody is asked to sign in");
    assert_eq!(ran.stdout, "");
}

#[test]
fn one_person_is_one_participant_whichever_provider_comes_first() {
    let mut world = World::connected(plain(one()));
    world.use_fitbit();
    world.connect_with(&["user_002"], WHO).exits(1).says("already connected as user_001");
    assert!(!world.token_file("user_002").exists());
}

#[test]
fn what_was_granted_is_told_without_the_settings_of_the_provider() {
    let mut world = World::connected(plain(one()));
    world.unset("GOOGLE_CLIENT_ID");
    assert_eq!(world.status(USER)["metrics"]["steps"]["granted"], true);
}

#[test]
fn the_day_of_the_consent_is_kept_and_binds_whatever_the_settings_say_later() {
    let mut world = World::new(plain(vec![at_noon()]));
    world.set("FITSYNC_COLLECT_FROM", "consent");
    let (person, now) = (world.sim.person(WHO).expect("a person"), world.sim.now());
    let today = person.zone_at(now).to_datetime(now).date();
    world.connect(USER, WHO).says(&format!("From {} ", today.day()));
    world.unset("FITSYNC_COLLECT_FROM");
    assert_eq!(world.status(USER)["collect_from"], today.to_string());
    let text = world.run(&["status"]).exits(0).stdout;
    assert!(text.contains(&format!("collects from {today}")), "{text}");
    world.sync(&["--from", "2026-10-01"]).exits(0);
    let dates = world.completeness(USER).into_iter().map(|row| row.date);
    assert_eq!(dates.collect::<std::collections::BTreeSet<_>>(), [today].into());
}

#[test]
fn a_participant_who_is_not_listed_is_warned_about() {
    let mut world = World::new(plain(one()));
    world.set("FITBIT_USER_IDS", "user_002");
    world.connect(USER, WHO).says("is not in FITBIT_USER_IDS");
}

#[test]
fn a_token_server_that_answers_nonsense_keeps_nothing() {
    let world = World::new(plain(one()));
    for (number, effect) in [
        Effect::Html { status: 200 },
        Effect::Change { at: "access_token".to_owned(), change: fitsync_sim::Change::Remove },
        Effect::Change { at: "refresh_token".to_owned(), change: fitsync_sim::Change::Remove },
    ]
    .into_iter()
    .enumerate()
    {
        world.sim.inject(Fault::once(effect).host(Host::Token));
        let user = format!("user_{number}");
        let ran = world.connect_with(&[&user], WHO).exits(1);
        assert!(number > 0 || ran.stderr.contains("something between this machine"), "{ran:?}");
        assert!(!world.token_file(&user).exists());
    }
}
