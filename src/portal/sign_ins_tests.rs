use super::*;
use crate::limits::{PORTAL_CODE_S, PORTAL_LINK_S};

fn attempt(state: &str) -> Attempt {
    let (verifier, address) = (Secret::new("v"), format!("https://p/{state}"));
    Attempt { state: state.to_owned(), verifier, address }
}

fn invitation(user: &str, key: &LinkKey, state: &str) -> Invitation {
    Invitation {
        user: user.parse().unwrap(),
        key: key.clone(),
        code: None,
        owner: Owner::Link,
        facts: Facts::default(),
        attempt: attempt(state),
        life_s: PORTAL_LINK_S,
    }
}

fn open(rows: &mut SignIns, user: &str, key: &LinkKey, state: &str, now: Instant) -> u64 {
    rows.open(invitation(user, key, state), now)
}

fn open_typed(rows: &mut SignIns, life_s: u64, now: Instant) -> (u64, LinkKey, TypedCode) {
    let (key, code) = (LinkKey::new([9; 16]), TypedCode::new([9; 5]));
    let owner = Owner::Terminal;
    let typed =
        Invitation { code: Some(code.clone()), owner, life_s, ..invitation("u", &key, "s1") };
    (rows.open(typed, now), key, code)
}

#[test]
fn looking_uses_nothing_up_and_storing_does() {
    let (mut rows, now, key) = (SignIns::default(), Instant::now(), LinkKey::new([1; 16]));
    let ticket = open(&mut rows, "user_001", &key, "s1", now);
    for _ in 0..5 {
        assert_eq!(rows.by_key(key.as_str(), now), Some(ticket));
    }
    assert_eq!(rows.by_state("s1", now), Some(ticket));
    assert_eq!(rows.take_attempt(ticket, now).unwrap().state, "s1");
    assert!(rows.take_attempt(ticket, now).is_none(), "a state is used once");
    assert_eq!(rows.by_state("s1", now), None);
    rows.connected(ticket, ConnectedAccount::default(), now);
    assert!(matches!(rows.get(ticket).unwrap().stage(now), Stage::Review(_)));
    let later = now + Duration::from_secs(PORTAL_REVIEW_S);
    assert!(matches!(rows.get(ticket).unwrap().stage(later), Stage::Done));
    assert!(rows.finish(ticket) && !rows.finish(ticket));
}

#[test]
fn a_failed_attempt_can_be_made_again_with_a_new_state() {
    let (mut rows, now, key) = (SignIns::default(), Instant::now(), LinkKey::new([1; 16]));
    let ticket = open(&mut rows, "u", &key, "s1", now);
    rows.take_attempt(ticket, now).unwrap();
    rows.try_again(ticket, Hint::Denied, attempt("s2"));
    assert_eq!((rows.by_state("s1", now), rows.by_state("s2", now)), (None, Some(ticket)));
    assert_eq!(rows.get(ticket).unwrap().address(), Some("https://p/s2"));
}

#[test]
fn an_expired_link_says_so_and_takes_no_code() {
    let (mut rows, now) = (SignIns::default(), Instant::now());
    let (ticket, key, code) = open_typed(&mut rows, PORTAL_CODE_S, now);
    let late = now + Duration::from_secs(PORTAL_CODE_S);
    assert_eq!(
        (rows.by_key(key.as_str(), late), rows.by_code(&code, late)),
        (Some(ticket), Some(ticket))
    );
    assert!(matches!(rows.get(ticket).unwrap().stage(late), Stage::Ended));
    assert_eq!(rows.by_state("s1", late), None);
    assert!(rows.take_attempt(ticket, late).is_none());
    let forgotten = late + Duration::from_secs(PORTAL_EPITAPH_S);
    assert_eq!(
        (rows.by_key(key.as_str(), forgotten), rows.by_code(&code, forgotten)),
        (None, None)
    );
}

#[test]
fn the_terminal_may_wait_longer_than_the_typed_code_lives() {
    let (mut rows, now) = (SignIns::default(), Instant::now());
    let (ticket, ..) = open_typed(&mut rows, 3600, now);
    let late = now + Duration::from_secs(PORTAL_CODE_S);
    assert!(matches!(rows.get(ticket).unwrap().stage(late), Stage::Ended));
    assert_eq!(rows.by_state("s1", late), Some(ticket));
}

