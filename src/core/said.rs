//! What others say (a service, a helper program, a device), as it may be shown and logged.

use crate::limits::{KEY_CHARS_MIN, LONG_KEY_CHARS_MIN};

/// Without letters that steer a terminal or turn the direction of what follows, and not longer
/// than `chars_max`.
pub fn cleaned(text: &str, chars_max: usize) -> String {
    text.chars().filter(|c| !c.is_control() && !is_unseen(*c)).take(chars_max).collect()
}

/// Letters that are not seen and change how others are
/// (<https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>).
const fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Whether a text holds what looks like a key, a token or a code: a long run of letters mixed with
/// digits, or the name of a secret.
pub fn may_hold_key(text: &str) -> bool {
    let named = ["SecretAccessKey", "SessionToken", "PRIVATE KEY"];
    if named.iter().any(|name| text.contains(name)) {
        return true;
    }
    let word = |word: &str| {
        word.len() >= KEY_CHARS_MIN
            && word.bytes().any(|byte| byte.is_ascii_digit())
            && word.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    // Base64, which a name with a path can look like: it has capitals, small letters and digits.
    let coded = |run: &str| {
        run.len() >= LONG_KEY_CHARS_MIN
            && run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_uppercase())
            && run.bytes().any(|byte| byte.is_ascii_lowercase())
    };
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(word)
        || text.split(|c: char| !base64(c)).any(coded)
}

/// A name out of a service's vocabulary, as [`may_hold_key`] lets it be shown; nothing else.
pub fn name(text: &str, chars_max: usize) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || "_-.".contains(*c);
    if may_hold_key(text) {
        return "(not shown: it looks like a key)".to_owned();
    }
    text.chars().filter(fits).take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_the_display_is_left() {
        let said = "a\u{202e}b\u{2066}c\u{1b}[2Jd\u{200f}\u{61c}\u{feff}\n\u{2028}e é ☃";
        assert_eq!(cleaned(said, 99), "abc[2Jde é ☃");
        assert_eq!(cleaned("abcdef", 3), "abc");
    }

    #[test]
    fn keys_tokens_and_codes_are_noticed() {
        for key in [
            "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "5f1d7a84db00d2fce00b31a7fc73224f5f1d7a84db00d2fce00b31a7fc73224f",
            "ya29.a0AfH6SMBx7c1yG2fT0Kp3-u_4kQ",
            "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJh.c2ln",
            "{\"SecretAccessKey\": \"short\"}",
            "-----BEGIN PRIVATE KEY-----",
        ] {
            assert!(may_hold_key(key), "{key}");
        }
        for plain in [
            "",
            "Error loading SSO Token: Token for https://d-9067.awsapps.com/start has expired",
            "sh: 1: /usr/local/bin/aws_signing_helper: not found",
            "arn:aws:iam::123456789012:role/Clinic-Gateway-2 may not be assumed",
            "2026-11-29T18:09:24Z access denied",
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "temporarily_unavailable",
        ] {
            assert!(!may_hold_key(plain), "{plain}");
        }
    }
}
