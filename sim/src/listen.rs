//! The ports: who listens on them, and how they are closed and opened again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::body::BoxError;
use crate::controls::Controls;
use crate::http::Host;
use crate::s3;
use crate::server::answer;

/// What answers on a port.
#[derive(Clone)]
pub enum Service {
    Google,
    Fitbit,
    S3(Arc<s3::Store>),
    Control,
}

impl Service {
    /// The host that stands for the port.
    pub fn host(&self) -> Host {
        match self {
            Service::Google => Host::Google,
            Service::Fitbit => Host::Fitbit,
            Service::S3(_) => Host::S3,
            Service::Control => Host::Control,
        }
    }
}

/// Closes a port and opens it again.
#[derive(Clone, Debug)]
pub struct Gate {
    wanted: watch::Sender<bool>,
    is_closed: Arc<AtomicBool>,
}

impl Default for Gate {
    fn default() -> Gate {
        Gate { wanted: watch::channel(false).0, is_closed: Arc::default() }
    }
}

impl Gate {
    /// Whether the port is closed, or about to be.
    pub fn is_closed(&self) -> bool {
        *self.wanted.borrow()
    }

    /// Asks for the port to be closed or opened.
    pub fn set_closed(&self, closed: bool) {
        self.wanted.send_replace(closed);
    }

    /// Waits until it is.
    pub fn wait(&self) {
        for _ in 0..5000 {
            if self.is_closed.load(Ordering::Acquire) == self.is_closed() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A port and what answers on it.
pub struct Port {
    pub service: Service,
    pub listener: std::net::TcpListener,
    pub acceptor: Option<TlsAcceptor>,
    pub gate: Gate,
}

/// Serves one port until the runtime ends. While the gate is closed nobody listens, but the port
/// stays taken.
pub async fn serve(controls: Controls, port: Port) -> Result<(), BoxError> {
    let Port { service, listener, acceptor, gate } = port;
    let mut wanted = gate.wanted.subscribe();
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener)?;
    loop {
        if *wanted.borrow_and_update() {
            drop(listener);
            let held = held(address).await?;
            gate.is_closed.store(true, Ordering::Release);
            while *wanted.borrow_and_update() {
                wanted.changed().await?;
            }
            listener = held.listen(1024)?;
            gate.is_closed.store(false, Ordering::Release);
        }
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    let _ = stream.set_nodelay(true);
                    controls.world.log.connected(service.host());
                    let (controls, service) = (controls.clone(), service.clone());
                    match acceptor.clone() {
                        None => tokio::spawn(connection(controls, service, stream)),
                        Some(acceptor) => tokio::spawn(async move {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                connection(controls, service, stream).await;
                            }
                        }),
                    };
                }
            }
            changed = wanted.changed() => changed?,
        }
    }
}

/// The port, taken but closed: connections to it are refused.
async fn held(address: SocketAddr) -> Result<TcpSocket, BoxError> {
    for _ in 0..100 {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        if socket.bind(address).is_ok() {
            return Ok(socket);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err("the port cannot be held".into())
}

async fn connection<S>(controls: Controls, service: Service, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = service_fn(move |request| answer(controls.clone(), service.clone(), request));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new());
    // How a connection ends is its peer's business, or a fault's.
    let _ = builder.serve_connection(TokioIo::new(stream), answer).await;
}
