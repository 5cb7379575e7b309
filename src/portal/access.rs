//! What the operator's pages are kept with: the password, the cookie of a browser that knew it, and
//! the tokens that tie a form to the page it came from. Pure but for the cost of PBKDF2: time and
//! random bytes are arguments.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{hmac, pbkdf2};

use crate::consent::oauth::same;
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::limits::{
    PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, PASSWORD_ITERATIONS, PASSWORD_ITERATIONS_MAX,
};

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

/// Makes and checks the cookie of a browser in which the operator has signed in before. Its key
/// comes from the password's file, so that it outlives a restart and ends with the password.
#[derive(Debug)]
pub struct DeviceKey(FormKey);

impl DeviceKey {
    /// `file`: the text of the password's file, which holds a random salt.
    pub fn new(file: &str) -> Self {
        let file = hmac::Key::new(hmac::HMAC_SHA256, file.as_bytes());
        let tag = hmac::sign(&file, b"the key of device cookies");
        Self(FormKey(hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref())))
    }

    /// A new cookie; it ends at that second since 1970.
    pub fn cookie(&self, random: [u8; 16], ends_at_s: i64) -> String {
        let device = URL_SAFE_NO_PAD.encode(random);
        let tag = self.0.token(&format!("{ends_at_s} {device}"));
        format!("{ends_at_s}.{device}.{tag}")
    }

    /// The device of a cookie that was made here, for this password, and has not ended.
    pub fn device<'a>(&self, cookie: &'a str, now_s: i64) -> Option<&'a str> {
        let (ends_at_s, rest) = cookie.split_once('.')?;
        let (device, tag) = rest.split_once('.')?;
        let ends_at_s: i64 = ends_at_s.parse().ok()?;
        let known = self.0.accepts(&format!("{ends_at_s} {device}"), tag);
        (known && now_s < ends_at_s).then_some(device)
    }
}

/// The value of one cookie in a `Cookie` header.
pub fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|part| {
        let (known, value) = part.trim().split_once('=')?;
        (known == name).then_some(value)
    })
}

/// When a browser sends a cookie that another site's page or address makes it ask for.
#[derive(Debug, Clone, Copy)]
pub enum SameSite {
    /// Never.
    Strict,
    /// When the whole page goes there: as from the provider's page, back to the callback.
    Lax,
}

/// A cookie that scripts cannot read.
pub fn set_cookie(
    name: &str,
    value: &str,
    seconds: u64,
    same_site: SameSite,
    secure: bool,
) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={same_site:?}{secure}")
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
    fn a_form_token_belongs_to_one_cookie_and_one_process() {
        let key = FormKey::new([7; 32]);
        let token = key.token("cookie");
        assert!(key.accepts("cookie", &token));
        assert!(!key.accepts("other", &token) && !key.accepts("cookie", ""));
        assert!(!FormKey::new([8; 32]).accepts("cookie", &token));
        assert!(!key.accepts("", &key.token("")), "a form must belong to something");
    }

    #[test]
    fn a_device_is_known_until_its_end_and_by_the_password_it_knew() {
        let key = DeviceKey::new("file of one password");
        let cookie = key.cookie([7; 16], 1_000);
        let device = key.device(&cookie, 999).unwrap().to_owned();
        assert_eq!(device.len(), 22);
        assert_eq!(DeviceKey::new("file of one password").device(&cookie, 0), Some(&*device));
        assert_eq!(key.device(&cookie, 1_000), None, "ended");
        assert_eq!(DeviceKey::new("another file").device(&cookie, 0), None);
        let longer = cookie.replacen("1000", "9000", 1);
        for forged in [longer.as_str(), "", "1000", "9.x.y", "..", &cookie[1..]] {
            assert_eq!(key.device(forged, 0), None, "{forged}");
        }
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        assert_eq!(cookie("a=1; fitsync=x; b=2", "fitsync"), Some("x"));
        assert_eq!(cookie("xfitsync=1", "fitsync"), None);
        let text = set_cookie("a", "b", 5, SameSite::Strict, true);
        assert_eq!(text, "a=b; Path=/; Max-Age=5; HttpOnly; SameSite=Strict; Secure");
    }
}
