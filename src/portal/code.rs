//! The two ways to a sign-in's page: a link of 128 bits, and a code of 40 bits that a person can
//! type (`K7QM-3FXD`). Pure: random bytes are arguments.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Crockford's base 32: no letter looks like a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TYPED_CHARS: usize = 8;
const LINK_CHARS: usize = 22;

/// What stands behind `/s/`: 22 characters, which nobody guesses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkKey(String);

impl LinkKey {
    pub fn new(random: [u8; 16]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random))
    }

    /// `None` for what can be no key.
    pub fn parse(text: &str) -> Option<Self> {
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = text.len() == LINK_CHARS && text.bytes().all(safe);
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path that leads to the sign-in.
    pub fn path(&self) -> String {
        format!("/s/{}", self.0)
    }
}

/// Eight characters and a dash, for a person who types: looked up only in a form that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedCode(String);

impl TypedCode {
    pub fn new(random: [u8; 5]) -> Self {
        let bits = random.iter().fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
        let letters = (0..TYPED_CHARS).rev().filter_map(|at| {
            let five = usize::try_from(bits >> (5 * at) & 31).ok()?;
            ALPHABET.get(five).map(|&letter| char::from(letter))
        });
        Self(dashed(&letters.collect::<String>()))
    }

    /// Reads what somebody typed, however it is written; `None` where it can be no code.
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text.chars().filter(|letter| !matches!(letter, '-' | ' ' | '.' | '_'));
        let letters: Option<String> = letters.map(plain).collect();
        let letters = letters.filter(|letters| letters.len() == TYPED_CHARS)?;
        Some(Self(dashed(&letters)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One letter as it is in the alphabet: `o` is 0, `i` and `l` are 1.
fn plain(letter: char) -> Option<char> {
    let upper = match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let known = u8::try_from(upper).is_ok_and(|byte| ALPHABET.contains(&byte));
    known.then_some(upper)
}

fn dashed(letters: &str) -> String {
    let (first, second) = letters.split_at_checked(TYPED_CHARS / 2).unwrap_or((letters, ""));
    format!("{first}-{second}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_code_holds_all_40_bits() {
        assert_eq!(TypedCode::new([0; 5]).as_str(), "0000-0000");
        assert_eq!(TypedCode::new([0xff; 5]).as_str(), "ZZZZ-ZZZZ");
        assert_eq!(TypedCode::new([0, 0, 0, 0, 33]).as_str(), "0000-0011");
        assert_eq!(TypedCode::new([0x84, 0, 0, 0, 0]).as_str(), "GG00-0000");
    }

    #[test]
    fn a_code_is_understood_however_it_is_typed() {
        let wanted = Some(TypedCode("K7QM-3F01".into()));
        for text in ["K7QM-3F01", "k7qm3f01", "k7qm-3foi", " K7QM 3FOL", "K7QM.3F0l"] {
            assert_eq!(TypedCode::parse(text), wanted, "{text}");
        }
        for text in ["", "K7QM-3F0", "K7QM-3F012", "K7QM-3FU1", "K7QM-3F0é", "../../etc"] {
            assert_eq!(TypedCode::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_link_is_22_characters_of_the_url_alphabet() {
        let link = LinkKey::new([0xfb; 16]);
        assert_eq!(link.as_str().len(), LINK_CHARS);
        assert_eq!(link.path(), format!("/s/{}", link.as_str()));
        assert_eq!(LinkKey::parse(link.as_str()), Some(link));
        for text in ["++++++++++++++++++++++", "K7QM-3FXD", ""] {
            assert_eq!(LinkKey::parse(text), None, "{text}");
        }
    }
}
