//! `credential_process`: a shell command of the operator's that prints credentials as JSON
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>).
//!
//! What it prints is never logged. What it says on stderr is its reason and is part of the error,
//! unless it may hold a key. It inherits no secret.

use std::io::Read;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::aws::environment::{self, Environment};
use crate::aws::keys::Credentials;
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::said;
use crate::io::stop;
use crate::limits::{
    CREDENTIAL_OUTPUT_WAIT_S, CREDENTIAL_PROCESS_BYTES_MAX, CREDENTIAL_PROCESS_S_MAX,
    CREDENTIAL_STDERR_CHARS_MAX, STOP_POLL_MS,
};

/// Runs the command and reads what it prints. `source` is where it stands, for the errors.
pub fn run(
    command: &str,
    environment: &Environment,
    source: &str,
    now: Timestamp,
) -> Result<Credentials> {
    let limit = Duration::from_secs(CREDENTIAL_PROCESS_S_MAX);
    let printed = output(command, environment, source, limit)?;
    let credentials = read(&printed).map_err(|why| config(source, &why))?;
    match credentials.expires_at {
        Some(at) if at <= now => {
            let at = at.strftime("%Y-%m-%d %H:%MZ");
            Err(config(source, &format!("gave credentials that expired at {at}: renew them")))
        }
        _ => Ok(credentials),
    }
}

fn config(source: &str, why: &str) -> Failure {
    Failure::new(ErrorClass::Config, format!("{source} {why}"))
}

/// Runs the command within a time and gives what it prints.
fn output(
    command: &str,
    environment: &Environment,
    source: &str,
    limit: Duration,
) -> Result<String> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).env_clear();
    shell.envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_harmless)));
    shell.envs(environment.for_helper());
    let child = shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child =
        child.map_err(|error| config(source, &format!("cannot be started: {error}")))?;
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let status = wait(&mut child, source, limit)?;
    // Something that it started may hold the pipes open; what is needed is there by now.
    let rest = Duration::from_secs(CREDENTIAL_OUTPUT_WAIT_S);
    if !status.success() {
        let said = stderr.recv_timeout(rest).unwrap_or_default();
        return Err(config(source, &ended(status, &said)));
    }
    let printed = stdout.recv_timeout(rest);
    let printed = printed.map_err(|_| config(source, "ended, and its output did not"))?;
    if printed.len() as u64 > CREDENTIAL_PROCESS_BYTES_MAX {
        return Err(config(source, "printed more than credentials"));
    }
    String::from_utf8(printed).map_err(|_| config(source, "printed no text"))
}

/// What finds programs, the language, and what else there is of AWS; no secret is its business.
fn is_harmless(name: &str) -> bool {
    let aws = name.starts_with("AWS_") && !environment::is_secret(name);
    aws || name == "PATH" || name == "LANG" || name.starts_with("LC_")
}

/// Reads a pipe to its end, all of it so that the writer never waits, and keeps its beginning.
fn drain(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut pipe) = pipe {
            // What could be read is judged; a pipe that broke is as good as one that ended.
            let _ = pipe.by_ref().take(CREDENTIAL_PROCESS_BYTES_MAX + 1).read_to_end(&mut kept);
            let _ = sender.send(kept);
            let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        }
    });
    receiver
}

fn wait(child: &mut Child, source: &str, limit: Duration) -> Result<ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) => {}
            Err(error) => return Err(config(source, &format!("is lost: {error}"))),
        }
        let late = Instant::now() >= deadline;
        if late || stop::asked() {
            // It may have ended just now; then there is nothing to end.
            let _ = child.kill();
            let _ = child.wait();
            stop::check()?;
            return Err(config(source, &format!("gave no answer within {} s", limit.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(STOP_POLL_MS));
    }
}

/// `exited 255: Error loading SSO Token`
fn ended(status: ExitStatus, said: &[u8]) -> String {
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "failed".to_owned(),
    };
    let said = String::from_utf8_lossy(said);
    if said::may_hold_key(&said) {
        return format!("{how}; what it said on stderr may hold a key and is not shown");
    }
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = said::cleaned(&said, usize::MAX);
    // The last words name the reason, where there are many.
    let skipped = said.chars().count().saturating_sub(CREDENTIAL_STDERR_CHARS_MAX);
    match said.chars().skip(skipped).collect::<String>() {
        said if said.is_empty() => format!("{how} and said nothing on stderr"),
        said => format!("{how}: {said}"),
    }
}

