//! `fitsync withdraw USER`: lets go of a participant, here and at the provider, and refuses the id
//! afterwards. What cannot be done now is finished by later runs (`finish`).

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use crate::command::arguments::WithdrawArguments;
use crate::command::login::say;
use crate::command::sync::run_lock;
use crate::consent::withdrawal::Withdrawal;
use crate::core::error::{ErrorClass, Failure, Result, Secret, worst_exit};
use crate::core::exchange::{Reply, Request};
use crate::core::json::Text;
use crate::core::user::{COMPLETENESS, UserId, file_path};
use crate::gateway::Gateway;
use crate::ledger::folder::Book;
use crate::provider::{IN_BETWEEN, Provider, fitbit, google};
use crate::s3::erase::{Erased, erase};
use crate::s3::store::Store;
use crate::sync::report::ParticipantReport;
use crate::sync::session::Guard;
use crate::withdrawal::remove;

pub fn run(gateway: &Gateway, arguments: &WithdrawArguments) -> Result<u8> {
    let usage = |what: String| Failure::new(ErrorClass::Usage, what);
    let user: UserId = arguments.user.parse().map_err(usage)?;
    if !gateway.known()?.contains(&user) {
        return Err(usage(format!("{user} is not known here; nothing was changed")));
    }
    if arguments.delete_objects && gateway.config.bucket.is_none() {
        return Err(usage(format!("{NO_BUCKET}; nothing was changed")));
    }
    if !arguments.yes {
        confirm(&user, arguments.delete_objects)?;
    }
    let _lock = run_lock(gateway)?;
    let mut withdrawal = begin(gateway, &user, arguments.delete_objects)?;
    let problems = carry_out(gateway, &user, &mut withdrawal);
    let _ = std::io::stdout().write_all(withdrawal.receipt().as_bytes());
    problems.iter().for_each(|problem| log::error!("user={user} {problem}"));
    Ok(worst_exit(problems.iter().map(|problem| problem.class.exit_code())))
}

const NO_BUCKET: &str = "S3_BUCKET_RAW is not set, so there is no bucket to delete from: set it \
                         to the one that holds the objects";

fn confirm(user: &UserId, delete_objects: bool) -> Result<()> {
    let objects = if delete_objects { ", and deletes what is stored in S3" } else { "" };
    say(&format!(
        "This revokes the consent of {user}, removes the token and all local files{objects}. It \
         cannot be undone. Type {user} and press Enter:"
    ));
    let mut line = String::new();
    let stdin = std::io::stdin().lock();
    let mut stdin = std::io::Read::take(stdin, 1024);
    stdin.read_line(&mut line).map_err(|error| {
        Failure::new(ErrorClass::Usage, format!("cannot read the answer: {error}"))
    })?;
    if line.trim() == user.as_str() {
        return Ok(());
    }
    let what = format!("that is not {user}; nothing was changed (scripts use --yes)");
    Err(Failure::new(ErrorClass::Usage, what))
}

/// Writes the marker: from here on the id is refused, whatever happens to this process.
fn begin(gateway: &Gateway, user: &UserId, delete_objects: bool) -> Result<Withdrawal> {
    gateway.tokens.make()?;
    let _lock = gateway.tokens.lock(user)?;
    let known = remove::load(&gateway.tokens, user)?;
    let mut withdrawal =
        known.unwrap_or_else(|| Withdrawal::new(user.as_str(), gateway.clock.now()));
    // What is wrong with it is told by the step that looks for it again.
    let _ = take_in(gateway, user, &mut withdrawal);
    if let Some(token) = remove::former_token(&gateway.tokens, user) {
        withdrawal.former_provider = Some(token.provider.clone());
        withdrawal.former_refresh_token = Some(token.refresh_token.expose().to_owned());
    }
    if delete_objects {
        withdrawal.delete_objects = true;
        withdrawal.objects_deleted_at = None;
    }
    withdrawal.local_removed_at = None;
    remove::save(&gateway.tokens, user, &withdrawal)?;
    Ok(withdrawal)
}

/// Takes the refresh token out of the token files, to have it revoked. One that cannot be read is
/// a failure, and stays.
fn take_in(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
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
fn connections_page(gateway: &Gateway) -> &'static str {
    let set = [google::NAME, fitbit::NAME];
    let mut set = set.iter().filter_map(|name| gateway.provider(name).ok());
    set.next().map_or("the account's own page of connected apps", Provider::connections_page)
}

/// Of a withdrawal whose end is not known: the token may still be here.
fn find_token(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
    if withdrawal.revoked_at.is_some() {
        return Ok(());
    }
    let _lock = gateway.tokens.lock(user)?;
    take_in(gateway, user, withdrawal)
}

