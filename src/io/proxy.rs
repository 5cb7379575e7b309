//! The proxy of `HTTPS_PROXY`, from the settings as every other name: ureq by itself looks at the
//! environment alone, and the timer's run has its settings in a file.

use ureq::Proxy;

use crate::core::error::{ErrorClass, Failure, Result};

/// The names that ureq knows, in its order; the first usable one serves every address.
const PROXIES: [&str; 6] =
    ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// Gives a setting by its name.
pub type Lookup<'f, 'a> = &'f dyn Fn(&str) -> Option<&'a str>;

/// Hosts that are asked without the proxy.
pub fn exceptions<'a>(setting: Lookup<'_, 'a>) -> Option<&'a str> {
    setting("NO_PROXY").or_else(|| setting("no_proxy"))
}

/// The proxy of the settings; none of the named ones usable is an error, because a network that
/// needs one lets nothing else through.
pub fn of(setting: Lookup<'_, '_>) -> Result<Option<Proxy>> {
    let mut unusable = None;
    for name in PROXIES {
        let Some(value) = setting(name) else { continue };
        match Proxy::new(value).and_then(|proxy| with_exceptions(&proxy, exceptions(setting))) {
            Ok(proxy) => return Ok(Some(proxy)),
            // The value may hold a password.
            Err(_) => drop(unusable.get_or_insert(name)),
        }
    }
    match unusable {
        None => Ok(None),
        Some(name) => {
            let what = format!("{name} is not an address such as http://proxy.example:3128");
            Err(Failure::new(ErrorClass::Usage, what))
        }
    }
}

fn with_exceptions(
    proxy: &Proxy,
    exceptions: Option<&str>,
) -> std::result::Result<Proxy, ureq::Error> {
    let mut builder = Proxy::builder(proxy.protocol())
        .host(proxy.host())
        .port(proxy.port())
        .resolve_target(proxy.resolve_target());
    if let Some(name) = proxy.username() {
        builder = builder.username(name);
    }
    if let Some(password) = proxy.password() {
        builder = builder.password(password);
    }
    for entry in exceptions.unwrap_or_default().split(',') {
        builder = builder.no_proxy(entry);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn among<'a>(pairs: &'a [(&str, &'a str)]) -> impl Fn(&str) -> Option<&'a str> {
        |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    #[test]
    fn the_settings_name_proxy_and_exceptions() {
        let pairs =
            [("HTTPS_PROXY", "http://me:p%40ss@proxy.example:3128"), ("NO_PROXY", "a.example,.b")];
        let proxy = of(&among(&pairs)).unwrap().unwrap();
        assert_eq!((proxy.host(), proxy.port()), ("proxy.example", 3128));
        assert_eq!((proxy.username(), proxy.password()), (Some("me"), Some("p@ss")));
        let direct = |address: &str| proxy.is_no_proxy(&address.parse().unwrap());
        assert!(direct("https://a.example/x") && direct("https://x.b/"));
        assert!(!direct("https://health.googleapis.com/"));
        assert!(of(&among(&[])).unwrap().is_none());
    }

    #[test]
    fn an_unusable_proxy_is_told_without_its_password() {
        let pairs = [("HTTPS_PROXY", "http://me:secret@")];
        let failure = of(&among(&pairs)).unwrap_err();
        assert!(failure.what.contains("HTTPS_PROXY") && !failure.what.contains("secret"));
    }
}
