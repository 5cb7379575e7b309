use super::*;
use jiff::civil::date as civil;

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn view(user: &str) -> ParticipantView {
    let day = |mark: Mark| DayView { date: civil(2026, 11, 22), mark, why: String::new() };
    let metric = |name: &str| MetricView {
        name: name.to_owned(),
        newest: Some("2026-11-22T11:00:00Z".parse().unwrap()),
        days: vec![day(Mark::Sealed); 14],
    };
    ParticipantView {
        user: user.to_owned(),
        state: "connected".into(),
        problem: None,
        device: Some("Charge 6".into()),
        synced_at: Some("2026-11-22T11:00:00Z".parse().unwrap()),
        device_unknown: None,
        metrics: vec![metric("steps"), metric("hrv")],
        waiting: 0,
        upload_fails: false,
        expires_at: None,
        collect_from: None,
        collect_until: None,
        listed: true,
    }
}

#[test]
fn what_needs_attention_is_said_in_words_and_nothing_else_is() {
    assert!(view("a").attention(now()).is_empty());
    let silent =
        ParticipantView { synced_at: Some("2026-11-19T11:00:00Z".parse().unwrap()), ..view("a") };
    assert_eq!(silent.attention(now()), ["the band last synced 3 days ago"]);
    let ending =
        ParticipantView { expires_at: Some("2026-11-24T12:00:00Z".parse().unwrap()), ..view("a") };
    assert_eq!(ending.attention(now()), ["the consent ends on 24 Nov 2026"]);
    let gone = ParticipantView { state: "sign_in_again".into(), listed: false, ..view("a") };
    assert_eq!(gone.attention(now()), ["must sign in again"]);
    let withdrawn = ParticipantView { state: "withdrawn".into(), ..view("a") };
    assert!(withdrawn.attention(now()).is_empty());
    let odd = ParticipantView::unreadable("a", true, "move it away");
    assert_eq!(odd.attention(now()), ["ledger cannot be read", "move it away"]);
    let mut missing = view("a");
    missing.metrics[1].days[13].mark = Mark::NotGranted;
    missing.metrics[0].days[3].mark = Mark::Failed;
    assert_eq!(missing.attention(now()), ["not granted: hrv", text::DAYS_FAIL]);
}

#[test]
fn the_list_shows_state_sync_coverage_and_filters() {
    let silent = ParticipantView { state: "sign_in_again".into(), ..view("user_002") };
    let all = [view("user_001"), silent];
    let page = participants(&all, Filter { attention: false, page: 1 }, now(), "t").body;
    for part in ["Charge 6, synced 1 hour ago", "steps: 14 sealed", "All (2)", "attention (1)"] {
        assert!(page.contains(part), "{part}");
    }
    let page = participants(&all, Filter { attention: true, page: 1 }, now(), "t").body;
    assert!(page.contains("user_002") && !page.contains("user_001"));
}

#[test]
fn a_large_study_has_pages_and_each_stays_small() {
    let all: Vec<_> = (0..3 * OPERATOR_ROWS).map(|n| view(&format!("user_{n:03}"))).collect();
    let page = participants(&all, Filter { attention: false, page: 2 }, now(), "t").body;
    assert_eq!(page.matches("<h2><a").count(), OPERATOR_ROWS);
    assert!(page.contains("Page 2 of 3") && page.contains("page=1") && page.contains("page=3"));
    assert!(page.len() < 400_000, "{}", page.len());
    let beyond = participants(&all, Filter { attention: false, page: 99 }, now(), "t").body;
    assert!(beyond.contains("Page 3 of 3"));
}

#[test]
fn one_participant_has_a_calendar_and_its_gaps_in_words() {
    let mut one = view("user_001");
    one.metrics[0].days[0] =
        DayView { date: civil(2026, 11, 9), mark: Mark::Failed, why: "the <net>".into() };
    let page = participant(&one, now(), "t").body;
    assert!(page.contains("<b>9 Nov 2026</b>, steps: the &lt;net&gt;"), "{page}");
    assert!(page.contains("name=\"user_id\" value=\"user_001\""));
}

#[test]
fn an_invitation_shows_its_link_while_it_works() {
    let link = "http://192.168.1.20:8000/s/AAAAAAAAAAAAAAAAAAAAAA";
    let page = invitation("user_001", Some((link, link)), true).body;
    assert!(!page.contains("FITBIT_USER_IDS"), "{page}");
    assert!(
        invitation("user_001", Some((link, link)), false).body.contains("not in FITBIT_USER_IDS")
    );
    assert!(page.contains(link) && page.contains("<svg class=\"qr\""));
    let gone = invitation("user_001", None, true).body;
    assert!(gone.contains(text::LINK_GONE) && !gone.contains("/s/"));
}

#[test]
fn every_value_is_escaped() {
    let evil = "\"><script>";
    let mut one = view("a");
    one.device = Some(evil.into());
    one.device_unknown = Some(evil.into());
    one.metrics[0].name = evil.into();
    one.metrics[0].days[0].why = evil.into();
    let pages = [
        participants(&[one.clone()], Filter { attention: false, page: 1 }, now(), evil),
        participant(&one, now(), evil),
        password(evil, 200, evil, Some(evil)),
        one_time_link(evil, evil),
        elsewhere(Some(evil)),
        confirm(evil, evil),
        refused(evil, evil, evil),
        invitation(evil, Some((evil, evil)), false),
    ];
    for page in pages {
        assert!(!page.body.contains("<script"), "{}", page.body);
    }
}