/// Finishes earlier withdrawals; called by runs that hold the run lock. What is still undone is
/// told like any other failure.
pub fn finish(gateway: &Gateway) -> Vec<ParticipantReport> {
    let mut unfinished = Vec::new();
    for user in gateway.tokens.ids().unwrap_or_default() {
        let problems = match remove::load(&gateway.tokens, &user) {
            Ok(Some(mut withdrawal)) if withdrawal.is_pending() => {
                carry_out(gateway, &user, &mut withdrawal)
            }
            Ok(_) => continue,
            Err(failure) => vec![failure],
        };
        if problems.is_empty() {
            log::info!("user={user} the withdrawal is complete");
        }
        let mut report = ParticipantReport::new(&user);
        for problem in &problems {
            let what = format!("withdrawal: {}", problem.what);
            report.fail(&Failure { what, ..problem.clone() }, None, None);
        }
        if !problems.is_empty() {
            unfinished.push(report);
        }
    }
    unfinished
}

/// One part of a withdrawal.
type Step = fn(&Gateway, &UserId, &mut Withdrawal) -> Result<()>;

/// Every step, each noted durably; one that fails does not stop the next.
fn carry_out(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Vec<Failure> {
    let steps: [Step; 6] =
        [find_token, revoke, revoke_former, remove_local, delete_objects, remove_ledger];
    let mut problems = Vec::new();
    for step in steps {
        let done = step(gateway, user, withdrawal);
        let noted = remove::save(&gateway.tokens, user, withdrawal);
        problems.extend([done, noted].into_iter().filter_map(Result::err));
    }
    problems
}

/// At the address of the provider that gave the token.
fn revoke(gateway: &Gateway, _user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
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
fn revoke_former(gateway: &Gateway, _user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
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
    let reply = Guard::new(1).send("withdrawal", &gateway.http, &request, classify)?;
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
fn not_revoked(provider: &dyn Provider, failure: Failure) -> Failure {
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

fn remove_local(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
    let _lock = gateway.tokens.lock(user)?;
    // A token that nobody could read is not deleted by that.
    if withdrawal.token_problem.is_none() {
        withdrawal.token_files += remove::remove_tokens(&gateway.tokens, user)?;
    }
    withdrawal.csv_files += remove::remove_csv(&gateway.config.data_dir, user)?;
    Ok(())
}

fn delete_objects(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
    if !withdrawal.deletes_objects() {
        return Ok(());
    }
    let mut erased = Erased::default();
    let done = erase_all(gateway, user, &mut erased);
    withdrawal.objects_deleted += erased.objects;
    withdrawal.versions_deleted += erased.versions;
    withdrawal.objects_left.clear();
    withdrawal.objects_left_count = 0;
    for (item, failure) in &erased.left {
        withdrawal.leave(format!("{item}: {failure}"));
    }
    if let Some(why) = &erased.versions_unseen {
        log::info!("user={user} versions cannot be listed: {why}");
        let what = "older versions, if the bucket keeps any: the store lists none";
        withdrawal.leave(what.to_owned());
    }
    let done = done.and_then(|()| match (&erased.unlisted, erased.left.len()) {
        (Some(why), 0) => {
            let what =
                format!("only what the ledger knew was deleted, the store lists nothing ({why})");
            withdrawal.leave(what);
            Ok(())
        }
        (_, 0) => Ok(()),
        (_, count) => {
            Err(Failure::new(ErrorClass::Config, format!("{count} objects cannot be deleted")))
        }
    });
    match &done {
        Ok(()) => {
            withdrawal.objects_deleted_at = Some(Text(gateway.clock.now()));
            withdrawal.objects_problem = None;
        }
        Err(failure) => withdrawal.objects_problem = Some(failure.to_string()),
    }
    done
}

fn erase_all(gateway: &Gateway, user: &UserId, erased: &mut Erased) -> Result<()> {
    let Some(store) = Store::open(&gateway.config, &gateway.http)? else {
        return Err(Failure::new(ErrorClass::Config, NO_BUCKET));
    };
    let known = uploaded(gateway, user)?;
    let terminal = std::io::stderr().is_terminal();
    let progress = |count: u64| {
        if terminal {
            let _ = write!(std::io::stderr().lock(), "\r{count} objects deleted ");
        }
    };
    let done = erase(&store, &format!("users/{user}"), &known, &progress, erased);
    if terminal && erased.objects > 0 {
        say("");
    }
    done
}

/// What the ledger says was sent.
fn uploaded(gateway: &Gateway, user: &UserId) -> Result<Vec<String>> {
    let mut book = Book::look(&gateway.config.data_dir, user)?;
    let months = book.month_keys()?;
    book.open_months(months)?;
    let mut paths = Vec::new();
    for (key, month) in book.months() {
        let sent = month.entries().filter(|(_, _, entry)| entry.file.uploaded_sha256.is_some());
        paths.extend(sent.map(|(date, metric, _)| file_path(user, metric, date)));
        if month.completeness.uploaded_sha256.is_some() {
            paths.push(file_path(user, COMPLETENESS, key.first_day()));
        }
    }
    Ok(paths)
}

/// The ledger goes last: it knows the objects.
fn remove_ledger(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
    if withdrawal.deletes_objects() {
        return Ok(());
    }
    withdrawal.ledger_files += remove::remove_ledger(&gateway.config.data_dir, user)?;
    withdrawal.local_removed_at = Some(Text(gateway.clock.now()));
    Ok(())
}
