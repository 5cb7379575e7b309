//! How a simulated world is set up.

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::hash::{mix, pick};

/// Everything that can be chosen before the start.
#[derive(Clone, Debug)]
pub struct Options {
    /// The same seed gives the same world.
    pub seed: u64,
    pub participants: Vec<Participant>,
    pub client_id: String,
    pub client_secret: String,
    /// The redirect addresses that are registered for the client, exactly as written.
    pub redirects: Vec<String>,
    /// An app in Testing: refresh tokens live for seven days.
    pub testing_app: bool,
    /// Seconds that an access token lives.
    pub access_token_s: i64,
    /// Requests that the health API answers per participant and minute.
    pub quota_per_minute: u32,
    /// Requests of a hundred that are first answered by an empty page with a token.
    pub empty_pages_percent: u8,
    /// The order of the rows in a page.
    pub order: Order,
    /// Where the bucket directories are; `None`: a new folder, removed at the end.
    pub s3_dir: Option<PathBuf>,
    pub bucket: String,
    pub region: String,
    pub access_key: String,
    /// The store's keys are temporary: every request needs this token too.
    pub session_token: Option<String>,
    /// The account that owns the bucket.
    pub account: String,
    pub secret_key: String,
    pub ports: Ports,
    pub fitbit: FitbitOptions,
    /// TLS for all services but the control API.
    pub tls: Tls,
}

/// Fixed ports on 127.0.0.1; 0 is any free one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    pub google: u16,
    pub fitbit: u16,
    pub s3: u16,
    pub control: u16,
}

/// The app at the retired Fitbit API, and what is left of that API. Its redirect addresses are
/// the same as at Google.
#[derive(Clone, Debug)]
pub struct FitbitOptions {
    pub client_id: String,
    pub client_secret: String,
    /// The API has been turned off: 410 on everything.
    pub retired: bool,
    /// Fitbit has allowed the app to read minutes.
    pub intraday: bool,
    /// A refresh that is repeated within two minutes gets the same answer.
    pub grace: bool,
    /// Requests that are answered per participant and hour.
    pub quota_per_hour: u32,
}

/// How the services prove who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// They do not: plain HTTP.
    #[default]
    Off,
    /// PEM files of a certificate chain and its private key.
    Files { cert: PathBuf, key: PathBuf },
    /// A certificate that this world makes up, by an authority of its own.
    Own(Certificate),
}

/// What a made-up certificate is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// For 127.0.0.1 and localhost.
    Good,
    /// The same, but it ended in 2021.
    Expired,
    /// The same, but it begins in 2096, as every certificate does for a clock that stands at 1970.
    NotYet,
    /// For another host.
    WrongHost,
}

/// The order of the rows of one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As documented: points newest first, rollups oldest first.
    Documented,
    /// As observed: no order at all.
    Shuffled,
    /// One or the other, by the seed and the request.
    Mixed,
}

/// Somebody with a band.
#[derive(Clone, Debug)]
pub struct Participant {
    pub name: String,
    pub email: String,
    pub health_user_id: String,
    pub legacy_user_id: String,
    /// IANA zones, each from an instant on; the first one also holds before its instant.
    pub zones: Vec<(Timestamp, String)>,
    pub devices: Vec<Device>,
    /// What the account's settings tell.
    pub settings: SettingsReply,
    /// How long the cloud works on what the bands have sent.
    pub processing: Processing,
    /// The first day with data.
    pub joined: Date,
    /// Hours of a hundred in which the band is off for a while.
    pub off_percent: u8,
    /// Nights of a hundred without a value.
    pub missing_nights_percent: u8,
    /// What the consent page's boxes are left ticked for; `None`: whatever is asked.
    pub grants: Option<Vec<String>>,
    pub decides: Decision,
    /// Whether the Google account has a Google Health profile.
    pub linked: bool,
}

/// What a participant does on the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Approve,
    Deny,
}

/// A paired device.
#[derive(Clone, Debug)]
pub struct Device {
    pub id: String,
    pub version: String,
    pub kind: DeviceKind,
    /// When it really synced: the measurements up to here have reached the provider.
    pub last_sync: Timestamp,
    /// What it tells of that.
    pub tells: Told,
}

impl Device {
    /// A device that tells when it synced.
    pub fn new(id: &str, version: &str, kind: DeviceKind, last_sync: Timestamp) -> Device {
        let (id, version) = (id.to_owned(), version.to_owned());
        Device { id, version, kind, last_sync, tells: Told::Sync }
    }

