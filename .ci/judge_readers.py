#!/usr/bin/env python3
"""judge_readers.py SIMULATOR FITSYNC

Two participants of a study, all metrics, one of them over the night on which clocks go back. Then the
tools that people have read the objects straight from the S3 server, by the queries as docs/ prints them:
DuckDB, pandas, and Athena's (its table definitions are parsed, its query is translated and run). What they
find is compared with the simulator's own account of each day. Prints what it checked.
"""

import csv
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pandas as pd
import s3fs
import sqlglot

DOCS = Path(__file__).resolve().parent.parent / "docs"
PEOPLE = {"p1": "user_001", "p2": "002"}
ZONE = "America/New_York"
# The night on which New York's clocks went back is in the middle.
BACKFILL = (date(2026, 10, 30), date(2026, 11, 3))
DUCKDB_TYPES = {
    "text": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE",
    "UTC time": "TIMESTAMP WITH TIME ZONE", "local time": "TIMESTAMP",
}
ATHENA_TYPES = {"integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE"}


def check(name, found, wanted):
    if found != wanted:
        sys.exit(f"FAIL {name}: {str(found)[:2000]}\ninstead of: {str(wanted)[:2000]}")
    print(f"PASS {name}", flush=True)


class Study:
    """The simulator, and fitsync beside it."""

    def __init__(self, simulator, program, folder):
        self.program, self.folder = program, folder
        command = [simulator, "--participants", "2", "--zone", ZONE, "--until-stdin-closes"]
        # It ends with this script, however that ends.
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = json.loads(child.stdout.readline())
        self.child = child
        self.environment = {
            "PATH": os.environ["PATH"], "FITSYNC_LISTEN": "127.0.0.1:0", "FITSYNC_LOG": "warn",
            "FITSYNC_METRICS": "all", **self.about["environment"],
        }

    def call(self, name, **fields):
        query = urllib.parse.urlencode(fields)
        with urllib.request.urlopen(f"{self.about['control']}/_sim/{name}?{query}") as reply:
            return reply.read()

    def collect(self):
        run = {"env": self.environment, "cwd": self.folder, "text": True, "stderr": subprocess.DEVNULL}
        for who, user in PEOPLE.items():
            command = [self.program, "login", user]
            login = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **run)
            body = json.dumps({"url": login.stdout.readline().strip(), "who": who}).encode()
            consent = urllib.request.Request(f"{self.about['control']}/_sim/consent", body)
            with urllib.request.urlopen(consent) as reply:
                login.communicate(json.load(reply)["redirect"] + "\n")
            check(f"{user} signed in", login.returncode, 0)
        run["stderr"] = None
        days = [word for name, day in zip(("--from", "--to"), BACKFILL) for word in (name, str(day))]
        for words in ([], days):
            subprocess.run([self.program, "sync", *words], check=True, **run)

    def truth(self, row):
        """The rows of a day as the simulator knows them; none where the day has no file."""
        who = next(who for who, user in PEOPLE.items() if user == row["user_id"])
        fields = {"who": who, "user_id": row["user_id"], "metric": row["metric"], "date": row["date"],
                  "zone": row["time_zone"], "start": row["day_start_utc"], "end": row["day_end_utc"]}
        return list(csv.DictReader(io.StringIO(self.call("truth", **fields).decode())))


def blocks(section, language):
    """The code of a section of docs/reading.md."""
    text = (DOCS / "reading.md").read_text()
    text = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.M | re.S).group(1)
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def at(text):
    return datetime.fromisoformat(text)


def duck(study, bucket, setup):
    """A session as the document sets it up; the extension comes from its package."""
    package = Path(importlib.util.find_spec("duckdb_extension_httpfs").origin).parent
    extension = package / f"extensions/v{duckdb.__version__}/httpfs.duckdb_extension"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        setup = setup.replace(name, study.environment[name])
    endpoint = study.environment["AWS_ENDPOINT_URL_S3"].removeprefix("http://")
    other = f", ENDPOINT '{endpoint}', URL_STYLE 'path', USE_SSL false);"
    setup = setup.replace("INSTALL httpfs;\n", "").replace("LOAD httpfs", f"LOAD '{extension}'")
    session = duckdb.connect()
    session.execute(setup.replace(");", other))
    session.execute((DOCS / "duckdb.sql").read_text().replace("BUCKET", bucket))
    return session


