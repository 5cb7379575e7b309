//! Reads the head of one request, strictly: what two readers could understand differently is
//! refused (a second `Host` or `Content-Length`, any `Transfer-Encoding`, folded lines, bare line
//! ends). Pure: bytes in, a [`RequestHead`] or an HTTP status out. Called by the guard alone,
//! which then writes a head of its own for the server behind it and forwards nothing that is not
//! in [`RequestHead`].

use std::net::IpAddr;

use crate::limits::{PORTAL_BODY_BYTES_MAX, PORTAL_HEAD_BYTES_MAX, PORTAL_HEADERS_MAX};

/// Tells the server behind the guard who asks; a client cannot set it, its headers are dropped.
pub const PEER_HEADER: &str = "Fitsync-Peer";
/// Present when the request came through a proxy, whatever that proxy says.
pub const FORWARDED_HEADER: &str = "Fitsync-Forwarded";
/// Present when the peer is this machine itself.
pub const LOCAL_HEADER: &str = "Fitsync-Local";
/// Present when the peer is on one of this machine's own networks.
pub const NEAR_HEADER: &str = "Fitsync-Near";
/// Present when the request came over TLS.
pub const SECURE_HEADER: &str = "Fitsync-Secure";
/// Present when it came to the port of the operator's pages.
pub const OPERATOR_HEADER: &str = "Fitsync-Operator";

/// Who asks, and at which door.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    pub address: IpAddr,
    /// It is this machine.
    pub local: bool,
    /// It is on one of this machine's own networks.
    pub near: bool,
    pub secure: bool,
    pub operator_door: bool,
}

/// Besides everything that begins with `x-forwarded-`.
const FORWARDING: [&str; 5] =
    ["forwarded", "x-real-ip", "via", "cf-connecting-ip", "true-client-ip"];

/// The pieces of a request that are passed on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestHead {
    pub post: bool,
    /// Path and query, as sent.
    pub target: String,
    pub host: String,
    pub cookie: String,
    pub content_type: String,
    pub body_bytes: usize,
    pub forwarded: bool,
}

/// What the bytes received so far are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadReading {
    /// No whole head yet.
    More,
    /// A whole head, and where the body begins.
    Whole(RequestHead, usize),
    /// Not acceptable: the HTTP status to answer with.
    Refused(u16),
}

/// Judges the bytes received so far.
pub fn read(bytes: &[u8]) -> HeadReading {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else {
        let full = bytes.len() >= PORTAL_HEAD_BYTES_MAX;
        return if full { HeadReading::Refused(431) } else { HeadReading::More };
    };
    if end + 4 > PORTAL_HEAD_BYTES_MAX {
        return HeadReading::Refused(431);
    }
    match whole(bytes.get(..end).unwrap_or_default()) {
        Ok(head) => HeadReading::Whole(head, end + 4),
        Err(status) => HeadReading::Refused(status),
    }
}

fn whole(bytes: &[u8]) -> Result<RequestHead, u16> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split("\r\n");
    let mut head = request_line(lines.next().unwrap_or_default())?;
    let mut seen = Seen::default();
    for (count, line) in lines.enumerate() {
        if count >= PORTAL_HEADERS_MAX {
            return Err(431);
        }
        header(line, &mut head, &mut seen)?;
    }
    if !seen.host || head.host.is_empty() {
        return Err(400);
    }
    check_body(&head, seen.length)?;
    Ok(head)
}

#[derive(Default)]
struct Seen {
    host: bool,
    length: bool,
    content_type: bool,
}

fn request_line(line: &str) -> Result<RequestHead, u16> {
    let mut words = line.split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(target), Some(version), None) = (method, target, version, words.next())
    else {
        return Err(400);
    };
    if version != "HTTP/1.1" && version != "HTTP/1.0" {
        return Err(if version.starts_with("HTTP/") { 505 } else { 400 });
    }
    // Only the form that browsers send; an absolute address or `*` would be read by nobody here.
    if !target.starts_with('/') || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(400);
    }
    let post = match method {
        "GET" => false,
        "POST" => true,
        _ => return Err(405),
    };
    // No browser of today speaks HTTP/1.0; nginx does, and says nothing else of being a proxy.
    let forwarded = version == "HTTP/1.0";
    Ok(RequestHead { post, target: target.to_owned(), forwarded, ..RequestHead::default() })
}

