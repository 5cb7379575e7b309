//! After the sign-in: the question whether it is the right band, and what is done meanwhile.

use fitsync_sim::jiff::Timestamp;
use fitsync_sim::{Effect, Fault, Host, Participant};
use serde_json::Value;

use crate::callback::at_a_port;
use crate::world::{Browser, Login, USER, WHO, World};

/// A login, its page opened in a browser, and somebody's account connected there.
fn connected_as(who: &str, arguments: &[&str]) -> (World, Login, Browser, String) {
    let (world, port) = at_a_port();
    connected_in(world, port, who, arguments)
}

fn connected_in(
    world: World,
    port: u16,
    who: &str,
    arguments: &[&str],
) -> (World, Login, Browser, String) {
    let login = world.login(&[&[USER], arguments].concat());
    let (browser, page) = (Browser::new(port), login.page());
    let address = browser.go(&page);
    browser.paste(&page, &world.sim.consent(&address, who).expect("a consent"));
    let shown = browser.get(&page).body;
    assert!(shown.contains("Is this the band on the wrist?"), "{shown}");
    (world, login, browser, page)
}

/// Shares only a part.
fn declines_sleep(world: &World, who: &str) {
    let some = vec!["activity_and_fitness".to_owned(), "settings".to_owned()];
    world.sim.set_grants(who, Some(some)).expect("a person");
}

fn token(world: &World) -> Value {
    let token = std::fs::read(world.token_file(USER)).expect("a token");
    serde_json::from_slice(&token).expect("JSON")
}

#[test]
fn nothing_is_read_of_an_account_that_may_still_be_taken_back() {
    let (world, mut login, browser, page) = connected_as("p2", &[]);
    world.sync(&[]).exits(0).says("user=user_001 somebody compares the band");
    assert!(world.objects().is_empty() && !world.data().join("ledger").exists());
    browser.press(&page, "not-mine");
    login.next_url();
    login.hears("It was another band");
    assert!(!world.token_file(USER).exists() && !world.sim.is_granted("p2"));
    browser.paste(&page, &world.sim.consent(&login.url, WHO).expect("a consent"));
    browser.press(&page, "done");
    login.end().exits(0);
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
    assert!(token(&world)["account_since"].is_null());
}

#[test]
fn an_account_that_cannot_be_let_go_is_asked_about_again() {
    let (world, mut login, browser, page) = connected_as("p2", &[]);
    let lock = world.dir.join("tokens/user_001.lock");
    let aside = lock.with_extension("aside");
    std::fs::rename(&lock, &aside).expect("damage");
    std::fs::create_dir(&lock).expect("damage");
    browser.press(&page, "not-mine");
    login.hears("The account could not be let go, and is still connected");
    let shown = browser.get(&page).body;
    assert!(shown.contains("Is this the band on the wrist?"), "{shown}");
    assert!(shown.contains("could not be let go"), "{shown}");
    std::fs::remove_dir(&lock).expect("cure");
    std::fs::rename(&aside, &lock).expect("cure");
    world.sync(&[]).exits(0).says("user=user_001 somebody compares the band");
    browser.press(&page, "not-mine");
    login.next_url();
    login.hears("It was another band");
    assert!(!world.token_file(USER).exists() && !world.sim.is_granted("p2"));
    login.kill();
}

