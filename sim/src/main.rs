//! The simulated world as a program: starts it, says in one line of JSON where everything is,
//! and runs until it is stopped. `fitsync-sim consent` is the hand on the keyboard.
#![forbid(unsafe_code)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use fitsync_sim::{Certificate, Options, Participant, Sim, Tls};

const HELP: &str = "\
fitsync-sim: Google sign-in, the Google Health API, the retired Fitbit API and an S3 store,
simulated on 127.0.0.1

usage: fitsync-sim [options]
       fitsync-sim consent --control URL --url AUTHORIZE_URL --who NAME [--deny]
       fitsync-sim call --control URL NAME [FIELD=VALUE ...]

options:
  --seed N              the same seed gives the same world (1)
  --participants N      p1, p2, ... (3)
  --zone NAME           time zone of all participants (one of three, by name)
  --redirect URL        another registered redirect address; may be given several times
  --testing-app         refresh tokens live for seven days
  --quota N             requests per participant and minute (300)
  --bucket NAME         the bucket (sim-raw)
  --s3-dir PATH         folder for the bucket folders (a new one, removed at the end)
  --fitbit-retired      the Fitbit API answers 410 to everything
  --google-port N       fixed ports; 0 is any free one (0)
  --fitbit-port N
  --s3-port N
  --control-port N
  --tls-cert PATH --tls-key PATH
                        PEM files; Google and S3 then speak TLS
  --tls-authority PATH  the same with a made-up certificate; its authority is written there
  --until-stdin-closes  end when standard input is closed
  --help

When everything answers, one line of JSON on stdout tells all addresses, keys and calls.
The program runs until it is killed.

consent does what a browser and a participant do with a sign-in address, and prints the address
that the browser ends on. It asks --control, else SIM_CONTROL_URL. call does one call of the
control API and prints its answer; GET /_sim/ lists all calls, effects, reasons and errors.

A fault meets requests: by host, path, method, participant, and by what they ask for (days_above,
rows_above, date), so that wide ranges, large pages or one day cannot be answered:
  call fault host=google path=/sleep/ days_above=5 effect=status status=500 count=always
  call fault host=google rows_above=5000 effect=status status=504 count=always
What an account, a device or a day is like stays until it is changed, whatever is asked:
  call odd who=p1 date=2026-11-20 type=exercise at=exerciseType effect=remove
  call odd who=p1 date=2026-11-20 type=steps effect=set to={} every=7
  call odd who=p1 date=2026-11-20 type=daily-respiratory-rate at=breathsPerMinute effect=twice to=17
  call processing who=p1 nights_s=3600 stages_s=3600
  call told who=p1 tells=nothing
  call settings who=p1 reply=offset_alone
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some("--help" | "-h") => {
            print!("{HELP}");
            Ok(())
        }
        Some("consent") => consent(&arguments[1..]),
        Some("call") => call(&arguments[1..]),
        _ => serve(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("fitsync-sim: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Options as `--name value` or `--name=value`, in order.
struct Words<'a>(std::collections::VecDeque<&'a str>);

impl<'a> Words<'a> {
    fn new(arguments: &'a [String]) -> Words<'a> {
        let split = |word: &'a String| match word.split_once('=') {
            Some((name, value)) if word.starts_with("--") => vec![name, value],
            _ => vec![word.as_str()],
        };
        Words(arguments.iter().flat_map(split).collect())
    }

    fn value(&mut self, name: &str) -> Result<&'a str, String> {
        self.0.pop_front().ok_or_else(|| format!("{name} needs a value"))
    }

    fn number<T: std::str::FromStr>(&mut self, name: &str) -> Result<T, String> {
        let text = self.value(name)?;
        text.parse().map_err(|_| format!("{name}: {text} is no number that fits"))
    }
}

