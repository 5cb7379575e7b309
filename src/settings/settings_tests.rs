use super::*;

fn refused(pairs: &[(&str, &str)]) -> String {
    Config::new(Settings::of(pairs)).unwrap_err().to_string()
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = Config::new(Settings::of(&[])).unwrap();
    let names: Vec<_> = config.metrics.iter().map(|metric| metric.name).collect();
    assert_eq!(names, ["steps", "calories", "azm", "hrv", "wrist_temp"]);
    assert_eq!((config.lookback_days, config.today_minutes, config.threads), (7, 180, 4));
    assert_eq!((config.keep_days, config.listen.as_str()), (90, ":8000"));
    assert!(config.google.is_none() && config.bucket.is_none() && !config.collect_from_consent);
    assert_eq!(config.token_dir.to_str(), Some("./secrets/tokens"));
}

#[test]
fn under_systemd_the_data_lies_in_the_state_directory() {
    let config = Config::new(Settings::of(&[("STATE_DIRECTORY", "/var/lib/fitsync")])).unwrap();
    assert_eq!(config.data_dir.to_str(), Some("/var/lib/fitsync"));
}

#[test]
fn a_near_miss_of_a_name_is_an_error_and_a_stranger_a_warning() {
    let why = refused(&[("FITSYNC_THREAD", "2")]);
    assert!(why.contains("did you mean FITSYNC_THREADS?"), "{why}");
    let config = Config::new(Settings::of(&[("FITSYNC_SOMETHING_ELSE", "2")])).unwrap();
    assert_eq!(config.warnings.len(), 1);
}

#[test]
fn every_wrong_value_is_named_with_what_is_allowed() {
    let cases = [
        ("FITSYNC_THREADS", "0", "from 1 to 64"),
        ("FITSYNC_LOOKBACK_DAYS", "many", "whole number"),
        ("FITSYNC_METRICS", "steps,stepz", "known: steps"),
        ("FITSYNC_METRICS", " , ", "names no metric"),
        ("FITSYNC_COLLECT_FROM", "tomorrow", "lookback, consent"),
        ("FITSYNC_TIME_ZONE", "Mars/Olympus", "IANA"),
        ("FITBIT_USER_IDS", "user_001,../x", "not a participant id"),
        ("FITSYNC_TLS_CERT", "/cert.pem", "FITSYNC_TLS_KEY"),
        ("FITSYNC_LOG", "loud", "error, warn, debug"),
    ];
    for (name, value, hint) in cases {
        let why = refused(&[(name, value)]);
        assert!(why.starts_with("usage: ") && why.contains(hint), "{name}: {why}");
    }
}

#[test]
fn plain_http_is_for_this_machine_only() {
    let google = |url| {
        let pairs = [("GOOGLE_CLIENT_ID", "id"), ("GOOGLE_HEALTH_URL", url)];
        Config::new(Settings::of(&pairs))
    };
    for url in ["http://127.0.0.1:9", "http://localhost:9/", "https://health.example"] {
        assert!(google(url).is_ok(), "{url}");
    }
    for url in ["http://health.example", "http://192.168.1.20", "ftp://localhost", "health"] {
        assert!(google(url).is_err(), "{url}");
    }
}

#[test]
fn the_metrics_are_taken_once_and_all_means_all() {
    let metrics = |text| Config::new(Settings::of(&[("FITSYNC_METRICS", text)])).unwrap().metrics;
    assert_eq!(metrics("hrv, steps,hrv").len(), 2);
    assert_eq!(metrics("all").len(), table::METRICS.len());
}
