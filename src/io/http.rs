//! The one place that sends: one agent, every limit set by hand, no redirects, no retries.
//!
//! Retries belong to the callers, which know what a repeat may cost (`sync/session.rs` for reading,
//! `s3/store.rs` for S3).

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::transport::DefaultConnector;

use crate::core::error::{ErrorClass, Failure, Result, Smaller};
use crate::core::exchange::{Method, Reply, Request};
use crate::io::clock::Clock;
use crate::io::dns::HostAddresses;
use crate::io::files;
use crate::io::http_error::{classify, is_slow, is_unknown_issuer};
use crate::limits;

/// Cheap to clone; all clones share connections and the clock, and but for [`Http::counting`] the
/// count of what was sent.
#[derive(Debug, Clone)]
pub struct Http {
    agent: ureq::Agent,
    extra: Option<Extra>,
    addresses: HostAddresses,
    clock: Clock,
    sent: Arc<AtomicU64>,
}

/// Reads the body of a success while it arrives: a page is never whole in memory.
pub type BodyReader<'a> = dyn FnMut(&mut dyn Read) + 'a;

/// ureq takes either its built-in roots or given ones, so extra CAs have an agent of their own. A
/// handshake that fails sends nothing: the request is then safe to send by the other agent.
#[derive(Debug, Clone)]
struct Extra {
    agent: ureq::Agent,
    /// The hosts whose certificates come from an extra CA, once that is known.
    hosts: Arc<Mutex<Vec<String>>>,
}

impl Http {
    /// `ca_files` are added to the built-in roots; the proxy is the environment's.
    pub fn new(ca_files: &[&Path], clock: &Clock, connections: usize) -> Result<Self> {
        Self::through(ureq::Proxy::try_from_env(), ca_files, clock, connections)
    }

    pub fn through(
        proxy: Option<ureq::Proxy>,
        ca_files: &[&Path],
        clock: &Clock,
        connections: usize,
    ) -> Result<Self> {
        let mut found = Vec::new();
        for path in ca_files {
            found.append(&mut certificates(path)?);
        }
        let addresses = HostAddresses::default();
        let extra = (!found.is_empty()).then(|| Extra {
            agent: agent(RootCerts::new_with_certs(&found), proxy.clone(), &addresses, connections),
            hosts: Arc::default(),
        });
        let agent = agent(RootCerts::WebPki, proxy, &addresses, connections);
        Ok(Self { agent, extra, addresses, clock: clock.clone(), sent: Arc::default() })
    }

    /// The same, counting what it sends from zero.
    pub fn counting(&self) -> Self {
        Self { sent: Arc::default(), ..self.clone() }
    }

    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The proxy's `host:port` when it is asked for this address.
    pub fn proxy_of(&self, url: &str) -> Option<String> {
        let proxy = self.agent.config().proxy().filter(|_| may_be_proxied(url))?;
        let direct = url.parse().is_ok_and(|uri| proxy.is_no_proxy(&uri));
        (!direct).then(|| format!("{}:{}", proxy.host(), proxy.port()))
    }

    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Sends once and reads the whole reply, whatever its status.
    pub fn send(&self, request: &Request) -> Result<Reply> {
        self.send_reading(request, None)
    }

    /// The same, but the body of a success goes to `reader`. What that makes of a body which breaks
    /// off does not count: this is then an error.
    pub fn send_reading(
        &self,
        request: &Request,
        reader: Option<&mut BodyReader>,
    ) -> Result<Reply> {
        let sent = self.clock.machine();
        self.sent.fetch_add(1, Ordering::Relaxed);
        let reply = self.attempt(request, reader).map_err(|failure| failure.at(request.label()))?;
        if trusted(&request.url) {
            self.clock.learn(sent, self.clock.machine(), &reply);
        }
        log::debug!("{} -> {}", request.label(), reply.status);
        Ok(reply)
    }

    fn attempt(&self, request: &Request, mut reader: Option<&mut BodyReader>) -> Result<Reply> {
        let failed = |error: Failed| self.failure(&request.url, error);
        let Some(extra) = &self.extra else {
            return exchange(&self.agent, request, reader).map_err(failed);
        };
        let host = authority_of(&request.url);
        let known = || extra.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if !known().iter().any(|known| known == host) {
            match exchange(&self.agent, request, reader.as_deref_mut()) {
                Err(Failed::Transport(error)) if is_unknown_issuer(&error) => {}
                other => return other.map_err(failed),
            }
        }
        let reply = exchange(&extra.agent, request, reader).map_err(failed)?;
        let mut hosts = known();
        if !hosts.iter().any(|known| known == host) {
            hosts.push(host.to_owned());
        }
        Ok(reply)
    }

    fn failure(&self, url: &str, failed: Failed) -> Failure {
        self.addresses.forget();
        let (slow, (class, mut what)) = match failed {
            Failed::Transport(error) => (is_slow(&error), classify(&error)),
            Failed::Request(why) => {
                return Failure::new(ErrorClass::Bug, format!("cannot make the request: {why}"));
            }
        };
        if class != ErrorClass::Clock {
            if let Some(proxy) = self.proxy_of(url) {
                what += &format!("; by way of the proxy {proxy} of HTTPS_PROXY");
            }
            let failure = Failure::new(class, what);
            return if slow { failure.asked_smaller(Smaller::AfterOnce) } else { failure };
        }
        let now = self.clock.machine().strftime("%Y-%m-%d %H:%M UTC");
        let what =
            format!("{what}; the clock of this machine says {now}: set it, or wait for time sync");
        Failure::new(class, what)
    }
}

