//! The browser on the gateway itself: it comes back by HTTP.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use fitsync_sim::{Options, Participant};

use crate::login::parameter;
use crate::world::{USER, WHO, World, free_port, plain};

/// A world whose application is registered for a port of this machine that is free.
pub fn at_a_port() -> (World, u16) {
    let port = free_port();
    let redirect = format!("http://localhost:{port}/auth/callback");
    let redirects = vec![redirect.clone()];
    let mut world = World::new(Options { redirects, ..plain(Participant::numbered(3)) });
    world.set("GOOGLE_REDIRECT_URI", &redirect);
    world.set("FITSYNC_LISTEN", &format!("127.0.0.1:{port}"));
    (world, port)
}

/// What a browser gets for an address of this machine: the whole reply.
fn browse(port: u16, address: &str) -> String {
    let path = match address.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/').expect("a path")..],
        None => address,
    };
    let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("a listener");
    let host = format!("localhost:{port}");
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        .expect("a request");
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_browser_on_the_gateway_comes_back_by_itself() {
    let (world, port) = at_a_port();
    let mut login = world.login(&[USER]);
    login.close_stdin();
    let address = world.sim.consent(&login.url, WHO).expect("a consent");
    let answer = browse(port, &address);
    let code = parameter(&address, "code").expect("a code");
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    assert!(!answer.contains(&code), "the code stands in the answer");
    login.end().exits(0).says("Connected: user_001");
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_browser_with_the_state_of_another_sign_in_ends_nothing() {
    let (world, port) = at_a_port();
    let mut login = world.login(&[USER]);
    login.close_stdin();
    let address = world.sim.consent(&login.url, WHO).expect("a consent");
    let state = parameter(&address, "state").expect("a state");
    let wrong = address.replace(&state, &"B".repeat(state.len()));
    browse(port, &wrong);
    browse(port, "/auth/callback?error=access_denied&state=other");
    browse(port, "/auth/callback");
    browse(port, "/favicon.ico");
    assert!(login.is_waiting(), "{}", login.heard());
    assert!(world.asked("token").is_empty());
    browse(port, &address);
    login.end().exits(0);
}

#[test]
fn a_participant_who_denies_in_the_browser_of_the_gateway_ends_it() {
    let (world, port) = at_a_port();
    let login = world.login(&[USER]);
    let address = world.sim.deny(&login.url, WHO).expect("an answer");
    browse(port, &address);
    login.end().exits(3).says("did not agree");
    assert!(!world.token_file(USER).exists());
}

#[test]
fn where_the_port_is_taken_the_paste_alone_does_it() {
    let (world, port) = at_a_port();
    let taken = TcpListener::bind(("127.0.0.1", port)).expect("the port");
    let mut login = world.login(&[USER]);
    login.hears("another program listens on this port");
    let address = world.sim.consent(&login.url, WHO).expect("a consent");
    login.paste(&address);
    login.end().exits(0).says("Connected: user_001");
    drop(taken);
}

#[test]
fn two_sign_ins_at_once_keep_apart() {
    let (world, port) = at_a_port();
    let first = world.login(&[USER]);
    let mut second = world.login(&["user_002"]);
    second.hears("another program listens on this port");
    let theirs = world.sim.consent(&second.url, "p2").expect("a consent");
    let ours = world.sim.consent(&first.url, WHO).expect("a consent");
    browse(port, &theirs);
    browse(port, &ours);
    second.paste(&theirs);
    first.end().exits(0).says("account …h-p1");
    second.end().exits(0).says("account …h-p2");
}

#[test]
fn a_page_that_was_only_previewed_holds_nobody_up() {
    let (world, port) = at_a_port();
    for close in [true, false] {
        let mut login = world.login(&[USER]);
        if close {
            login.close_stdin();
        }
        login.hears("/s/");
        let heard = login.heard();
        let page = heard.split_once("/s/").expect("a page").1.split_whitespace().next();
        let shown = browse(port, &format!("/s/{}", page.expect("a code")));
        assert!(shown.contains("Connect user_001"), "{shown}");
        let address = world.sim.consent(&login.url, WHO).expect("a consent");
        // The browser that came back never asks for the page it is led to.
        browse(port, &address);
        login.end().exits(0).says("Connected: user_001");
    }
}

#[test]
fn a_paste_at_the_terminal_ends_it_even_when_the_page_was_opened() {
    let (world, port) = at_a_port();
    let mut login = world.login(&[USER]);
    login.hears("/s/");
    let heard = login.heard();
    let page = heard.split_once("/s/").expect("a page").1.split_whitespace().next();
    browse(port, &format!("/s/{}", page.expect("a code")));
    let address = world.sim.consent(&login.url, WHO).expect("a consent");
    login.paste(&address);
    let ended = login.end().exits(0).says("Connected: user_001");
    assert!(!ended.stderr.contains("Press Done"), "{}", ended.stderr);
}

#[test]
fn settings_that_no_browser_can_come_back_to_are_refused() {
    let (mut world, port) = at_a_port();
    for wrong in ["x:y", "52685", "127.0.0.1", ":99999"] {
        world.set("FITSYNC_LISTEN", wrong);
        world.run(&["login", USER]).exits(2).says("FITSYNC_LISTEN is a port such as :8000");
    }
    world.set("FITSYNC_LISTEN", &format!("127.0.0.1:{port}"));
    for wrong in ["not a url", "http://study.example.org/cb", "http://localhost:8000/cb#x"] {
        world.set("GOOGLE_REDIRECT_URI", wrong);
        world.run(&["login", USER]).exits(2).says("GOOGLE_REDIRECT_URI");
    }
    world.set("GOOGLE_REDIRECT_URI", "http://192.168.1.20:8000/auth/callback");
    let login = world.login(&[USER]);
    login.hears("Google refuses addresses made of numbers");
    login.kill();
}
