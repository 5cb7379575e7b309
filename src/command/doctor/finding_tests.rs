use super::*;

fn level(finding: &Finding) -> Level {
    finding.level
}

#[test]
fn google_takes_public_https_names_and_the_browsers_own_machine() {
    for uri in [
        "http://localhost:8000/auth/callback",
        "http://127.0.0.1:8000/auth/callback",
        "http://[::1]:8000/x",
        "https://study.example.org/bounce.html",
    ] {
        assert_eq!(level(&google_redirect(uri)), Level::Ok, "{uri}");
    }
    for uri in [
        "http://192.168.1.20:8000/auth/callback",
        "https://192.168.1.20/auth/callback",
        "http://gateway.local:8000/auth/callback",
        "https://gateway.local/auth/callback",
        "https://gateway/auth/callback",
        "http://study.example.org/auth/callback",
        "http://localhost.evil.example/",
        "localhost:8000/auth/callback",
        "urn:ietf:wg:oauth:2.0:oob",
        "https://gw.corp/auth/callback",
        "https://study.example.org/a/../cb",
        "https://study.example.org/a/%2E%2E/cb",
        "https://*.example.org/cb",
        "https://study.example.org/*",
        "https://study.example.org/cb#x",
        "http://localhost:8000/cb#",
        "http://a:b@localhost:8000/cb",
        "http://local host:8000/cb",
    ] {
        let found = google_redirect(uri);
        assert_eq!(level(&found), Level::Fail, "{uri}");
        assert!(found.cure.unwrap().contains("http://localhost:8000"), "{uri}");
    }
}

#[test]
fn exceptions_from_the_proxy_that_are_not_understood_are_named() {
    let exceptions = Exceptions::of(&|_| Some("a.example, .b,10.0.0.0/8,http://c"));
    let found = no_proxy(&exceptions);
    assert_eq!(found.len(), 1);
    assert!(found[0].text.contains("\"http://c\""), "{}", found[0].text);
    assert!(level(&found[0]) == Level::Warn && found[0].cure.is_some());
}

#[test]
fn a_disk_of_the_tokens_is_judged_by_what_a_token_needs() {
    assert_eq!(level(&token_space(FETCH_SPACE_BYTES_MIN, u64::MAX)), Level::Ok);
    let full = token_space(FETCH_SPACE_BYTES_MIN - 1, u64::MAX);
    assert_eq!(level(&full), Level::Fail);
    assert!(full.cure.unwrap().contains("TOKEN_STORE_DIR"));
}

#[test]
fn a_clock_is_judged_by_its_distance_to_both_sides() {
    for (skew_s, wanted) in [
        (0, Level::Ok),
        (CLOCK_DOUBT_S_MIN, Level::Ok),
        (-CLOCK_DOUBT_S_MIN - 1, Level::Warn),
        (CLOCK_SKEW_S_MIN, Level::Warn),
        (CLOCK_SKEW_S_MIN + 1, Level::Fail),
        (-86_400 * 365 * 56, Level::Fail),
    ] {
        assert_eq!(level(&clock(skew_s)), wanted, "{skew_s}");
    }
    assert!(clock(3600).text.contains("3600 s behind"));
}

#[test]
fn the_disk_is_judged_by_what_a_run_needs() {
    let size = 8_000_000_000;
    assert_eq!(level(&space(FETCH_SPACE_BYTES_MIN - 1, size)), Level::Fail);
    assert_eq!(level(&space(FETCH_SPACE_BYTES_MIN, size)), Level::Warn);
    assert_eq!(level(&space(LOW_WATER_BYTES, size)), Level::Ok);
}

#[test]
fn consents_that_end_by_themselves_are_told_with_the_first_end() {
    let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
    assert!(grants(now, Vec::new()).is_empty());
    let ends = [
        ("user_002", "2026-12-03T09:00:00Z"),
        ("user_001", "2026-12-01T09:00:00Z"),
        ("user_003", "2026-11-25T09:00:00Z"),
    ];
    let found = grants(now, ends.map(|(user, at)| (user.to_owned(), at.parse().unwrap())).into());
    assert_eq!(found.len(), 2);
    assert!(found[0].text.contains("user_003 have ended"), "{}", found[0].text);
    assert!(found[1].text.contains("user_001, user_002 end"), "{}", found[1].text);
    assert!(found[1].text.contains("2026-12-01 09:00 UTC"), "{}", found[1].text);
    assert!(found.iter().all(|one| one.level == Level::Warn && one.cure.is_some()));
}

#[test]
fn the_worst_line_decides_the_exit_code() {
    let warn = Finding::warn("a", "b", "c");
    let fail = Finding::fail("a", "b", "c");
    let wrong = Finding::failure("a", &Failure::new(ErrorClass::Usage, "wrong"));
    assert_eq!(exit(&[Finding::ok("a", "b"), warn.clone()]), 0);
    assert_eq!(exit(&[warn.clone(), fail.clone()]), 1);
    assert_eq!(exit(&[fail, wrong.clone(), warn]), 2);
    assert_eq!(exit(&[wrong.into_warning()]), 0);
}

#[test]
fn a_line_names_level_check_text_and_cure() {
    let line = Finding::warn("redirect", "odd", "mend it").line();
    assert_eq!(line, "WARN  redirect      odd; cure: mend it");
    let failure = Failure::new(ErrorClass::Network, "no answer in time").at("GET a/b");
    let line = Finding::failure("provider", &failure).line();
    assert!(line.starts_with("FAIL  provider      no answer in time (GET a/b); cure: check"));
}

#[test]
fn many_names_are_cut() {
    let many: Vec<String> = (0..12).map(|n| format!("u{n}")).collect();
    assert!(named(many.iter().map(String::as_str)).ends_with("u9 and 2 more"));
    assert_eq!(named(["a"]), "a");
}

#[test]
fn names_of_multicast_dns_are_known() {
    assert!(needs_mdns("minio.local") && needs_mdns("PI.LOCAL."));
    assert!(!needs_mdns("local.example") && !needs_mdns("localhost"));
}

#[test]
fn a_folder_without_locks_is_told() {
    assert_eq!(level(&locks("/a", Ok(true))), Level::Ok);
    let none = Failure::new(ErrorClass::Disk, "cannot lock: No locks available (os error 37)");
    for exclude in [Ok(false), Err(none)] {
        let found = locks("/a", exclude);
        assert_eq!(level(&found), Level::Fail);
        assert!(found.text.contains("flock") && found.cure.unwrap().contains("TOKEN_STORE_DIR"));
    }
}
