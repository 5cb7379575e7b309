#!/usr/bin/env python3
"""How fast small files go up: fitsync, boto3 with 8 threads and `rclone copy --transfers 8`, side by side.

    bench_s3.py FOLDER [--files N] [--rounds N] [--delay MS]

FOLDER is a cargo target folder (…/release to measure, …/debug to try this script) with fitsync, fitsync-sim and
examples/waiting_files; boto3 and rclone have to be there. All three send the same files to the same server (the
simulator's s3s-fs, on this machine: its work takes its share of the processors), in turns, so many rounds each; the
middle round counts. For boto3 the start of Python is left out; fitsync and rclone are timed from start to end. --delay lets
the server wait before each answer, as one does that is some way off. Every round is checked: what lies in the
server's folder is what was sent. Times are printed and judged by nobody: what fails this script are missing or wrong objects, more
connections than threads, or credentials that were looked for more than once.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

THREADS = 8
UPLOADERS = ["fitsync", "boto3", "rclone"]


def check(condition, what):
    if not condition:
        sys.exit(f"bench_s3: {what}")


def s3_client(environment):
    import boto3
    import botocore.config

    return boto3.client(
        "s3",
        region_name=environment["AWS_DEFAULT_REGION"],
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=botocore.config.Config(s3={"addressing_style": "path"}, max_pool_connections=THREADS),
    )


def files_of(data):
    return sorted(path for path in (data / "users").rglob("*.csv"))


def send_with_boto3(data, prefix):
    """In a process of its own; prints how long the sending alone took."""
    client, bucket = s3_client(os.environ), os.environ["S3_BUCKET_RAW"]

    def put(path):
        key = f"{prefix}/{path.relative_to(data)}"
        client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes(), ContentType="text/csv; charset=utf-8")

    files = files_of(data)
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(put, files))
    print(time.monotonic() - begun)


class World:
    def __init__(self, folder, dir, delay_ms):
        self.store = pathlib.Path(dir) / "store"
        program = [folder / "fitsync-sim", "--participants", "1", "--s3-dir", self.store, "--until-stdin-closes"]
        self.process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = json.loads(self.process.stdout.readline())
        self.environment = self.about["environment"]
        if delay_ms:
            self.call("fault", host="s3", method="PUT", effect="delay", ms=delay_ms, count="always")
            self.call("fault", host="s3", method="HEAD", effect="delay", ms=delay_ms, count="always")

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def call(self, name, **fields):
        url = f"{self.about['control']}/_sim/{name}"
        body = json.dumps(fields).encode() if fields or name == "clear_requests" else None
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=60) as reply:
            return json.load(reply)

    def check_objects(self, prefix, data):
        """What lies in the server's folder is what was sent; then it goes."""
        stored = self.store / self.environment["S3_BUCKET_RAW"] / prefix
        names = {path.relative_to(stored) for path in files_of(stored)}
        sent = {path.relative_to(data) for path in files_of(data)}
        check(names == sent, f"{prefix}: {len(sent)} files were sent, {len(names & sent)} of them are there")
        wrong = [name for name in sent if (stored / name).read_bytes() != (data / name).read_bytes()]
        check(not wrong, f"{prefix}: {len(wrong)} files have other bytes")
        shutil.rmtree(stored)