#[derive(miniserde::Deserialize)]
struct Printed {
    #[serde(rename = "Version")]
    version: i64,
    #[serde(rename = "AccessKeyId")]
    access_key: String,
    #[serde(rename = "SecretAccessKey")]
    secret: String,
    #[serde(rename = "SessionToken")]
    session_token: Option<String>,
    #[serde(rename = "Expiration")]
    expiration: Option<String>,
}

/// The credentials in the output; the error quotes nothing of it.
fn read(printed: &str) -> std::result::Result<Credentials, String> {
    let printed: Printed = miniserde::json::from_str(printed.trim_start_matches('\u{feff}').trim())
        .map_err(|_| {
            "printed something else than JSON with Version, AccessKeyId and SecretAccessKey"
                .to_owned()
        })?;
    if printed.version != 1 {
        return Err(format!("printed Version {}, only 1 is known", printed.version));
    }
    if printed.access_key.trim().is_empty() || printed.secret.trim().is_empty() {
        return Err("printed an empty key".to_owned());
    }
    let expires_at = match printed.expiration.as_deref().map(str::trim) {
        None | Some("") => None,
        Some(text) => {
            let time = time_of(text);
            Some(time.ok_or_else(|| {
                format!("printed an Expiration that is no time: {:?}", said::cleaned(text, 40))
            })?)
        }
    };
    Ok(Credentials {
        access_key: printed.access_key.trim().to_owned(),
        secret: Secret::new(printed.secret.trim()),
        session_token: (printed.session_token.as_deref().map(str::trim))
            .filter(|token| !token.is_empty())
            .map(Secret::new),
        expires_at,
    })
}

