//! The ports: who listens on them.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::TlsAcceptor;

use super::answer::{Service, answer};
use super::body::BoxError;
use crate::controls::Controls;
use crate::gate::Gate;

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
    let mut wanted = gate.subscribe();
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener)?;
    loop {
        if *wanted.borrow_and_update() {
            drop(listener);
            let held = held(address).await?;
            gate.tell_closed(true);
            while *wanted.borrow_and_update() {
                wanted.changed().await?;
            }
            listener = held.listen(1024)?;
            gate.tell_closed(false);
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
