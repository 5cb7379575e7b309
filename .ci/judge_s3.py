#!/usr/bin/env python3
"""An independent judge of what fitsync does with S3: boto3, AWS's own library.

    judge_s3.py FOLDER

FOLDER is a cargo target folder (…/debug) with fitsync, fitsync-sim, examples/sign_s3 and examples/waiting_files. boto3 has to be
importable: the caller makes a virtual environment for it.

1. Signatures: for the same request at the same time, boto3's presigned address equals ours in every part.
2. Objects: what a sync has uploaded is listed, read and compared byte for byte, with its metadata.
3. The other way round: what boto3 changes and deletes, `fitsync verify` finds.
4. Credentials: with the same environment and the same profile files, an upload of fitsync and one of boto3 arrive at the
   same address with the same key, session and region, and have asked STS the same on their way.
"""

import base64
import datetime
import hashlib
import http.server
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
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


# --- 4. Credentials --------------------------------------------------------------------------------


class Address(http.server.BaseHTTPRequestHandler):
    """An S3 that takes every upload, and an STS that gives keys named after the role."""

    protocol_version = "HTTP/1.1"

    def reply(self, body, **headers):
        self.send_response(200)
        for name, value in dict(headers, Content_Length=str(len(body))).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        in_header = self.headers.get("Authorization", "").partition("Credential=")[2].partition(",")[0]
        key, _, region, *_ = query.get("X-Amz-Credential", [in_header])[0].split("/")
        token = query.get("X-Amz-Security-Token", [self.headers.get("X-Amz-Security-Token")])[0]
        self.server.seen.append({"to": self.server.server_port, "key": key, "region": region, "token": token})
        self.reply(b"", ETag=f'"{hashlib.md5(body).hexdigest()}"')

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        names = ["Action", "RoleArn", "ExternalId", "RoleSessionName", "DurationSeconds", "WebIdentityToken"]
        asked = {name: form[name][0] for name in names if name in form}
        signed = self.headers.get("Authorization", "").partition("Credential=")[2].split("/")
        self.server.seen.append(dict(asked, by=signed[0], region=signed[2] if signed[1:] else None))
        role = asked["RoleArn"].rpartition("/")[2]
        result = (
            f"<{asked['Action']}Response><{asked['Action']}Result><Credentials><AccessKeyId>{role}</AccessKeyId>"
            f"<SecretAccessKey>of-{role}</SecretAccessKey><SessionToken>session-{role}</SessionToken>"
            "<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser><Arn>a</Arn><AssumedRoleId>i"
            f"</AssumedRoleId></AssumedRoleUser></{asked['Action']}Result></{asked['Action']}Response>"
        )
        self.reply(result.encode(), Content_Type="text/xml")

    def log_message(self, *_):
        pass


def serve(seen):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Address)
    server.seen, server.daemon_threads = seen, True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


ROLE = "arn:aws:iam::123456789012:role"


