//! TLS for the services: certificates from files, or made up here by an authority of our own.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

use crate::options::{Certificate, Tls};

/// What the listeners need, and what clients need to trust them.
pub struct Identity {
    pub acceptor: TlsAcceptor,
    /// The authority's certificate (PEM), if we made it up.
    pub authority: Option<String>,
}

/// The identity that the options ask for.
pub fn identity(tls: &Tls) -> Result<Option<Identity>, String> {
    let (chain, key, authority) = match tls {
        Tls::Off => return Ok(None),
        Tls::Files { cert, key } => (read_chain(cert)?, read_key(key)?, None),
        Tls::Own(kind) => {
            let problem = |problem: rcgen::Error| format!("certificate: {problem}");
            let (chain, key, authority) = made_up(*kind).map_err(problem)?;
            (chain, key, Some(authority))
        }
    };
    let problem = |problem: tokio_rustls::rustls::Error| format!("TLS: {problem}");
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(problem)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(problem)?;
    Ok(Some(Identity { acceptor: TlsAcceptor::from(Arc::new(config)), authority }))
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let problem = |problem| format!("{}: {problem}", path.display());
    let all = CertificateDer::pem_file_iter(path).map_err(problem)?;
    all.collect::<Result<Vec<_>, _>>().map_err(problem)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let key = PrivateKeyDer::from_pem_file(path);
    key.map_err(|problem| format!("{}: {problem}", path.display()))
}

type MadeUp = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, String);

fn made_up(kind: Certificate) -> Result<MadeUp, rcgen::Error> {
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let name = &mut authority.distinguished_name;
    name.push(DnType::CommonName, "Authority of a simulated world");
    let authority_cert = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);

    let names = match kind {
        Certificate::WrongHost => vec!["elsewhere.example.com".to_owned()],
        _ => vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
    };
    let mut leaf = CertificateParams::new(names)?;
    let (from, to) = match kind {
        Certificate::Expired => (2020, 2021),
        Certificate::NotYet => (2096, 2097),
        Certificate::Good | Certificate::WrongHost => (2020, 2097),
    };
    leaf.not_before = rcgen::date_time_ymd(from, 1, 1);
    leaf.not_after = rcgen::date_time_ymd(to, 1, 1);
    let key = KeyPair::generate()?;
    let cert = leaf.signed_by(&key, &issuer)?;
    let key =
        PrivateKeyDer::try_from(key.serialize_der()).map_err(|_| rcgen::Error::RemoteKeyError)?;
    Ok((vec![cert.der().clone()], key, authority_cert.pem()))
}