fn serve(arguments: &[String]) -> Result<(), String> {
    let mut words = Words::new(arguments);
    let mut options = Options::default();
    let (mut zone, mut cert, mut key, mut authority) = (None, None, None, None);
    let mut until_stdin_closes = false;
    while let Some(name) = words.0.pop_front() {
        match name {
            "--seed" => options.seed = words.number(name)?,
            "--participants" => {
                options.participants = Participant::numbered(words.number(name)?);
            }
            "--zone" => zone = Some(words.value(name)?.to_owned()),
            "--redirect" => options.redirects.push(words.value(name)?.to_owned()),
            "--testing-app" => options.testing_app = true,
            "--quota" => options.quota_per_minute = words.number(name)?,
            "--bucket" => options.bucket = words.value(name)?.to_owned(),
            "--s3-dir" => options.s3_dir = Some(PathBuf::from(words.value(name)?)),
            "--fitbit-retired" => options.fitbit.retired = true,
            "--fitbit-port" => options.ports.fitbit = words.number(name)?,
            "--google-port" => options.ports.google = words.number(name)?,
            "--s3-port" => options.ports.s3 = words.number(name)?,
            "--control-port" => options.ports.control = words.number(name)?,
            "--tls-cert" => cert = Some(PathBuf::from(words.value(name)?)),
            "--tls-key" => key = Some(PathBuf::from(words.value(name)?)),
            "--tls-authority" => authority = Some(PathBuf::from(words.value(name)?)),
            "--until-stdin-closes" => until_stdin_closes = true,
            other => return Err(format!("unknown option {other}; see --help")),
        }
    }
    options.tls = match (cert, key, &authority) {
        (Some(cert), Some(key), None) => Tls::Files { cert, key },
        (None, None, Some(_)) => Tls::Own(Certificate::Good),
        (None, None, None) => Tls::Off,
        _ => return Err("--tls-cert and --tls-key belong together, alone".to_owned()),
    };
    if let Some(zone) = zone {
        for participant in &mut options.participants {
            participant.zones = vec![(fitsync_sim::jiff::Timestamp::MIN, zone.clone())];
        }
    }
    let sim = Sim::try_start(options)?;
    if let (Some(path), Some(pem)) = (authority, sim.authority()) {
        let written = std::fs::write(&path, pem);
        written.map_err(|problem| format!("{}: {problem}", path.display()))?;
    }
    let mut out = std::io::stdout().lock();
    let ready = writeln!(out, "{}", sim.about()).and_then(|()| out.flush());
    ready.map_err(|problem| format!("stdout: {problem}"))?;
    if until_stdin_closes {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        return Ok(());
    }
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

fn consent(arguments: &[String]) -> Result<(), String> {
    let mut words = Words::new(arguments);
    let (mut control, mut url, mut who, mut decision) = (None, None, None, "");
    while let Some(name) = words.0.pop_front() {
        match name {
            "--control" => control = Some(words.value(name)?.to_owned()),
            "--url" => url = Some(words.value(name)?),
            "--who" => who = Some(words.value(name)?),
            "--deny" => decision = "deny",
            other => return Err(format!("unknown option {other}; see --help")),
        }
    }
    let url = url.ok_or("--url is missing")?;
    let who = who.ok_or("--who is missing")?;
    let fields = serde_json::json!({"url": url, "who": who, "decision": decision});
    let answer = post(control, "consent", &fields)?;
    let answer: serde_json::Value =
        serde_json::from_str(&answer).map_err(|problem| problem.to_string())?;
    match answer["redirect"].as_str() {
        Some(redirect) => println!("{redirect}"),
        None => return Err(answer["error"].as_str().unwrap_or("no answer").to_owned()),
    }
    Ok(())
}

fn call(arguments: &[String]) -> Result<(), String> {
    let mut words = Words(arguments.iter().map(String::as_str).collect());
    let (mut control, mut name) = (None, None);
    let mut fields = serde_json::Map::new();
    while let Some(word) = words.0.pop_front() {
        match (word, word.split_once('=')) {
            ("--control", _) => control = Some(words.value(word)?.to_owned()),
            (_, Some((field, value))) => {
                fields.insert(field.to_owned(), value.into());
            }
            (word, None) if name.is_none() => name = Some(word),
            (other, None) => return Err(format!("{other} is no FIELD=VALUE")),
        }
    }
    let name = name.ok_or("the name of the call is missing; see --help")?;
    print!("{}", post(control, name, &fields.into())?);
    Ok(())
}

/// One request to the control API, without an HTTP library: it is our own server.
fn post(control: Option<String>, name: &str, fields: &serde_json::Value) -> Result<String, String> {
    let from_environment = || std::env::var("SIM_CONTROL_URL").ok();
    let control = control.or_else(from_environment).ok_or("--control is missing")?;
    let address = control.trim_start_matches("http://").trim_end_matches('/');
    let problem = |problem: std::io::Error| format!("{control}: {problem}");
    let mut stream = TcpStream::connect(address).map_err(problem)?;
    let body = fields.to_string();
    let request = format!(
        "POST /_sim/{name} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).map_err(problem)?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).map_err(problem)?;
    let (head, body) = reply.split_once("\r\n\r\n").ok_or("no answer")?;
    if head.starts_with("HTTP/1.1 2") {
        return Ok(body.to_owned());
    }
    let error: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    Err(error["error"].as_str().unwrap_or(body).to_owned())
}