fn header(line: &str, head: &mut RequestHead, seen: &mut Seen) -> Result<(), u16> {
    let (name, value) = line.split_once(':').ok_or(400_u16)?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(400); // a folded line begins with a blank and ends here too
    }
    if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(400);
    }
    let value = value.trim_matches([' ', '\t']);
    let plain = |max: usize| value.len() <= max && value.is_ascii() && !value.contains('\t');
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "host" if seen.host || !plain(300) || value.contains(' ') => return Err(400),
        "host" => (head.host, seen.host) = (value.to_owned(), true),
        "content-length" if seen.length => return Err(400),
        "content-length" => (head.body_bytes, seen.length) = (length(value)?, true),
        "content-type" if seen.content_type || !plain(200) => return Err(400),
        "content-type" => (head.content_type, seen.content_type) = (value.to_owned(), true),
        "cookie" if !plain(PORTAL_HEAD_BYTES_MAX) => return Err(400),
        "cookie" if head.cookie.is_empty() => head.cookie = value.to_owned(),
        "cookie" => head.cookie = format!("{}; {value}", head.cookie),
        "transfer-encoding" => return Err(501),
        "upgrade" | "expect" => {} // never answered: the client goes on without
        name if name.starts_with("x-forwarded-") || FORWARDING.contains(&name) => {
            head.forwarded = true;
        }
        _ => {}
    }
    Ok(())
}

fn length(value: &str) -> Result<usize, u16> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse::<usize>() {
        Ok(bytes) if digits && bytes <= PORTAL_BODY_BYTES_MAX => Ok(bytes),
        _ if digits => Err(413),
        _ => Err(400),
    }
}

fn check_body(head: &RequestHead, length_seen: bool) -> Result<(), u16> {
    if !head.post {
        return if head.body_bytes == 0 { Ok(()) } else { Err(400) };
    }
    if !length_seen {
        return Err(411);
    }
    // A page of another site can send text/plain or multipart without asking; forms of ours do not.
    let kind = head.content_type.split(';').next().unwrap_or_default().trim();
    let form = kind.eq_ignore_ascii_case("application/x-www-form-urlencoded");
    if form { Ok(()) } else { Err(415) }
}

impl RequestHead {
    /// The head that the server behind the guard gets, written anew.
    pub fn forward(&self, peer: &Peer) -> String {
        let method = if self.post { "POST" } else { "GET" };
        let mut text = format!(
            "{method} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{PEER_HEADER}: {}\r\n",
            self.target, self.host, peer.address
        );
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        };
        add("Cookie", &self.cookie);
        for (name, is_so) in [
            (FORWARDED_HEADER, self.forwarded),
            (LOCAL_HEADER, peer.local && !self.forwarded),
            (NEAR_HEADER, peer.near),
            (SECURE_HEADER, peer.secure),
            (OPERATOR_HEADER, peer.operator_door),
        ] {
            add(name, if is_so { "yes" } else { "" });
        }
        if self.post {
            add("Content-Type", &self.content_type);
            add("Content-Length", &self.body_bytes.to_string());
        }
        text.push_str("\r\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(lines: &str) -> u16 {
        match read(lines.replace('\n', "\r\n").as_bytes()) {
            HeadReading::Refused(status) => status,
            HeadReading::Whole(..) => 200,
            HeadReading::More => 0,
        }
    }

    fn peer(address: &str) -> Peer {
        let address = address.parse().unwrap();
        Peer { address, local: true, near: true, secure: false, operator_door: true }
    }

    const FORM: &str = "Content-Type: application/x-www-form-urlencoded\n";

    #[test]
    fn a_browser_s_request_is_read_and_written_anew() {
        let text = "GET /s/K7QM?x=1 HTTP/1.1\r\nHost: pi:8000\r\nUser-Agent: é\r\nCookie: a=1\r\n\
                    X-Forwarded-For: 1.2.3.4\r\nFitsync-Peer: 6.6.6.6\r\n\r\nrest";
        let HeadReading::Whole(head, body) = read(text.as_bytes()) else { panic!("not whole") };
        assert_eq!(text.get(body..), Some("rest"));
        assert!(head.forwarded && !head.post);
        assert_eq!(
            head.forward(&peer("10.0.0.7")),
            "GET /s/K7QM?x=1 HTTP/1.1\r\nHost: pi:8000\r\nConnection: close\r\n\
             Fitsync-Peer: 10.0.0.7\r\nCookie: a=1\r\nFitsync-Forwarded: yes\r\n\
             Fitsync-Near: yes\r\nFitsync-Operator: yes\r\n\r\n"
        );
    }

