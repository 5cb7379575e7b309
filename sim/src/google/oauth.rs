//! Google's sign-in: the checks of the authorize address, the consent page, the way back.

use std::fmt::Write as _;

use url::{Host as UrlHost, Url};

use super::grant::Ticket;
use crate::http::{Ask, Reply, escaped};
use crate::options::Decision;
use crate::world::World;

/// Where the sign-in begins.
pub const AUTHORIZE_PATH: &str = "/o/oauth2/v2/auth";
/// Where the consent page's answer goes: `ticket`, `who`, and `decision` if it should not be
/// the participant's own.
pub const APPROVE_PATH: &str = "/o/oauth2/approve";

/// What every scope of the health API begins with.
pub const SCOPE_PREFIX: &str = "https://www.googleapis.com/auth/googlehealth.";
const READONLY: [&str; 12] = [
    "activity_and_fitness",
    "ecg",
    "health_metrics_and_measurements",
    "irn",
    "location",
    "logged_symptoms",
    "mindfulness",
    "nutrition",
    "profile",
    "reproductive_health",
    "settings",
    "sleep",
];

fn known_scope(scope: &str) -> bool {
    let Some(name) = scope.strip_prefix(SCOPE_PREFIX) else {
        return matches!(scope, "openid" | "email" | "profile");
    };
    let base = name.strip_suffix(".readonly").or(name.strip_suffix(".writeonly"));
    base.is_some_and(|base| READONLY.contains(&base))
}

/// Google's rules for redirect addresses, apart from registration.
///
/// <https://developers.google.com/identity/protocols/oauth2/web-server#uri-validation>
pub fn redirect_refused(redirect: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(redirect) else {
        return Some("The redirect address cannot be read.");
    };
    if redirect.contains('#') || redirect.contains('*') || redirect.contains("/..") {
        return Some("Fragments, wildcards and parent paths are not allowed.");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some("User names are not allowed.");
    }
    let local = match url.host() {
        Some(UrlHost::Domain(name)) => name == "localhost",
        Some(UrlHost::Ipv4(address)) if address.is_loopback() => true,
        Some(UrlHost::Ipv6(address)) if address.is_loopback() => true,
        Some(_) => return Some("device_id and device_name are required for private IP."),
        None => return Some("The redirect address names no host."),
    };
    match (url.scheme(), local, public_name(url.host_str().unwrap_or(""))) {
        ("http" | "https", true, _) | ("https", false, true) => None,
        ("https", false, false) => Some("The host must end in a public top level domain."),
        _ => Some("The address must begin with https."),
    }
}

/// Names that end as public ones do, as far as a simulator must know.
fn public_name(name: &str) -> bool {
    let private = ["local", "lan", "home", "internal", "localdomain", "test", "invalid"];
    match name.trim_end_matches('.').rsplit_once('.') {
        Some((_, last)) => !private.contains(&last) && !last.is_empty(),
        None => false,
    }
}

fn refused(status: u16, error: &str, why: &str) -> Reply {
    let page = format!(
        "<!DOCTYPE html>\n<html lang=en><title>Error {status}: {error}</title>\n\
         <h1>Access blocked: authorization error</h1>\n<p>Error {status}: {error}\n<p>{}\n",
        escaped(why)
    );
    Reply::html(status, &page)
}

/// The first page of a sign-in.
pub fn authorize(world: &World, ask: &Ask) -> Reply {
    let ticket = match checked(world, ask) {
        Ok(ticket) => ticket,
        Err(reply) => return reply,
    };
    let scopes = ticket.scopes.clone();
    let mut state = world.state();
    let name = state.grants.open(ticket);
    let mut page = String::from(
        "<!DOCTYPE html>\n<html lang=en><meta name=viewport content=\"width=device-width\">\
         <title>Simulated sign-in</title>\n<h1>Choose an account</h1>\n<ul>\n",
    );
    for scope in &scopes {
        let _ = writeln!(page, "<li>{}", escaped(scope));
    }
    page.push_str("</ul>\n");
    for citizen in &state.citizens {
        let who = escaped(&citizen.participant.name);
        for (decision, word) in [("approve", "Allow as"), ("deny", "Deny as")] {
            let _ = writeln!(
                page,
                "<form method=post action=\"{APPROVE_PATH}\">\
                 <input type=hidden name=ticket value=\"{name}\">\
                 <input type=hidden name=who value=\"{who}\">\
                 <button name=decision value={decision}>{word} {who}</button></form>"
            );
        }
    }
    Reply::html(200, &page).with("x-sim-ticket", name)
}