/// ISO 8601; without a zone it is UTC, as the SDKs take it.
fn time_of(text: &str) -> Option<Timestamp> {
    let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse().ok().or_else(|| civil().map(|zoned| zoned.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "AWS_PROFILE=clinic found in ~/.aws/config, credential_process";

    fn ran(command: &str) -> Result<Credentials> {
        let now = "2026-11-22T13:05:00Z".parse().unwrap();
        run(command, &Environment::default(), SOURCE, now)
    }

    #[test]
    fn what_the_command_prints_is_read() {
        let found =
            ran("echo '{\"Version\": 1, \"AccessKeyId\": \"k\", \"SecretAccessKey\": \"s\",
               \"SessionToken\": \"t\", \"Expiration\": \"2026-11-22T15:05:00+01:00\"}'")
            .unwrap();
        assert_eq!((found.access_key.as_str(), found.secret.expose()), ("k", "s"));
        assert_eq!(found.session_token.unwrap().expose(), "t");
        assert_eq!(found.expires_at, Some("2026-11-22T14:05:00Z".parse().unwrap()));
        let long_lived =
            "printf '%s' '{\"Version\":1,\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"s\"}'";
        assert_eq!(ran(long_lived).unwrap().expires_at, None);
    }

    #[test]
    fn a_failure_names_profile_file_exit_code_and_reason() {
        let line = ran("echo s3cret; echo 'Error loading\n SSO Token' >&2; exit 255").unwrap_err();
        assert_eq!(
            line.to_string(),
            "config: AWS_PROFILE=clinic found in ~/.aws/config, credential_process exited 255: \
             Error loading SSO Token"
        );
        let line = ran("exit 3").unwrap_err().to_string();
        assert!(line.ends_with("exited 3 and said nothing on stderr"), "{line}");
        let line = ran("kill -9 $$").unwrap_err().to_string();
        assert!(line.contains("ended by signal 9"), "{line}");
        let line = ran("/nowhere/get-keys").unwrap_err().to_string();
        assert!(line.contains("exited 127") && line.contains("/nowhere/get-keys"), "{line}");
    }

    #[test]
    fn output_that_is_no_credentials_is_refused_without_quoting_it() {
        for printed in [
            "",
            "s3cret",
            "{\"Version\":2,\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"s3cret\"}",
            "{\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"s3cret\"}",
            "{\"Version\":1,\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"\"}",
            "{\"Version\":1,\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"s3cret\",\
              \"Expiration\":\"soon\"}",
            "{\"Version\":1,\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"s3cret\",\
              \"Expiration\":\"2020-01-01T00:00:00Z\"}",
        ] {
            let failure = ran(&format!("printf '%s' '{printed}'")).unwrap_err();
            assert_eq!(failure.class, ErrorClass::Config);
            assert!(!failure.to_string().contains("s3cret"), "{failure}");
        }
    }

    #[test]
    fn a_command_that_does_not_end_is_ended() {
        let begun = Instant::now();
        let limit = Duration::from_millis(100);
        let failure =
            output("sleep 30", &Environment::default(), SOURCE, limit).unwrap_err().to_string();
        assert!(failure.contains("no answer within"), "{failure}");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn endless_output_neither_fills_memory_nor_blocks() {
        let failure = ran("head -c 300000 /dev/zero").unwrap_err().to_string();
        assert!(failure.contains("more than credentials"), "{failure}");
        let long = ran("head -c 300000 /dev/zero | tr '\\0' x >&2; exit 1").unwrap_err();
        assert!(long.what.chars().count() < 500, "{long}");
    }

    #[test]
    fn what_may_be_a_key_on_stderr_is_not_shown() {
        for key in [
            "aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "5f1d7a84db00d2fce00b31a7fc73224f5f1d7a84db00d2fce00b31a7fc73224f",
            "{\"AccessKeyId\": \"AKIAIOSFODNN7EXAMPLE\"}",
        ] {
            let said = ran(&format!("echo begun >&2; echo '{key}' >&2; exit 1")).unwrap_err().what;
            assert!(
                said.ends_with("exited 1; what it said on stderr may hold a key and is not shown")
            );
        }
        let turned = ran("printf 'no \\342\\200\\256key\\033[2J' >&2; exit 1").unwrap_err().what;
        assert!(turned.ends_with("exited 1: no key[2J"), "{turned:?}");
    }

    #[test]
    fn the_command_inherits_no_secret() {
        let environment = Environment::of(&[
            ("HOME", "/var/lib/fitsync"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_PROFILE", "clinic"),
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
            ("AWS_SESSION_TOKEN", "s3cret"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
        ]);
        let limit = Duration::from_secs(10);
        let seen = output("env", &environment, SOURCE, limit).unwrap();
        let mut names: Vec<_> = seen.lines().filter_map(|line| line.split('=').next()).collect();
        names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
        names.retain(|name| *name != "LANG" && !name.starts_with("LC_"));
        // What this test's own environment has of AWS.
        names.retain(|name| !name.starts_with("AWS_") || std::env::var_os(name).is_none());
        names.sort_unstable();
        let allowed = ["AWS_PROFILE", "AWS_REGION", "AWS_WEB_IDENTITY_TOKEN_FILE", "HOME", "PATH"];
        assert_eq!(names, allowed, "{seen}");
    }

    #[test]
    fn the_command_sees_the_aws_names_of_the_settings_file() {
        let environment = Environment::of(&[("AWS_REGION", "eu-west-1")]);
        let limit = Duration::from_secs(10);
        let seen = output("printf %s \"$AWS_REGION\"", &environment, SOURCE, limit).unwrap();
        assert_eq!(seen, "eu-west-1");
    }
}