def check_types(session, columns):
    for name, kinds in columns.items():
        found = {row[0]: row[1] for row in session.execute(f"DESCRIBE {name}").fetchall()}
        wanted = {column: DUCKDB_TYPES[kind] for column, kind in kinds.items()}
        if found != wanted:
            check(f"DuckDB's types of {name}", found, wanted)
    print(f"PASS DuckDB: {len(columns)} views have the types of the data dictionary", flush=True)


def check_values(session, table, columns, truth):
    """Every cell of every metric, as DuckDB and pandas have it, against the simulator's text."""
    cells = 0
    for name in columns:
        if name == "completeness":
            continue
        wanted = sorted(tuple(typed(row[c], k) for c, k in columns[name].items()) for row in truth[name])
        found = sorted(session.execute(f"FROM {name}").fetchall(), key=sort_key)
        wanted.sort(key=sort_key)
        if found != wanted:
            check(f"DuckDB's rows of {name}", found, wanted)
        frame = table(name)
        check_frame(name, frame, columns[name])
        found = sorted((tuple(plain(v) for v in row) for row in frame.itertuples(index=False)), key=sort_key)
        naive = [tuple(midnight(value) for value in row) for row in wanted]
        if found != naive:
            check(f"pandas' rows of {name}", found, naive)
        cells += len(wanted) * len(columns[name])
    print(f"PASS DuckDB and pandas: {cells} cells of {len(columns) - 1} metrics are the simulator's", flush=True)


def typed(text, kind):
    if text == "":
        return None
    if kind in ("UTC time", "local time"):
        return at(text)
    read = {"integer": int, "number": float, "date": date.fromisoformat, "boolean": "true".__eq__}
    return read.get(kind, str)(text)


def plain(value):
    if pd.isna(value):
        return None
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


def midnight(value):
    """pandas has no dates, only times."""
    is_date = isinstance(value, date) and not isinstance(value, datetime)
    return datetime(value.year, value.month, value.day) if is_date else value


def sort_key(row):
    return [(value is not None, str(value)) for value in row]


def check_frame(name, frame, kinds):
    for column, kind in kinds.items():
        dtype = str(frame[column].dtype)
        wanted = {"text": r"string", "integer": r"Int64", "number": r"Float64", "boolean": r"boolean",
                  "UTC time": r"datetime64\[\w+, UTC\]"}.get(kind, r"datetime64\[\w+\]")
        if not re.fullmatch(wanted, dtype):
            check(f"pandas' type of {name}.{column}", dtype, wanted)


def per_day(completeness, truth):
    """What the queries must say of each whole day, in plain Python."""
    answer = []
    for row in completeness:
        if row["metric"] != "steps" or row["state"] != "sealed":
            continue
        start, end = at(row["day_start_utc"]), at(row["day_end_utc"])
        mine = [one for one in truth["steps"]
                if one["user_id"] == row["user_id"] and start <= at(one["time_utc"]) < end]
        steps = sum(int(one["steps"]) for one in mine) if mine else None
        missing = int((end - start).total_seconds()) // 60 - len(mine)
        answer.append((row["user_id"], date.fromisoformat(row["date"]), steps, missing))
    return sorted(answer)


def nights(truth):
    def column(metric, name):
        return {(r["user_id"], date.fromisoformat(r["date"])): typed(r[name], "number") for r in truth[metric]}

    hrv, skin = column("hrv", "daily_rmssd_ms"), column("wrist_temp", "nightly_relative_c")
    return [(*key, hrv.get(key), skin.get(key)) for key in sorted(hrv.keys() | skin.keys())]


