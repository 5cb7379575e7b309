#!/usr/bin/env python3
"""judge_google.py SIMULATOR FITSYNC

Google's own client of the Health API (PyPI google-devicesandservices-health), pointed at the
simulator, must read the values that fitsync wrote: a day of every metric. So neither the simulator
nor fitsync is the judge of the other.
"""

import csv
import json
import math
import os
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from google.devicesandservices import health_v4
from google.devicesandservices.health_v4.services.data_points_service.transports.rest import (
    DataPointsServiceRestTransport,
)
from google.oauth2.credentials import Credentials
from google.protobuf import duration_pb2
from google.type import interval_pb2

USER = "user_001"
SOURCES = "users/me/dataSourceFamilies/all-sources"


def start_simulator(program):
    command = [program, "--participants", "1", "--zone", "America/New_York", "--until-stdin-closes"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return child, json.loads(child.stdout.readline())


def fitsync_collects(program, simulator, about, folder):
    """One sign-in and one sync; the files stay local."""
    environment = {"PATH": os.environ["PATH"], **about["environment"]}
    environment |= {"FITSYNC_LISTEN": "127.0.0.1:0", "FITSYNC_LOG": "warn"}
    environment.pop("S3_BUCKET_RAW")
    run = {"env": environment, "cwd": folder, "text": True}
    login = subprocess.Popen(
        [program, "login", USER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **run
    )
    address = login.stdout.readline().strip()
    consent = [simulator, "consent", "--control", about["control"], "--url", address, "--who", "p1"]
    redirect = subprocess.run(consent, check=True, capture_output=True, text=True).stdout
    login.communicate(redirect)
    if login.returncode:
        sys.exit(f"login ended with {login.returncode}")
    subprocess.run([program, "sync"], check=True, **run)


def google_client(about, folder):
    token = json.loads(Path(folder, "secrets/tokens", f"{USER}.json").read_text())["access_token"]
    transport = DataPointsServiceRestTransport(
        host=about["google"].removeprefix("http://"),
        url_scheme="http",
        credentials=Credentials(token=token),
    )
    return health_v4.DataPointsServiceClient(transport=transport)


def instant(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def text_of(value):
    """As the CSV has it: at most four decimals, no trailing zeros; not-a-number is empty."""
    if value is None or not math.isfinite(value):
        return ""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def rolled_up(client, kind, start, end):
    request = health_v4.RollUpDataPointsRequest(
        parent=f"users/me/dataTypes/{kind}",
        range_=interval_pb2.Interval(start_time=start, end_time=end),
        window_size=duration_pb2.Duration(seconds=60),
        page_size=1500,
        data_source_family=SOURCES,
    )
    return client.roll_up_data_points(request=request)


def reconciled(client, kind, condition):
    request = health_v4.ReconcileDataPointsRequest(
        parent=f"users/me/dataTypes/{kind}",
        filter=condition,
        page_size=1500,
        data_source_family=SOURCES,
    )
    return client.reconcile_data_points(request=request)


def stamp(at):
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def steps(client, day):
    for point in rolled_up(client, "steps", day["start"], day["end"]):
        if "steps" in point:
            yield stamp(point.start_time), [str(point.steps.count_sum)]


def calories(client, day):
    for point in rolled_up(client, "total-calories", day["start"], day["end"]):
        if "total_calories" in point and point.start_time < day["synced"]:
            yield stamp(point.start_time), [text_of(point.total_calories.kcal_sum)]


def azm(client, day):
    field = "active_zone_minutes.interval.start_time"
    bounds = f'{field} >= "{stamp(day["start"])}" AND {field} < "{stamp(day["end"])}"'
    zones = ["FAT_BURN", "CARDIO", "PEAK"]
    minutes = {}
    for point in reconciled(client, "active-zone-minutes", bounds):
        value = point.active_zone_minutes
        at = stamp(value.interval.start_time.replace(second=0, microsecond=0))
        credits = minutes.setdefault(at, [0, 0, 0, 0])
        credits[0] += value.active_zone_minutes
        credits[1 + zones.index(value.heart_rate_zone.name)] += value.active_zone_minutes
    for at in sorted(minutes):
        yield at, [str(credit) for credit in minutes[at]]


def nights(client, kind, day):
    name = kind.replace("-", "_")
    after = day["date"].fromordinal(day["date"].toordinal() + 1)
    bounds = f'{name}.date >= "{day["date"]:%Y-%m-%d}" AND {name}.date < "{after:%Y-%m-%d}"'
    return [getattr(point, name) for point in reconciled(client, kind, bounds)]


def optional(message, *fields):
    return [getattr(message, field) if field in message else None for field in fields]


def hrv(client, day):
    for night in nights(client, "daily-heart-rate-variability", day):
        values = optional(
            night,
            "average_heart_rate_variability_milliseconds",
            "deep_sleep_root_mean_square_of_successive_differences_milliseconds",
            "non_rem_heart_rate_beats_per_minute",
            "entropy",
        )
        yield f"{day['date']:%Y-%m-%d}", [text_of(value) for value in values]


def wrist_temp(client, day):
    for night in nights(client, "daily-sleep-temperature-derivations", day):
        nightly, baseline, spread = optional(
            night,
            "nightly_temperature_celsius",
            "baseline_temperature_celsius",
            "relative_nightly_stddev_30d_celsius",
        )
        relative = None if nightly is None or baseline is None else nightly - baseline
        values = [relative, nightly, baseline, spread]
        yield f"{day['date']:%Y-%m-%d}", [text_of(value) for value in values]


READERS = {"steps": steps, "calories": calories, "azm": azm, "hrv": hrv, "wrist_temp": wrist_temp}


def written(folder, metric, date):
    """The rows of fitsync's file: the key, and the cells after it."""
    name = f"{USER}_{metric}_{date:%Y%m%d}.csv"
    path = Path(folder, "data/users", USER, metric, name)
    if not path.exists():
        return []
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    key_columns = 3 if "time_utc" in rows[0] else 2
    return [(row[1], row[key_columns:]) for row in rows[1:]]


def days(folder):
    """What the completeness files say of each day."""
    found = {}
    for path in Path(folder, "data/users", USER, "completeness").glob("*.csv"):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                found[row["date"]] = {
                    "date": datetime.strptime(row["date"], "%Y-%m-%d"),
                    "start": instant(row["day_start_utc"]),
                    "end": instant(row["day_end_utc"]),
                    "synced": instant(row["device_synced_utc"]),
                }
    return [found[date] for date in sorted(found)]


def main(simulator, fitsync):
    # fitsync runs in a folder of its own.
    simulator, fitsync = os.path.abspath(simulator), os.path.abspath(fitsync)
    passed = failed = rows = 0
    with tempfile.TemporaryDirectory() as folder:
        child, about = start_simulator(simulator)
        try:
            fitsync_collects(fitsync, simulator, about, folder)
            client = google_client(about, folder)
            for metric, reader in READERS.items():
                for day in days(folder):
                    ours = written(folder, metric, day["date"])
                    theirs = sorted(reader(client, day))
                    rows += len(theirs)
                    if ours == theirs:
                        passed += 1
                    else:
                        failed += 1
                        print(f"{metric} {day['date']:%Y-%m-%d}: {len(ours)} rows, not {len(theirs)}")
        finally:
            child.stdin.close()
            child.wait()
    print(f"{rows} rows read by Google's client and compared with fitsync's files")
    print(f"{passed} passed, {failed} failed")
    # Most days have data, or nothing was compared.
    sys.exit(1 if failed or rows < 10_000 else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
