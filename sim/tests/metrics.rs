//! What a client reads from the services is what the truth says, metric by metric.

mod common;

use std::collections::BTreeMap;

use common::{access, connect, get, post_json, query};
use fitsync_sim::jiff::Timestamp;
use fitsync_sim::jiff::civil::date;
use fitsync_sim::truth::Day;
use fitsync_sim::{Metric, Options, Order, Sim};
use serde_json::{Value, json};

fn sim() -> Sim {
    let sim = Sim::start(Options {
        order: Order::Shuffled,
        empty_pages_percent: 50,
        ..Options::default()
    });
    let synced: Timestamp = "2026-11-22T10:20:30Z".parse().expect("instant");
    sim.set_device_sync("p1", synced).expect("p1");
    sim
}

fn pages(mut ask: impl FnMut(&str) -> Value, name: &str) -> Vec<Value> {
    let (mut rows, mut token) = (Vec::new(), String::new());
    for _ in 0..50 {
        let page = ask(&token);
        rows.extend(page[name].as_array().cloned().unwrap_or_default());
        match page["nextPageToken"].as_str() {
            Some(next) => token = next.to_owned(),
            None => return rows,
        }
    }
    panic!("too many pages");
}

fn roll_up(sim: &Sim, token: &str, id: &str, (from, to): (&str, &str)) -> Vec<Value> {
    let url = format!("{}/v4/users/me/dataTypes/{id}/dataPoints:rollUp", sim.google_url());
    let ask = |page: &str| {
        let mut body = json!({
            "range": {"startTime": from, "endTime": to},
            "windowSize": "60s",
            "pageSize": 700,
            "dataSourceFamily": "users/me/dataSourceFamilies/all-sources",
        });
        if !page.is_empty() {
            body["pageToken"] = Value::from(page);
        }
        let answer = post_json(&url, token, &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    pages(ask, "rollupDataPoints")
}

fn reconcile(sim: &Sim, token: &str, id: &str, filter: &str) -> Vec<Value> {
    let ask = |page: &str| {
        let mut pairs = vec![("filter", filter), ("pageSize", "20")];
        if !page.is_empty() {
            pairs.push(("pageToken", page));
        }
        let url = format!(
            "{}/v4/users/me/dataTypes/{id}/dataPoints:reconcile?{}",
            sim.google_url(),
            query(&pairs)
        );
        let answer = get(&url, token);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    pages(ask, "dataPoints")
}

/// The last columns of the truth, by their second column (time or date).
fn truth(sim: &Sim, metric: Metric, day: &Day) -> BTreeMap<String, String> {
    let bytes = sim.truth("p1", "u", metric, day).expect("p1");
    let text = String::from_utf8(bytes.unwrap_or_default()).expect("text");
    let skipped = if text.contains("time_utc") { 3 } else { 2 };
    let rows = text.lines().skip(1).map(|line| {
        let cells: Vec<_> = line.split(',').collect();
        (cells[1].to_owned(), cells[skipped..].join(","))
    });
    rows.collect()
}

#[test]
fn minutes_are_what_the_truth_says() {
    let sim = sim();
    let token = access(&connect(&sim, "p1"));
    let zone = sim.person("p1").expect("p1").zones[0].1.clone();
    for date in [date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 1)] {
        let day = Day::civil(date, &zone);
        let (from, to) = (day.start.to_string(), day.end.to_string());
        let rows = roll_up(&sim, &token, "steps", (&from, &to));
        let mut read = BTreeMap::new();
        for row in &rows {
            if let Some(count) = row["steps"]["countSum"].as_str() {
                let time = row["startTime"].as_str().expect("time").to_owned();
                assert_eq!(read.insert(time, count.to_owned()), None);
            }
        }
        assert_eq!(read, truth(&sim, Metric::Steps, &day), "{date}");

        let rows = roll_up(&sim, &token, "total-calories", (&from, &to));
        let expected = truth(&sim, Metric::Calories, &day);
        let mut seen = 0;
        for row in &rows {
            let time = row["startTime"].as_str().expect("time");
            if let Some(text) = expected.get(time) {
                let kcal = row["totalCalories"]["kcalSum"].as_f64().expect("kcal");
                let text: f64 = text.parse().expect("number");
                assert!((kcal - text).abs() <= 0.000_05, "{kcal} {text}");
                seen += 1;
            }
        }
        assert_eq!(seen, expected.len());

        let filter = format!(
            "active_zone_minutes.interval.start_time >= \"{from}\" AND \
             active_zone_minutes.interval.start_time < \"{to}\""
        );
        let mut read: BTreeMap<String, [i64; 4]> = BTreeMap::new();
        for point in reconcile(&sim, &token, "active-zone-minutes", &filter) {
            let point = &point["activeZoneMinutes"];
            let time = point["interval"]["startTime"].as_str().expect("time");
            let credit = point["activeZoneMinutes"].as_str().expect("credit");
            let credit: i64 = credit.parse().expect("number");
            let sums = read.entry(time.to_owned()).or_default();
            sums[0] += credit;
            let zones = ["FAT_BURN", "CARDIO", "PEAK"];
            let zone = zones.iter().position(|z| point["heartRateZone"] == *z);
            sums[1 + zone.expect("a zone")] += credit;
        }
        let read: BTreeMap<_, _> = read
            .into_iter()
            .map(|(time, sums)| (time, sums.map(|n| n.to_string()).join(",")))
            .collect();
        assert_eq!(read, truth(&sim, Metric::Azm, &day), "{date}");
    }
}

#[test]
fn nights_are_what_the_truth_says() {
    let sim = sim();
    let token = access(&connect(&sim, "p1"));
    let zone = sim.person("p1").expect("p1").zones[0].1.clone();
    let filter =
        |name: &str| format!("{name}.date >= \"2026-09-01\" AND {name}.date < \"2026-12-01\"");
    let hrv = "daily-heart-rate-variability";
    let hrv = reconcile(&sim, &token, hrv, &filter("daily_heart_rate_variability"));
    let id = "daily-sleep-temperature-derivations";
    let filter = filter("daily_sleep_temperature_derivations");
    let temperature = reconcile(&sim, &token, id, &filter);
    let (mut nights, mut warm) = (0, 0);
    for day in 0..91 {
        let date = date(2026, 9, 1) + fitsync_sim::jiff::Span::new().days(day);
        let expected = !truth(&sim, Metric::Hrv, &Day::civil(date, &zone)).is_empty();
        let matches = |row: &&Value, name: &str| {
            let one = &row[name]["date"];
            one["year"] == date.year() && one["month"] == date.month() && one["day"] == date.day()
        };
        let found = |rows: &[Value], name| rows.iter().filter(|row| matches(row, name)).count();
        let count = found(&hrv, "dailyHeartRateVariability");
        assert_eq!(count, usize::from(expected), "{date}");
        nights += count;
        let expected = !truth(&sim, Metric::WristTemp, &Day::civil(date, &zone)).is_empty();
        let count = found(&temperature, "dailySleepTemperatureDerivations");
        assert_eq!(count, usize::from(expected), "{date}");
        warm += count;
    }
    assert!(nights > 40 && nights < 83 && warm > 40, "{nights} {warm}");
}

#[test]
fn what_has_a_beginning_and_an_end_is_what_the_truth_says() {
    let sim = sim();
    let changes = [("scope", common::scope(&["activity_and_fitness", "sleep"]))];
    let changes: Vec<_> = changes.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let token = access(&common::connect_with(&sim, "p1", &changes));
    let zone = sim.person("p1").expect("p1").zones[0].1.clone();
    let filter = "sleep.interval.civil_end_time >= \"2026-11-01\" AND \
                  sleep.interval.civil_end_time < \"2026-11-23\"";
    let sleeps = reconcile(&sim, &token, "sleep", filter);
    let filter = "exercise.interval.civil_start_time >= \"2026-11-01\" AND \
                  exercise.interval.civil_start_time < \"2026-11-23\"";
    let workouts = reconcile(&sim, &token, "exercise", filter);
    let stages: usize =
        sleeps.iter().filter_map(|sleep| sleep["sleep"]["stages"].as_array().map(Vec::len)).sum();
    let rows = |metric| {
        let days = (1..23).map(|day| Day::civil(date(2026, 11, day), &zone));
        let files = days.filter_map(|day| sim.truth("p1", "u", metric, &day).expect("p1"));
        let lines = files.map(|bytes| bytes.iter().filter(|byte| **byte == b'\n').count() - 1);
        lines.sum::<usize>()
    };
    assert_eq!(sleeps.len(), rows(Metric::SleepSummary));
    assert_eq!(stages, rows(Metric::Sleep));
    assert_eq!(workouts.len(), rows(Metric::Exercise));
    assert!(workouts.len() > 3 && sleeps.len() > 12);
}
