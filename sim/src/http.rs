//! A request and a reply as plain values, and the small text formats around them.

use hyper::HeaderMap;
use serde_json::Value;

/// One of the services that a request can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// The Google Health API.
    Google,
    /// Google's token and revoke addresses.
    Token,
    /// Google's sign-in pages.
    Authorize,
    /// The retired Fitbit API and its sign-in.
    Fitbit,
    /// The store.
    S3,
    /// The simulator's own controls.
    Control,
}

impl Host {
    /// The name in faults and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Host::Google => "google",
            Host::Token => "token",
            Host::Authorize => "authorize",
            Host::Fitbit => "fitbit",
            Host::S3 => "s3",
            Host::Control => "control",
        }
    }

    /// The host that stands for the port: Google's services share one.
    pub fn port(self) -> Host {
        match self {
            Host::Token | Host::Authorize => Host::Google,
            other => other,
        }
    }

    /// The host of that name.
    pub fn named(name: &str) -> Option<Host> {
        let all =
            [Host::Google, Host::Token, Host::Authorize, Host::Fitbit, Host::S3, Host::Control];
        all.into_iter().find(|host| host.name() == name)
    }
}

/// What a fault wants of a page of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PageTrick {
    #[default]
    None,
    Duplicate,
    Empty,
    RepeatToken,
}

/// A request whose body has arrived.
#[derive(Clone, Debug)]
pub struct Ask {
    pub host: Host,
    pub method: String,
    /// Percent-decoded.
    pub path: String,
    /// Decoded pairs, in the order of the address.
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// What a fault wants of the next page.
    pub trick: PageTrick,
}

impl Ask {
    /// A header's text.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// The first value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The token of `Authorization: Bearer …`.
    pub fn bearer(&self) -> Option<&str> {
        let header = self.header("authorization");
        let (scheme, token) = header.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    }

    /// The pairs of a form in the body.
    pub fn form(&self) -> Vec<(String, String)> {
        pairs(&self.body)
    }
}

/// The pairs of a query or a form.
pub fn pairs(text: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

/// A path without its percent signs.
pub fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let code = hex.and_then(|two| u8::from_str_radix(two, 16).ok());
        match (first, code) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A reply before faults.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    /// A JSON document, indented as Google sends it.
    pub fn json(status: u16, value: &Value) -> Reply {
        let mut body = serde_json::to_vec_pretty(value).unwrap_or_default();
        body.push(b'\n');
        let kind = "application/json; charset=UTF-8".to_owned();
        Reply { status, headers: vec![("content-type", kind)], body }
    }

    /// A page.
    pub fn html(status: u16, text: &str) -> Reply {
        Reply {
            status,
            headers: vec![("content-type", "text/html; charset=UTF-8".to_owned())],
            body: text.as_bytes().to_vec(),
        }
    }

    /// An XML error of the store.
    pub fn s3_error(status: u16, code: &str, message: &str) -> Reply {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
             <Message>{message}</Message><RequestId>SIM0000000000000</RequestId></Error>"
        );
        Reply {
            status,
            headers: vec![("content-type", "application/xml".to_owned())],
            body: body.into_bytes(),
        }
    }

    /// Another header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }
}

/// Text that is safe inside a page.
pub fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_once() {
        assert_eq!(decoded("/a%3AB%2"), "/a:B%2");
        assert_eq!(decoded("/%E2%82%AC"), "/€");
        assert_eq!(decoded("/a%253A"), "/a%3A");
    }
}