#[test]
fn a_login_that_was_killed_in_between_leaves_nobody_unread() {
    let (world, login, _, _) = connected_as(WHO, &[]);
    world.sync(&[]).exits(0);
    assert!(world.objects().is_empty());
    login.kill();
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn who_signs_in_again_is_read_meanwhile() {
    let (world, port) = at_a_port();
    world.connect(USER, WHO);
    let (world, login, browser, page) = connected_in(world, port, WHO, &[]);
    assert!(!browser.get(&page).body.contains("not-mine"));
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
    login.kill();
}

#[test]
fn who_does_not_agree_a_second_time_stays_connected() {
    let (world, port) = at_a_port();
    declines_sleep(&world, WHO);
    let (world, login, browser, page) = connected_in(world, port, WHO, &[]);
    let before = token(&world);
    browser.press(&page, "again");
    let denied = world.sim.deny(&browser.go(&page), WHO).expect("an answer");
    browser.paste(&page, &denied);
    let ran = login.end().exits(0).says("user_001 stays connected with what was shared before");
    assert!(!ran.stderr.contains("Nothing was changed"), "{}", ran.stderr);
    assert_eq!(token(&world), before);
}

#[test]
fn a_login_that_is_stopped_after_the_sign_in_has_done_its_work() {
    let (world, login, _, _) = connected_as(WHO, &[]);
    login.interrupt();
    login.end().exits(0).says("user_001 stays connected");
    assert!(world.token_file(USER).exists());
    let login = world.login(&["user_002"]);
    login.interrupt();
    login.end().exits(130);
}

#[test]
fn who_signs_in_once_more_after_a_replacement_is_the_same_person() {
    let (world, port) = at_a_port();
    world.connect(USER, WHO);
    declines_sleep(&world, "p2");
    let (world, login, browser, page) = connected_in(world, port, "p2", &["--replace"]);
    let before = token(&world);
    browser.press(&page, "again");
    let address = browser.go(&page);
    browser.paste(&page, &world.sim.consent(&address, "p3").expect("a consent"));
    login.hears("user_001 is connected to a different account");
    assert_eq!(token(&world), before);
    login.kill();
}

/// What a technician must not take for another person's account.
#[test]
fn a_device_that_could_not_be_asked_for_is_not_known_rather_than_missing() {
    let (world, port) = at_a_port();
    let ill = Effect::Status { status: 500, retry_after_s: None };
    world.sim.inject(Fault::always(ill).host(Host::Google).path("pairedDevices"));
    let (_world, login, browser, page) = connected_in(world, port, WHO, &[]);
    let shown = browser.get(&page).body;
    assert!(shown.contains("Not known: Google could not be asked"), "{shown}");
    login.hears("Device: not known, the provider could not tell");
    assert!(!login.heard().contains("No device is paired"), "{}", login.heard());
    login.kill();
}

#[test]
fn the_days_tell_whose_they_are_where_the_token_is_lost() {
    let world = World::connected(crate::world::plain(Participant::numbered(2)));
    world.sync(&[]).exits(0);
    let lose = || {
        for name in ["user_001.json", "user_001.json.prev"] {
            let _ = std::fs::remove_file(world.dir.join("tokens").join(name));
        }
    };
    for damage in [true, false] {
        lose();
        if damage {
            std::fs::write(world.token_file(USER), "{\"acc").expect("a file");
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(world.token_file(USER), private).expect("a mode");
        }
        let refused = world.connect_with(&[USER], "p2").exits(1);
        refused.says("user_001 has days of a different account").says("login --replace user_001");
    }
    assert!(!world.token_file(USER).exists());
    world.connect(USER, WHO);
    assert!(token(&world)["account_since"].is_null());
    lose();
    let days = world.completeness(USER);
    let ran = world.connect_with(&[USER, "--replace"], "p2").exits(0);
    ran.says("Days of the account before stay under user_001");
    assert!(token(&world)["account_since"].is_string());
    world.sync(&[]).exits(0);
    assert!(world.completeness(USER).len() > days.len(), "the rest of the day is read");
    // From then on the newest days are theirs, and not from before.
    let since = token(&world)["account_since"].clone();
    lose();
    world.connect_with(&[USER], WHO).exits(1).says("has days of a different account");
    world.connect(USER, "p2");
    let time = |text: &Value| text.as_str().expect("a time").parse::<Timestamp>().expect("a time");
    let later_s = time(&token(&world)["account_since"]).as_second() - time(&since).as_second();
    assert!((0..=60).contains(&later_s), "the whole minute after {since}: {later_s}");
}
