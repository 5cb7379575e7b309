//! Nothing secret and nothing about anybody's health is ever said, not even at `debug`.

use fitsync_sim::{Change, Effect, Fault, Host, Participant};
use serde_json::json;

use crate::login::parameter;
use crate::world::{Ran, USER, WHO, World, plain};

/// Every output of a world.
#[derive(Default)]
struct Heard(String);

impl Heard {
    fn hear(&mut self, ran: Ran) {
        // The address of the sign-in page is meant to be read; no secret is in it either.
        for line in ran.stdout.lines().chain(ran.stderr.lines()) {
            // The time in front of a log line has decimals that are nobody's value.
            let logged = line.split_once("Z [").filter(|(time, _)| !time.contains(' '));
            self.0.push_str(logged.map_or(line, |(_, rest)| rest));
            self.0.push('\n');
        }
    }

    #[track_caller]
    fn holds_none_of(&self, secrets: impl IntoIterator<Item = String>) -> usize {
        let mut count = 0;
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            let line = self.0.lines().find(|line| line.contains(&secret));
            assert_eq!(line, None, "{secret:?} was said");
            count += 1;
        }
        count
    }
}

/// Numbers that were measured and can be nothing else.
fn measured(world: &World) -> Vec<String> {
    let objects = world.objects().into_iter();
    let nights = objects.filter(|(key, _)| key.contains("/hrv/") || key.contains("/wrist_temp/"));
    let mut values = Vec::new();
    for (_, bytes) in nights {
        let text = String::from_utf8(bytes).expect("text");
        for cell in text.lines().skip(1).flat_map(|line| line.split(',').skip(2)) {
            if cell.len() >= 5 {
                values.push(cell.to_owned());
            }
        }
    }
    values
}

/// The other spelling of a secret in an address.
fn spelled(secrets: &[String]) -> Vec<String> {
    secrets.iter().map(|secret| secret.replace('/', "%2F").replace('+', "%2B")).collect()
}

#[track_caller]
fn check(world: &World, heard: &Heard) {
    let secrets = world.sim.secrets();
    assert!(heard.0.contains("DEBUG"), "the log is not at debug");
    assert!(heard.holds_none_of(secrets.clone()) >= 6, "{}", secrets.len());
    heard.holds_none_of(spelled(&secrets));
    let person = Participant::new(WHO);
    heard.holds_none_of([person.health_user_id, person.legacy_user_id, person.email]);
    heard.holds_none_of(["AA:BB:CC:DD:EE:FF".to_owned()]);
}

#[test]
fn no_secret_is_said_by_a_sign_in_however_it_ends() {
    let mut world = World::new(plain(Participant::numbered(2)));
    world.set("FITSYNC_LOG", "debug");
    let mut heard = Heard::default();
    let mut pasted = Vec::new();
    // Another sign-in's address, a code that was used, a denial, then a good one.
    let mut login = world.login(&[USER]);
    let other = world.login(&["user_002"]);
    let theirs = world.sim.consent(&other.url, "p2").expect("a consent");
    let ours = world.sim.consent(&login.url, WHO).expect("a consent");
    pasted.extend([theirs.clone(), ours.clone()]);
    login.paste(&theirs);
    login.hears("another sign-in");
    login.paste(&format!("look at my secret {}", parameter(&ours, "code").expect("a code")));
    login.hears("no code in this");
    login.paste(&ours);
    heard.hear(login.end().exits(0));
    let mut again = other;
    let state = parameter(&again.url, "state").expect("a state");
    let code = parameter(&ours, "code").expect("a code");
    again.paste(&format!("http://localhost:8000/auth/callback?state={state}&code={code}"));
    heard.hear(again.end().exits(1));
    for effect in [
        Effect::Html { status: 200 },
        Effect::OauthError { error: "invalid_client".to_owned() },
        Effect::Status { status: 500, retry_after_s: None },
        Effect::Change { at: "access_token".to_owned(), change: Change::Rename("x".to_owned()) },
        Effect::LostReply,
    ] {
        world.sim.inject(Fault::once(effect).host(Host::Token));
        heard.hear(world.connect_with(&["user_002"], "p2"));
    }
    let verdict = json!("ya29.this-is-no-id");
    let echo = Effect::Change { at: "healthUserId".to_owned(), change: Change::Set(verdict) };
    world.sim.inject(Fault::once(echo).path("identity"));
    heard.hear(world.connect_with(&["user_002"], "p2"));
    check(&world, &heard);
    heard.holds_none_of(pasted.iter().filter_map(|address| parameter(address, "code")));
}

#[test]
fn no_secret_and_no_value_is_said_by_a_sync_however_it_ends() {
    let mut world = World::new(plain(Participant::numbered(1)));
    world.set("FITSYNC_LOG", "debug");
    let mut heard = Heard::default();
    heard.hear(world.connect(USER, WHO));
    heard.hear(world.sync(&[]).exits(0));
    let values = measured(&world);
    assert!(values.len() > 20, "{}", values.len());
    let named = ["--from", "2026-11-10", "--to", "2026-11-12"];
    let point = "dataPoints/*/dailySleepTemperatureDerivations/nightlyTemperatureCelsius";
    for effect in [
        Effect::Html { status: 200 },
        Effect::Status { status: 400, retry_after_s: None },
        Effect::Status { status: 401, retry_after_s: None },
        Effect::Status { status: 403, retry_after_s: None },
        Effect::Cut { after_bytes: 60 },
        Effect::Change { at: point.to_owned(), change: Change::Set(json!("33.3333 degrees")) },
        Effect::RepeatToken,
    ] {
        world.sim.inject(Fault::once(effect).path("temperature"));
        heard.hear(world.sync(&named));
        world.sim.clear_faults();
    }
    world.sim.inject(
        Fault::always(Effect::S3Error { status: 403, code: "SignatureDoesNotMatch".to_owned() })
            .host(Host::S3),
    );
    heard.hear(world.sync(&["--from", "2026-10-01", "--to", "2026-10-02"]).exits(1));
    world.sim.clear_faults();
    // What waits for its next try would keep the exit code.
    heard.hear(world.run(&["upload"]).exits(0));
    world.sim.expire_access_tokens();
    world.sim.inject(Fault::once(Effect::LostReply).host(Host::Token));
    heard.hear(world.sync(&named));
    world.sim.revoke(WHO);
    heard.hear(world.sync(&named).exits(3));
    for command in [&["status"][..], &["status", "--json"], &["sync", "--dry-run"], &["upload"]] {
        heard.hear(world.run(command));
    }
    check(&world, &heard);
    heard.holds_none_of(measured(&world));
    heard.holds_none_of(values);
    heard.holds_none_of(["33.3333".to_owned(), "ya29".to_owned(), "Bearer".to_owned()]);
    heard.holds_none_of(["X-Amz-Signature".to_owned(), "pageToken=".to_owned()]);
}
