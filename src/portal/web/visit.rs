//! One request of one visitor, as the pages see it.

use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::core::exchange::pairs;
use crate::limits::PORTAL_BODY_BYTES_MAX;
use crate::portal::pages::page::Page;
use crate::portal::web::places::{network_key, peer_key};
use crate::portal::web::request::{
    FORWARDED_HEADER, LOCAL_HEADER, NEAR_HEADER, OPERATOR_HEADER, PEER_HEADER, SECURE_HEADER,
};

/// What one visitor asks.
#[derive(Clone)]
pub struct Ask {
    /// A form was sent; else a page is asked for.
    pub post: bool,
    /// The path as sent, without the query.
    pub path: String,
    pub query: String,
    /// The body of a form, at most 16 KiB.
    pub form: String,
    pub host: String,
    pub cookie: String,
    pub peer: IpAddr,
    /// The peer is on one of this machine's own networks.
    pub near: bool,
    /// It came through a proxy: `peer` is the proxy.
    pub forwarded: bool,
    /// It came from this machine; a proxy that says nothing of itself looks like that, too.
    pub local: bool,
    /// It came over TLS.
    pub secure: bool,
    /// It came to the port of the operator's pages.
    pub operator_door: bool,
}

/// Neither query, form nor cookie: they carry codes.
impl std::fmt::Debug for Ask {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {}", if self.post { "POST" } else { "GET" }, shown(&self.path))
    }
}

impl Ask {
    /// The address that is counted for fairness.
    pub fn address(&self) -> u128 {
        peer_key(self.peer, self.near)
    }

    /// Its network.
    pub fn network(&self) -> u128 {
        network_key(self.peer)
    }

    /// Several people may stand behind the peer: it is a proxy, or may be one on this machine.
    pub fn is_shared(&self) -> bool {
        let usual = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        self.forwarded || usual.contains(&self.peer) || (self.local && !self.peer.is_loopback())
    }

    /// A value of the query, decoded.
    pub fn query_value(&self, name: &str) -> Option<String> {
        value(&self.query, name)
    }

    /// A value of the form, decoded.
    pub fn form_value(&self, name: &str) -> Option<String> {
        value(&self.form, name)
    }
}

/// One request that is not answered yet. Dropped unanswered, it is answered with 500.
pub struct Visit {
    pub ask: Ask,
    request: tiny_http::Request,
}

impl std::fmt::Debug for Visit {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.ask.fmt(out)
    }
}

impl std::ops::Deref for Visit {
    type Target = Ask;

    fn deref(&self) -> &Ask {
        &self.ask
    }
}

/// Links carry a code after their first word: only that word is logged.
fn shown(path: &str) -> &str {
    let rest = path.strip_prefix('/').unwrap_or(path);
    let end = rest.find('/').map_or(path.len(), |at| at + 1);
    path.get(..end).unwrap_or("/")
}

impl Visit {
    pub(super) fn read(mut request: tiny_http::Request) -> Option<Self> {
        let header = |name: &'static str| {
            let found = request.headers().iter().find(|header| header.field.equiv(name));
            found.map(|header| header.value.as_str().to_owned())
        };
        let peer = header(PEER_HEADER)?.parse().ok()?;
        let (host, cookie) = (header("Host")?, header("Cookie").unwrap_or_default());
        let is_set = |name: &'static str| header(name).is_some();
        let (near, forwarded) = (is_set(NEAR_HEADER), is_set(FORWARDED_HEADER));
        let (local, secure) = (is_set(LOCAL_HEADER), is_set(SECURE_HEADER));
        let operator_door = is_set(OPERATOR_HEADER);
        let post = *request.method() == tiny_http::Method::Post;
        let (path, query) = {
            let target = request.url();
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            (path.to_owned(), query.to_owned())
        };
        let mut form = String::new();
        if post {
            let limit = u64::try_from(PORTAL_BODY_BYTES_MAX).unwrap_or(u64::MAX);
            request.as_reader().take(limit).read_to_string(&mut form).ok()?;
        }
        let ask = Ask {
            post,
            path,
            query,
            form,
            host,
            cookie,
            peer,
            near,
            forwarded,
            local,
            secure,
            operator_door,
        };
        log::debug!("sign-in pages: {ask:?}");
        Some(Self { ask, request })
    }

    /// Sends the page; a client that went away is nobody's concern.
    pub fn answer(self, page: Page) {
        let length = page.body.len();
        let mut headers = vec![("Server".to_owned(), "fitsync".to_owned())];
        headers.extend(page.headers);
        let headers = headers.iter().filter_map(|(name, value)| {
            tiny_http::Header::from_bytes(name.as_bytes(), value.as_bytes()).ok()
        });
        let body = io::Cursor::new(page.body.into_bytes());
        let status = tiny_http::StatusCode(page.status);
        let response =
            tiny_http::Response::new(status, headers.collect(), body, Some(length), None);
        let _ = self.request.respond(response.with_chunked_threshold(usize::MAX));
    }
}

fn value(encoded: &str, name: &str) -> Option<String> {
    pairs(encoded).into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}
