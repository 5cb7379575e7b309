//! What an error of the transport means, and what happens next.

use std::io::ErrorKind;

use crate::core::error::ErrorClass;

pub fn is_unknown_issuer(error: &ureq::Error) -> bool {
    tls_error(error).is_some_and(|error| {
        *error == rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)
    })
}

/// The TLS error inside a transport error, however deep it is wrapped.
fn tls_error(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(io) => {
            let inner = io.get_ref()?;
            inner.downcast_ref::<rustls::Error>().or_else(|| tls_error(inner.downcast_ref()?))
        }
        _ => None,
    }
}

/// Whether the service was reached and its answer did not come in time.
pub fn is_slow(error: &ureq::Error) -> bool {
    use ureq::Timeout::{Global, PerCall, RecvBody, RecvResponse};
    match error {
        ureq::Error::Timeout(phase) => matches!(phase, Global | PerCall | RecvBody | RecvResponse),
        ureq::Error::Io(io) => {
            let inner = io.get_ref().and_then(|inner| inner.downcast_ref());
            inner.is_some_and(is_slow)
        }
        _ => false,
    }
}

/// What happens next after an error of the transport.
pub fn classify(error: &ureq::Error) -> (ErrorClass, String) {
    if let Some(error) = tls_error(error) {
        return classify_tls(error);
    }
    match error {
        ureq::Error::BodyExceedsLimit(limit) => {
            (ErrorClass::Format, format!("the reply is longer than {limit} bytes"))
        }
        ureq::Error::LargeResponseHeader(..) => {
            (ErrorClass::Format, "the reply's head is too long".to_owned())
        }
        ureq::Error::Decompress(..) => (ErrorClass::Network, "the reply broke off".to_owned()),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl => {
            (ErrorClass::Config, format!("not a usable address: {error}"))
        }
        ureq::Error::ConnectProxyFailed(why) => (ErrorClass::Network, refused_by_proxy(why)),
        ureq::Error::Io(io) => classify_io(io),
        ureq::Error::HostNotFound => (ErrorClass::Network, DNS_FAILED.to_owned()),
        ureq::Error::Timeout(phase) => {
            (ErrorClass::Network, format!("no answer in time ({phase})"))
        }
        other => (ErrorClass::Network, other.to_string()),
    }
}

const NOBODY_LISTENS: &str =
    "connection refused: nothing listens at this address and port: check both";
const DNS_FAILED: &str = "the name cannot be looked up: check the network and its name server";

fn classify_io(error: &std::io::Error) -> (ErrorClass, String) {
    let inner = error.get_ref();
    if let Some(inner) = inner.and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        return classify(inner);
    }
    let text = error.to_string();
    // musl reports a failed look-up as an uncategorised error; its text is all there is.
    if text.contains("failed to lookup address") {
        return (ErrorClass::Network, DNS_FAILED.to_owned());
    }
    let what = match error.kind() {
        ErrorKind::ConnectionRefused => NOBODY_LISTENS.to_owned(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => {
            format!("the connection broke off ({text})")
        }
        _ => text,
    };
    (ErrorClass::Network, what)
}

/// ureq gives the status within a sentence.
fn refused_by_proxy(why: &str) -> String {
    let mut words = why.split(|c: char| !c.is_ascii_digit());
    match words.find(|word| word.len() == 3) {
        Some("407") => {
            "the proxy wants a name and a password: http://NAME:PASSWORD@HOST:PORT".to_owned()
        }
        Some(status) => format!(
            "the proxy refused (HTTP {status}): have it allow this host, or name that in NO_PROXY"
        ),
        None => format!("the proxy refused: {why}"),
    }
}

fn classify_tls(error: &rustls::Error) -> (ErrorClass, String) {
    use rustls::CertificateError as Cert;
    match error {
        rustls::Error::InvalidCertificate(
            Cert::NotValidYet
            | Cert::NotValidYetContext { .. }
            | Cert::Expired
            | Cert::ExpiredContext { .. },
        ) => (ErrorClass::Clock, "TLS: the certificate is not valid at this time".to_owned()),
        rustls::Error::InvalidCertificate(
            Cert::NotValidForName | Cert::NotValidForNameContext { .. },
        ) => (
            ErrorClass::Network,
            "TLS: the certificate is for another name: check the address".to_owned(),
        ),
        rustls::Error::InvalidMessage(_) => (
            ErrorClass::Network,
            "TLS: what answers there does not speak TLS: check address and port".to_owned(),
        ),
        rustls::Error::InvalidCertificate(Cert::UnknownIssuer) => (
            ErrorClass::Network,
            "TLS: the certificate's issuer is unknown; name its CA in FITSYNC_CA_FILE".to_owned(),
        ),
        other => (ErrorClass::Network, format!("TLS: {other}")),
    }
}
