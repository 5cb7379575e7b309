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
    environment |= {"FITSYNC_LISTEN": "127.0.0.1:0", "FITSYNC_LOG": "warn", "FITSYNC_METRICS": "all"}
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


def whole(value):
    return "" if value is None else str(value)


def word(value):
    """An enum in lower case; one that is not specified is empty."""
    return "" if value.name.endswith("_UNSPECIFIED") else value.name.lower()


def windows(client, kind, day, cells):
    """A rolled up minute of which something is told."""
    name = kind.replace("-", "_")
    for point in rolled_up(client, kind, day["start"], day["end"]):
        if name in point:
            yield stamp(point.start_time), cells(getattr(point, name))


def heart_rate(client, day):
    names = [f"beats_per_minute_{end}" for end in ("avg", "min", "max")]
    cells = lambda value: [text_of(number) for number in optional(value, *names)]
    return windows(client, "heart-rate", day, cells)


def distance(client, day):
    return windows(client, "distance", day, lambda value: [text_of(value.millimeters_sum / 1000)])


def floors(client, day):
    return windows(client, "floors", day, lambda value: [str(value.count_sum)])


def active_energy(client, day):
    return windows(client, "active-energy-burned", day, lambda value: [text_of(value.kcal_sum)])


def heart_rate_zones(client, day):
    def cells(value):
        seconds = dict.fromkeys(["LIGHT", "MODERATE", "VIGOROUS", "PEAK"], 0.0)
        for zone in value.time_in_heart_rate_zones:
            seconds[zone.heart_rate_zone.name] += zone.duration.total_seconds()
        return [text_of(sum) for sum in seconds.values()]

    return windows(client, "time-in-heart-rate-zone", day, cells)


def resting_heart_rate(client, day):
    for value in nights(client, "daily-resting-heart-rate", day):
        method = value.daily_resting_heart_rate_metadata.calculation_method
        yield f"{day['date']:%Y-%m-%d}", [str(value.beats_per_minute), word(method)]


def spo2(client, day):
    fields = ["average", "lower_bound", "upper_bound", "standard_deviation"]
    for night in nights(client, "daily-oxygen-saturation", day):
        values = optional(night, *(f"{field}_percentage" for field in fields))
        yield f"{day['date']:%Y-%m-%d}", [text_of(value) for value in values]


def breathing_rate(client, day):
    for night in nights(client, "daily-respiratory-rate", day):
        yield f"{day['date']:%Y-%m-%d}", [text_of(night.breaths_per_minute)]


def vo2_max(client, day):
    for value in nights(client, "daily-vo2-max", day):
        cells = [text_of(value.vo2_max), str(value.estimated).lower()]
        yield f"{day['date']:%Y-%m-%d}", cells + [word(value.cardio_fitness_level)]


def samples(client, kind, day, cells):
    name = kind.replace("-", "_")
    field = f"{name}.sample_time.physical_time"
    bounds = f'{field} >= "{stamp(day["start"])}" AND {field} < "{stamp(day["end"])}"'
    for point in reconciled(client, kind, bounds):
        value = getattr(point, name)
        yield stamp(value.sample_time.physical_time), cells(value)


def weight(client, day):
    return samples(client, "weight", day, lambda value: [text_of(value.weight_grams / 1000)])


def hrv_samples(client, day):
    def cells(value):
        sums = optional(
            value, "root_mean_square_of_successive_differences_milliseconds", "standard_deviation_milliseconds"
        )
        power = optional(value.metadata, "low_frequency_power", "high_frequency_power")
        return [text_of(number) for number in sums + power]

    return samples(client, "heart-rate-variability", day, cells)


def spo2_samples(client, day):
    return samples(client, "oxygen-saturation", day, lambda value: [text_of(value.percentage)])


def local(at, offset):
    return (at.astimezone(timezone.utc) + offset).strftime("%Y-%m-%dT%H:%M:%S")


def sleeps(client, day):
    after = day["date"].fromordinal(day["date"].toordinal() + 1)
    field = "sleep.interval.civil_end_time"
    bounds = f'{field} >= "{day["date"]:%Y-%m-%d}" AND {field} < "{after:%Y-%m-%d}"'
    return [point.sleep for point in reconciled(client, "sleep", bounds)]


