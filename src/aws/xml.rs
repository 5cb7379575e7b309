//! The little that is read from AWS's XML: the text of a named element, and from errors the code.
//!
//! Error documents are flat and small, and what is read from them (codes, regions, times, keys in
//! base64) never needs an escape. Everything else in them may echo the request and stays unread.

use crate::core::exchange::Reply;
use crate::core::said;
use crate::limits::AWS_DENIAL_CHARS_MAX;

/// The text of the first element of this name.
pub fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text.trim())
}

/// Undoes XML's references, named and numbered; what is none stays as it is.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let found = after.split_once(';').and_then(|(name, rest)| Some((reference(name)?, rest)));
        let (c, behind) = found.unwrap_or(('&', after));
        out.push(c);
        rest = behind;
    }
    out + rest
}

fn reference(name: &str) -> Option<char> {
    let numbered = |digits: &str, radix| char::from_u32(u32::from_str_radix(digits, radix).ok()?);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix('#')?.strip_prefix(['x', 'X']) {
            Some(hex) => numbered(hex, 16),
            None => numbered(name.get(1..)?, 10),
        },
    }
}

/// The error's code, if it is a word and not a document.
pub fn code(body: &str) -> Option<&str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_';
    element(body, "Code")
        .filter(|code| !code.is_empty() && code.len() <= 64 && code.bytes().all(fits))
        .filter(|code| !said::may_hold_key(code))
}

/// AWS's own sentence on a denial: it names user, action, resource and policy, and no secret.
pub fn denial(body: &str) -> Option<String> {
    let message = element(body, "Message")?;
    message
        .contains("is not authorized to perform")
        .then(|| said::cleaned(message, AWS_DENIAL_CHARS_MAX))
}

/// The store's own sentence, cleaned and cut.
pub fn message(body: &str) -> Option<String> {
    let message = unescape(element(body, "Message")?);
    let message = said::cleaned(&message, AWS_DENIAL_CHARS_MAX);
    (!message.is_empty()).then_some(message)
}

/// Whether a body is an error document of S3, whatever its code.
pub fn is_error(body: &str) -> bool {
    element(body, "Error").is_some() || (body.contains("<Error") && code(body).is_some())
}

/// Whether the error is about the time of the request. AWS: "Request has expired", "Request is not
/// valid yet", "Signature expired: …", "Signature not yet current: …"; others: "Date is too old".
pub fn speaks_of_time(body: &str) -> bool {
    let message = element(body, "Message").unwrap_or_default().to_ascii_lowercase();
    [
        "request has expired",
        "not valid yet",
        "too old",
        "in the future",
        "signature expired",
        "signature not yet current",
    ]
    .iter()
    .any(|words| message.contains(words))
}

/// `HTTP 403 AccessDenied`: all that an error line shows of a refusal.
pub fn seen(status: u16, code: Option<&str>) -> String {
    match code {
        Some(code) => format!("HTTP {status} {code}"),
        None => format!("HTTP {status}"),
    }
}

/// The body as text, whatever its bytes are.
pub fn text(reply: &Reply) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(&reply.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_undone_once() {
        let text = "a&amp;amp;b &lt;&gt;&quot;&apos;&#39;&#x1F600;&#xZ;&nope;& &#;&";
        assert_eq!(unescape(text), "a&amp;b <>\"''\u{1F600}&#xZ;&nope;& &#;&");
    }

    #[test]
    fn only_words_are_codes() {
        assert_eq!(code("<Error><Code> AccessDenied </Code></Error>"), Some("AccessDenied"));
        assert_eq!(code("<Code>KMS.DisabledException</Code>"), Some("KMS.DisabledException"));
        assert_eq!(code("<Code>a b</Code>"), None);
        assert_eq!(code("<Code></Code>"), None);
        assert_eq!(code("<Code>x"), None);
        assert_eq!(code(&format!("<Code>{}</Code>", "x".repeat(65))), None);
    }
}
