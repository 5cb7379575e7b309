//! Who may see the operator's pages: the password, sessions, and the tokens that tie a form to
//! the page it came from. Pure but for the cost of PBKDF2: time and random bytes are arguments.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{hmac, pbkdf2};

use crate::consent::oauth::same;
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::limits::{
    PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, PASSWORD_ITERATIONS, PASSWORD_ITERATIONS_MAX,
    PASSWORD_WRONG_MAX, PASSWORD_WRONG_S, PORTAL_OFFENDERS_MAX, SESSION_S, SESSIONS_MAX,
};
use crate::portal::web::places::peer_key;

const ALGORITHM: pbkdf2::Algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
const VERSION: u32 = 1;

/// What is kept of the operator's password.
#[derive(Clone, miniserde::Serialize, miniserde::Deserialize)]
pub struct PasswordFile {
    version: u32,
    algorithm: String,
    iterations: u32,
    salt: String,
    hash: String,
}

/// Neither salt nor hash: the file is as good as the password to a patient thief.
impl std::fmt::Debug for PasswordFile {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "PasswordFile v{}", self.version)
    }
}

impl PasswordFile {
    /// Refuses a password that is too short to be kept from guessing.
    pub fn new(password: &Secret, salt: [u8; 16]) -> Result<Self> {
        let text = password.expose();
        if text.chars().count() < PASSWORD_CHARS_MIN || text.len() > PASSWORD_BYTES_MAX {
            let what = format!(
                "the password must have at least {PASSWORD_CHARS_MIN} characters and at most \
                 {PASSWORD_BYTES_MAX} bytes; three or four words will do"
            );
            return Err(Failure::new(ErrorClass::Usage, what));
        }
        let mut hash = [0; 32];
        let iterations = NonZeroU32::new(PASSWORD_ITERATIONS).unwrap_or(NonZeroU32::MIN);
        pbkdf2::derive(ALGORITHM, iterations, &salt, text.as_bytes(), &mut hash);
        Ok(Self {
            version: VERSION,
            algorithm: "pbkdf2-hmac-sha256".to_owned(),
            iterations: iterations.get(),
            salt: URL_SAFE_NO_PAD.encode(salt),
            hash: URL_SAFE_NO_PAD.encode(hash),
        })
    }

    pub fn to_json(&self) -> String {
        miniserde::json::to_string(self)
    }

    pub fn parse(text: &str) -> Result<Self> {
        let broken = || {
            let what = "the password file cannot be read; run fitsync serve --set-password";
            Failure::new(ErrorClass::Config, what)
        };
        let file: Self = miniserde::json::from_str(text).map_err(|_| broken())?;
        let sound = file.version == VERSION
            && file.algorithm == "pbkdf2-hmac-sha256"
            && (1..=PASSWORD_ITERATIONS_MAX).contains(&file.iterations);
        if sound { Ok(file) } else { Err(broken()) }
    }

    /// Takes about a second on a small machine, right or wrong.
    pub fn accepts(&self, password: &Secret) -> bool {
        let salt = URL_SAFE_NO_PAD.decode(&self.salt).unwrap_or_default();
        let hash = URL_SAFE_NO_PAD.decode(&self.hash).unwrap_or_default();
        let bytes = password.expose().as_bytes();
        let Some(iterations) = NonZeroU32::new(self.iterations) else { return false };
        bytes.len() <= PASSWORD_BYTES_MAX
            && hash.len() == 32
            && pbkdf2::verify(ALGORITHM, iterations, &salt, bytes, &hash).is_ok()
    }
}

/// Wrong passwords, counted per peer.
#[derive(Debug, Default)]
pub struct Attempts {
    rows: Vec<(u128, u32, Instant)>,
}

impl Attempts {
    /// Whether the peer has to wait before it may try again.
    pub fn must_wait(&mut self, peer: IpAddr, now: Instant) -> bool {
        self.rows.retain(|&(_, _, until)| until > now);
        let peer = peer_key(peer);
        self.rows.iter().any(|&(known, wrong, _)| known == peer && wrong >= PASSWORD_WRONG_MAX)
    }

    /// The right password makes good for the wrong ones.
    pub fn forgive(&mut self, peer: IpAddr) {
        let peer = peer_key(peer);
        self.rows.retain(|&(known, _, _)| known != peer);
    }

    pub fn wrong(&mut self, peer: IpAddr, now: Instant) {
        let peer = peer_key(peer);
        let until = now + Duration::from_secs(PASSWORD_WRONG_S);
        if let Some(row) = self.rows.iter_mut().find(|row| row.0 == peer) {
            row.1 = row.1.saturating_add(1);
            return;
        }
        if self.rows.len() >= PORTAL_OFFENDERS_MAX {
            self.rows.remove(0);
        }
        self.rows.push((peer, 1, until));
    }
}

/// Operators who are signed in; in memory alone, so a restart signs everybody out.
#[derive(Debug, Default)]
pub struct Sessions {
    rows: Vec<(Secret, Instant)>,
}

impl Sessions {
    /// A new session; the text is the cookie.
    pub fn begin(&mut self, random: [u8; 16], now: Instant) -> String {
        let id = URL_SAFE_NO_PAD.encode(random);
        self.rows.retain(|(_, ends_at)| *ends_at > now);
        if self.rows.len() >= SESSIONS_MAX {
            self.rows.remove(0);
        }
        self.rows.push((Secret::new(id.clone()), now + Duration::from_secs(SESSION_S)));
        id
    }

