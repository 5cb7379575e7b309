//! The main job from nothing, with the real binary and no hand on the keyboard: three participants
//! sign in, a week of data is fetched and uploaded to a real S3 server, every object is compared
//! with what the simulated world says must be there.
//!
//! `fitsync-demo PATH-OF-FITSYNC`; ends with 1 when anything differs.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use fitsync_sim::{Options, Sim};
use jiff::ToSpan as _;

/// What a first sync reads besides today.
const LOOKBACK_DAYS: i64 = 7;

fn main() -> ExitCode {
    let Some(program) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: fitsync-demo PATH-OF-FITSYNC");
        return ExitCode::from(2);
    };
    match demo(&program) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("FAILED: {why}");
            ExitCode::FAILURE
        }
    }
}

fn demo(program: &Path) -> Result<(), String> {
    let folder = std::env::temp_dir().join(format!("fitsync-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(text)?;
    let port = free_port()?;
    let redirect = format!("http://localhost:{port}/auth/callback");
    let sim = Sim::try_start(Options { redirects: vec![redirect.clone()], ..Options::default() })?;
    let listen = format!("127.0.0.1:{port}");
    let stage = Stage { program, folder: &folder, sim: &sim, redirect, listen };
    let ended = stage.play();
    std::fs::remove_dir_all(&folder).map_err(text)?;
    ended
}

/// Where the sign-in pages may listen: port 8000 may be somebody's.
fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(text)?;
    Ok(listener.local_addr().map_err(text)?.port())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

struct Stage<'a> {
    program: &'a Path,
    folder: &'a Path,
    sim: &'a Sim,
    redirect: String,
    listen: String,
}

impl Stage<'_> {
    fn play(&self) -> Result<(), String> {
        let names = self.sim.names();
        for (number, who) in names.iter().enumerate() {
            self.sign_in(&format!("user_{:03}", number + 1), who)?;
        }
        println!("\n$ fitsync sync");
        self.run(&["sync"])?;
        println!("\n$ fitsync status");
        self.run(&["status"])?;
        println!("\nObjects in the bucket:");
        self.compare(&names)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        let wanted = |name: &str| matches!(name, "PATH" | "HOME" | "TZ");
        command.env_clear().envs(std::env::vars().filter(|(name, _)| wanted(name)));
        command.envs(self.sim.environment()).current_dir(self.folder);
        command.env("GOOGLE_REDIRECT_URI", &self.redirect).env("FITSYNC_LISTEN", &self.listen);
        command
    }

    /// The sign-in as on a LAN: the address goes to a browser elsewhere, and the address that the
    /// browser ends on is pasted back.
    fn sign_in(&self, user: &str, who: &str) -> Result<(), String> {
        println!("\n$ fitsync login {user}");
        let mut login = self.command();
        login.arg("login").arg(user).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut login = login.spawn().map_err(text)?;
        let mut address = String::new();
        let stdout = login.stdout.take().ok_or("no stdout")?;
        BufReader::new(stdout).read_line(&mut address).map_err(text)?;
        print!("{address}");
        let redirect = self.sim.consent(address.trim(), who)?;
        let mut stdin = login.stdin.take().ok_or("no stdin")?;
        writeln!(stdin, "{redirect}").map_err(text)?;
        drop(stdin);
        if login.wait().map_err(text)?.success() { Ok(()) } else { Err(format!("login {user}")) }
    }

    fn run(&self, arguments: &[&str]) -> Result<(), String> {
        let ended = self.command().args(arguments).status().map_err(text)?;
        if ended.success() { Ok(()) } else { Err(format!("{}: {ended}", arguments.join(" "))) }
    }

    /// Every data object must equal the world's own account of it, byte for byte, and none be
    /// missing or too many.
    fn compare(&self, names: &[String]) -> Result<(), String> {
        let mut expected = BTreeMap::new();
        for (number, who) in names.iter().enumerate() {
            let now = self.sim.now();
            let today = self.sim.person(who)?.zone_at(now).to_datetime(now).date();
            let from = today.checked_sub(LOOKBACK_DAYS.days()).map_err(text)?;
            let user = format!("user_{:03}", number + 1);
            for file in self.sim.expected(who, &user, (from, today), None)? {
                expected.insert(file.key, file.bytes);
            }
        }
        let mut completeness = 0;
        for (key, bytes) in self.sim.s3_objects() {
            println!("{:>8}  {key}", bytes.len());
            if key.contains("/completeness/") {
                completeness += 1;
            } else if expected.remove(&key).as_ref() != Some(&bytes) {
                return Err(format!("{key} is not what the data says"));
            }
        }
        if let Some(key) = expected.keys().next() {
            return Err(format!("{key} is missing"));
        }
        if completeness < names.len() {
            return Err("a completeness file is missing".to_owned());
        }
        println!("\nEvery object equals the simulated data, byte for byte.");
        Ok(())
    }
}