fn checked(world: &World, ask: &Ask) -> Result<Ticket, Reply> {
    let invalid = |why: &str| refused(400, "invalid_request", why);
    let mut names: Vec<_> = ask.query.iter().map(|(name, _)| name).collect();
    names.sort();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(invalid("A parameter is there twice."));
    }
    let get = |name: &str| ask.parameter(name).filter(|value| !value.is_empty());
    let Some(client) = get("client_id") else {
        return Err(invalid("Missing required parameter: client_id"));
    };
    if client != world.options.client_id {
        return Err(refused(401, "invalid_client", "The OAuth client was not found."));
    }
    let Some(redirect) = get("redirect_uri") else {
        return Err(invalid("Missing required parameter: redirect_uri"));
    };
    if let Some(why) = redirect_refused(redirect) {
        return Err(invalid(why));
    }
    if !world.options.redirects.iter().any(|one| one == redirect) {
        let why = format!("The redirect address {redirect} is not registered.");
        return Err(refused(400, "redirect_uri_mismatch", &why));
    }
    match get("response_type") {
        Some("code") => {}
        Some(_) => return Err(refused(400, "unsupported_response_type", "Only code.")),
        None => return Err(invalid("Missing required parameter: response_type")),
    }
    let scopes = get("scope").unwrap_or("").split(' ');
    let scopes: Vec<String> = scopes.filter(|s| !s.is_empty()).map(str::to_owned).collect();
    if scopes.is_empty() {
        return Err(invalid("Missing required parameter: scope"));
    }
    if let Some(unknown) = scopes.iter().find(|scope| !known_scope(scope)) {
        let why = format!("Some requested scopes were invalid: {unknown}");
        return Err(refused(400, "invalid_scope", &why));
    }
    let offline = match get("access_type") {
        None | Some("online") => false,
        Some("offline") => true,
        Some(_) => return Err(invalid("Invalid parameter value for access_type")),
    };
    let prompts: Vec<_> = get("prompt").unwrap_or("").split(' ').collect();
    if prompts.iter().any(|p| !matches!(*p, "" | "consent" | "select_account" | "none")) {
        return Err(invalid("Invalid parameter value for prompt"));
    }
    Ok(Ticket {
        redirect: redirect.to_owned(),
        state: get("state").map(str::to_owned),
        scopes,
        challenge: challenge(get("code_challenge"), get("code_challenge_method"))
            .map_err(invalid)?,
        offline,
        consent: prompts.contains(&"consent"),
    })
}

fn challenge(
    challenge: Option<&str>,
    method: Option<&str>,
) -> Result<Option<String>, &'static str> {
    match (challenge, method) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err("code_challenge_method without code_challenge"),
        (Some(text), Some("S256")) if text.len() == 43 => Ok(Some(text.to_owned())),
        (Some(_), Some("S256")) => Err("code_challenge is not a SHA-256"),
        (Some(_), _) => Err("code_challenge_method must be S256"),
    }
}

/// The answer to the consent page: back to the client.
pub fn approve(world: &World, ask: &Ask) -> Reply {
    let mut pairs = ask.query.clone();
    pairs.extend(ask.form());
    let get = |name: &str| {
        let found = pairs.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or("")
    };
    let now = world.now();
    let mut state = world.state();
    let Some(participant) = state.citizen(get("who")).map(|one| one.participant.clone()) else {
        return refused(400, "invalid_request", "Nobody of that name.");
    };
    let Some(mut ticket) = state.grants.close(get("ticket")) else {
        return refused(400, "invalid_request", "This sign-in is over.");
    };
    let Ok(mut back) = Url::parse(&ticket.redirect) else {
        return refused(400, "invalid_request", "The redirect address cannot be read.");
    };
    let approves = match get("decision") {
        "approve" => true,
        "deny" => false,
        _ => participant.decides == Decision::Approve,
    };
    if let Some(granted) = &participant.grants {
        let name = |scope: &str| scope.strip_prefix(SCOPE_PREFIX).unwrap_or(scope).to_owned();
        ticket.scopes.retain(|scope| {
            let name = name(scope);
            let short = name.strip_suffix(".readonly").unwrap_or(&name);
            granted.iter().any(|one| one == scope || *one == name || one == short)
        });
    }
    if let Some(text) = &ticket.state {
        back.query_pairs_mut().append_pair("state", text);
    }
    if approves && !ticket.scopes.is_empty() {
        let scopes = ticket.scopes.join(" ");
        let code = state.grants.code(&participant.name, ticket, now);
        let mut query = back.query_pairs_mut();
        query.append_pair("code", &code).append_pair("scope", &scopes);
        query.append_pair("authuser", "0").append_pair("prompt", "consent");
    } else {
        back.query_pairs_mut().append_pair("error", "access_denied");
    }
    Reply::html(302, "").with("location", String::from(back))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_go_to_public_names_or_to_this_machine() {
        let good = [
            "http://localhost:8000/auth/callback",
            "http://127.0.0.1:4000/",
            "https://study.example.org/cb",
            "https://www.google.com",
        ];
        for redirect in good {
            assert_eq!(redirect_refused(redirect), None, "{redirect}");
        }
        let bad = [
            "http://192.168.1.5:8000/auth/callback",
            "https://192.168.1.5/",
            "https://pi.local/",
            "https://gateway.lan/",
            "http://pi.local:8000/",
            "http://study.example.org/cb",
            "https://gateway/",
            "https://8.8.8.8/",
            "https://u:p@example.org/",
            "https://example.org/#x",
            "https://*.example.org/",
            "urn:ietf:wg:oauth:2.0:oob",
        ];
        for redirect in bad {
            assert!(redirect_refused(redirect).is_some(), "{redirect}");
        }
    }
}
