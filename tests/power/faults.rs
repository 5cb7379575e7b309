//! Every fault that the simulator knows, at every kind of request, over real sockets: the run that
//! meets it ends by itself, and the one after it has everything.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use fitsync_sim::{Change, Effect, Fault, Host};

use crate::check::{check, days_ago, token};
use crate::gateway::{Gateway, USER};
use crate::scenario::make_lookback_due;
use crate::stage::Outcome;

/// Most of the time goes into waiting for what hangs.
const WORKERS: usize = 16;

/// Where a fault meets a run.
#[derive(Clone, Copy)]
struct Place {
    name: &'static str,
    host: Host,
    method: &'static str,
    path: &'static str,
}

const PLACES: [Place; 5] = [
    Place { name: "refresh", host: Host::Token, method: "POST", path: "" },
    Place { name: "devices", host: Host::Google, method: "GET", path: "pairedDevices" },
    Place { name: "settings", host: Host::Google, method: "GET", path: "settings" },
    Place { name: "data", host: Host::Google, method: "", path: "dataTypes" },
    Place { name: "upload", host: Host::S3, method: "PUT", path: "" },
];

struct Case {
    place: Place,
    effect: Effect,
    lasts: bool,
}

impl Case {
    fn name(&self) -> String {
        let lasts = if self.lasts { "all of a run" } else { "once" };
        format!("{} {lasts}: {:?}", self.place.name, self.effect)
    }
}

pub fn run(program: &Path) -> Outcome {
    let cases = cases();
    let (next, sum) = (AtomicUsize::new(0), Mutex::new(Outcome::default()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let wrong = meets(program, case).into_iter();
                    let wrong = wrong.map(|what| format!("{}: {what}", case.name())).collect();
                    let outcome =
                        Outcome { instants: 1, accidents: 1, wrong, ..Outcome::default() };
                    sum.lock().unwrap_or_else(PoisonError::into_inner).add(outcome);
                }
            });
        }
    });
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for effect in effects() {
        for place in PLACES {
            for lasts in [false, true] {
                // A run of pages without an end is bounded, and paced: it takes minutes.
                let endless = matches!(effect, Effect::EmptyPage | Effect::DuplicatePage);
                let long = hangs(&effect) || endless;
                if fits(&effect, place) && !(lasts && long) {
                    cases.push(Case { place, effect: effect.clone(), lasts });
                }
            }
        }
    }
    // What hangs comes first: it waits beside all others.
    cases.sort_by_key(|case| !hangs(&case.effect));
    cases
}

fn status(status: u16, retry_after_s: Option<u32>) -> Effect {
    Effect::Status { status, retry_after_s }
}

/// All kinds; `kind` below does not compile when the simulator learns another one.
fn effects() -> Vec<Effect> {
    let s3 = |status, code: &str| Effect::S3Error { status, code: code.to_owned() };
    let reason = |reason: &str| Effect::Reason { reason: reason.to_owned(), retry_after_s: None };
    let oauth = |error: &str| Effect::OauthError { error: error.to_owned() };
    let change = |at: &str, change| Effect::Change { at: at.to_owned(), change };
    let location = "http://127.0.0.1:9/";
    let redirect =
        Effect::Redirect { status: 307, location: location.to_owned(), region: "eu-west-1".into() };
    let mut effects = vec![
        Effect::Close,
        Effect::LostReply,
        Effect::Hang,
        Effect::HangBody { after_bytes: 10 },
        Effect::Cut { after_bytes: 10 },
        Effect::Slow { bytes_per_s: 40 },
        Effect::Delay { ms: 300 },
        Effect::WrongLength { by: 9 },
        Effect::WrongLength { by: -9 },
        Effect::ResetUpload { after_bytes: 0 },
        Effect::ResetUpload { after_bytes: 1_000 },
        Effect::Html { status: 200 },
        Effect::Html { status: 502 },
        Effect::HugeBody { bytes: 9_000_000 },
        Effect::DuplicatePage,
        Effect::EmptyPage,
        Effect::RepeatToken,
        Effect::DuplicateRows,
        Effect::DateSkew { seconds: -3 * 86_400 },
        redirect,
        s3(503, "SlowDown"),
        s3(403, "AccessDenied"),
        s3(404, "NoSuchBucket"),
        oauth("invalid_grant"),
        oauth("invalid_client"),
        reason("ACCOUNT_NOT_LINKED"),
        reason("RATE_LIMIT_EXCEEDED"),
    ];
    effects.extend([401, 403, 410, 500, 503].map(|code| status(code, None)));
    effects.extend([status(429, Some(1)), status(429, Some(3_600)), status(503, Some(1))]);
    for one in [Change::Remove, Change::Null, Change::Retype, Change::Rename("other".to_owned())] {
        for at in ["access_token", "pairedDevices", "timeZone", "dataPoints", "rollupDataPoints"] {
            effects.push(change(at, one.clone()));
        }
    }
    effects
}

