//! The certificate of the operator's pages, of the gateway's own making: no authority knows it, so
//! a person compares its fingerprint once. Pure but for the key's random numbers: time is an
//! argument.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use ring::digest::{SHA256, digest};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::limits::{CERTIFICATE_DAYS, CERTIFICATE_RENEW_DAYS};
use crate::portal::web::stream::Tls;

/// What stands in front of the certificate in its file, for the next start.
const NAMES: &str = "# names: ";
const ENDS: &str = "# ends: ";

/// A certificate, as its file tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    names: Vec<String>,
    ends_at: Timestamp,
    der: Vec<u8>,
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(ErrorClass::Bug, format!("cannot make the operator's certificate: {error}"))
}

/// A new key (ECDSA on P-256), as PEM.
pub fn new_key() -> Result<Secret> {
    let key = KeyPair::generate().map_err(|error| failed(&error))?;
    Ok(Secret::new(key.serialize_pem()))
}

fn key_of(pem: &Secret) -> Result<KeyPair> {
    KeyPair::from_pem(pem.expose()).map_err(|error| failed(&error))
}

/// Whether a file holds a key that can be used.
pub fn is_key(pem: &Secret) -> bool {
    key_of(pem).is_ok()
}

fn day_of(at: Timestamp, days: i64) -> jiff::civil::Date {
    let at = at.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX);
    at.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// The text of a file with a new certificate for this key. `names`: names and addresses;
/// `not_before`: the latest time that is certain.
pub fn make(key: &Secret, names: &[String], not_before: Timestamp) -> Result<String> {
    let key = key_of(key)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let title = names.first().map_or("gateway", String::as_str);
    params.distinguished_name.push(DnType::CommonName, format!("fitsync on {title}"));
    params.subject_alt_names = names.iter().filter_map(|name| alternative(name)).collect();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.is_ca = IsCa::ExplicitNoCa;
    // A day of slack for the clocks of others.
    let (begin, end) = (day_of(not_before, -1), day_of(not_before, CERTIFICATE_DAYS));
    let date = |day: jiff::civil::Date| {
        let (month, of_month) = (day.month().unsigned_abs(), day.day().unsigned_abs());
        date_time_ymd(day.year().into(), month, of_month)
    };
    (params.not_before, params.not_after) = (date(begin), date(end));
    let certificate = params.self_signed(&key).map_err(|error| failed(&error))?;
    let names = names.join(" ");
    Ok(format!("{NAMES}{names}\n{ENDS}{end}T00:00:00Z\n{}", certificate.pem()))
}

/// A name as a certificate has it; `None` for what can stand in none.
fn alternative(name: &str) -> Option<SanType> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Some(SanType::IpAddress(address));
    }
    let plain =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    name.to_owned().try_into().ok().filter(|_| plain).map(SanType::DnsName)
}

impl Certificate {
    /// Reads the text of a file; `None` where it is not one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let line = |begin: &str| text.lines().find_map(|line| line.strip_prefix(begin));
        Some(Self {
            names: line(NAMES)?.split_whitespace().map(str::to_owned).collect(),
            ends_at: line(ENDS)?.trim().parse().ok()?,
            der: CertificateDer::from_pem_slice(text.as_bytes()).ok()?.to_vec(),
        })
    }

    /// Whether it serves these names and does not end soon.
    pub fn is_good(&self, names: &[String], not_before: Timestamp) -> bool {
        let renew = SignedDuration::from_hours(24 * CERTIFICATE_RENEW_DAYS);
        let soon = not_before.saturating_add(renew).unwrap_or(Timestamp::MAX);
        soon < self.ends_at && names.iter().all(|name| self.names.contains(name))
    }

    /// SHA-256 of the certificate, as browsers show it.
    pub fn fingerprint(&self) -> String {
        let bytes = digest(&SHA256, &self.der);
        let pairs = bytes.as_ref().iter().map(|byte| format!("{byte:02X}"));
        pairs.collect::<Vec<_>>().join(":")
    }

    /// Certificate and key for a listener.
    pub fn tls(&self, key: &Secret) -> Result<Tls> {
        let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes());
        let key = key.map_err(|error| failed(&error))?;
        let chain = vec![CertificateDer::from(self.der.clone())];
        Tls::new(chain, key).map_err(|error| failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["clinic-pi", "clinic-pi.local", "192.168.1.20", "fd00::20"].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_certificate_lasts_800_days_and_is_renewed_60_days_before_its_end() {
        let (key, begun) = (new_key().unwrap(), "2026-11-29T18:00:00Z".parse().unwrap());
        let one = Certificate::parse(&make(&key, &names(), begun).unwrap()).unwrap();
        assert_eq!(one.ends_at, "2029-02-06T00:00:00Z".parse().unwrap());
        assert!(one.is_good(&names(), begun));
        assert!(one.is_good(&names(), "2028-12-07T23:00:00Z".parse().unwrap()));
        assert!(!one.is_good(&names(), "2028-12-08T01:00:00Z".parse().unwrap()));
        let moved = [names(), vec!["192.168.7.7".to_owned()]].concat();
        assert!(!one.is_good(&moved, begun), "an address that is not in it");
        assert!(one.is_good(&names()[1..], begun), "one that is there no more harms nobody");
    }

    #[test]
    fn a_renewed_certificate_keeps_its_key_and_serves() {
        let (key, begun) = (new_key().unwrap(), Timestamp::UNIX_EPOCH);
        assert!(is_key(&key) && !is_key(&Secret::new("nonsense")));
        let text = make(&key, &names(), begun).unwrap();
        let (one, other) =
            (Certificate::parse(&text).unwrap(), make(&key, &names(), begun).unwrap());
        let other = Certificate::parse(&other).unwrap();
        assert_ne!(one.fingerprint(), other.fingerprint());
        one.tls(&key).unwrap();
        other.tls(&key).unwrap();
        assert!(one.tls(&new_key().unwrap()).is_err(), "another key");
        assert_eq!(one.fingerprint().len(), 32 * 3 - 1);
        assert!(one.fingerprint().split(':').all(|pair| u8::from_str_radix(pair, 16).is_ok()));
    }

    #[test]
    fn what_is_not_ours_is_made_anew() {
        for text in ["", "# names: a\n# ends: soon\n", "-----BEGIN CERTIFICATE-----\n"] {
            assert_eq!(Certificate::parse(text), None, "{text}");
        }
        let odd = ["clinic_pi".to_owned(), "a\u{e9}".to_owned(), String::new()];
        make(&new_key().unwrap(), &odd, Timestamp::UNIX_EPOCH).unwrap();
    }
}
