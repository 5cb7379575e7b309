"""What the checks of the sign-in pages share: the two programs, a world for them, and waiting."""

import json
import os
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# A loaded machine is slow, and nothing here is about being quick.
WAIT_S = 60


def run(*command, **options):
    return subprocess.run(command, check=True, **options)


def build(release=False):
    """The two programs; the simulator is built apart, so that its features stay its own."""
    words = ("--release",) if release else ()
    run("cargo", "build", "--quiet", "--locked", "-p", "fitsync", *words, cwd=ROOT)
    run("cargo", "build", "--quiet", "--locked", "-p", "fitsync-sim", cwd=ROOT)
    # A relative folder is cargo's, which ran at the root.
    target = os.path.join(ROOT, os.environ.get("CARGO_TARGET_DIR", "target"))
    fitsync = os.path.join(target, "release" if release else "debug", "fitsync")
    return fitsync, os.path.join(target, "debug", "fitsync-sim")


def free_port():
    """Below the ports that the kernel gives to connections, so that it stays free until it is used."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def until(what, check, seconds=WAIT_S):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s for {what}")


class World:
    """The simulator, and a folder for one fitsync."""

    def __init__(self, fitsync, simulator, redirects=(), options=()):
        self.fitsync, self.simulator = fitsync, simulator
        arguments = [word for url in redirects for word in ("--redirect", url)]
        self.sim = subprocess.Popen([simulator, *arguments, *options], stdout=subprocess.PIPE, text=True)
        self.facts = json.loads(self.sim.stdout.readline())
        self.folder = tempfile.mkdtemp(prefix="fitsync-world-")
        self.programs = []

    def control(self, name, **fields):
        url = f"{self.facts['control']}/_sim/{name}?{urllib.parse.urlencode(fields)}"
        with urllib.request.urlopen(url, None if name == "secrets" else b"", timeout=30) as reply:
            return json.load(reply)

    def environment(self, port, redirect):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("FITSYNC_", "GOOGLE_", "FITBIT_", "AWS_"))}
        return dict(environment, FITSYNC_LISTEN=f"127.0.0.1:{port}", FITSYNC_STUDY_NAME="Sleep and Heart study",
                    **{"FITSYNC_LOG": "debug", **self.facts["environment"]}, GOOGLE_REDIRECT_URI=redirect)

    def start(self, port, redirect, *words, listen=None):
        """A fitsync that keeps running; its stderr goes to a file."""
        environment = self.environment(port, redirect)
        environment.update({"FITSYNC_LISTEN": listen} if listen else {})
        log = os.path.join(self.folder, f"stderr-{len(self.programs)}")
        out = os.path.join(self.folder, f"stdout-{len(self.programs)}")
        with open(log, "w") as stderr, open(out, "w") as stdout:
            program = subprocess.Popen([self.fitsync, *words], cwd=self.folder, stdin=subprocess.PIPE, text=True,
                                       stdout=stdout, stderr=stderr, env=environment)
        program.log, program.out = log, out
        self.programs.append(program)
        return program

    def run(self, port, redirect, *words, given=None):
        return subprocess.run([self.fitsync, *words], cwd=self.folder, input=given, text=True, timeout=120,
                              capture_output=True, env=self.environment(port, redirect))

    def login(self, port, redirect, user):
        program = self.start(port, redirect, "login", user)
        page = until("the page's address", lambda: re.search(r"http://[^ \n]*/s/[\w-]{22}", read(program.log)))
        return program, page.group(0)

    def stop(self):
        for program in self.programs:
            program.kill()
            program.wait()
        self.sim.kill()
        self.sim.wait()
        logs = "".join(read(program.log) + read(program.out) for program in self.programs)
        shutil.rmtree(self.folder, ignore_errors=True)
        return logs


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
