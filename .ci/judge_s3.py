#!/usr/bin/env python3
"""An independent judge of what fitsync does with S3: boto3, AWS's own library.

    judge_s3.py FOLDER

FOLDER is a cargo target folder (…/debug) with fitsync, fitsync-sim and examples/sign_s3. boto3 has to be
importable: the caller makes a virtual environment for it.

1. Signatures: for the same request at the same time, boto3's presigned address equals ours in every part.
2. Objects: what a sync has uploaded is listed, read and compared byte for byte, with its metadata.
3. The other way round: what boto3 changes and deletes, `fitsync verify` finds.
"""

import base64
import datetime
import hashlib
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse

import boto3
import botocore.auth
import botocore.config

TIME = datetime.datetime(2026, 11, 22, 13, 5, 0, tzinfo=datetime.timezone.utc)
LIFE_S = 900
BODY = b"user_id,time_utc,time_local,steps\nu1,2026-11-22T13:05:00Z,2026-11-22T08:05:00,7\n"
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
TOKEN = "AQoDYXdzEPT//////////wEXAMPLE+token/with=signs=="


class FrozenTime(datetime.datetime):
    """What boto3 takes for the time, in its newer and its older versions."""

    @classmethod
    def utcnow(cls):
        return TIME.replace(tzinfo=None)

    @classmethod
    def now(cls, tz=None):
        return TIME if tz else TIME.replace(tzinfo=None)


def freeze_boto3():
    if hasattr(botocore.auth, "get_current_datetime"):
        botocore.auth.get_current_datetime = lambda remove_tzinfo=True: (
            TIME.replace(tzinfo=None) if remove_tzinfo else TIME
        )
    else:
        botocore.auth.datetime.datetime = FrozenTime


def check(condition, what):
    if not condition:
        sys.exit(f"judge_s3: {what}")


def client(region, endpoint=None, style="auto", keys=KEYS, token=None):
    return boto3.client(
        "s3",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=token,
        config=botocore.config.Config(
            signature_version="s3v4",
            s3={"addressing_style": style},
            request_checksum_calculation="when_required",
            retries={"max_attempts": 1},
        ),
    )


# --- 1. Signatures ---------------------------------------------------------------------------------


def ours(folder, action, case):
    words = [action, TIME.isoformat().replace("+00:00", "Z"), case["bucket"], case["region"]]
    words += [case["endpoint"] or "-", case["style"], case["key"], case["sse"] or "-", case["owner"] or "-"]
    environment = dict(KEYS, AWS_SESSION_TOKEN=case["token"] or "")
    program = folder / "examples" / "sign_s3"
    done = subprocess.run([program, *words], input=BODY, env=environment, capture_output=True)
    check(done.returncode == 0, f"sign_s3 {words}: {done.stderr.decode()}")
    url, *headers = done.stdout.decode().splitlines()
    return url, dict(header.split(": ", 1) for header in headers)


def theirs(action, case):
    parameters = {"Bucket": case["bucket"], "Key": case["key"]}
    if case["owner"]:
        parameters["ExpectedBucketOwner"] = case["owner"]
    if action == "put":
        parameters["ContentType"] = "text/csv; charset=utf-8"
        parameters["ContentMD5"] = base64.b64encode(hashlib.md5(BODY).digest()).decode()
        parameters["ChecksumSHA256"] = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
        if case["sse"]:
            parameters["ServerSideEncryption"] = case["sse"].split(":key", 1)[0]
        if case["sse"] and case["sse"].startswith("aws:kms:"):
            parameters["ServerSideEncryption"] = "aws:kms"
            parameters["SSEKMSKeyId"] = case["sse"].removeprefix("aws:kms:")
    if action == "head":
        parameters["ChecksumMode"] = "ENABLED"
    style = "path" if case["style"] == "path" else "virtual"
    s3 = client(case["region"], case["endpoint"], style, token=case["token"])
    return s3.generate_presigned_url(f"{action}_object", Params=parameters, ExpiresIn=LIFE_S)


def parts(url):
    """Every part of an address that is signed, and the signature."""
    split = urllib.parse.urlsplit(url)
    query = urllib.parse.parse_qs(split.query, keep_blank_values=True, strict_parsing=True)
    return {"scheme": split.scheme, "host": split.netloc, "path": split.path, **query}


def cases():
    places = [
        {"bucket": "study-raw", "region": "eu-west-1", "endpoint": None, "style": "virtual"},
        {"bucket": "study-raw", "region": "eu-west-1", "endpoint": None, "style": "path"},
        {"bucket": "study-raw", "region": "cn-north-1", "endpoint": None, "style": "virtual"},
        {"bucket": "study-raw", "region": "us-gov-west-1", "endpoint": None, "style": "virtual"},
        {"bucket": "a.study", "region": "us-east-2", "endpoint": None, "style": "path"},
        {"bucket": "study", "region": "us-east-1", "endpoint": "http://127.0.0.1:9000", "style": "path"},
        {"bucket": "study", "region": "us-east-1", "endpoint": "https://s3.example:8443", "style": "virtual"},
    ]
    keys = ["users/user_001/steps/user_001_steps_20261122.csv", "a=b/U.S-1_2/x.csv"]
    encryptions = [None, "AES256", "aws:kms", "aws:kms:arn:aws:kms:eu-west-1:123456789012:key/1-2"]
    axes = itertools.product(places, keys, encryptions, [None, "123456789012"], [None, TOKEN])
    for place, key, sse, owner, token in axes:
        yield dict(place, key=key, sse=sse, owner=owner, token=token)