def check_athena(study, session, bucket, columns, query, wanted):
    statements = sqlglot.parse((DOCS / "athena.sql").read_text(), read="athena")
    statements = [one for one in statements if one is not None]
    tables = {}
    for statement in statements:
        assert isinstance(statement, sqlglot.exp.Create), statement
        table = statement.this.this.name
        tables[table.removeprefix("fitsync_")] = {
            column.name: column.kind.sql(dialect="trino") for column in statement.this.expressions
        }
        text = statement.sql(dialect="athena")
        place = f"s3://BUCKET/users/${{participant}}/{table.removeprefix('fitsync_')}/"
        assert place in text and "'s3://BUCKET/users/'" in text, text
    found = {name: {c: ("VARCHAR" if t == "STRING" else t) for c, t in kinds.items()}
             for name, kinds in tables.items()}
    check(f"Athena: {len(tables)} definitions parse and have the columns of the data dictionary", found,
          {name: {c: ATHENA_TYPES.get(k, "VARCHAR") for c, k in kinds.items()} for name, kinds in columns.items()})
    for name in ("completeness", "steps"):
        types = {c: ATHENA_TYPES.get(kind, "VARCHAR") for c, kind in columns[name].items()}
        session.execute(
            f"CREATE VIEW fitsync_{name} AS FROM read_csv('s3://{bucket}/users/*/{name}/*.csv', "
            f"auto_detect = false, header = true, columns = {types})")
    translated = sqlglot.transpile(query, read="athena", write="duckdb")[0]
    check("Athena: the steps of each whole day, by its query in DuckDB's words",
          session.execute(translated).fetchall(), wanted)


def main():
    simulator, program = (os.path.abspath(path) for path in sys.argv[1:])
    columns = json.loads((DOCS / "columns.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        study = Study(simulator, program, folder)
        study.collect()
        bucket = study.about["bucket"]
        os.environ |= {n: v for n, v in study.environment.items() if n.startswith("AWS_")}
        # A day that had rows once and has none any more is its header alone.
        header = "user_id,time_utc,time_local,steps\n"
        s3fs.S3FileSystem().pipe(f"{bucket}/users/002/steps/002_steps_20200101.csv", header.encode())
        setup, is_there, steps_of_days, side_by_side = blocks("DuckDB", "sql")
        session = duck(study, bucket, setup)
        check_types(session, columns)
        space = {}
        os.chdir(DOCS)
        read, sums = blocks("pandas", "python")
        exec(read.replace("BUCKET", bucket), space)

        completeness = [
            {name: cell or "" for name, cell in row.items()}
            for user in PEOPLE.values()
            for path in s3fs.S3FileSystem().glob(f"{bucket}/users/{user}/completeness/*.csv")
            for row in csv.DictReader(io.StringIO(s3fs.S3FileSystem().cat(path).decode()))
        ]
        days = {row["date"] for row in completeness}
        check("the completeness files name both months", {day[:7] for day in days} >= {"2026-10", "2026-11"}, True)
        truth = {name: [] for name in columns}
        for row in completeness:
            rows = study.truth(row)
            check_quiet(row, rows)
            truth[row["metric"]] += rows
        print(f"PASS {len(completeness)} rows of the completeness files have the simulator's counts", flush=True)
        check_values(session, space["read"], columns, truth)

        check("DuckDB: nothing is missing that was recorded", session.execute(is_there).fetchall(), [])
        wanted = per_day(completeness, truth)
        check(f"DuckDB: the steps of {len(wanted)} whole days", session.execute(steps_of_days).fetchall(), wanted)
        check("DuckDB: nights side by side", session.execute(side_by_side).fetchall(), nights(truth))
        exec(sums, space)
        found = [(plain(u), plain(d).date(), plain(s), int(m))
                 for u, d, s, m in space["per_day"].itertuples(index=False)]
        check("pandas: the same steps", found, wanted)
        (query,) = blocks("Athena", "sql")
        check_athena(study, session, bucket, columns, query, wanted)
        hours = {(row["day_end_utc"], row["day_start_utc"]) for row in completeness if row["date"] == "2026-11-01"}
        check("the day of 25 hours is among them", {at(end) - at(start) for end, start in hours},
              {timedelta(hours=25)})
        study.child.stdin.close()
    print("readers: all passed", flush=True)


def check_quiet(row, rows):
    if int(row["rows"]) != len(rows):
        check(f"rows of {row}", int(row["rows"]), len(rows))


main()
