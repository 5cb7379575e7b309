use super::*;
use crate::core::error::Secret;
use crate::io::clock::Clock;
use crate::io::files;
use crate::provider::App;
use crate::provider::google::{Endpoints, GoogleHealth, NAME};

struct Place {
    store: TokenStore,
    http: Http,
    provider: GoogleHealth,
    circuit: Circuit,
    user: UserId,
}

fn place(name: &str) -> Place {
    let dir = std::env::temp_dir().join(format!("fitsync-session-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    files::make_folder(&dir).unwrap();
    let nowhere = || "http://127.0.0.1:1".to_owned();
    Place {
        store: TokenStore::open(&dir).unwrap(),
        http: Http::new(&[], &Clock::default(), 1).unwrap(),
        provider: GoogleHealth {
            app: App {
                client_id: String::new(),
                client_secret: Secret::default(),
                redirect_uri: String::new(),
            },
            addresses: Endpoints {
                api: nowhere(),
                authorize: nowhere(),
                token: nowhere(),
                revoke: nowhere(),
            },
            data_source: String::new(),
        },
        circuit: Circuit::new(1),
        user: "user_001".parse().unwrap(),
    }
}

fn token(account: &str, refresh: &str, expires_in_s: i64) -> Token {
    let grant = Grant {
        access_token: Secret::new(format!("access of {refresh}")),
        refresh_token: Some(Secret::new(refresh)),
        expires_in_s: Some(expires_in_s),
        ..Grant::default()
    };
    Token::new(NAME, account, &grant, jiff::Timestamp::now())
}

impl Place {
    fn session(&self, token: Token) -> Session<'_> {
        Session::new(&self.provider, &self.user, token, &self.http, &self.store, &self.circuit)
    }

    fn stored(&self) -> Token {
        self.store.load(&self.user).unwrap().unwrap()
    }
}

#[test]
fn a_consent_given_during_a_run_is_not_spoilt_by_the_end_of_the_old_one() {
    let place = place("consent");
    let mut session = place.session(token("a", "old", 3600));
    place.store.save(&place.user, &token("a", "new", 3600)).unwrap();
    session.note_state(AccountState::SignInAgain).unwrap();
    assert_eq!(place.stored().state, AccountState::Connected);
    assert_eq!(place.stored().refresh_token, Secret::new("new"));
}

#[test]
fn a_token_that_another_process_refreshed_is_taken_without_asking() {
    let place = place("other");
    let mut session = place.session(token("a", "r1", 0));
    place.store.save(&place.user, &token("a", "r2", 3600)).unwrap();
    session.ready().unwrap();
    assert_eq!(session.token.refresh_token, Secret::new("r2"));
}

#[test]
fn a_run_never_goes_on_with_the_token_of_another_account() {
    let place = place("account");
    let mut session = place.session(token("a", "r1", 0));
    place.store.save(&place.user, &token("b", "r2", 3600)).unwrap();
    let failure = session.ready().unwrap_err();
    assert!(failure.what.contains("another account"), "{failure}");
    assert!(session.note_state(AccountState::SignInAgain).is_err());
    assert_eq!(place.stored().refresh_token, Secret::new("r2"));
}

#[test]
fn a_refresh_that_fails_leaves_the_token_and_nothing_else() {
    let place = place("fails");
    place.store.save(&place.user, &token("a", "r1", 0)).unwrap();
    let mut session = place.session(place.stored());
    assert_eq!(session.ready().unwrap_err().class, ErrorClass::Network);
    assert_eq!(place.stored().refresh_token, Secret::new("r1"));
    let names = files::names(place.store.dir()).unwrap();
    assert_eq!(names, ["user_001.json", "user_001.lock"]);
}

#[test]
fn a_token_that_was_taken_away_does_not_come_back() {
    let place = place("taken");
    place.store.save(&place.user, &token("a", "r1", 3600)).unwrap();
    let mut session = place.session(place.stored());
    place.store.remove(&place.user).unwrap();
    assert!(session.note_state(AccountState::SignInAgain).is_err());
    assert!(place.store.load(&place.user).unwrap().is_none());
    std::fs::remove_dir_all(place.store.dir()).unwrap();
}
