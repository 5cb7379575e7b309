//! `fitsync login USER`: connects one participant. Prints the provider's address alone on stdout;
//! everything else goes to stderr.

use std::time::Duration;

use jiff::civil::Date;

use crate::command::arguments::LoginArguments;
use crate::core::day::previous;
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::io::terminal::lines_of_stdin;
use crate::settings::parse_date;
use crate::sign_in::connect::Asked;
use crate::sign_in::terminal::{check_timeout, sign_in};

pub fn run(gateway: &Gateway, arguments: &LoginArguments) -> Result<u8> {
    let asked = asked(gateway, arguments)?;
    let provider = gateway.sign_in_provider()?;
    let life = Duration::from_secs(60 * u64::from(arguments.timeout));
    sign_in(gateway, provider, asked, life, &lines_of_stdin())
}

fn asked(gateway: &Gateway, arguments: &LoginArguments) -> Result<Asked> {
    let usage = |what: String| Failure::new(ErrorClass::Usage, what);
    let user: UserId = arguments.user.parse().map_err(usage)?;
    gateway.refuse_withdrawn(&user)?;
    check_timeout(arguments.timeout)?;
    let date = |name: &str, text: &Option<String>| -> Result<Option<Date>> {
        text.as_deref().map(|text| parse_date(name, text)).transpose()
    };
    let collect_from = date("--collect-from", &arguments.collect_from)?;
    let collect_until = date("--collect-until", &arguments.collect_until)?;
    if collect_from.zip(collect_until).is_some_and(|(from, until)| from > until) {
        return Err(usage("--collect-from is after --collect-until".to_owned()));
    }
    check_window(gateway, &user, collect_from, collect_until)?;
    Ok(Asked { user, replace: arguments.replace, collect_from, collect_until })
}

/// Refuses a bound that leaves no day, together with what was given at an earlier sign-in or with
/// the day of this one.
fn check_window(
    gateway: &Gateway,
    user: &UserId,
    from: Option<Date>,
    until: Option<Date>,
) -> Result<()> {
    if from.or(until).is_none() {
        return Ok(());
    }
    let is_first = gateway.tokens.load(user).unwrap_or_default().is_none();
    let before = gateway.tokens.window(user);
    // The day may not have begun yet where the participant lives.
    let today = gateway.clock.now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let consent = gateway.config.collect_from_consent && is_first;
    let from = from.or(before.0).or_else(|| consent.then(|| previous(today)));
    let until = until.or(before.1);
    match from.zip(until).filter(|(from, until)| from > until) {
        None => Ok(()),
        Some((from, until)) => {
            let what = format!(
                "nothing would ever be read of {user}: with what is set already, data would be \
                 collected from {from} to {until}; name both, --collect-from and --collect-until"
            );
            Err(Failure::new(ErrorClass::Usage, what))
        }
    }
}
