//! What an error of the transport means, and what happens next.

use std::io::ErrorKind;

use crate::core::error::ErrorClass;

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

/// What happens next after an error of the transport. `issuer_cure`: what to do where a
/// certificate's issuer is unknown.
pub fn classify(error: &ureq::Error, issuer_cure: &str) -> (ErrorClass, String) {
    if let Some(error) = tls_error(error) {
        return classify_tls(error, issuer_cure);
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
        ureq::Error::Io(io) => classify_io(io, issuer_cure),
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

fn classify_io(error: &std::io::Error, issuer_cure: &str) -> (ErrorClass, String) {
    let inner = error.get_ref();
    if let Some(inner) = inner.and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        return classify(inner, issuer_cure);
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
        Some("401") => "the proxy does not take this name and password (HTTP 401)".to_owned(),
        Some(status) if status.starts_with('5') => format!(
            "the proxy could not reach the service (HTTP {status}): look at the proxy's own network"
        ),
        Some(status) => format!(
            "the proxy refused (HTTP {status}): have it allow this host, or name that in NO_PROXY"
        ),
        None => format!("the proxy refused: {why}"),
    }
}

fn classify_tls(error: &rustls::Error, issuer_cure: &str) -> (ErrorClass, String) {
    use rustls::{AlertDescription as Alert, CertificateError as Cert, PeerIncompatible as Peer};
    let network = |what: String| (ErrorClass::Network, format!("TLS: {what}"));
    let clock = |what: String| (ErrorClass::Clock, format!("TLS: {what}"));
    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            Cert::NotValidYetContext { not_before, .. } => {
                clock(format!("the certificate is not valid before {}", date(*not_before)))
            }
            Cert::ExpiredContext { not_after, .. } => {
                clock(format!("the certificate has ended on {}", date(*not_after)))
            }
            Cert::NotValidYet | Cert::Expired => {
                clock("the certificate is not valid at this time".to_owned())
            }
            Cert::NotValidForNameContext { presented, .. } if !presented.is_empty() => network(
                format!("the certificate is for {}: check the address", names_of(presented)),
            ),
            Cert::NotValidForName | Cert::NotValidForNameContext { .. } => network(
                "the certificate is for another name: check the address, or make it with this one \
                 (subjectAltName)"
                    .to_owned(),
            ),
            Cert::UnknownIssuer => {
                network(format!("the certificate's issuer is unknown; {issuer_cure}"))
            }
            Cert::Revoked => network("the certificate was revoked".to_owned()),
            Cert::InvalidPurpose | Cert::InvalidPurposeContext { .. } => {
                network("the certificate is not for servers (extendedKeyUsage)".to_owned())
            }
            Cert::Other(_) => network(format!(
                "the certificate is one of an authority, not of a server; {issuer_cure}"
            )),
            other => network(format!("the certificate cannot be used ({other:?})")),
        },
        rustls::Error::InvalidMessage(_) => {
            network("what answers there does not speak TLS: check address and port".to_owned())
        }
        rustls::Error::PeerIncompatible(
            Peer::ServerDoesNotSupportTls12Or13 | Peer::ServerTlsVersionIsDisabledByOurConfig,
        )
        | rustls::Error::AlertReceived(Alert::ProtocolVersion) => network(
            "the server speaks only TLS 1.1 or older: turn TLS 1.2 or 1.3 on there".to_owned(),
        ),
        rustls::Error::AlertReceived(Alert::CertificateRequired | Alert::NoCertificate) => network(
            "the server wants a client certificate, which this program has none of: let it in by \
             keys alone"
                .to_owned(),
        ),
        rustls::Error::AlertReceived(Alert::UnrecognisedName) => {
            network("the server does not know this name: check the address".to_owned())
        }
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::AlertReceived(Alert::HandshakeFailure) => network(format!(
            "this machine and the server have no way of encryption in common ({error})"
        )),
        other => network(other.to_string()),
    }
}

/// The names in a certificate, out of rustls' own words for them: `DnsName("a.example")`.
fn names_of(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inside = name.split_once("(\"").map_or(name.as_str(), |(_, inside)| inside);
        inside.trim_end_matches("\")").to_owned()
    };
    presented.iter().map(bare).collect::<Vec<_>>().join(", ")
}

/// A time of a certificate, as a day.
fn date(at: rustls::pki_types::UnixTime) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_second(seconds);
    at.map_or_else(|_| "an unknown day".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}