#[test]
fn wrong_codes_harm_neither_the_code_nor_the_link() {
    let (mut rows, now) = (SignIns::default(), Instant::now());
    let (ticket, key, code) = open_typed(&mut rows, PORTAL_CODE_S, now);
    for wrong in 0..200 {
        assert_eq!(rows.by_code(&TypedCode::new([0, 0, 0, 1, wrong]), now), None);
        assert_eq!(rows.by_key(LinkKey::new([wrong.max(10); 16]).as_str(), now), None);
    }
    assert_eq!(
        (rows.by_key(key.as_str(), now), rows.by_code(&code, now)),
        (Some(ticket), Some(ticket))
    );
}

#[test]
fn what_began_on_a_page_belongs_to_the_browser_that_pressed_last() {
    let (mut rows, now, key) = (SignIns::default(), Instant::now(), LinkKey::new([1; 16]));
    let ticket = open(&mut rows, "u", &key, "s1", now);
    let comes_back = |rows: &SignIns, browser| rows.get(ticket).unwrap().comes_back_to(browser);
    let decides = |rows: &SignIns, browser| rows.get(ticket).unwrap().is_decided_by(browser);
    assert!(!comes_back(&rows, Some("one")) && !comes_back(&rows, None), "nobody pressed");
    rows.press(ticket, Some("one"));
    assert!(comes_back(&rows, Some("one")) && decides(&rows, Some("one")));
    for other in [Some("two"), Some(""), None] {
        assert!(!comes_back(&rows, other) && !decides(&rows, other), "{other:?}");
    }
    rows.press(ticket, Some("two"));
    assert!(comes_back(&rows, Some("two")) && !comes_back(&rows, Some("one")), "it moved");
    rows.press(ticket, None);
    assert!(!comes_back(&rows, Some("two")) && !comes_back(&rows, None), "without cookies");
    assert!(decides(&rows, None), "who pasted may finish");
}

#[test]
fn what_began_in_a_terminal_stays_the_terminal_s() {
    let (mut rows, now) = (SignIns::default(), Instant::now());
    let (ticket, ..) = open_typed(&mut rows, PORTAL_CODE_S, now);
    rows.press(ticket, Some("one"));
    assert!(rows.get(ticket).unwrap().pressed);
    for browser in [Some("one"), Some("two"), None] {
        assert!(rows.get(ticket).unwrap().comes_back_to(browser));
    }
}

#[test]
fn a_new_invitation_ends_the_older_one_of_the_same_participant_alone() {
    let (mut rows, now) = (SignIns::default(), Instant::now());
    let keys = [LinkKey::new([1; 16]), LinkKey::new([2; 16]), LinkKey::new([3; 16])];
    let first = open(&mut rows, "a", &keys[0], "s1", now);
    let other = open(&mut rows, "b", &keys[1], "s2", now);
    let second = open(&mut rows, "a", &keys[2], "s3", now);
    let ended = |ticket| matches!(rows.get(ticket).unwrap().stage(now), Stage::Ended);
    assert!(ended(first) && !ended(other) && !ended(second));
    assert_eq!(rows.by_state("s1", now), None);
}

#[test]
fn only_so_many_are_kept() {
    let (mut rows, now) = (SignIns::default(), Instant::now());
    for number in 0..=PORTAL_SIGN_INS_MAX as u64 {
        let mut random = [0; 16];
        random[..8].copy_from_slice(&number.to_be_bytes());
        open(&mut rows, &format!("u{number}"), &LinkKey::new(random), "s", now);
    }
    assert_eq!(rows.rows.len(), PORTAL_SIGN_INS_MAX);
}

#[test]
fn an_account_that_could_not_be_let_go_stays_undecided_and_can_be_taken_back_again() {
    let (mut rows, now) = (SignIns::default(), Instant::now());
    let ticket = open(&mut rows, "u", &LinkKey::new([1; 16]), "s1", now);
    let connected = ConnectedAccount { is_first: true, ..ConnectedAccount::default() };
    rows.connected(ticket, connected, now);
    let late = now + Duration::from_secs(PORTAL_REVIEW_S - 1);
    assert!(rows.take_back(ticket, late) && !rows.take_back(ticket, late));
    let later = late + Duration::from_secs(60);
    rows.stays(ticket, later);
    assert!(rows.is_undecided(ticket, later));
    let Stage::Review(shown) = rows.get(ticket).unwrap().stage(later) else { panic!() };
    assert!(shown.stayed && shown.is_first);
    assert!(rows.take_back(ticket, later));
}