fn hangs(effect: &Effect) -> bool {
    matches!(effect, Effect::Hang | Effect::HangBody { .. } | Effect::Slow { .. })
}

/// The requests that a kind of fault means something to.
fn fits(effect: &Effect, place: Place) -> bool {
    let google = place.host == Host::Google;
    match effect {
        Effect::DuplicatePage | Effect::EmptyPage | Effect::RepeatToken | Effect::DuplicateRows => {
            place.name == "data"
        }
        // What these replies may leave out by their documentation is no fault.
        Effect::Change { at, change: Change::Remove } if at != "access_token" => false,
        Effect::Change { at, change: Change::Rename(_) } if at == "timeZone" => false,
        Effect::Change { at, .. } => match at.as_str() {
            "access_token" => place.name == "refresh",
            "pairedDevices" => place.name == "devices",
            "timeZone" => place.name == "settings",
            _ => place.name == "data",
        },
        Effect::Redirect { .. } | Effect::S3Error { .. } => place.host == Host::S3,
        Effect::OauthError { .. } => place.host == Host::Token,
        Effect::Reason { .. } => google,
        // Before the plan it is believed: the clock of this machine may be wrong.
        Effect::DateSkew { .. } => place.name == "data",
        Effect::Html { .. } | Effect::HugeBody { .. } => place.host != Host::S3,
        Effect::Close
        | Effect::LostReply
        | Effect::Hang
        | Effect::HangBody { .. }
        | Effect::Cut { .. }
        | Effect::Slow { .. }
        | Effect::Delay { .. }
        | Effect::WrongLength { .. }
        | Effect::Status { .. }
        | Effect::ResetUpload { .. } => true,
    }
}

/// A run under the fault, and one after it.
fn meets(program: &Path, case: &Case) -> Vec<String> {
    let gateway = Gateway::new(program);
    let mut wrong = Vec::new();
    let mut ended = |arguments: &[&str], codes: &[i32]| {
        let ran = gateway.run(arguments, None);
        if ran.code.is_none_or(|code| !codes.contains(&code)) {
            wrong.push(format!("{arguments:?} ended with {:?}: {}", ran.code, ran.said));
        }
    };
    ended(&["login", USER], &[0]);
    if case.place.host == Host::Token {
        expire(&gateway);
    }
    let once = Fault::once(case.effect.clone());
    let fault = Fault { count: once.count.filter(|_| !case.lasts), ..once };
    gateway.sim.inject(fault.host(case.place.host).method(case.place.method).path(case.place.path));
    ended(&["sync"], &[0, 1, 3, 75]);
    if token(&gateway).is_none() {
        return vec!["the token cannot be read".to_owned()];
    }
    gateway.sim.clear_faults();
    if matches!(case.effect, Effect::Status { status: 403, .. }) {
        // A metric that is refused is asked again with the look-back.
        make_lookback_due(&gateway);
    }
    ended(&["sync", "--user", USER], &[0]);
    wrong.extend(check(&gateway, &[days_ago(&gateway, 1, 0)]));
    gateway.sim.clear_requests();
    let idle = gateway.run(&["sync"], None);
    let requests = gateway.sim.requests().len();
    if idle.code != Some(0) || requests != 1 {
        wrong.push(format!("the run after ended with {:?}, {requests} requests", idle.code));
    }
    wrong
}

/// The access token is over, at the provider and by the file.
pub fn expire(gateway: &Gateway) {
    gateway.sim.expire_access_tokens();
    let path = gateway.tokens().join(format!("{USER}.json"));
    let text = std::fs::read_to_string(&path).expect("a token");
    let at = text.find("\"expires_at\":\"").expect("a time") + 14;
    std::fs::write(&path, format!("{}2020{}", &text[..at], &text[at + 4..])).expect("a token");
}
