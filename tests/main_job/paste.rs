//! What people paste: all that clings to an address, and what is none.

use crate::login::parameter;
use crate::world::{USER, WHO, World, one, plain};

/// A login that was signed in to, and the address that the browser ended on.
fn signed_in(world: &World) -> (crate::world::Login, String) {
    let login = world.login(&[USER]);
    let address = world.sim.consent(&login.url, WHO).expect("a consent");
    (login, address)
}

/// The pasted lines connect the participant.
fn connects(dress: impl Fn(&str) -> Vec<String>) {
    let world = World::new(plain(one()));
    let (mut login, address) = signed_in(&world);
    dress(&address).iter().for_each(|line| login.paste(line));
    login.end().exits(0).says("Connected: user_001");
    assert!(world.token_file(USER).exists());
}

fn one_line(text: String) -> Vec<String> {
    vec![text]
}

#[test]
fn an_address_in_quotes_or_angle_brackets_and_with_blanks_is_taken() {
    connects(|address| one_line(format!("  \"{address}\"  ")));
    connects(|address| one_line(format!("<{address}>")));
    connects(|address| one_line(format!("'{address}'\r")));
}

#[test]
fn what_the_browser_hangs_on_behind_the_address_is_taken_off() {
    connects(|address| one_line(format!("{address}#_=_")));
    connects(|address| one_line(format!("{address}#")));
}

#[test]
fn the_query_alone_will_do() {
    let query = |address: &str| address.split_once('?').expect("a query").1.to_owned();
    connects(|address| one_line(query(address)));
    connects(|address| one_line(format!("?{}", query(address))));
}

#[test]
fn an_address_that_is_broken_over_lines_is_joined() {
    for at in [20, 60, 100] {
        connects(|address| {
            let (head, tail) = address.split_at(at.min(address.len() - 10));
            vec![head.to_owned(), tail.to_owned()]
        });
    }
}

#[test]
fn an_address_that_is_broken_in_its_scopes_is_joined_or_taken_as_it_is() {
    connects(|address| {
        let (head, tail) = address.split_at(address.find("scope=").expect("scopes") + 20);
        vec![head.to_owned(), tail.to_owned()]
    });
}

#[test]
fn what_holds_no_code_is_answered_by_a_sentence_and_asked_again() {
    let world = World::new(plain(one()));
    let (mut login, address) = signed_in(&world);
    login.paste("good morning");
    login.hears("There is no code in this");
    login.paste("");
    login.paste("http://localhost:8000/auth/callback?hello=world");
    login.paste("");
    login.paste(&address);
    login.end().exits(0);
}

#[test]
fn an_address_of_another_sign_in_is_answered_by_a_sentence_and_asked_again() {
    let world = World::new(plain(one()));
    let (mut login, address) = signed_in(&world);
    let other = world.login(&["user_002"]);
    let theirs = world.sim.consent(&other.url, WHO).expect("a consent");
    other.kill();
    login.paste(&theirs);
    login.hears("belongs to another sign-in");
    assert!(world.asked("token").is_empty(), "a code of another sign-in was used");
    login.paste(&address);
    login.end().exits(0);
}

#[test]
fn a_denial_of_another_sign_in_ends_nothing() {
    let world = World::new(plain(one()));
    let (mut login, address) = signed_in(&world);
    let state = parameter(&login.url, "state").expect("a state");
    let wrong = "A".repeat(state.len());
    login.paste(&format!("http://localhost:8000/auth/callback?error=access_denied&state={wrong}"));
    login.hears("belongs to another sign-in");
    login.paste(&address);
    login.end().exits(0);
}

#[test]
fn a_state_is_good_for_one_sign_in_only() {
    let world = World::new(plain(one()));
    let (mut login, address) = signed_in(&world);
    login.paste(&address);
    login.end().exits(0);
    let mut again = world.login(&["user_002"]);
    again.paste(&address);
    again.hears("belongs to another sign-in");
    again.kill();
    assert!(!world.token_file("user_002").exists());
}

#[test]
fn lines_without_end_are_no_memory_leak_and_no_end() {
    let world = World::new(plain(one()));
    let (mut login, address) = signed_in(&world);
    for _ in 0..20 {
        login.paste(&"http://x".repeat(2_000));
    }
    login.paste("");
    login.hears("There is no code in this");
    login.paste(&address);
    login.end().exits(0);
}
