//! The seam to the world is data: pure code returns a [`Request`], the shell sends it and hands
//! back a [`Reply`]. Nothing here knows a socket.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::core::error::Secret;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Head,
    Delete,
}

impl Method {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Head => "HEAD",
            Self::Delete => "DELETE",
        }
    }
}

/// One HTTP request. `Debug` shows neither query, headers nor body: they carry tokens, codes and
/// signatures.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Sent as `Authorization: Bearer …`.
    pub bearer: Option<Secret>,
    /// The longest reply body that is read; more is an error.
    pub reply_bytes_max: u64,
}

impl Request {
    pub fn new(method: Method, url: impl Into<String>, reply_bytes_max: u64) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            bearer: None,
            reply_bytes_max,
        }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    #[must_use]
    pub fn bearer(mut self, token: &Secret) -> Self {
        self.bearer = Some(token.clone());
        self
    }

    /// `METHOD host/path`: the only form in which a request appears in a log or a message.
    pub fn label(&self) -> String {
        let address = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let end = address.find(['?', '#']).unwrap_or(address.len());
        format!("{} {}", self.method.as_str(), &address[..end])
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.label())
    }
}

/// What came back, whatever its status. `Debug` shows the status alone: bodies hold health values
/// and echo tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub const fn ok(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// A web page where JSON belongs.
    pub fn is_page(&self) -> bool {
        let html = self.header("content-type").is_some_and(|kind| kind.contains("html"));
        html || self.body.trim_ascii_start().starts_with(b"<")
    }

    /// Whether it is an object or an array of JSON, by its first letter.
    pub fn is_json(&self) -> bool {
        matches!(self.body.trim_ascii_start().first(), Some(b'{' | b'['))
    }

    /// `Retry-After` in seconds: a number or a date (RFC 9110, section 10.2.3). A date is measured
    /// from the service's own `Date`, because this machine's clock may be wrong; without that it
    /// is a long wait.
    pub fn retry_after_s(&self) -> Option<u64> {
        let text = self.header("retry-after")?.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(text.parse().unwrap_or(u64::MAX));
        }
        let until = http_date_s(text)?;
        let now = self.header("date").and_then(|text| http_date_s(text.trim()));
        Some(now.map_or(u64::MAX, |now| u64::try_from(until - now).unwrap_or(0)))
    }
}

/// Seconds since 1970 of an HTTP date: today's form and the two obsolete ones that must still be
/// read (RFC 9110, section 5.6.7).
fn http_date_s(text: &str) -> Option<i64> {
    let former = |form| {
        let time = DateTime::strptime(form, text).ok()?;
        time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp().as_second())
    };
    let today = jiff::fmt::rfc2822::parse(text).map(|time| time.timestamp().as_second()).ok();
    today.or_else(|| former("%A, %d-%b-%y %H:%M:%S GMT")).or_else(|| former("%a %b %e %H:%M:%S %Y"))
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "HTTP {}", self.status)
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
pub fn percent_encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}"); // writing to a String cannot fail
        }
        out
    })
}

/// `a=b&c=d`, encoded: query strings and form bodies.
pub fn form(pairs: &[(&str, &str)]) -> String {
    let encoded = pairs.iter().map(|(k, v)| format!("{}={}", percent_encode(k), percent_encode(v)));
    encoded.collect::<Vec<_>>().join("&")
}

/// An address with these parameters, behind those that it has already (RFC 6749, section 3.1).
pub fn with_query(address: &str, query: &str) -> String {
    let join = if address.contains('?') { '&' } else { '?' };
    format!("{address}{join}{query}")
}

/// Undoes percent-encoding and `+`; bytes that are not UTF-8 become the replacement character.
pub fn percent_decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let mut ahead = bytes.clone();
                let digits = [ahead.next(), ahead.next()].map(|d| {
                    d.and_then(|d| char::from(d).to_digit(16)).and_then(|d| u8::try_from(d).ok())
                });
                if let [Some(high), Some(low)] = digits {
                    out.push(high * 16 + low);
                    bytes = ahead;
                } else {
                    out.push(b'%');
                }
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The pairs of a query string or form body, decoded.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (percent_decode(name), percent_decode(value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_shows_neither_query_nor_body_nor_token() {
        let request = Request::new(Method::Post, "https://h.example/token?code=4/secret#x", 1)
            .body("text/plain", "secret")
            .bearer(&Secret::new("secret"));
        assert_eq!(format!("{request:?}"), "POST h.example/token");
    }

    #[test]
    fn a_wait_is_a_number_of_seconds_or_a_date() {
        let wait = |headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            Reply { status: 429, headers: headers.collect(), body: Vec::new() }.retry_after_s()
        };
        assert_eq!(wait(&[("retry-after", " 7 ")]), Some(7));
        for odd in ["-1", "soon", "", "1.5"] {
            assert_eq!(wait(&[("retry-after", odd)]), None, "{odd}");
        }
        assert_eq!(wait(&[("retry-after", "99999999999999999999999")]), Some(u64::MAX));
        let date = ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!(wait(&[date, ("date", "Wed, 21 Oct 2026 07:27:30 GMT")]), Some(30));
        assert_eq!(wait(&[date, ("date", "Wed, 21 Oct 2026 07:29:00 GMT")]), Some(0));
        assert_eq!(wait(&[date]), Some(u64::MAX));
        for obsolete in ["Wednesday, 21-Oct-26 07:28:00 GMT", "Wed Oct 21 07:28:00 2026"] {
            let date = ("retry-after", obsolete);
            let now = ("date", "Wed, 21 Oct 2026 07:27:30 GMT");
            assert_eq!(wait(&[date, now]), Some(30), "{obsolete}");
        }
    }

    #[test]
    fn forms_survive_a_round_trip() {
        let text = form(&[("a b", "1+1=2&x"), ("ü", "%7")]);
        assert_eq!(text, "a%20b=1%2B1%3D2%26x&%C3%BC=%257");
        let back = pairs(&text);
        assert_eq!(back[0], ("a b".into(), "1+1=2&x".into()));
        assert_eq!(back[1], ("ü".into(), "%7".into()));
        assert_eq!(pairs("a=%zz&b=%4"), [("a".into(), "%zz".into()), ("b".into(), "%4".into())]);
    }
}