def both(value):
    """Start and end, in UTC and on the wall clock."""
    start, end = value.start_time, value.end_time
    return [
        stamp(start), local(start, value.start_utc_offset), stamp(end), local(end, value.end_utc_offset)
    ]


def sleep(client, day):
    for one in sleeps(client, day):
        for stage in one.stages:
            cells = [stamp(one.interval.start_time), *both(stage), word(stage.type_)]
            yield f"{day['date']:%Y-%m-%d}", cells


def sleep_summary(client, day):
    for one in sleeps(client, day):
        metadata, summary = one.metadata, one.summary
        minutes = optional(
            summary,
            "minutes_in_sleep_period",
            "minutes_asleep",
            "minutes_awake",
            "minutes_to_fall_asleep",
            "minutes_after_wake_up",
        )
        stages = {stage.type_.name: stage.minutes for stage in summary.stages_summary}
        minutes += [stages.get(name) for name in ("LIGHT", "DEEP", "REM", "RESTLESS")]
        flags = [str(flag).lower() for flag in (metadata.main_sleep, metadata.nap)]
        cells = [*both(one.interval), word(one.type_), *flags, *map(whole, minutes)]
        yield f"{day['date']:%Y-%m-%d}", cells


def sleep_quality(client, day):
    def minutes(stretches):
        spans = (stretch.end_time - stretch.start_time for stretch in stretches)
        return text_of(sum(span.total_seconds() for span in spans) / 60)

    for one in sleeps(client, day):
        metadata = one.metadata
        yield f"{day['date']:%Y-%m-%d}", [
            stamp(one.interval.start_time),
            stamp(one.interval.end_time),
            str(metadata.processed).lower(),
            word(metadata.stages_status),
            str(metadata.manually_edited).lower(),
            str(len(one.short_awakenings)),
            minutes(one.short_awakenings),
            minutes(one.out_of_bed_segments),
        ]


def exercise(client, day):
    before, after = (day["date"].fromordinal(day["date"].toordinal() + days) for days in (-1, 2))
    field = "exercise.interval.civil_start_time"
    bounds = f'{field} >= "{before:%Y-%m-%d}" AND {field} < "{after:%Y-%m-%d}"'
    for point in reconciled(client, "exercise", bounds):
        one = point.exercise
        if not day["start"] <= one.interval.start_time < day["end"]:
            continue
        summary = one.metrics_summary
        calories, millimetres, steps, rate, credits, gain = optional(
            summary,
            "calories_kcal",
            "distance_millimeters",
            "steps",
            "average_heart_rate_beats_per_minute",
            "active_zone_minutes",
            "elevation_gain_millimeters",
        )
        metres = [None if value is None else value / 1000 for value in (millimetres, gain)]
        zones = optional(
            summary.heart_rate_zone_durations, "light_time", "moderate_time", "vigorous_time", "peak_time"
        )
        yield stamp(one.interval.start_time), [
            stamp(one.interval.end_time),
            word(one.exercise_type),
            text_of(one.active_duration.total_seconds()),
            text_of(calories),
            text_of(metres[0]),
            whole(steps),
            whole(rate),
            whole(credits),
            text_of(metres[1]),
            *(text_of(None if zone is None else zone.total_seconds()) for zone in zones),
        ]


READERS = [
    steps, calories, azm, hrv, wrist_temp, heart_rate, resting_heart_rate, sleep, sleep_summary, spo2,
    breathing_rate, distance, floors, weight, exercise, vo2_max, hrv_samples, sleep_quality,
    active_energy, spo2_samples, heart_rate_zones,
]


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


def collected(folder):
    """The metrics that the completeness files name."""
    names = set()
    for path in Path(folder, "data/users", USER, "completeness").glob("*.csv"):
        with path.open(newline="") as file:
            names |= {row["metric"] for row in csv.DictReader(file)}
    return names


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
            missing = collected(folder) - {reader.__name__ for reader in READERS}
            if missing:
                sys.exit(f"nobody judges {sorted(missing)}")
            for reader in READERS:
                metric = reader.__name__
                for day in days(folder):
                    ours = sorted(written(folder, metric, day["date"]))
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
