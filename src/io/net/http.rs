//! The one place that sends: one agent, every limit set by hand, no redirects, no retries.
//!
//! Retries belong to the callers, which know what a repeat may cost (`sync/session.rs` for reading,
//! `s3/store.rs` for S3).

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector as _, TcpConnector};

use crate::core::address::Address;
use crate::core::error::{ErrorClass, Failure, Result, Smaller};
use crate::core::exchange::{Method, Reply, Request};
use crate::io::clock::Clock;
use crate::io::files;
use crate::io::net::dns::HostAddresses;
use crate::io::net::http_error::{classify, is_slow};
use crate::io::net::proxy::{NamedProxy, Proxies};
use crate::io::net::tls::TlsConnector;
use crate::limits;

/// Cheap to clone; all clones share connections and the clock, and but for [`Http::counting`] the
/// count of what was sent.
#[derive(Debug, Clone)]
pub struct Http {
    agent: ureq::Agent,
    proxies: Proxies,
    addresses: HostAddresses,
    clock: Clock,
    sent: Arc<AtomicU64>,
    /// What to do where a certificate's issuer is unknown.
    issuer_cure: &'static str,
}

/// Reads the body of a success while it arrives: a page is never whole in memory.
pub type BodyReader<'a> = dyn FnMut(&mut dyn Read) + 'a;

/// The cure where nothing else is known.
pub const ISSUER_CURE: &str = "name its CA, or the certificate itself, in FITSYNC_CA_FILE";

impl Http {
    /// Without a proxy; `ca_files` are trusted beside the built-in authorities.
    pub fn new(ca_files: &[&Path], clock: &Clock, connections: usize) -> Result<Self> {
        Self::through(Proxies::default(), ca_files, clock, connections)
    }

    pub fn through(
        proxies: Proxies,
        ca_files: &[&Path],
        clock: &Clock,
        connections: usize,
    ) -> Result<Self> {
        let mut extra = Vec::new();
        for path in ca_files {
            extra.append(&mut certificates(path)?);
        }
        let addresses = HostAddresses::default();
        let agent = agent(TlsConnector::new(&extra)?, &addresses, connections);
        let (clock, sent) = (clock.clone(), Arc::default());
        Ok(Self { agent, proxies, addresses, clock, sent, issuer_cure: ISSUER_CURE })
    }

    /// The same with another cure for an unknown issuer.
    #[must_use]
    pub fn issuer_cure(self, issuer_cure: &'static str) -> Self {
        Self { issuer_cure, ..self }
    }

    /// The same, counting what it sends from zero.
    pub fn counting(&self) -> Self {
        Self { sent: Arc::default(), ..self.clone() }
    }

    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The proxy that is asked for this address.
    pub fn proxy_of(&self, url: &str) -> Option<&NamedProxy> {
        self.proxies.of_url(url)
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
        let proxy = self.proxy_of(&request.url).map(|named| named.proxy.clone());
        let expects = request.body.len() > limits::HTTP_EXPECT_BYTES_MIN;
        let ask = |expects, reader| {
            exchange(&self.agent, proxy.clone(), request, expects, reader)
                .map_err(|failed| self.failure(&request.url, failed).at(request.label()))
        };
        let mut reply = ask(expects, reader)?;
        // Some proxies know no `Expect`: then the body goes at once.
        if reply.status == 417 && expects {
            reply = ask(false, None)?;
        }
        if trusted(&request.url) {
            self.clock.learn(sent, self.clock.machine(), &reply);
        }
        log::debug!("{} -> {}", request.label(), reply.status);
        Ok(reply)
    }

    fn failure(&self, url: &str, failed: Failed) -> Failure {
        self.addresses.forget();
        let (slow, (class, mut what)) = match failed {
            Failed::Transport(error) => (is_slow(&error), classify(&error, self.issuer_cure)),
            Failed::Request(why) => {
                return Failure::new(ErrorClass::Bug, format!("cannot make the request: {why}"));
            }
        };
        if class != ErrorClass::Clock {
            if let Some(proxy) = self.proxy_of(url) {
                what += &format!("; by way of the proxy {}", proxy.label());
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

fn agent(tls: TlsConnector, addresses: &HostAddresses, connections: usize) -> ureq::Agent {
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
        .proxy(None)
        .build();
    let connector =
        ().chain(ConnectProxyConnector::default()).chain(TcpConnector::default()).chain(tls);
    ureq::Agent::with_parts(config, connector, addresses.clone())
}

fn exchange(
    agent: &ureq::Agent,
    proxy: Option<ureq::Proxy>,
    request: &Request,
    expects: bool,
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
    let answered = match request.method {
        Method::Get | Method::Head | Method::Delete => {
            let request = builder.body(()).map_err(Failed::Request)?;
            agent.run(agent.configure_request(request).proxy(proxy).build())
        }
        Method::Post | Method::Put => {
            if expects {
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

/// Whether the `Date` of this peer may correct our clock: verified TLS, or this machine.
fn trusted(url: &str) -> bool {
    Address::parse(url).is_ok_and(|address| address.secure() || address.is_loopback())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let refuse = |why: String| {
        Failure::new(ErrorClass::Usage, format!("cannot read CA certificates: {why}"))
            .at(path.display())
    };
    files::check_readable("CA certificates", path)?;
    let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| refuse(error.to_string()))?;
    if found.is_empty() {
        return Err(refuse("no CERTIFICATE block in it".to_owned()));
    }
    Ok(found)
}
