use super::*;
use crate::limits::{PORTAL_CODE_S, PORTAL_LINK_S};

fn attempt(state: &str) -> Attempt {
    let (verifier, address) = (Secret::new("v"), format!("https://p/{state}"));
    Attempt { state: state.to_owned(), verifier, address }
}

fn open(rows: &mut SignIns, user: &str, key: &LinkKey, state: &str, now: Instant) -> u64 {
    let life_s = if matches!(key, LinkKey::Typed(_)) { PORTAL_CODE_S } else { PORTAL_LINK_S };
    let user = user.parse().unwrap();
    rows.open(user, key.clone(), Facts::default(), attempt(state), life_s, now)
}

#[test]
fn looking_uses_nothing_up_and_storing_does() {
    let (mut rows, now, key) = (SignIns::default(), Instant::now(), LinkKey::link([1; 16]));
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
    let (mut rows, now, key) = (SignIns::default(), Instant::now(), LinkKey::link([1; 16]));
    let ticket = open(&mut rows, "u", &key, "s1", now);
    rows.take_attempt(ticket, now).unwrap();
    rows.try_again(ticket, Hint::Denied, attempt("s2"));
    assert_eq!((rows.by_state("s1", now), rows.by_state("s2", now)), (None, Some(ticket)));
    assert_eq!(rows.get(ticket).unwrap().address(), Some("https://p/s2"));
}

#[test]
fn an_expired_link_says_so_and_takes_no_code() {
    let (mut rows, now, key) = (SignIns::default(), Instant::now(), LinkKey::typed([9; 5]));
    let ticket = open(&mut rows, "u", &key, "s1", now);
    let late = now + Duration::from_secs(PORTAL_CODE_S);
    assert_eq!(rows.by_key(key.as_str(), late), Some(ticket));
    assert!(matches!(rows.get(ticket).unwrap().stage(late), Stage::Ended));
    assert_eq!(rows.by_state("s1", late), None);
    assert!(rows.take_attempt(ticket, late).is_none());
    let forgotten = late + Duration::from_secs(PORTAL_EPITAPH_S);
    assert_eq!(rows.by_key(key.as_str(), forgotten), None);
}

#[test]
fn the_terminal_may_wait_longer_than_the_typed_code_lives() {
    let (mut rows, now, key) = (SignIns::default(), Instant::now(), LinkKey::typed([9; 5]));
    let user = "u".parse().unwrap();
    let ticket = rows.open(user, key, Facts::default(), attempt("s1"), 3600, now);
    let late = now + Duration::from_secs(PORTAL_CODE_S);
    assert!(matches!(rows.get(ticket).unwrap().stage(late), Stage::Ended));
    assert_eq!(rows.by_state("s1", late), Some(ticket));
}

#[test]
fn the_typed_code_dies_after_twenty_wrong_ones_and_the_terminal_goes_on() {
    let (mut rows, now, key) = (SignIns::default(), Instant::now(), LinkKey::typed([9; 5]));
    let ticket = open(&mut rows, "u", &key, "s1", now);
    for wrong in 1..PORTAL_WRONG_CODES_MAX {
        let code = LinkKey::typed([0, 0, 0, 1, wrong as u8]);
        assert_eq!(rows.by_key(code.as_str(), now), None);
    }
    assert_eq!(rows.by_key("not a code at all", now), None, "cannot be a guess");
    assert_eq!(rows.by_key(key.as_str(), now), Some(ticket), "nineteen are forgiven");
    rows.by_key("0000-0000", now);
    assert!(rows.typed_code_is_dead());
    assert_eq!(rows.by_key(key.as_str(), now), None);
    assert_eq!(rows.by_state("s1", now), Some(ticket), "the callback still arrives");
}

#[test]
fn wrong_codes_do_not_harm_links() {
    let (mut rows, now, key) = (SignIns::default(), Instant::now(), LinkKey::link([3; 16]));
    let ticket = open(&mut rows, "u", &key, "s1", now);
    for _ in 0..3 * PORTAL_WRONG_CODES_MAX {
        rows.by_key("0000-0000", now);
    }
    assert_eq!(rows.by_key(key.as_str(), now), Some(ticket));
}

#[test]
fn a_new_invitation_ends_the_older_one_of_the_same_participant_alone() {
    let (mut rows, now) = (SignIns::default(), Instant::now());
    let keys = [LinkKey::link([1; 16]), LinkKey::link([2; 16]), LinkKey::link([3; 16])];
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
        open(&mut rows, &format!("u{number}"), &LinkKey::link(random), "s", now);
    }
    assert_eq!(rows.rows.len(), PORTAL_SIGN_INS_MAX);
}

#[test]
fn an_account_that_could_not_be_let_go_stays_undecided_and_can_be_taken_back_again() {
    let (mut rows, now) = (SignIns::default(), Instant::now());
    let ticket = open(&mut rows, "u", &LinkKey::link([1; 16]), "s1", now);
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