    pub fn holds(&self, id: &str, now: Instant) -> bool {
        // All rows are compared: the time must not tell which one was near.
        let alive = self.rows.iter().filter(|(_, ends_at)| *ends_at > now);
        alive.fold(false, |found, (known, _)| found | same(known.expose(), id))
    }

    pub fn end(&mut self, id: &str) {
        self.rows.retain(|(known, _)| !same(known.expose(), id));
    }
}

/// Makes and checks the tokens in forms: a MAC over what the form belongs to (a session's cookie, a
/// visitor's cookie or a link's key), so that a page of another site cannot make one up.
pub struct FormKey(hmac::Key);

impl std::fmt::Debug for FormKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("FormKey")
    }
}

impl FormKey {
    pub fn new(random: [u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &random))
    }

    /// The token of a form: 128 bits of the MAC.
    pub fn token(&self, belongs_to: &str) -> String {
        let tag = hmac::sign(&self.0, belongs_to.as_bytes());
        URL_SAFE_NO_PAD.encode(tag.as_ref().get(..16).unwrap_or_default())
    }

    pub fn accepts(&self, belongs_to: &str, token: &str) -> bool {
        !belongs_to.is_empty() && same(&self.token(belongs_to), token)
    }
}

/// The value of one cookie in a `Cookie` header.
pub fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|part| {
        let (known, value) = part.trim().split_once('=')?;
        (known == name).then_some(value)
    })
}

/// A cookie that scripts cannot read and other sites cannot make the browser send.
pub fn set_cookie(name: &str, value: &str, seconds: u64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// Who is signed in, and who tried too often.
#[derive(Debug, Default)]
pub struct Operator {
    pub(super) sessions: Sessions,
    pub(super) attempts: Attempts,
    /// The password file that the sessions belong to: a new password ends them.
    pub(super) file: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick(password: &str) -> PasswordFile {
        let mut hash = [0; 32];
        pbkdf2::derive(ALGORITHM, NonZeroU32::MIN, b"salt", password.as_bytes(), &mut hash);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        PasswordFile {
            version: 1,
            algorithm: "pbkdf2-hmac-sha256".into(),
            iterations: 1,
            salt: encode(b"salt"),
            hash: encode(&hash),
        }
    }

    #[test]
    fn the_published_vector_of_one_round() {
        // https://www.rfc-editor.org/rfc/rfc7914#section-11 and the usual "password"/"salt" pair.
        let file = quick("password");
        let hash = URL_SAFE_NO_PAD.decode(&file.hash).unwrap();
        assert_eq!(
            crate::core::hash::hex(&hash),
            "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b"
        );
    }

    #[test]
    fn the_right_password_is_accepted_and_survives_its_file() {
        let file = PasswordFile::parse(&quick("correct horse battery").to_json()).unwrap();
        assert!(file.accepts(&Secret::new("correct horse battery")));
        for wrong in ["", "correct horse batter", "Correct horse battery", &"x".repeat(300)] {
            assert!(!file.accepts(&Secret::new(wrong)), "{wrong}");
        }
        assert_eq!(format!("{file:?}"), "PasswordFile v1");
    }

    #[test]
    fn short_passwords_and_strange_files_are_refused() {
        assert!(PasswordFile::new(&Secret::new("short"), [1; 16]).is_err());
        assert!(PasswordFile::new(&Secret::new("x".repeat(257)), [1; 16]).is_err());
        for text in ["", "{}", "{\"version\":2}"] {
            assert!(PasswordFile::parse(text).is_err());
        }
        let endless = PasswordFile { iterations: u32::MAX, ..quick("p") };
        assert!(PasswordFile::parse(&endless.to_json()).is_err());
    }

    #[test]
    fn a_peer_with_many_wrong_passwords_waits_and_others_do_not() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..PASSWORD_WRONG_MAX {
            assert!(!attempts.must_wait(one, now));
            attempts.wrong(one, now);
        }
        assert!(attempts.must_wait(one, now) && !attempts.must_wait(other, now));
        assert!(!attempts.must_wait(one, now + Duration::from_secs(PASSWORD_WRONG_S)));
    }

    #[test]
    fn sessions_end_by_time_by_leaving_and_by_number() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let first = sessions.begin([1; 16], now);
        assert!(sessions.holds(&first, now) && !sessions.holds("", now));
        assert!(!sessions.holds(&first, now + Duration::from_secs(SESSION_S)));
        sessions.end(&first);
        assert!(!sessions.holds(&first, now));
        let ids: Vec<_> = (0..=SESSIONS_MAX as u8).map(|n| sessions.begin([n; 16], now)).collect();
        assert!(!sessions.holds(&ids[0], now) && sessions.holds(&ids[1], now));
    }

    #[test]
    fn a_form_token_belongs_to_one_cookie_and_one_process() {
        let key = FormKey::new([7; 32]);
        let token = key.token("cookie");
        assert!(key.accepts("cookie", &token));
        assert!(!key.accepts("other", &token) && !key.accepts("cookie", ""));
        assert!(!FormKey::new([8; 32]).accepts("cookie", &token));
        assert!(!key.accepts("", &key.token("")), "a form must belong to something");
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        assert_eq!(cookie("a=1; fitsync=x; b=2", "fitsync"), Some("x"));
        assert_eq!(cookie("xfitsync=1", "fitsync"), None);
        let text = set_cookie("a", "b", 5, true);
        assert_eq!(text, "a=b; Path=/; Max-Age=5; HttpOnly; SameSite=Strict; Secure");
    }
}