    #[test]
    fn every_header_of_a_proxy_is_seen() {
        for name in ["X-Forwarded-Server", "x-forwarded-port", "Forwarded", "Via", "X-Real-IP"] {
            let text = format!("GET / HTTP/1.1\r\nHost: h\r\n{name}: a\r\n\r\n");
            let HeadReading::Whole(head, _) = read(text.as_bytes()) else { panic!("not whole") };
            assert!(head.forwarded, "{name}");
        }
    }

    #[test]
    fn a_proxy_that_says_nothing_is_known_by_its_old_http() {
        for (version, forwarded) in [("1.0", true), ("1.1", false)] {
            let text = format!("GET / HTTP/{version}\r\nHost: h\r\n\r\n");
            let HeadReading::Whole(head, _) = read(text.as_bytes()) else { panic!("not whole") };
            assert_eq!(head.forwarded, forwarded, "{version}");
        }
    }

    #[test]
    fn a_form_is_passed_on_with_a_length_of_our_own() {
        let text = format!("POST /x HTTP/1.1\nHost: h\n{FORM}Content-Length: 0004\n\na=bc");
        let HeadReading::Whole(head, _) = read(text.replace('\n', "\r\n").as_bytes()) else {
            panic!("not whole")
        };
        assert_eq!(head.body_bytes, 4);
        assert!(head.forward(&peer("::1")).ends_with("Content-Length: 4\r\n\r\n"));
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let post = format!("POST / HTTP/1.1\nHost: h\n{FORM}");
        let cases = [
            ("GET / HTTP/1.1\nHost: h\nHost: i\n\n".into(), 400),
            ("GET / HTTP/1.1\nHost: h\nContent-Length: 5\n\n".into(), 400),
            ("GET / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n".into(), 501),
            ("GET / HTTP/1.1\nHost: h\nTransfer-Encoding: identity\n\n".into(), 501),
            ("GET / HTTP/1.1\nHost: h\nTransfer-Encoding : chunked\n\n".into(), 400),
            ("GET / HTTP/1.1\nHost: h\nA: b\n folded: c\n\n".into(), 400),
            ("GET / HTTP/1.1\nHost: h\nno colon\n\n".into(), 400),
            ("GET / HTTP/1.1\nHost: h\nA: b\0c\n\n".into(), 400),
            ("GET / HTTP/1.1\n\n".into(), 400),
            ("GET  / HTTP/1.1\nHost: h\n\n".into(), 400),
            ("GET http://h/ HTTP/1.1\nHost: h\n\n".into(), 400),
            ("GET / HTTP/2.0\nHost: h\n\n".into(), 505),
            ("HEAD / HTTP/1.1\nHost: h\n\n".into(), 405),
            ("nonsense\n\n".into(), 400),
            (format!("{post}\n"), 411),
            (format!("{post}Content-Length: +4\n\n"), 400),
            (format!("{post}Content-Length: 4\nContent-Length: 4\n\n"), 400),
            (format!("{post}Content-Length: 4, 4\n\n"), 400),
            (format!("{post}Content-Length: 16385\n\n"), 413),
            (format!("{post}Content-Length: 99999999999999999999999\n\n"), 413),
            ("POST / HTTP/1.1\nHost: h\nContent-Length: 1\n\n".into(), 415),
            ("GET / HTTP/1.1\nHost: h\n".into(), 0),
        ];
        for (text, expected) in cases {
            assert_eq!(status(&text), expected, "{text}");
        }
        assert_eq!(
            read(b"GET / HTTP/1.1\r\nHost: h\r\nA: b\nC: d\r\n\r\n"),
            HeadReading::Refused(400)
        );
    }

    #[test]
    fn a_head_has_a_largest_size() {
        let line = "A: b\n".repeat(PORTAL_HEADERS_MAX + 1);
        assert_eq!(status(&format!("GET / HTTP/1.1\nHost: h\n{line}\n")), 431);
        assert_eq!(read(&[b'a'; PORTAL_HEAD_BYTES_MAX]), HeadReading::Refused(431));
        assert_eq!(read(&[b'a'; PORTAL_HEAD_BYTES_MAX - 1]), HeadReading::More);
    }
}
