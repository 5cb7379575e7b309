//! The command line. `--name=value` is split before argh sees it; argh itself takes only
//! `--name value`.

use argh::FromArgs;

/// Fitbit data of a study's participants, from the Google Health API to CSV files in S3.
#[derive(Debug, FromArgs)]
#[argh(help_triggers("-h", "--help", "help"))]
pub struct Arguments {
    /// read settings from this file instead of ./.env or /etc/fitsync/fitsync.env
    #[argh(option)]
    pub env_file: Option<std::path::PathBuf>,
    /// print version, commit and formats, and exit
    #[argh(switch)]
    pub version: bool,
    #[argh(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, FromArgs)]
#[argh(subcommand)]
pub enum Command {
    Login(LoginArguments),
    Serve(ServeArguments),
    Sync(SyncArguments),
    Upload(UploadArguments),
    Status(StatusArguments),
    Verify(VerifyArguments),
    Withdraw(WithdrawArguments),
    Migrate(MigrateArguments),
    Doctor(DoctorArguments),
}

impl Command {
    /// Whether a program reads the result.
    pub const fn json(&self) -> bool {
        match self {
            Self::Login(_) | Self::Serve(_) | Self::Withdraw(_) => false,
            Self::Sync(arguments) => arguments.json,
            Self::Upload(arguments) => arguments.json,
            Self::Status(arguments) => arguments.json,
            Self::Verify(arguments) => arguments.json,
            Self::Migrate(arguments) => arguments.json,
            Self::Doctor(arguments) => arguments.json,
        }
    }
}

/// Connect one participant: prints the address of the sign-in page.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "login", help_triggers("-h", "--help", "help"))]
pub struct LoginArguments {
    /// the participant's study id, such as user_001
    #[argh(positional)]
    pub user: String,
    /// connect a different account than before
    #[argh(switch)]
    pub replace: bool,
    /// collect nothing from before this date
    #[argh(option)]
    pub collect_from: Option<String>,
    /// collect nothing from after this date
    #[argh(option)]
    pub collect_until: Option<String>,
    /// how long to wait for the sign-in, in minutes (default 10)
    #[argh(option, default = "10")]
    pub timeout: u32,
}

/// Serve the sign-in and status pages of the study on the local network.
#[derive(Debug, Default, FromArgs)]
#[argh(subcommand, name = "serve", help_triggers("-h", "--help", "help"))]
pub struct ServeArguments {
    /// set the operator's password and exit
    #[argh(switch)]
    pub set_password: bool,
    /// print a link by which the operator signs in once, and exit
    #[argh(switch)]
    pub sign_in: bool,
}

/// Fetch what is new of every participant, write CSV files, upload them.
#[derive(Debug, Default, FromArgs)]
#[argh(subcommand, name = "sync", help_triggers("-h", "--help", "help"))]
pub struct SyncArguments {
    /// only this participant (repeatable)
    #[argh(option)]
    pub user: Vec<String>,
    /// only this metric (repeatable)
    #[argh(option)]
    pub metric: Vec<String>,
    /// also read the days from this date on
    #[argh(option)]
    pub from: Option<String>,
    /// the last day to read with --from (default today)
    #[argh(option)]
    pub to: Option<String>,
    /// keep the files local for now
    #[argh(switch)]
    pub no_upload: bool,
    /// only say what would be asked
    #[argh(switch)]
    pub dry_run: bool,
    /// print the result as JSON
    #[argh(switch)]
    pub json: bool,
}

/// Send what waits for upload.
#[derive(Debug, Default, FromArgs)]
#[argh(subcommand, name = "upload", help_triggers("-h", "--help", "help"))]
pub struct UploadArguments {
    /// only this participant (repeatable)
    #[argh(option)]
    pub user: Vec<String>,
    /// print the result as JSON
    #[argh(switch)]
    pub json: bool,
}

/// Show what is known of every participant; reads files only.
#[derive(Debug, Default, FromArgs)]
#[argh(subcommand, name = "status", help_triggers("-h", "--help", "help"))]
pub struct StatusArguments {
    /// only this participant (repeatable)
    #[argh(option)]
    pub user: Vec<String>,
    /// print the result as JSON
    #[argh(switch)]
    pub json: bool,
}

/// Compare what the store holds with what was sent; exit code 1 when anything differs.
#[derive(Debug, Default, FromArgs)]
#[argh(subcommand, name = "verify", help_triggers("-h", "--help", "help"))]
pub struct VerifyArguments {
    /// only this participant (repeatable)
    #[argh(option)]
    pub user: Vec<String>,
    /// queue again what is missing or different; read the day again where the local file is gone
    #[argh(switch)]
    pub repair: bool,
    /// print the result as JSON
    #[argh(switch)]
    pub json: bool,
}

/// Bring participants over from the retired Fitbit Web API: each one signs in with Google.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "migrate", help_triggers("-h", "--help", "help"))]
pub struct MigrateArguments {
    /// only these participants
    #[argh(positional)]
    pub user: Vec<String>,
    /// only list who is still on the retired API
    #[argh(switch)]
    pub list: bool,
    /// print that list as JSON
    #[argh(switch)]
    pub json: bool,
    /// accept a Google account that is not known to be the same person's
    #[argh(switch)]
    pub replace: bool,
    /// how long to wait for each sign-in, in minutes (default 10); no sync runs meanwhile
    #[argh(option, default = "10")]
    pub timeout: u32,
}

/// Let go of a participant: revoke the consent, remove token and files, refuse the id afterwards.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "withdraw", help_triggers("-h", "--help", "help"))]
pub struct WithdrawArguments {
    /// the participant's study id, such as user_001
    #[argh(positional)]
    pub user: String,
    /// also delete what is stored in S3, every version
    #[argh(switch)]
    pub delete_objects: bool,
    /// do not ask to type the id
    #[argh(switch)]
    pub yes: bool,
}

/// Check settings, files, disk, clock, network, provider and bucket; 1 when anything fails.
#[derive(Debug, Default, FromArgs)]
#[argh(subcommand, name = "doctor", help_triggers("-h", "--help", "help"))]
pub struct DoctorArguments {
    /// print the result as JSON
    #[argh(switch)]
    pub json: bool,
}

/// `--name=value` as two words, until `--`.
pub fn split_equals(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut split = Vec::new();
    let mut options = true;
    for word in words {
        options = options && word != "--";
        match word.split_once('=') {
            Some((name, value)) if options && name.starts_with("--") => {
                split.push(name.to_owned());
                split.push(value.to_owned());
            }
            _ => split.push(word),
        }
    }
    split
}

/// Puts `--env-file PATH` in front of the command, wherever it stood: argh takes it there only.
pub fn env_file_first(mut words: Vec<String>) -> Vec<String> {
    let options = words.iter().take_while(|word| *word != "--").position(|w| w == "--env-file");
    if let Some(at) = options {
        let end = words.len().min(at + 2);
        words[..end].rotate_right(end - at);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settings_file_may_be_named_after_the_command() {
        let first = |words: &[&str]| env_file_first(words.iter().map(|w| (*w).into()).collect());
        assert_eq!(
            first(&["sync", "--env-file", "a", "--json"]),
            ["--env-file", "a", "sync", "--json"]
        );
        assert_eq!(first(&["sync", "--env-file"]), ["--env-file", "sync"]);
        assert_eq!(first(&["login", "--", "--env-file"]), ["login", "--", "--env-file"]);
    }

    #[test]
    fn both_ways_of_giving_a_value_work() {
        let words = ["sync", "--user=a", "--from", "2026-01-01", "--", "--x=y"];
        let split = split_equals(words.into_iter().map(str::to_owned));
        assert_eq!(split, ["sync", "--user", "a", "--from", "2026-01-01", "--", "--x=y"]);
    }
}
