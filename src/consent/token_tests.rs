use super::*;

const SEED: &str = include_str!("../provider/samples/fitbit_token_200.json");

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_study_window_that_is_no_date_is_kept_and_told() {
    let text = r#"{"refresh_token":"r","collect_from":"2026-11-19T10:00:00Z","collect_until":""}"#;
    let token = Token::parse(text).unwrap();
    assert_eq!(token.collect_from, Some(jiff::civil::date(2026, 11, 19)));
    assert!(!token.window_unreadable);
    let odd = Token::parse(r#"{"refresh_token":"r","collect_from":"autumn"}"#).unwrap();
    assert!(odd.window_unreadable && odd.to_json().contains("autumn"));
    for odd in ["20261119", "false", "{}", "[\"2026-11-19\"]"] {
        let text = format!(r#"{{"refresh_token":"r","collect_until":{odd}}}"#);
        let token = Token::parse(&text).unwrap();
        assert!(token.window_unreadable && token.to_json().contains("collect_until"), "{odd}");
    }
    let none = Token::parse(r#"{"refresh_token":"r","collect_until":null}"#).unwrap();
    assert!(!none.window_unreadable);
    // The one that is named is cured, and it alone.
    let text = r#"{"refresh_token":"r","collect_from":"spring","collect_until":"autumn"}"#;
    let mut odd = Token::parse(text).unwrap();
    odd.name_bounds(token.collect_from, None);
    let kept = Token::parse(&odd.to_json()).unwrap();
    assert!(odd.window_unreadable && kept.window_unreadable);
    assert_eq!((kept.collect_from, kept.collect_until), (token.collect_from, None));
    odd.name_bounds(None, token.collect_from);
    assert!(!odd.window_unreadable && !odd.to_json().contains("autumn"));
}

#[test]
fn a_grant_is_seen_in_a_file_that_cannot_be_read() {
    let salvaged = |text: &str| {
        let token = Token::salvage(text)?;
        Some(format!("{} {} {}", token.provider, token.refresh_token.expose(), token.account))
    };
    let newer = r#"{"version":99,"provider":"google-health","health_user_id":"a",
                    "former_refresh_token":"x", "refresh_token" : "1\/\/r\u0041\\\""}"#;
    assert_eq!(salvaged(newer).as_deref(), Some("google-health 1//rA\\\" a"));
    let cut = r#"{"provider":"fitbit","refresh_token":"r","scope":"act"#;
    assert_eq!(salvaged(cut).as_deref(), Some("fitbit r "));
    assert_eq!(salvaged(r#"{"refresh_token":"r"}"#).as_deref(), Some("fitbit r "), "the seed's");
    for text in [
        "",
        "\0\0",
        r#"{"provider":"fitbit","refresh_token":"r"#,
        r#"{"provider":"fitbit","refresh_token":""}"#,
        r#"{"provider":"fitbit","refresh_token":null}"#,
        r#"{"provider":"fitbit","refresh_token""#,
        r#"{"version":99,"refresh_token":"r"}"#,
    ] {
        assert_eq!(salvaged(text), None, "{text}");
    }
}

#[test]
fn a_plain_reply_as_the_seed_wrote_it_is_read_and_refreshed_before_use() {
    let token = Token::parse(SEED).unwrap();
    assert_eq!(token.provider, "fitbit");
    assert!(!token.account.is_empty() && !token.refresh_token.is_empty());
    assert!(token.granted("heartrate"));
    assert!(!token.fresh(at("2020-01-01T00:00:00Z")));
}

#[test]
fn what_is_written_is_read_back_with_unknown_fields() {
    let mut token = Token::parse(r#"{"refresh_token":"r","note":{"site":7}}"#).unwrap();
    token.provider = "google-health".to_owned();
    let grant = Grant {
        access_token: Secret::new("a2"),
        expires_in_s: Some(3599),
        scopes: Some(vec!["s1".to_owned(), "s2".to_owned()]),
        ..Grant::default()
    };
    token.renew(&grant, at("2026-11-22T10:00:00Z"));
    let text = token.to_json();
    assert!(text.contains(r#""note":{"site":7}"#), "{text}");
    assert!(text.contains(r#""expires_in":3599"#), "{text}");
    let back = Token::parse(&text).unwrap();
    assert_eq!(back.access_token, Secret::new("a2"));
    assert_eq!(back.refresh_token, Secret::new("r"), "Google sends none on a refresh");
    assert_eq!(back.expires_at, Some(at("2026-11-22T10:59:59Z")));
    assert!(back.fresh(at("2026-11-22T10:54:59Z")));
    assert!(!back.fresh(at("2026-11-22T10:55:00Z")));
    assert_eq!(back.scopes, ["s1", "s2"]);
}

#[test]
fn a_sign_in_keeps_what_it_does_not_decide() {
    let (first, later) = (at("2026-11-01T10:00:00Z"), at("2026-11-22T10:00:00Z"));
    let grant = Grant { refresh_token: Some(Secret::new("r")), ..Grant::default() };
    let mut before = Token::new("google-health", "a", &grant, first);
    before.collect_until = Some(jiff::civil::date(2026, 12, 1));
    let before = before.to_json().replacen('{', r#"{"note":{"site":7},"#, 1);
    let before = Token::parse(&before).unwrap();
    let mut token = Token::new("google-health", "a", &grant, later);
    token.follow(&before, true);
    assert_eq!(token.account_since, None);
    assert_eq!(token.collect_until, before.collect_until);
    assert!(token.to_json().contains(r#""note":{"site":7}"#));
    let mut other = Token::new("google-health", "b", &grant, later);
    other.follow(&before, false);
    assert_eq!(other.account_since, Some(later));
}

#[test]
fn a_file_that_is_empty_cut_or_newer_is_refused_without_quoting_it() {
    let whole = r#"{"refresh_token":"secret","version":1}"#;
    for text in ["", "{}", "[]", &whole[..30], r#"{"refresh_token":"secret","version":2}"#] {
        let failure = Token::parse(text).unwrap_err();
        assert!(!failure.to_string().contains("secret"), "{failure}");
    }
    assert!(Token::parse(whole).is_ok());
}

#[test]
fn debug_shows_no_token() {
    let token = Token::parse(r#"{"refresh_token":"hidden1","x":"hidden2"}"#).unwrap();
    assert!(!format!("{token:?}").contains("hidden"));
}
