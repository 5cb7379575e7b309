//! OAuth 2.0 with PKCE: the pure parts of a sign-in, and what a person pastes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::core::error::Secret;
use crate::core::exchange::pairs;
use crate::core::said;
use crate::limits::ERROR_NAME_CHARS_MAX;

/// PKCE (RFC 7636): a verifier of 256 random bits and its S256 challenge.
#[derive(Debug, Clone)]
pub struct Pkce {
    pub verifier: Secret,
    pub challenge: String,
}

impl Pkce {
    pub fn new(random: [u8; 32]) -> Self {
        let verifier = URL_SAFE_NO_PAD.encode(random);
        let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
        Self { challenge: URL_SAFE_NO_PAD.encode(digest), verifier: Secret::new(verifier) }
    }
}

/// `state`: 128 random bits, single use.
pub fn new_state(random: [u8; 16]) -> String {
    URL_SAFE_NO_PAD.encode(random)
}

/// Whether two texts are the same, in a time that does not depend on where they differ.
pub fn same(one: &str, other: &str) -> bool {
    // ring's comparison is deprecated for lack of need, not for a flaw; this is all it did.
    one.len() == other.len()
        && one.bytes().zip(other.bytes()).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
}

/// What the provider sends back by way of the browser's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callback {
    Code {
        code: Secret,
        state: String,
    },
    Denied {
        state: String,
    },
    /// Another error of the provider's page, by its OAuth name.
    Refused {
        error: String,
        state: String,
    },
}

impl Callback {
    pub fn state(&self) -> &str {
        match self {
            Self::Code { state, .. } | Self::Denied { state } | Self::Refused { state, .. } => {
                state
            }
        }
    }

    /// Reads the query of a callback address; `None` where it holds neither code nor error.
    pub fn from_query(query: &str) -> Option<Self> {
        let pairs = pairs(query);
        let value = |name: &str| {
            let found = pairs.iter().find(|(known, value)| known == name && !value.is_empty());
            found.map(|(_, value)| value.clone())
        };
        let state = value("state").unwrap_or_default();
        if let Some(error) = value("error") {
            return Some(match error.as_str() {
                "access_denied" => Self::Denied { state },
                _ => Self::Refused { error: said::name(&error, ERROR_NAME_CHARS_MAX), state },
            });
        }
        value("code").map(|code| Self::Code { code: Secret::new(code), state })
    }

    /// Reads what a person pastes: the whole address or only its query, with blanks, quotes,
    /// angle brackets and a trailing `#…` around it.
    pub fn from_paste(text: &str) -> Option<Self> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || CLINGS.contains(&c));
        // Copied out of a page's source or a mail.
        let text = text.replace("&amp;", "&");
        let text = text.split('#').next().unwrap_or_default();
        let query = text.split_once('?').map_or(text, |(_, query)| query);
        // Line breaks and blanks come from terminals and mail programs; no code holds one.
        Self::from_query(&query.split_whitespace().collect::<String>())
    }
}

/// What mail programs and people put around an address.
const CLINGS: &[char] = &['"', '\'', '<', '>', '`', '“', '”', '‘', '’'];

/// Whether the last thing in it is the code, so that a line break may have cut it.
fn ends_in_code(text: &str) -> bool {
    let last = text.rsplit(['?', '&']).next().unwrap_or_default();
    last.starts_with("code=") && !last.contains('#') && !last.ends_with(CLINGS)
}

/// Lines of stdin until one of them, joined with what came before, is a callback address.
#[derive(Debug, Default)]
pub struct Paste {
    before: String,
}

/// What one more line meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pasted {
    Complete(Callback),
    /// Complete, unless the code at its end goes on in the next line.
    Perhaps(Callback),
    /// An address that goes on in the next line, or a blank line.
    More,
    /// Not an address with a code.
    NoCode,
}

impl Paste {
    /// `state_length`: an address whose state is shorter goes on in the next line.
    pub fn line(&mut self, line: &str, state_length: usize) -> Pasted {
        if line.trim().is_empty() {
            return if self.before.is_empty() { Pasted::More } else { self.give_up() };
        }
        let joined = format!("{}{}", self.before, line.trim());
        let alone = line.trim().to_owned();
        // A new address is never the rest of the one before.
        let fresh = alone.trim_start_matches(CLINGS).starts_with("http");
        for text in if fresh { [alone, joined] } else { [joined, alone] } {
            if let Some(callback) = Callback::from_paste(&text)
                && callback.state().len() >= state_length
            {
                self.before.clear();
                if !ends_in_code(&text) {
                    return Pasted::Complete(callback);
                }
                self.before = text;
                return Pasted::Perhaps(callback);
            }
        }
        let looks_begun = |text: &str| text.contains("://") || text.contains("code=");
        if looks_begun(line) || (!self.before.is_empty() && !line.contains(char::is_whitespace)) {
            if fresh {
                self.before.clear();
            }
            self.before.push_str(line.trim());
            if self.before.len() <= crate::limits::PASTE_BYTES_MAX {
                return Pasted::More;
            }
        }
        self.give_up()
    }

