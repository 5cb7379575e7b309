//! Bodies that misbehave: cut short, never ending, slow, of a wrong length.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::Response;
use hyper::body::{Body, Bytes, Frame};
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use tokio::sync::mpsc;

use crate::fault::Effect;

/// Any error of a connection.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of every reply.
pub type ReplyBody = UnsyncBoxBody<Bytes, BoxError>;

/// The error with which a connection is broken off.
pub fn broken() -> BoxError {
    Box::new(io::Error::new(io::ErrorKind::ConnectionReset, "broken off as a fault asks"))
}

/// A body whose pieces come from somewhere else.
struct Pieces(mpsc::Receiver<Result<Bytes, BoxError>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let piece = self.0.poll_recv(context);
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// Sends a reply as an effect wants it sent.
pub fn framed(reply: Response<Vec<u8>>, effect: Option<&Effect>) -> Response<ReplyBody> {
    let (mut parts, body) = reply.into_parts();
    let declared = parts.headers.contains_key(CONTENT_LENGTH);
    let mut length = body.len();
    let (send, receive) = mpsc::channel(16);
    let bytes = Bytes::from(body);
    match effect {
        Some(Effect::Cut { after_bytes }) => {
            let sent = bytes.slice(..bytes.len().min(*after_bytes));
            tokio::spawn(async move {
                let _ = send.send(Ok(sent)).await;
                // What was sent has to leave before the connection breaks.
                tokio::time::sleep(Duration::from_millis(50)).await;
                let _ = send.send(Err(broken())).await;
            });
        }
        Some(Effect::HangBody { after_bytes }) => {
            let sent = bytes.slice(..bytes.len().min(*after_bytes));
            length = length.max(sent.len() + 1);
            tokio::spawn(async move {
                let _ = send.send(Ok(sent)).await;
                send.closed().await;
            });
        }
        Some(Effect::Slow { bytes_per_s }) => {
            let rate = (*bytes_per_s).max(1);
            tokio::spawn(slowly(send, bytes, rate));
        }
        Some(Effect::WrongLength { by }) => {
            length = length.saturating_add_signed(isize::try_from(*by).unwrap_or(0));
            tokio::spawn(async move {
                let _ = send.send(Ok(bytes)).await;
            });
        }
        _ => {
            if !declared {
                parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            let body = http_body_util::Full::new(bytes);
            let body = body.map_err(|never| match never {});
            return Response::from_parts(parts, body.boxed_unsync());
        }
    }
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    Response::from_parts(parts, Pieces(receive).boxed_unsync())
}

async fn slowly(send: mpsc::Sender<Result<Bytes, BoxError>>, mut rest: Bytes, rate: u32) {
    let ticks = u64::from(rate.min(10));
    let size = usize::try_from(rate / rate.min(10)).unwrap_or(1).max(1);
    while !rest.is_empty() {
        let piece = rest.split_to(size.min(rest.len()));
        if send.send(Ok(piece)).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1000 / ticks)).await;
    }
}
