"""Writes src/provider/google/fields.tsv from Google's discovery document of the health API.

    pip download --no-deps google-api-python-client==2.202.0
    unzip -p google_api_python_client-*.whl 'googleapiclient/discovery_cache/documents/health.v4.json' > health.v4.json
    python3 scripts/google-fields.py health.v4.json > src/provider/google/fields.tsv
"""

import json
import re
import sys

ROLLED_UP = {"steps": "steps", "totalCalories": "total-calories", "heartRate": "heart-rate",
             "distance": "distance", "floors": "floors",
             "activeEnergyBurned": "active-energy-burned",
             "timeInHeartRateZone": "time-in-heart-rate-zone"}
RECONCILED = {"activeZoneMinutes": "active-zone-minutes",
              "dailyHeartRateVariability": "daily-heart-rate-variability",
              "dailySleepTemperatureDerivations": "daily-sleep-temperature-derivations",
              "dailyRestingHeartRate": "daily-resting-heart-rate",
              "dailyOxygenSaturation": "daily-oxygen-saturation",
              "dailyRespiratoryRate": "daily-respiratory-rate", "dailyVo2Max": "daily-vo2-max",
              "heartRateVariability": "heart-rate-variability",
              "oxygenSaturation": "oxygen-saturation", "sleep": "sleep", "exercise": "exercise", "weight": "weight"}
# What a rollup sums or averages: its range is that of the field in the points themselves.
POINTS = {"steps.countSum": ("Steps", "count"), "distance.millimetersSum": ("Distance", "millimeters"),
          "floors.countSum": ("Floors", "count"),
          "activeEnergyBurned.kcalSum": ("ActiveEnergyBurned", "kcal"),
          **{f"heartRate.beatsPerMinute{end}": ("HeartRate", "beatsPerMinute")
             for end in ("Avg", "Min", "Max")}}
VALUES_MAX = 12

document = json.load(open(sys.argv[1]))
schemas = document["schemas"]


def documented_range(field):
    found = re.search(r"Must be in the range `\[(-?\d+), (-?\d+)\]`", field.get("description", ""))
    return f"{found[1]}..{found[2]}" if found else ""


def lines(data_type, path, field, within):
    inner = field.get("items", field)
    place = path + ("[]" if "items" in field else "")
    presence = re.match(r"(Required|Optional|Output only)\.", field.get("description", ""))
    kind = "enum" if "enum" in inner else inner.get("format", inner.get("type", "message"))
    if "$ref" in inner:
        kind = "message"
    source = POINTS.get(path)
    limits = documented_range(schemas[source[0]]["properties"][source[1]] if source else field)
    values = "|".join(inner.get("enum", [])[:VALUES_MAX])
    yield "\t".join([data_type, place, kind, presence[1] if presence else "", limits, values])
    message = inner.get("$ref")
    if message and message not in within:
        for name, member in sorted(schemas[message]["properties"].items()):
            yield from lines(data_type, f"{place}.{name}", member, within | {message})


print(f"# Google Health API v4, discovery document of revision {document['revision']}, as in PyPI")
print("# google-api-python-client 2.202.0; written by scripts/google-fields.py. The fields of every")
print("# data type that is read: of reconciled points, or of one window where it is rolled up.")
print("data_type\tpath\ttype\tpresence\trange\tvalues")
for root, types in (("RollupDataPoint", ROLLED_UP), ("ReconciledDataPoint", RECONCILED)):
    members = schemas[root]["properties"]
    for member, data_type in types.items():
        shared = ("startTime", "endTime") if root == "RollupDataPoint" else ("dataPointName",)
        for name in (*shared, member):
            for line in lines(data_type, name, members[name], frozenset()):
                print(line)