def judge_signatures(folder):
    count = 0
    for case in cases():
        actions = ["put"] if case["sse"] else ["put", "head", "delete"]
        for action in actions:
            our_url, headers = ours(folder, action, case)
            our_parts, their_parts = parts(our_url), parts(theirs(action, case))
            for name in sorted(set(our_parts) | set(their_parts)):
                same = our_parts.get(name) == their_parts.get(name)
                check(same, f"{action} {case}: {name}: {our_parts.get(name)} != {their_parts.get(name)}")
            signed = set(our_parts["X-Amz-SignedHeaders"][0].split(";"))
            unsigned = {name for name in headers if name not in signed}
            check(unsigned <= {"accept-encoding"}, f"{action} {case}: unsigned headers {unsigned}")
            count += 1
    print(f"signatures: {count} requests are signed as boto3 signs them")


# --- 2. Objects ------------------------------------------------------------------------------------


class World:
    """fitsync-sim, and a folder in which one participant has signed in and synced."""

    def __init__(self, folder, dir):
        self.folder, self.dir = folder, pathlib.Path(dir)
        program = [folder / "fitsync-sim", "--participants", "2", "--until-stdin-closes"]
        self.process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = json.loads(self.process.stdout.readline())
        self.environment = dict(
            self.about["environment"],
            FITSYNC_DATA_DIR=str(self.dir / "data"),
            TOKEN_STORE_DIR=str(self.dir / "tokens"),
            FITSYNC_LISTEN="127.0.0.1:0",
            FITSYNC_S3_PREFIX="judge/a=1",
            FITSYNC_LOG="warn",
            PATH=os.environ["PATH"],
        )

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)

    def fitsync(self, *words, text=None):
        program = [self.folder / "fitsync", *words]
        return subprocess.run(
            program, env=self.environment, cwd=self.dir, input=text, capture_output=True, text=True, timeout=300
        )

    def sign_in(self, who):
        program = [self.folder / "fitsync", "login", who]
        login = subprocess.Popen(
            program,
            env=self.environment,
            cwd=self.dir,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        address = login.stdout.readline().strip()
        consent = [self.folder / "fitsync-sim", "consent", "--control", self.about["control"]]
        ends_at = subprocess.run([*consent, "--url", address, "--who", who], capture_output=True, text=True)
        check(ends_at.returncode == 0, f"consent of {who}: {ends_at.stderr}")
        login.stdin.write(ends_at.stdout)
        login.stdin.close()
        check(login.wait(timeout=60) == 0, f"login of {who} ends with {login.returncode}")


def judge_objects(world):
    for who in ["p1", "p2"]:
        world.sign_in(who)
    synced = world.fitsync("sync")
    check(synced.returncode == 0, f"sync: {synced.stderr}")
    environment = world.environment
    bucket = environment["S3_BUCKET_RAW"]
    s3 = client(environment["AWS_DEFAULT_REGION"], environment["AWS_ENDPOINT_URL_S3"], "path", environment)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    listed = {one["Key"]: one["Size"] for page in pages for one in page.get("Contents", [])}
    data = world.dir / "data"
    local = {"judge/a=1/" + str(path.relative_to(data)): path for path in data.glob("users/**/*.csv")}
    check(len(local) > 20, f"only {len(local)} files were written")
    check(set(listed) == set(local), f"listed and local differ: {set(listed) ^ set(local)}")
    for key, path in local.items():
        expected = path.read_bytes()
        found = s3.get_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        check(found["Body"].read() == expected, f"{key} has other bytes")
        check(found["ContentLength"] == len(expected) == listed[key], f"{key} has another size")
        check(found["ETag"].strip('"') == hashlib.md5(expected).hexdigest(), f"{key} has another ETag")
        sha256 = base64.b64encode(hashlib.sha256(expected).digest()).decode()
        check(found.get("ChecksumSHA256") in (None, sha256), f"{key} has another checksum")
        check(found["ContentType"] == "text/csv; charset=utf-8", f"{key} is {found['ContentType']}")
    print(f"objects: {len(local)} objects are what was written")
    return s3, bucket, sorted(local)


# --- 3. Verify -------------------------------------------------------------------------------------


def judge_verify(world, s3, bucket, keys):
    same = world.fitsync("verify")
    check((same.returncode, same.stdout) == (0, ""), f"verify: {same.returncode} {same.stdout} {same.stderr}")
    gone, changed = keys[0], keys[1]
    s3.delete_object(Bucket=bucket, Key=gone)
    body = s3.get_object(Bucket=bucket, Key=changed)["Body"].read()
    s3.put_object(Bucket=bucket, Key=changed, Body=body[:-1] + b"x")
    found = world.fitsync("verify")
    expected = {f"missing s3://{bucket}/{gone}", f"different s3://{bucket}/{changed}"}
    check(found.returncode == 1, f"verify ends with {found.returncode}")
    check(set(found.stdout.splitlines()) == expected, f"verify finds {found.stdout}")
    check(world.fitsync("verify", "--repair").returncode == 1, "verify --repair")
    check(world.fitsync("upload").returncode == 0, "upload after a repair")
    again = world.fitsync("verify")
    check((again.returncode, again.stdout) == (0, ""), f"after the repair: {again.stdout}")
    print("verify: finds what boto3 deleted and changed, and repairs it")


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    # Nothing of this machine's own AWS settings may have a say.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    with tempfile.TemporaryDirectory() as dir:
        world = World(folder, dir)
        try:
            judge_verify(world, *judge_objects(world))
        finally:
            world.close()
    freeze_boto3()
    judge_signatures(folder)


main()