    fn give_up(&mut self) -> Pasted {
        self.before.clear();
        Pasted::NoCode
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7636_appendix_b() {
        let random = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212,
            37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let pkce = Pkce::new(random);
        assert_eq!(pkce.verifier.expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(pkce.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    fn code(text: &str) -> Option<Callback> {
        Callback::from_paste(text)
    }

    #[test]
    fn a_paste_is_taken_with_all_that_clings_to_it() {
        let wanted = Some(Callback::Code { code: Secret::new("4/0AbC"), state: "s1".into() });
        for text in [
            "http://localhost:8000/auth/callback?state=s1&code=4/0AbC&scope=x",
            "  <http://localhost:8000/auth/callback?state=s1&code=4%2F0AbC#_=_>  ",
            "\"state=s1&code=4/0AbC\"",
            "?code=4/0AbC&state=s1",
            "http://localhost:8000/auth/callback?state=s1&co\n de=4/0AbC",
            "http://localhost:8000/auth/callback?state=s1&amp;code=4/0AbC&amp;scope=x",
        ] {
            assert_eq!(code(text), wanted, "{text}");
        }
        for text in ["", "hello", "http://localhost:8000/auth/callback", "code=&state=s1"] {
            assert_eq!(code(text), None, "{text}");
        }
    }

    #[test]
    fn denial_and_other_errors_are_told_apart() {
        let denied = code("http://localhost/?error=access_denied&state=s1");
        assert_eq!(denied, Some(Callback::Denied { state: "s1".into() }));
        let refused = code("error=invalid_scope%3Cb%3E&state=s1");
        assert_eq!(
            refused,
            Some(Callback::Refused { error: "invalid_scopeb".into(), state: "s1".into() })
        );
    }

    #[test]
    fn an_address_broken_over_lines_is_joined() {
        let mut paste = Paste::default();
        assert_eq!(paste.line("", 4), Pasted::More);
        assert_eq!(paste.line("http://localhost:8000/auth/callback?code=4/0A", 4), Pasted::More);
        let step = paste.line("bC&state=s123", 4);
        let wanted = Callback::Code { code: Secret::new("4/0AbC"), state: "s123".into() };
        assert_eq!(step, Pasted::Complete(wanted));
        assert_eq!(paste.line("what is this", 4), Pasted::NoCode);
    }

    #[test]
    fn an_address_broken_over_three_lines_is_joined() {
        let mut paste = Paste::default();
        let begun = "http://localhost:8000/auth/callback?sta";
        assert_eq!(paste.line(begun, 4), Pasted::More);
        assert_eq!(paste.line("te=s123&co", 4), Pasted::More);
        assert!(matches!(paste.line("de=4/0AbC&scope=x", 4), Pasted::Complete(_)));
        assert_eq!(paste.line("http://localhost:8000/auth/callb", 4), Pasted::More);
        assert_eq!(paste.line("ack?code=4/0AbC&state=s1", 4), Pasted::More);
        assert!(matches!(paste.line("23&scope=x", 4), Pasted::Complete(_)));
    }

    #[test]
    fn a_new_paste_after_a_broken_one_starts_afresh() {
        let mut paste = Paste::default();
        assert_eq!(paste.line("http://localhost:8000/auth/callb", 4), Pasted::More);
        let step = paste.line("http://localhost:8000/auth/callback?code=c&state=s123", 4);
        assert!(matches!(step, Pasted::Complete(_)), "{step:?}");
    }

    #[test]
    fn a_state_cut_short_waits_for_its_rest() {
        let mut paste = Paste::default();
        assert_eq!(paste.line("http://localhost/?code=c&state=s1", 4), Pasted::More);
        let step = paste.line("23", 4);
        assert!(matches!(step, Pasted::Complete(c) if c.state() == "s123"));
    }

    #[test]
    fn a_code_cut_short_may_go_on_in_the_next_line() {
        let wanted = |code: &str| Callback::Code { code: Secret::new(code), state: "s123".into() };
        let mut paste = Paste::default();
        let cut = "http://localhost/?state=s123&code=4/0A";
        assert_eq!(paste.line(cut, 4), Pasted::Perhaps(wanted("4/0A")));
        assert_eq!(paste.line("bC&scope=x", 4), Pasted::Complete(wanted("4/0AbC")));
        for whole in ["<http://localhost/?state=s123&code=4/0A>", "state=s123&code=4/0A#_=_"] {
            assert_eq!(paste.line(whole, 4), Pasted::Complete(wanted("4/0A")), "{whole}");
        }
        assert_eq!(paste.line(cut, 4), Pasted::Perhaps(wanted("4/0A")));
        let other = "http://localhost/?state=s123&code=4/0B&scope=x";
        assert_eq!(paste.line(other, 4), Pasted::Complete(wanted("4/0B")));
    }

    #[test]
    fn states_are_compared_whole() {
        assert!(same("abc", "abc") && !same("abc", "abd") && !same("abc", "abcd"));
    }
}
