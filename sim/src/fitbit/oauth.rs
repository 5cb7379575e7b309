//! Fitbit's sign-in: the authorize address, the consent page, the way back with `#_=_`.

use std::fmt::Write as _;

use url::Url;

use super::grant::Ticket;
use crate::http::{Ask, Reply, escaped};
use crate::options::Decision;
use crate::world::World;

/// Where the sign-in begins.
pub const AUTHORIZE_PATH: &str = "/oauth2/authorize";
/// Where the consent page's answer goes.
pub const APPROVE_PATH: &str = "/oauth2/approve";

const SCOPES: [&str; 15] = [
    "activity",
    "cardio_fitness",
    "electrocardiogram",
    "heartrate",
    "irregular_rhythm_notifications",
    "location",
    "nutrition",
    "oxygen_saturation",
    "profile",
    "respiratory_rate",
    "settings",
    "sleep",
    "social",
    "temperature",
    "weight",
];

fn refused(why: &str) -> Reply {
    let why = escaped(why);
    let page = format!("<!DOCTYPE html>\n<html><title>Error</title><h1>Developer info</h1>{why}\n");
    Reply::html(400, &page)
}

/// The first page of a sign-in.
pub fn authorize(world: &World, ask: &Ask) -> Reply {
    let ticket = match checked(world, ask) {
        Ok(ticket) => ticket,
        Err(why) => return refused(why),
    };
    let mut state = world.state();
    let name = state.fitbit.open(ticket);
    let mut page =
        String::from("<!DOCTYPE html>\n<html lang=en><title>Simulated sign-in</title>\n");
    for citizen in &state.citizens {
        let who = escaped(&citizen.participant.name);
        for decision in ["approve", "deny"] {
            let _ = writeln!(
                page,
                "<form method=post action=\"{APPROVE_PATH}\">\
                 <input type=hidden name=ticket value=\"{name}\">\
                 <input type=hidden name=who value=\"{who}\">\
                 <button name=decision value={decision}>{decision} as {who}</button></form>"
            );
        }
    }
    Reply::html(200, &page).with("x-sim-ticket", name)
}

fn checked(world: &World, ask: &Ask) -> Result<Ticket, &'static str> {
    let get = |name: &str| ask.parameter(name).filter(|value| !value.is_empty());
    if get("client_id") != Some(world.options.fitbit.client_id.as_str()) {
        return Err("unauthorized_client - Invalid client_id");
    }
    let registered = &world.options.redirects;
    let redirect = match get("redirect_uri") {
        Some(redirect) if registered.iter().any(|one| one == redirect) => redirect,
        None if registered.len() == 1 => &registered[0],
        _ => return Err("invalid_request - Invalid redirect_uri parameter value"),
    };
    if !matches!(get("prompt"), None | Some("none" | "consent" | "login" | "login consent")) {
        return Err("invalid_request - Invalid prompt parameter value");
    }
    if get("response_type") != Some("code") {
        return Err("invalid_request - Invalid response_type parameter value");
    }
    let scopes = get("scope").unwrap_or("").split(' ');
    let scopes: Vec<String> = scopes.filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    let known = |scope: &String| SCOPES.contains(&scope.as_str());
    if scopes.is_empty() || !scopes.iter().all(known) {
        return Err("invalid_scope - Invalid scope parameter value");
    }
    let challenge = match (get("code_challenge"), get("code_challenge_method")) {
        (None, None) => None,
        (Some(text), Some("S256")) if text.len() == 43 => Some((text.to_owned(), true)),
        (Some(text), None | Some("plain")) if (43..=128).contains(&text.len()) => {
            Some((text.to_owned(), false))
        }
        (Some(_), Some("S256" | "plain") | None) => {
            return Err("invalid_request - Invalid code_challenge parameter value");
        }
        (_, Some(_)) => return Err("invalid_request - Unsupported code_challenge_method"),
    };
    Ok(Ticket {
        redirect: redirect.to_owned(),
        state: get("state").map(str::to_owned),
        scopes,
        challenge,
    })
}

/// The answer to the consent page: back to the client.
pub fn approve(world: &World, ask: &Ask) -> Reply {
    let mut pairs = ask.query.clone();
    pairs.extend(ask.form());
    let get = |name: &str| {
        let found = pairs.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let now = world.now();
    let mut state = world.state();
    let Some(participant) = state.citizen(get("who")).map(|one| one.participant.clone()) else {
        return refused("Nobody of that name.");
    };
    let Some(mut ticket) = state.fitbit.close(get("ticket")) else {
        return refused("This sign-in is over.");
    };
    let Ok(mut back) = Url::parse(&ticket.redirect) else {
        return refused("invalid_request - Invalid redirect_uri parameter value");
    };
    let approves = match get("decision") {
        "approve" => true,
        "deny" => false,
        _ => participant.decides == Decision::Approve,
    };
    if let Some(granted) = &participant.grants {
        ticket.scopes.retain(|scope| granted.contains(scope));
    }
    let told = ticket.state.clone();
    if approves && !ticket.scopes.is_empty() {
        let code = state.fitbit.code(&participant.name, ticket, now);
        back.query_pairs_mut().append_pair("code", &code);
    } else {
        let why = "The user denied the request.";
        let mut query = back.query_pairs_mut();
        query.append_pair("error_description", why);
        query.append_pair("error", "access_denied");
    }
    if let Some(text) = told {
        back.query_pairs_mut().append_pair("state", &text);
    }
    back.set_fragment(Some("_=_"));
    Reply::html(302, "").with("location", String::from(back))
}
