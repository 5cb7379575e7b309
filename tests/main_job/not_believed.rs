//! What is not believed: a study window that is no dates, a token file that others may read,
//! strangers at the callback.

use std::os::unix::fs::PermissionsExt as _;

use crate::callback::{at_a_port, browse};
use crate::world::{USER, World, one, plain};

#[test]
fn a_study_window_of_the_wrong_type_is_an_error_in_every_command() {
    let world = World::connected(plain(one()));
    let text = std::fs::read_to_string(world.token_file(USER)).expect("a token");
    let mut token: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for odd in [serde_json::json!(20_261_101), serde_json::json!(false), serde_json::json!(["x"])] {
        token["collect_from"] = odd;
        std::fs::write(world.token_file(USER), token.to_string()).expect("a token");
        let failures = world.sync(&[]).exits(1).failures();
        assert_eq!(failures, ["format -"]);
        let dry = world.run(&["sync", "--dry-run"]).exits(0).stdout;
        assert!(dry.contains("collect_from or collect_until") && !dry.contains("days ("), "{dry}");
        let told = world.run(&["doctor"]).stdout;
        assert!(told.contains("FAIL  participants") && told.contains("is no date"), "{told}");
    }
    assert!(!world.data().join("users").exists(), "days were asked");
}

#[test]
fn a_token_file_that_others_may_read_is_refused_like_the_folder() {
    let world = World::connected(plain(one()));
    let set = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(world.token_file(USER), mode).expect("a mode");
    };
    for mode in [0o644, 0o640, 0o604] {
        set(mode);
        let refused = world.sync(&[]).exits(2);
        assert!((refused.stdout + &refused.stderr).contains("chmod 600"));
        assert!(world.run(&["doctor"]).stdout.contains("FAIL  modes"));
    }
    set(0o600);
    world.sync(&[]).exits(0);
}

#[test]
fn strangers_at_the_callback_fill_no_log() {
    let (world, port) = at_a_port();
    let login = world.login(&[USER]);
    for number in 0..20 {
        browse(port, &format!("/auth/callback?code=c&state=stranger-{number}"));
    }
    login.hears("that no sign-in here waits for");
    assert_eq!(login.kill().stderr.matches("that no sign-in here waits for").count(), 1);
}