    /// The same, telling something else.
    #[must_use]
    pub fn telling(self, tells: Told) -> Device {
        Device { tells, ..self }
    }
}

/// What a device tells as `lastSyncTime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// When it synced.
    Sync,
    /// Nothing: the field is left out.
    Nothing,
    /// Another time, such as 1970.
    Wrong(Timestamp),
}

/// What `settings` tell of the account's time zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SettingsReply {
    #[default]
    Whole,
    /// `{}`
    Empty,
    WithoutZone,
    /// `utcOffset` and no `timeZone`.
    OffsetAlone,
    /// `"timeZone": null`
    NullZone,
    /// Another name, such as one that nobody knows.
    Zone {
        name: String,
        with_offset: bool,
    },
}

/// How long the cloud works on what a band has sent, counted from the sync that brought it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Processing {
    /// Until minutes, workouts and sleeps are there.
    pub minutes_s: i64,
    /// Until the values of a night and of a day are there.
    pub nights_s: i64,
    /// Until a sleep has its stages; before, `metadata.processed` is false.
    pub stages_s: i64,
    /// `processed: false` is not written, as proto3 leaves every false out.
    pub leaves_false_out: bool,
}

/// What Google says a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    Tracker,
    Scale,
}

impl Participant {
    /// A participant with a band that synced a minute ago, in a zone that depends on the name.
    pub fn new(name: &str) -> Participant {
        let number = name.bytes().map(usize::from).sum::<usize>();
        let zones = ["America/New_York", "Europe/Berlin", "Asia/Kolkata"];
        let synced = Timestamp::now().as_second().div_euclid(60) * 60 - 60;
        Participant {
            name: name.to_owned(),
            email: format!("{name}@example.com"),
            health_user_id: format!("health-{name}"),
            legacy_user_id: legacy_user_id(name),
            zones: vec![(Timestamp::MIN, zones[number % zones.len()].to_owned())],
            devices: vec![Device::new(
                &format!("{}", 1_000 + number),
                "Charge 6",
                DeviceKind::Tracker,
                Timestamp::from_second(synced).unwrap_or(Timestamp::UNIX_EPOCH),
            )],
            settings: SettingsReply::Whole,
            processing: Processing::default(),
            joined: jiff::civil::date(2020, 1, 6),
            off_percent: 8,
            missing_nights_percent: 25,
            grants: None,
            decides: Decision::Approve,
            linked: true,
        }
    }

    /// `p1`, `p2`, …
    pub fn numbered(count: usize) -> Vec<Participant> {
        (1..=count).map(|i| Participant::new(&format!("p{i}"))).collect()
    }
}

/// Six capital letters and digits, as Fitbit's ids are.
fn legacy_user_id(name: &str) -> String {
    let letters = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let letter = |index| {
        let number = pick(mix(0, name, index), letters.len() as u64);
        char::from(letters[usize::try_from(number).unwrap_or(0)])
    };
    (0..6).map(letter).collect()
}

impl Default for FitbitOptions {
    fn default() -> FitbitOptions {
        FitbitOptions {
            client_id: "23SIM1".to_owned(),
            client_secret: "0123456789abcdef0123456789abcdef".to_owned(),
            retired: false,
            intraday: true,
            grace: false,
            quota_per_hour: 150,
        }
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seed: 1,
            participants: Participant::numbered(3),
            client_id: "123456789-sim.apps.googleusercontent.com".to_owned(),
            client_secret: "GOCSPX-sim-client-secret".to_owned(),
            redirects: vec![
                "http://localhost:8000/auth/callback".to_owned(),
                "http://127.0.0.1:8000/auth/callback".to_owned(),
            ],
            testing_app: false,
            access_token_s: 3599,
            quota_per_minute: 300,
            empty_pages_percent: 10,
            order: Order::Mixed,
            s3_dir: None,
            bucket: "sim-raw".to_owned(),
            region: "us-east-1".to_owned(),
            session_token: None,
            account: "123456789012".to_owned(),
            access_key: "AKIASIMSIMSIMSIMSIM0".to_owned(),
            secret_key: "sim/secret+key/0123456789abcdefghijklmnop".to_owned(),
            ports: Ports::default(),
            fitbit: FitbitOptions::default(),
            tls: Tls::Off,
        }
    }
}