def credential_cases(dir, one, two):
    """Name, environment, config file, credentials file. Left out is where AWS's own tools disagree with each other."""
    env = {"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s"}
    at = {"AWS_ENDPOINT_URL": one, "AWS_DEFAULT_REGION": "eu-west-1"}
    clinic = {"AWS_PROFILE": "clinic"}

    def keys(name):
        return f"aws_access_key_id = {name}\naws_secret_access_key = s\n"

    process = f"credential_process = sh {dir}/get-keys\n"
    (dir / "get-keys").write_text(
        """echo '{"Version": 1, "AccessKeyId": "PROCESS", "SecretAccessKey": "s", "SessionToken": "t/+=",
        "Expiration": "2099-01-01T00:00:00Z"}'"""
    )
    (dir / "token").write_text("a.web.token")
    role = f"[profile clinic]\nrole_arn = {ROLE}/outer\nrole_session_name = pi\n"
    yield "environment", env | at, "", ""
    yield "environment with a session", env | at | {"AWS_SESSION_TOKEN": TOKEN}, "", ""
    yield "environment before AWS_PROFILE", env | at | clinic, "", f"[clinic]\n{keys('FILE')}"
    yield "an empty name is none", at | {"AWS_ACCESS_KEY_ID": ""}, "", f"[default]\n{keys('FILE')}"
    yield "default profile", at, "", f"[default]\n{keys('FILE')}[clinic]\n{keys('CLINIC')}"
    yield "named profile", at | clinic, "", f"[default]\n{keys('FILE')}[clinic]\n{keys('CLINIC')}"
    yield "keys in config", at | clinic, f"[profile clinic]\n{keys('CONFIG')}", ""
    yield "credentials before config", at | clinic, f"[profile clinic]\n{keys('CONFIG')}", f"[clinic]\n{keys('CLINIC')}"
    yield "profile default before default", at, f"[default]\n{keys('A')}[profile default]\n{keys('B')}", ""
    yield "session token in a file", at | clinic, "", f"[clinic]\n{keys('CLINIC')}aws_session_token = {TOKEN}\n"
    yield "comments and blanks", at | clinic, "", f"# a\n[clinic]\n; b\n\n{keys('CLINIC')}\n"
    yield "process", at | clinic, f"[profile clinic]\n{process}", ""
    yield "process of the default profile", at, f"[default]\n{process}", ""
    yield "region of the profile", {"AWS_ENDPOINT_URL": one} | clinic, "[profile clinic]\nregion = ap-south-1\n", (
        f"[clinic]\n{keys('CLINIC')}"
    )
    yield "role", at | clinic, f"{role}source_profile = base\nexternal_id = e-1\n", f"[base]\n{keys('BASE')}"
    yield "role for a while", at | clinic, f"{role}source_profile = base\nduration_seconds = 1800\n", (
        f"[base]\n{keys('BASE')}"
    )
    yield "role by a process", at | clinic, f"{role}source_profile = base\n[profile base]\n{process}", ""
    yield "role by the role of another", at | clinic, (
        f"{role}source_profile = inner\n[profile inner]\nrole_arn = {ROLE}/inner\nrole_session_name = pi-2\n"
        f"source_profile = base\n[profile base]\n{keys('BASE')}"
    ), ""
    yield "role of a web identity", at | clinic, f"{role}web_identity_token_file = {dir}/token\n", ""
    web = {"AWS_WEB_IDENTITY_TOKEN_FILE": f"{dir}/token", "AWS_ROLE_ARN": f"{ROLE}/web", "AWS_ROLE_SESSION_NAME": "pi"}
    yield "web identity of the environment", at | web, "", ""
    elsewhere = f"[profile clinic]\nendpoint_url = {two}\n{keys('CLINIC')}"
    region = {"AWS_DEFAULT_REGION": "eu-west-1"}
    yield "address of the profile", clinic | region, elsewhere, ""
    yield "address of the environment first", at | clinic, elsewhere, ""
    yield "address of the service first", clinic | at | {"AWS_ENDPOINT_URL_S3": two}, elsewhere, ""
    yield "address of a services section", clinic | region, (
        f"[profile clinic]\nservices = lan\nendpoint_url = {one}\n{keys('CLINIC')}"
        f"[services lan]\ns3 =\n  endpoint_url = {two}\n"
    ), ""


def put_with_boto3():
    boto3.client("s3").put_object(Bucket="study-raw", Key="k", Body=b"x")


def judge_credentials(folder, dir):
    dir, seen, count = pathlib.Path(dir), [], 0
    (_, one), (_, two) = serve(seen), serve(seen)
    for name, environment, config, credentials in credential_cases(dir, one, two):
        (dir / "config").write_text(config)
        (dir / "credentials").write_text(credentials)
        environment = environment | {
            "PATH": os.environ["PATH"],
            "HOME": str(dir),
            "AWS_CONFIG_FILE": f"{dir}/config",
            "AWS_SHARED_CREDENTIALS_FILE": f"{dir}/credentials",
            "AWS_EC2_METADATA_DISABLED": "true",
            "S3_BUCKET_RAW": "study-raw",
            "TOKEN_STORE_DIR": f"{dir}/tokens",
            "FITSYNC_DATA_DIR": f"{dir}/data-{count}",
        }
        made = [folder / "examples" / "waiting_files", environment["FITSYNC_DATA_DIR"], "1", "1"]
        subprocess.run(made, check=True, capture_output=True)
        found = []
        for program in [[folder / "fitsync", "upload"], [sys.executable, __file__, "--put"]]:
            seen.clear()
            done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=120)
            check(done.returncode == 0, f"{name}: {program[-1]}: {done.stderr[-2000:]}")
            found.append(list(seen))
        check(found[0] == found[1] and found[0], f"{name}: fitsync {found[0]}, boto3 {found[1]}")
        count += 1
    print(f"credentials: in {count} situations an upload arrives as boto3's does")


def main():
    if sys.argv[1] == "--put":
        return put_with_boto3()
    folder = pathlib.Path(sys.argv[1]).resolve()
    # Nothing of this machine's own AWS settings may have a say.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    with tempfile.TemporaryDirectory() as dir:
        judge_credentials(folder, dir)
    with tempfile.TemporaryDirectory() as dir:
        world = World(folder, dir)
        try:
            judge_verify(world, *judge_objects(world))
        finally:
            world.close()
    freeze_boto3()
    judge_signatures(folder)


main()