/// Why there is no reply.
enum Failed {
    Transport(ureq::Error),
    Request(ureq::http::Error),
}

fn agent(
    roots: RootCerts,
    proxy: Option<ureq::Proxy>,
    addresses: &HostAddresses,
    connections: usize,
) -> ureq::Agent {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(roots)
        .build();
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("fitsync/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(Duration::from_secs(limits::HTTP_TIMEOUT_S)))
        .timeout_connect(Some(Duration::from_secs(limits::HTTP_CONNECT_TIMEOUT_S)))
        .timeout_recv_response(Some(Duration::from_secs(limits::HTTP_REPLY_TIMEOUT_S)))
        .max_response_header_size(limits::HTTP_HEAD_BYTES_MAX)
        .input_buffer_size(limits::HTTP_BUFFER_BYTES)
        .output_buffer_size(limits::HTTP_BUFFER_BYTES)
        .max_idle_connections(2 * connections)
        .max_idle_connections_per_host(connections)
        .tls_config(tls)
        .proxy(proxy)
        .build();
    ureq::Agent::with_parts(config, DefaultConnector::default(), addresses.clone())
}

fn exchange(
    agent: &ureq::Agent,
    request: &Request,
    reader: Option<&mut BodyReader>,
) -> std::result::Result<Reply, Failed> {
    let mut builder =
        ureq::http::Request::builder().method(request.method.as_str()).uri(&request.url);
    for (name, value) in &request.headers {
        builder = builder.header(name.as_str(), value.as_str());
    }
    if let Some(token) = &request.bearer {
        builder = builder.header("authorization", format!("Bearer {}", token.expose()));
    }
    let proxy = agent.config().proxy().filter(|_| may_be_proxied(&request.url)).cloned();
    let answered = match request.method {
        Method::Get | Method::Head | Method::Delete => {
            let request = builder.body(()).map_err(Failed::Request)?;
            agent.run(agent.configure_request(request).proxy(proxy).build())
        }
        Method::Post | Method::Put => {
            if request.body.len() > limits::HTTP_EXPECT_BYTES_MIN {
                builder = builder.header("expect", "100-continue");
            }
            let allowance_s = request.body.len() as u64 / limits::HTTP_UPLOAD_BYTES_PER_S;
            let timeout = Duration::from_secs(limits::HTTP_TIMEOUT_S + allowance_s);
            let request = builder.body(request.body.as_slice()).map_err(Failed::Request)?;
            agent.run(
                agent.configure_request(request).proxy(proxy).timeout_global(Some(timeout)).build(),
            )
        }
    };
    let mut answered = answered.map_err(Failed::Transport)?;
    let headers = answered.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let headers = headers.collect();
    let status = answered.status().as_u16();
    let source = answered.body_mut().with_config().limit(request.reply_bytes_max).reader();
    let mut body = Body { source, failed: None };
    let mut reply = Reply { status, headers, body: Vec::new() };
    match reader {
        Some(reader) if reply.ok() => reader(&mut body),
        // What fails is kept in the body.
        _ => drop(body.read_to_end(&mut reply.body)),
    }
    body.failed.map_or(Ok(reply), |error| Err(Failed::Transport(error)))
}

/// A body that keeps ureq's own error, whatever its reader makes of it.
struct Body<R> {
    source: R,
    failed: Option<ureq::Error>,
}

impl<R: Read> Read for Body<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.source.read(into).map_err(|error| {
            let kind = error.kind();
            if kind != ErrorKind::Interrupted {
                self.failed = Some(error.into());
            }
            kind.into()
        })
    }
}

/// HTTPS_PROXY is for https, and never for this machine; ureq would ask it for every address.
fn may_be_proxied(url: &str) -> bool {
    url.starts_with("https://") && !is_loopback_url(url)
}

/// Whether the `Date` of this peer may correct our clock: verified TLS, or this machine.
fn trusted(url: &str) -> bool {
    url.starts_with("https://") || is_loopback_url(url)
}

/// `host:port` of an address.
pub fn authority_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// The host of an address, an IPv6 one without its brackets.
pub fn host_of(url: &str) -> &str {
    let authority = authority_of(url);
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => authority.split(':').next(),
    };
    host.unwrap_or_default()
}

/// Whether an address names this machine.
pub fn is_loopback_url(url: &str) -> bool {
    let host = host_of(url);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>> {
    let refuse = |why: String| {
        Failure::new(ErrorClass::Usage, format!("cannot read CA certificates: {why}"))
            .at(path.display())
    };
    files::check_readable("CA certificates", path)?;
    let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let mut found = Vec::new();
    for item in ureq::tls::parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|e| refuse(e.to_string()))? {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(refuse("no CERTIFICATE block in it".to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_asked_for_https_elsewhere_only() {
        let proxy = ureq::Proxy::new("http://proxy.example:3128").unwrap();
        let http = Http::through(Some(proxy), &[], &Clock::default(), 1).unwrap();
        let asked = |url: &str| http.proxy_of(url).is_some();
        assert!(asked("https://health.googleapis.com/v4"));
        for url in ["http://10.0.0.5:9000/x", "https://localhost:9/x", "http://127.0.0.1:9/x"] {
            assert!(!asked(url), "{url}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for url in ["http://localhost:8000/x", "http://127.0.0.9", "http://[::1]:9/a?b"] {
            assert!(is_loopback_url(url), "{url}");
        }
        for url in ["http://localhost.evil.example/", "http://10.0.0.1/", "https://a/127.0.0.1"] {
            assert!(!is_loopback_url(url), "{url}");
        }
    }
}