def run(program, environment):
    """Wall-clock and processor seconds, peak memory in MB, and what was printed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.monotonic()
        process = subprocess.Popen(program, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        said = err.read().decode()
        check(process.returncode == 0, f"{program[0]} ends with {process.returncode}: {said[-2000:]}")
        return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read().decode()


class Bench:
    def __init__(self, world, folder, dir, participants, days):
        self.world, self.folder, self.dir = world, folder, pathlib.Path(dir)
        self.participants, self.days = participants, days
        self.count = participants * days
        self.files = self.make("files")

    def make(self, name):
        data = self.dir / f"{name}-{self.participants}"
        made = subprocess.run(
            [self.folder / "examples" / "waiting_files", data, str(self.participants), str(self.days)],
            capture_output=True, text=True,
        )
        check(made.returncode == 0, f"waiting_files: {made.stderr}")
        return data

    def base(self):
        return {"PATH": os.environ["PATH"], "HOME": str(self.dir)}

    def fitsync(self, prefix, round_):
        data = self.make(f"round{round_}")
        counter = self.dir / f"{prefix.replace('/', '_')}.runs"
        of_world = dict(self.world.environment)
        keys = json.dumps({
            "Version": 1,
            "AccessKeyId": of_world.pop("AWS_ACCESS_KEY_ID"),
            "SecretAccessKey": of_world.pop("AWS_SECRET_ACCESS_KEY"),
        })
        script, profiles = self.dir / "keys.sh", self.dir / "config"
        script.write_text(f"echo run >> {counter}\necho '{keys}'\n")
        profiles.write_text(f"[profile bench]\ncredential_process = sh {script}\n")
        environment = self.base() | of_world | {
            "AWS_PROFILE": "bench",
            "AWS_CONFIG_FILE": str(profiles),
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "FITSYNC_DATA_DIR": str(data),
            "TOKEN_STORE_DIR": str(self.dir / "tokens"),
            "FITSYNC_S3_PREFIX": prefix,
            "FITSYNC_THREADS": str(THREADS),
            "FITSYNC_LOG": "warn",
        }
        found = run([self.folder / "fitsync", "upload", "--json"], environment)
        report = json.loads(found[3])
        sent = sum(one["files_uploaded"] for one in report["participants"])
        check((sent, report["waiting"]) == (self.count, 0), f"fitsync sent {sent}, {report['waiting']} wait")
        check(counter.read_text() == "run\n", "credential_process ran more than once")
        return found

    def boto3(self, prefix, _):
        environment = self.base() | self.world.environment | {"AWS_CONFIG_FILE": os.devnull}
        found = run([sys.executable, __file__, "--boto3", str(self.files), prefix], environment)
        return float(found[3]), *found[1:]

    def rclone(self, prefix, _):
        of_world = self.world.environment
        remote = {
            "TYPE": "s3",
            "PROVIDER": "Other",
            "ACCESS_KEY_ID": of_world["AWS_ACCESS_KEY_ID"],
            "SECRET_ACCESS_KEY": of_world["AWS_SECRET_ACCESS_KEY"],
            "REGION": of_world["AWS_DEFAULT_REGION"],
            "ENDPOINT": of_world["AWS_ENDPOINT_URL_S3"],
            "FORCE_PATH_STYLE": "true",
            "NO_CHECK_BUCKET": "true",
        }
        environment = self.base() | {f"RCLONE_CONFIG_SIM_{name}": value for name, value in remote.items()}
        environment["RCLONE_CONFIG"] = os.devnull
        target = f"sim:{of_world['S3_BUCKET_RAW']}/{prefix}/users"
        command = ["rclone", "copy", "--transfers", str(THREADS), self.files / "users", target]
        return run([str(word) for word in command], environment)

    def round(self, name, round_):
        prefix = f"{name}-{self.participants}-{round_}"
        self.world.call("clear_requests")
        wall, cpu, memory, _ = getattr(self, name)(prefix, round_)
        counts = self.world.call("counts")
        connections, requests = counts["s3_connections"], counts["requests"]
        self.world.check_objects(prefix, self.files)
        if name == "fitsync":
            # As many as threads, unless this machine stood still until an idle one was closed.
            check(connections <= 2 * THREADS, f"fitsync made {connections} connections with {THREADS} threads")
            check(requests == self.count, f"fitsync made {requests} requests for {self.count} files")
        return self.count / wall, cpu, memory, connections, requests


def measure(bench, rounds):
    found = {name: [] for name in UPLOADERS}
    for round_ in range(rounds):
        for turn in range(len(UPLOADERS)):
            name = UPLOADERS[(round_ + turn) % len(UPLOADERS)]
            found[name].append(bench.round(name, round_))
    print(f"\n{bench.count} files of {bench.participants} participant(s), {rounds} round(s) each, {THREADS} threads:")
    print(f"{'':10}{'files/s':>9}{'slowest':>9}{'fastest':>9}{'cpu s':>8}{'MB':>6}{'connections':>13}{'requests':>10}")
    middle = {}
    for name, rounds_ in found.items():
        rates = [one[0] for one in rounds_]
        middle[name] = statistics.median(rates)
        cpu, memory, connections, requests = (max(one[i] for one in rounds_) for i in range(1, 5))
        print(
            f"{name:10}{middle[name]:9.0f}{min(rates):9.0f}{max(rates):9.0f}{cpu:8.2f}{memory:6.0f}"
            f"{connections:13}{requests:10}"
        )
    for name in UPLOADERS[1:]:
        print(f"fitsync sends {middle['fitsync'] / middle[name]:.2f} times as many files a second as {name}")


def main():
    if sys.argv[1] == "--boto3":
        return send_with_boto3(pathlib.Path(sys.argv[2]), sys.argv[3])
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--delay", type=int, default=0)
    arguments = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    folder = arguments.folder.resolve()
    with tempfile.TemporaryDirectory() as dir:
        world = World(folder, dir, arguments.delay)
        try:
            for participants in [1, 10]:
                measure(Bench(world, folder, dir, participants, arguments.files // participants), arguments.rounds)
        finally:
            world.close()


main()
