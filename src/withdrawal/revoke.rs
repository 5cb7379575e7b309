//! Ends a grant at its provider.

use crate::consent::withdrawal::Withdrawal;
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::exchange::{Reply, Request};
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::io::net::circuit::Circuit;
use crate::provider::{IN_BETWEEN, Provider, fitbit, google};

/// Takes the refresh token out of the token files, to have it revoked. One that cannot be read is
/// a failure, and stays.
pub fn take_in(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
    match gateway.tokens.load_to_revoke(user) {
        Ok(Some(token)) => withdrawal.take_in(&token),
        Ok(None) if withdrawal.receipt_lost() => {
            return Err(Failure::new(ErrorClass::Config, withdrawal.revocation.clone()));
        }
        Ok(None) if withdrawal.token_is_open() => {
            let how = match withdrawal.token_problem {
                Some(_) => "not by fitsync: its token file could not be read, and was taken away",
                None => "there was no token",
            };
            withdrawal.revoked(how, gateway.clock.now());
        }
        // A file that is left of a grant which is gone needs no reading.
        Err(_) if withdrawal.revoked_at.is_some() => {}
        Ok(None) => {}
        Err(failure) => {
            let page = connections_page(gateway);
            let place = failure.at.unwrap_or_default();
            let what = format!(
                "the token cannot be read, so nobody can be asked to revoke it: let the \
                 participant remove the study's application at {page}, then delete {place}"
            );
            withdrawal.token_problem = Some(what.clone());
            return Err(Failure::new(ErrorClass::Config, what));
        }
    }
    Ok(())
}

/// Where participants end a consent themselves.
pub fn connections_page(gateway: &Gateway) -> &'static str {
    let set = [google::NAME, fitbit::NAME];
    let mut set = set.iter().filter_map(|name| gateway.provider(name).ok());
    set.next().map_or("the account's own page of connected apps", Provider::connections_page)
}

/// Of a withdrawal whose end is not known: the token may still be here.
pub fn find_token(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
    if withdrawal.revoked_at.is_some() {
        return Ok(());
    }
    let _lock = gateway.tokens.lock(user)?;
    take_in(gateway, user, withdrawal)
}

/// At the address of the provider that gave the token.
pub fn revoke(gateway: &Gateway, _user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
    let Some(refresh_token) = withdrawal.refresh_token.clone() else { return Ok(()) };
    let name = withdrawal.provider.clone().unwrap_or_default();
    let done = gateway
        .provider(&name)
        .and_then(|provider| ask_revocation(gateway, provider, &Secret::new(refresh_token)));
    match done {
        Ok(how) => withdrawal.revoked(how, gateway.clock.now()),
        Err(failure) => {
            withdrawal.revocation = failure.to_string();
            return Err(failure);
        }
    }
    Ok(())
}

/// The grant of before a move. Asked once the present one is gone, so when there is a network.
pub fn revoke_former(gateway: &Gateway, _user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
    let Some(refresh_token) = withdrawal.former_refresh_token.clone() else { return Ok(()) };
    if withdrawal.refresh_token.is_some() {
        return Ok(());
    }
    let name = withdrawal.former_provider.clone().unwrap_or_default();
    let done = gateway
        .provider(&name)
        .and_then(|provider| ask_revocation(gateway, provider, &Secret::new(refresh_token)));
    match done {
        Ok(how) => withdrawal.former_revoked(how),
        Err(failure) => withdrawal.former_revoked(&format!("not revoked, {failure}")),
    }
    Ok(())
}

/// Asks a provider to end a grant; how it ended.
pub fn ask_revocation(
    gateway: &Gateway,
    provider: &dyn Provider,
    refresh_token: &Secret,
) -> Result<&'static str> {
    let request = provider.revoke_request(refresh_token);
    let classify = |reply: &Reply| provider.classify_token(reply);
    let reply = Circuit::new(1).send("withdrawal", &gateway.http, &request, classify)?;
    read_revocation(provider, &request, &reply)
}

/// How a grant ended, as the provider's answer tells.
pub fn read_revocation(
    provider: &dyn Provider,
    request: &Request,
    reply: &Reply,
) -> Result<&'static str> {
    let gone = || matches!(provider.error_name(reply).as_str(), "invalid_token" | "invalid_grant");
    match reply.status {
        200..=299 if reply.is_page() => {
            let what = format!("a web page came in the place of an answer: {IN_BETWEEN}");
            let failure = Failure::new(ErrorClass::Format, what);
            Err(not_revoked(provider, failure).at(request.label()))
        }
        200..=299 => Ok("confirmed by the provider"),
        400 | 401 if gone() => Ok("it had ended before"),
        410 => Ok("the provider is switched off"),
        _ => Err(not_revoked(provider, provider.classify_token(reply)).at(request.label())),
    }
}

/// What a later run will not cure, the participant can.
pub fn not_revoked(provider: &dyn Provider, failure: Failure) -> Failure {
    if matches!(failure.class, ErrorClass::Network | ErrorClass::Server | ErrorClass::Quota) {
        return failure;
    }
    // Whether the provider itself answered is not known.
    let refuses = match failure.class {
        ErrorClass::Format => "this did not end the consent".to_owned(),
        _ => format!("{} refuses to end the consent", provider.name()),
    };
    let what = format!(
        "{}; {refuses}; the participant can, at {}",
        failure.what,
        provider.connections_page()
    );
    Failure { class: ErrorClass::Config, what, ..failure }
}
