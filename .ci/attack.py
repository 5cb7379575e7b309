"""attack   see .ci/attack"""

import http.client
import os
import re
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse

from portal import ROOT, WAIT_S, World, build, free_port, read, until

PASSWORD = "correct horse battery staple"
FLOOD_S = 20
MEMORY_KB_MAX = 16 * 1024
# The operator's known browser and one-time link get in within this, whatever others do.
OPERATOR_S_MAX = 5
FORM = "application/x-www-form-urlencoded"


# --- Asking -------------------------------------------------------------------------------------


def send(port, data, source="127.0.0.1", to="127.0.0.1"):
    """The bytes that come back for these bytes; empty where the connection was closed."""
    if isinstance(data, str):
        data = data.encode()
    with socket.socket() as client:
        client.settimeout(WAIT_S)
        client.bind((source, 0))
        client.connect((to, port))
        answer = b""
        try:
            client.sendall(data)
            while chunk := client.recv(65536):
                answer += chunk
        except (ConnectionResetError, BrokenPipeError):
            pass
        return answer.decode(errors="replace")


def ask(port, target, form=None, cookie="", host=None, extra="", source="127.0.0.1", to="127.0.0.1"):
    """One well-formed request; its status, head and body."""
    lines = [f"{'GET' if form is None else 'POST'} {target} HTTP/1.1", f"Host: {host or f'127.0.0.1:{port}'}"]
    if cookie:
        lines.append(f"Cookie: {cookie}")
    body = ""
    if form is not None:
        body = urllib.parse.urlencode(form)
        lines += [f"Content-Type: {FORM}", f"Content-Length: {len(body)}"]
    answer = send(port, "\r\n".join(lines) + "\r\n" + extra + "\r\n" + body, source, to)
    head, _, body = answer.partition("\r\n\r\n")
    status = int(head.split(" ")[1]) if head else 0
    return status, head, body


def token_of(body):
    return re.search(r'name="token" value="([^"]*)"', body).group(1)


def cookie_of(head):
    return re.search(r"Set-Cookie: ([^;]*)", head).group(1)


def location(head):
    found = re.search(r"Location: (\S+)", head)
    return found.group(1) if found else None


def same(what, seen, expected):
    assert seen == expected, f"{what}: {seen!r}, not {expected!r}"


class Study:
    """`serve` with an operator's password, one invitation, and an operator who is signed in."""

    def __init__(self, world, port):
        self.world, self.port, self.state = world, port, ""
        self.redirect = f"http://localhost:{self.port}/auth/callback"
        done = world.run(self.port, self.redirect, "serve", "--set-password", given=PASSWORD + "\n")
        same("serve --set-password", done.returncode, 0)
        self.program = world.start(self.port, self.redirect, "serve")
        until("the pages", lambda: "the pages are at" in read(self.program.log))
        _, head, body = ask(self.port, "/operator")
        self.visitor, self.visitor_token, self.visitor_head = cookie_of(head), token_of(body), head
        status, self.session_head, _ = self.sign_in(PASSWORD)
        same("sign in", status, 303)
        self.session = cookie_of(self.session_head)
        _, _, body = ask(self.port, "/operator", cookie=self.session)
        self.token = token_of(body)
        self.link = self.invite("user_001")

    def sign_in(self, password, source="127.0.0.1"):
        form = {"token": self.visitor_token, "password": password}
        return ask(self.port, "/operator/sign-in", form, cookie=self.visitor, source=source)

    def invite(self, user):
        status, head, body = ask(self.port, "/operator/invite", {"token": self.token, "user_id": user}, cookie=self.session)
        same("invite", status, 303)
        _, _, body = ask(self.port, location(head), cookie=self.session)
        return re.search(r"/s/[\w-]{22}", body).group(0)

    def is_open(self):
        return "Connect user_001" in ask(self.port, self.link)[2]


# --- Attacks ------------------------------------------------------------------------------------


def what_two_readers_would_read_differently_is_answered_once(study):
    get = "GET / HTTP/1.1\r\nHost: localhost\r\n"
    post = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n"
    smuggled = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for data, status in (
        (f"{get}Transfer-Encoding: identity\r\n\r\n{smuggled}", 501),
        (f"{get}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}", 501),
        (f"{post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}", 501),
        (f"{post}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd{smuggled}", 400),
        (f"{post}Content-Length: 4\r\n\r\nabcd{smuggled}", 404),
        (f"{get}\r\n{smuggled}", 200),
        (f"{get}A: b\r\n folded: c\r\n\r\n", 400),
        (f"{get}Host: other\r\n\r\n", 400),
        (f"{get[:-2]}\n\n", 0),
        ("GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        ("GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("\x16\x03\x01\x02\x00\x01\x00", 0),
    ):
        answer = send(study.port, data)
        if status:
            assert answer.startswith(f"HTTP/1.1 {status} "), f"{data[:80]!r}: {answer[:80]!r}"
        assert len(re.findall(r"HTTP/1.1 \d", answer)) <= 1, f"{data[:80]!r} was answered twice"


def huge_requests_are_cut_off(study):
    get = "GET / HTTP/1.1\r\nHost: localhost\r\n"
    post = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n"
    for data, status in (
        (f"{get}A: {'b' * 50_000_000}\r\n\r\n", 431),
        (f"GET /{'a' * 9_000} HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
        (f"{get}{'A: b' * 1}\r\n{'C: d' * 1}\r\n" + "E: f\r\n" * 70 + "\r\n", 431),
        (f"{post}Content-Length: 16385\r\n\r\n{'a' * 16385}", 413),
        (f"{post}Content-Length: 99999999999999999999\r\n\r\n", 413),
        (f"{post}\r\n", 411),
    ):
        answer = send(study.port, data)
        # A client that sends on and on may find the connection reset instead of the answer.
        assert answer.startswith(f"HTTP/1.1 {status} ") or (not answer and len(data) > 1_000_000), answer[:80]


def a_request_that_does_not_end_is_ended(study):
    for data in ("", "GET / HTTP/1.1\r\nHost: localhost\r\n", f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n"
                 "Content-Length: 9\r\n\r\na"):
        begun = time.monotonic()
        answer = send(study.port, data)
        assert not answer or answer.startswith("HTTP/1.1 408 "), answer[:80]
        print(f"    ended after {time.monotonic() - begun:.1f} s", flush=True)


def every_answer_is_protected(study):
    raw = ["NONSENSE\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", "TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n"]
    heads = [send(study.port, data).partition("\r\n\r\n")[0] for data in raw]
    for target in ("/", "/healthz", "/operator", study.link, "/nothing", "/auth/callback?code=a&state=b", "/s?code=x", "/auth/denied"):
        heads.append(ask(study.port, target)[1])
        heads.append(ask(study.port, target, host="evil.example")[1])
        heads.append(ask(study.port, target, {"token": "x"})[1])
    for head in heads:
        for line in ("Cache-Control: no-store", "Referrer-Policy: no-referrer", "X-Frame-Options: DENY", "default-src 'none'",
                     "frame-ancestors 'none'", "X-Content-Type-Options: nosniff", "Connection: close"):
            assert line in head, f"{line}: {head}"
        assert "script-src" not in head and "unsafe" not in head, head
    print(f"    {len(heads)} answers", flush=True)


def other_methods_are_refused(study):
    for method in ("HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get"):
        answer = send(study.port, f"{method} / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer.startswith("HTTP/1.1 405 "), f"{method}: {answer[:60]}"


def a_name_that_leads_here_by_rebinding_is_refused(study):
    for host in ("evil.example", f"evil.example:{study.port}", "localhost.evil.example", "127.0.0.1.nip.io", "[::1].evil.example"):
        for target in ("/", study.link, "/operator", "/fitbit/login?user_id=user_001", "/auth/callback?state=x&code=y"):
            status, _, body = ask(study.port, target, cookie=study.session, host=host)
            same(f"{host} {target}", status, 421)
            assert "user_" not in body, body
    assert study.is_open()


def cookies_are_kept_from_scripts_and_other_sites(study):
    for head in (study.visitor_head, study.session_head):
        line = re.search(r"Set-Cookie: (.*)", head).group(1)
        assert "; HttpOnly; SameSite=Strict" in line and "Domain" not in line, line
        assert re.match(r"\w+=[\w-]{22};", line), "128 bits"


def forms_of_other_sites_are_refused(study):
    before = ask(study.port, "/operator", cookie=study.session)[2]
    other = study.invite("user_002")
    other_token = token_of(ask(study.port, f"{other}?paste=1")[2])
    for token in ("", "A" * 22, study.visitor_token, other_token, study.token + "A"):
        for target in ("/operator/invite", "/operator/sign-out"):
            same(target, ask(study.port, target, {"token": token, "user_id": "user_009"}, cookie=study.session)[0], 403)
        for action in ("paste", "done", "again", "not-mine"):
            same(action, ask(study.port, f"{study.link}/{action}", {"token": token, "address": "x"})[0], 403)
        status, _, _ = ask(study.port, "/fitbit/login", {"token": token, "user_id": "user_009"}, cookie=study.session)
        assert status == 403, status
    # A session alone, or a token alone, opens nothing.
    same("no session", "Operator" in ask(study.port, "/operator/invite", {"token": study.token, "user_id": "u"})[2], True)
    after = ask(study.port, "/operator", cookie=study.session)[2]
    assert "Make a link" in before and "Make a link" in after and study.is_open()


def looking_changes_nothing(study):
    for target in (f"/operator/invite?token={study.token}&user_id=user_001", f"/operator/sign-out?token={study.token}",
                   f"{study.link}/done", f"{study.link}/paste?address=x", f"{study.link}/not-mine", f"{study.link}/again",
                   f"/fitbit/login?user_id=user_001&token={study.token}"):
        ask(study.port, target, cookie=study.session)
    for _ in range(50):  # previews of mail and chat programs
        ask(study.port, study.link, extra="User-Agent: WhatsApp/2\r\n")
    assert study.is_open()
    same("still signed in", "Make a link" in ask(study.port, "/operator", cookie=study.session)[2], True)


def ids_cannot_be_listed_or_guessed(study):
    known = ask(study.port, "/operator/participant/user_001")[2]
    bodies = {re.sub(r'value="[^"]*"', "", ask(study.port, f"/operator/participant/{user}")[2]) for user in ("user_001", "user_999", "..")}
    same("one answer for all ids", len(bodies), 1)
    assert "user_" not in known
    unknown = {ask(study.port, f"/s/{guess}")[2] for guess in ("A" * 22, "K7QM-3FXD", "user_001", study.link[3:-1] + "~")}
    same("one answer for all guesses", len(unknown), 1)
    for target in ("/", "/status", "/s/", "/operator/invite/0", "/users", "/auth/callback?state=&code=x", "/metrics", "/.env"):
        assert "user_00" not in ask(study.port, target)[2], target


def values_are_text_and_never_markup(study):
    evil = "\"'><script>alert(1)</script>"
    quoted = urllib.parse.quote(evil)
    for target in (f"/?{quoted}", f"/s?code={quoted}", f"/s/{quoted}", f"/operator?show={quoted}&page={quoted}",
                   f"/fitbit/login?user_id={quoted}", f"/auth/callback?error={quoted}&state=s", f"/operator/participant/{quoted}"):
        for cookie in ("", study.session):
            _, head, body = ask(study.port, target, cookie=cookie)
            assert "<script" not in body or "Content-Type: text/plain" in head, target
    _, _, body = ask(study.port, "/operator/invite", {"token": study.token, "user_id": evil}, cookie=study.session)
    assert "<script" not in body and "&lt;script&gt;" in body, body
    token = token_of(ask(study.port, f"{study.link}?paste=1")[2])
    ask(study.port, f"{study.link}/paste", {"token": token, "address": f"http://localhost/?code={evil}&state={evil}"})
    assert "<script" not in ask(study.port, study.link)[2]
    status, head, _ = ask(study.port, "/s?code=%0d%0aSet-Cookie:%20a=b")
    assert "a=b" not in head and status < 500


def being_on_the_gateway_is_no_operator(study):
    target = "/fitbit/login?user_id=user_001"
    proxied = ("", "X-Forwarded-For: 127.0.0.1\r\n", "Forwarded: for=1\r\n", "Via: 1.1 proxy\r\n", "X-Real-IP: 127.0.0.1\r\n")
    for host in ("localhost", "127.0.0.1", "192.168.1.20:8000"):
        for extra in proxied:
            body = ask(study.port, target, host=host, extra=extra)[2]
            assert "This opens a sign-in" not in body, f"{host} {extra}"
    form = {"token": study.visitor_token, "user_id": "user_001"}
    assert "Operator" in ask(study.port, "/fitbit/login", form, cookie=study.visitor)[2], "a stranger behind a plain proxy"
    assert study.is_open(), "the operator's own link lives"
    assert "This opens a sign-in" in ask(study.port, target, cookie=study.session)[2], "the operator"
    elsewhere = ask(study.port, "/operator", host="192.168.1.20:8000", cookie=study.session)[2]
    assert f"https://192.168.1.20:{study.port + 1}/operator" in elsewhere and "password" not in elsewhere, elsewhere


def a_mailed_address_binds_no_account(study):
    token = token_of(ask(study.port, study.link)[2])
    cookie = cookie_of(ask(study.port, study.link)[1])
    address = location(ask(study.port, f"{study.link}/go", {"token": token}, cookie=cookie)[1])
    returned = study.world.control("consent", url=address, who="p2")["redirect"]
    target = returned[returned.index("/auth"):]
    for other in ("", "fitsync_browser=" + "A" * 22):
        status, head, body = ask(study.port, target, cookie=other)
        assert status == 403 and location(head) is None and "began in another browser" in body, body
    assert study.is_open()
    study.state = urllib.parse.parse_qs(urllib.parse.urlparse(address).query)["state"][0]


def a_code_without_its_state_is_worth_nothing(study):
    for query in ("code=4/abc", "code=4/abc&state=", f"code=4/abc&state={'A' * 22}", "error=access_denied&state=x", "state=x"):
        status, head, _ = ask(study.port, f"/auth/callback?{query}")
        assert status in (400, 404) and location(head) is None, f"{query}: {status}"
    assert study.is_open()


def guessed_passwords_make_their_sender_wait_and_nobody_else(study):
    statuses = [study.sign_in(f"wrong number {number}", "127.0.3.1")[0] for number in range(8)]
    print(f"    {statuses}", flush=True)
    assert set(statuses[:5]) == {403} and statuses[-1] == 429, statuses
    same("the next address", study.sign_in(PASSWORD, "127.0.3.2")[0], 303)
    for number in range(8):
        same("behind a proxy", study.sign_in(f"wrong number {number}")[0], 403)
    same("somebody else there", study.sign_in(PASSWORD)[0], 303)
    same("who is signed in goes on", "Make a link" in ask(study.port, "/operator", cookie=study.session)[2], True)


def nothing_secret_is_logged(study):
    log = read(study.program.log)
    state = study.state
    for secret in (study.link, study.link[3:], study.session.split("=")[1], study.visitor.split("=")[1], study.token, PASSWORD, state,
                   "4/abc"):
        assert secret not in log, f"{secret!r} is in the log"


def wrong_codes_cost_who_guesses_time_and_nobody_else_anything(world, port):
    redirect = f"http://localhost:{port}/auth/callback"
    program, page = world.login(port, redirect, "user_007")
    link = page[page.rindex("/s/"):]
    code = re.search(r"type the code ([0-9A-Z]{4}-[0-9A-Z]{4})", read(program.log)).group(1)

    def typed(text, source):
        token = token_of(ask(port, "/", source=source)[2])
        return ask(port, "/s", {"token": token, "code": text}, source=source)

    for number in range(60):  # as pictures on any web page
        assert "Connect" not in ask(port, f"/s/{number:04}-0000")[2]
        assert "Connect" not in ask(port, f"/s?code={number:04}-0000")[2]
    seen = [typed(f"{number:04}-0000", "127.0.2.1")[0] for number in range(7)]
    same("wrong codes", (seen[:5], seen[-1]), ([404] * 5, 429))
    for number in range(40):
        same("a wrong code", typed(f"{number:04}-0000", f"127.0.2.{10 + number}")[0], 404)
    same("the right code", location(typed(code, "127.0.2.2")[1]), link)
    assert "Connect user_007" in ask(port, link)[2]
    address = read(program.out).split()[0]
    returned = world.control("consent", url=address, who="p1")["redirect"]
    program.stdin.write(returned + "\n")
    program.stdin.close()
    same("the paste", program.wait(WAIT_S), 0)


def public_peers_are_closed(fitsync):
    """In a network of its own, where this machine has any address that is wished for."""
    words = "ip link set lo up && for a in 198.51.100.7 203.0.113.9 10.9.9.8 10.9.9.9; do ip address add $a/32 dev lo; done"
    probe = subprocess.run(["unshare", "-n", "sh", "-c", words], capture_output=True, text=True)
    if probe.returncode:
        print(f"    NOT SEEN: no network of its own here ({probe.stderr.strip()})", flush=True)
        return
    me = os.path.abspath(__file__)
    done = subprocess.run(["unshare", "-n", "sh", "-c", f'{words} && exec "$0" "$@"', sys.executable, me, "--peers", fitsync],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout.rstrip(), flush=True)


def peers(fitsync):
    """Runs where the public addresses are this machine's own."""
    for listen, private_sees, public_sees in ((":{}", 200, 0), ("0.0.0.0:{}", 200, 0), ("198.51.100.7:{}", 200, 200)):
        port = free_port()
        folder = tempfile.mkdtemp(prefix="fitsync-peers-")
        environment = dict(PATH=os.environ["PATH"], GOOGLE_CLIENT_ID="c", GOOGLE_CLIENT_SECRET="s", FITSYNC_LISTEN=listen.format(port))
        with open(os.path.join(folder, "log"), "w") as log:
            program = subprocess.Popen([fitsync, "serve"], cwd=folder, env=environment, stderr=log, stdin=subprocess.DEVNULL)
        to = listen.split(":")[0]
        private = to if to.startswith("198") else "10.9.9.8"
        try:
            until("the pages", lambda: "the pages are at" in read(log.name))
            same(f"10.9.9.9 at {listen}", ask(port, "/healthz", source="10.9.9.9", to=private)[0], private_sees)
            same(f"203.0.113.9 at {listen}", ask(port, "/healthz", source="203.0.113.9", to=private)[0], public_sees)
            body = ask(port, "/fitbit/login?user_id=a", host="localhost", source="10.9.9.9", to=private,
                       extra="Fitsync-Local: yes\r\nFitsync-Peer: 127.0.0.1\r\n")[2]
            assert "This opens a sign-in" not in body, "headers of our own are not taken from outside"
            print(f"    {listen.format('PORT')}: 10.9.9.9 is served, 203.0.113.9 is {'served' if public_sees else 'closed'}")
        finally:
            program.kill()
            program.wait()
            shutil.rmtree(folder)


def few_open_files_do_not_end_it(world):
    port = free_port()
    redirect = f"http://localhost:{port}/auth/callback"
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
    try:
        program = world.start(port, redirect, "serve")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    until("the pages", lambda: "the pages are at" in read(program.log))
    held = []
    for number in range(300):
        client = socket.socket()
        client.bind((f"127.0.1.{1 + number % 100}", 0))
        client.connect(("127.0.0.1", port))
        held.append(client)
    try:
        served = visit_until_served(port, None)
        print(f"    ulimit -n 64, 300 half-open connections: a visitor is served at attempt {served}", flush=True)
        assert program.poll() is None
    finally:
        for client in held:
            client.close()
        program.kill()


# --- The flood ----------------------------------------------------------------------------------


def connection_to(port, context, host="127.0.0.1"):
    if context:
        return http.client.HTTPSConnection(host, port, timeout=30, context=context)
    return http.client.HTTPConnection(host, port, timeout=30)


def visit_until_served(port, context, host="127.0.0.1"):
    """The attempt at which the visitor was served; as patient as a person who reloads for a while."""
    for attempt in range(1, 61):
        connection = connection_to(port, context, host)
        try:
            connection.request("GET", "/", headers={"Host": f"localhost:{port}"})
            reply = connection.getresponse()
            if reply.status == 200 and b"Study gateway" in reply.read():
                return attempt
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
    raise AssertionError("the visitor was not served")


class OperatorBrowser:
    """A browser that keeps cookies and tries again."""

    def __init__(self, port, context):
        self.port, self.context, self.cookies, self.token = port, context, {}, ""

    def ask(self, target, form=None):
        connection = connection_to(self.port, self.context)
        try:
            headers = {"Host": f"localhost:{self.port}", "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
            body = None
            if form is not None:
                body, headers["Content-Type"] = urllib.parse.urlencode(form), FORM
            connection.request("GET" if form is None else "POST", target, body, headers)
            reply = connection.getresponse()
            for name, value in reply.getheaders():
                if name == "Set-Cookie":
                    key, _, rest = value.partition("=")
                    self.cookies[key] = rest.split(";")[0]
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def until_in(self, target, form, seconds):
        """How long it took to be signed in, by what the form asks for."""
        begun = time.monotonic()
        while time.monotonic() < begun + seconds:
            try:
                if not self.token:
                    _, body = self.ask("/operator")
                    self.token = token_of(body)
                if self.ask(target, {"token": self.token, **form})[0] == 303:
                    return time.monotonic() - begun
            except (OSError, http.client.HTTPException, AttributeError):
                pass
            time.sleep(0.05)
        raise AssertionError(f"the operator did not get in within {seconds} s")


def memory(pid):
    """The resident memory of the process, now and at most, in kB."""
    status = read(f"/proc/{pid}/status")
    return [int(re.search(rf"{name}:\s+(\d+)", status).group(1)) for name in ("VmRSS", "VmHWM", "Threads")]


def flood(world, kind, context, ipv6):
    port = free_port()
    redirect = f"http://localhost:{port}/auth/callback"
    world.facts["environment"]["FITSYNC_LOG"] = "info"
    same("serve --set-password", world.run(port, redirect, "serve", "--set-password", given=PASSWORD + "\n").returncode, 0)
    program = world.start(port, redirect, "serve", listen=f":{port}" if ipv6 else f"127.0.0.1:{port}")
    until("the pages", lambda: "the pages are at" in read(program.log))
    known, fresh = OperatorBrowser(port, context), OperatorBrowser(port, context)
    quiet = known.until_in("/operator/sign-in", {"password": PASSWORD}, WAIT_S)
    guess = OperatorBrowser(port, context)
    guess.token = token_of(guess.ask("/operator")[1])
    cookie = "; ".join(f"{k}={v}" for k, v in guess.cookies.items())
    visit_until_served(port, context)
    idle = memory(program.pid)[0]
    here = os.path.join(ROOT, ".ci", "flood.py")
    attackers = subprocess.Popen([sys.executable, here, str(port), str(FLOOD_S), kind, "46" if ipv6 else "4", cookie, guess.token])
    threads, times, attempts, operator = [], [], [], {"known browser": [], "one-time link": []}
    time.sleep(2)
    while attackers.poll() is None:
        begun = time.monotonic()
        attempts.append(visit_until_served(port, context, "::1" if ipv6 and len(times) % 2 else "127.0.0.1"))
        times.append(time.monotonic() - begun)
        threads.append(memory(program.pid)[2])
        if len(times) % 8 == 1:
            operator["known browser"].append(known.until_in("/operator/sign-in", {"password": PASSWORD}, WAIT_S))
            link = world.run(port, redirect, "serve", "--sign-in").stdout.strip()
            operator["one-time link"].append(fresh.until_in("/operator/link", {"key": link.rsplit("/", 1)[1]}, WAIT_S))
        time.sleep(0.1)
    same("the attackers", attackers.returncode, 0)
    new = OperatorBrowser(port, context).until_in("/operator/sign-in", {"password": PASSWORD}, 10 * WAIT_S)
    times.sort()
    rss, most, _ = memory(program.pid)
    within = sum(1 for t in times if t < 1) / len(times)
    print(f"    1,000 attackers, {kind}{', IPv4 and IPv6' if ipv6 else ''}: resident {idle} kB idle, at most {most} kB, {rss} kB after; "
          f"at most {max(threads)} threads", flush=True)
    print(f"    visitor: {len(times)} visits, median {times[len(times) // 2] * 1000:.0f} ms, slowest {times[-1] * 1000:.0f} ms, "
          f"{within:.1%} within a second, {sum(1 for a in attempts if a > 1)} had to try again", flush=True)
    for who, took in operator.items():
        print(f"    operator, {who}: {len(took)} times, slowest {max(took):.1f} s (one password, undisturbed: {quiet:.1f} s)", flush=True)
    print(f"    operator, new browser: in {new:.1f} s after the flood", flush=True)
    for who, took in operator.items():
        assert max(took) < OPERATOR_S_MAX, f"{who}: {max(took):.1f} s"
    assert most < MEMORY_KB_MAX, f"{most} kB"
    same("lines about wrong passwords", read(program.log).count("password was wrong") <= 2 + FLOOD_S // 60, True)
    program.terminate()
    same("serve ends", program.wait(WAIT_S), 0)


def flooded(fitsync, simulator):
    """In a network of its own, where this machine has a thousand IPv6 addresses; else with IPv4 alone."""
    words = "ip link set lo up && ip -6 route add local fd00:bad::/64 dev lo"
    me = os.path.abspath(__file__)
    probe = subprocess.run(["unshare", "-n", "sh", "-c", words], capture_output=True, text=True)
    if probe.returncode:
        print(f"    NOT SEEN: IPv6; no network of its own here ({probe.stderr.strip()})", flush=True)
        return floods(fitsync, simulator, False)
    done = subprocess.run(["unshare", "-n", "sh", "-c", f'{words} && exec "$0" "$@"', sys.executable, me, "--flood", fitsync, simulator])
    same("the flood", done.returncode, 0)


def floods(fitsync, simulator, ipv6):
    world = World(fitsync, simulator)
    try:
        flood(world, "plain", None, ipv6)
        context = certificate(world)
        tls_is_this_program_s_own(world, context)
        passed(tls_is_this_program_s_own)
        flood(world, "tls", context, ipv6)
    finally:
        world.stop()


def certificate(world):
    """A certificate for localhost, and a client that trusts it alone."""
    cert, key = os.path.join(world.folder, "cert.pem"), os.path.join(world.folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    world.facts["environment"].update(FITSYNC_TLS_CERT=cert, FITSYNC_TLS_KEY=key)
    return ssl.create_default_context(cafile=cert)


def tls_is_this_program_s_own(world, context):
    port = free_port()
    program = world.start(port, f"http://localhost:{port}/auth/callback", "serve")
    until("the pages", lambda: "the pages are at https://" in read(program.log))
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context.minimum_version = context.maximum_version = version
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost") as client:
            print(f"    {client.version()} {client.cipher()[0]}", flush=True)
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1
    try:
        old.wrap_socket(socket.create_connection(("127.0.0.1", port)))
        raise AssertionError("TLS 1.0 was spoken")
    except (ssl.SSLError, ConnectionError):
        pass
    answer = send(port, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith("HTTP/1.1 421 ") and "https://" in answer, answer[:80]
    connection = http.client.HTTPSConnection("localhost", port, timeout=WAIT_S, context=context)
    connection.request("GET", "/healthz")
    same("healthz over TLS", connection.getresponse().status, 200)
    program.kill()


ON_A_STUDY = [
    what_two_readers_would_read_differently_is_answered_once,
    huge_requests_are_cut_off,
    a_request_that_does_not_end_is_ended,
    every_answer_is_protected,
    other_methods_are_refused,
    a_name_that_leads_here_by_rebinding_is_refused,
    cookies_are_kept_from_scripts_and_other_sites,
    forms_of_other_sites_are_refused,
    looking_changes_nothing,
    ids_cannot_be_listed_or_guessed,
    values_are_text_and_never_markup,
    being_on_the_gateway_is_no_operator,
    a_mailed_address_binds_no_account,
    a_code_without_its_state_is_worth_nothing,
    guessed_passwords_make_their_sender_wait_and_nobody_else,
    nothing_secret_is_logged,
]


def main():
    if sys.argv[1:2] == ["--peers"]:
        return peers(sys.argv[2])
    if sys.argv[1:2] == ["--flood"]:
        return floods(sys.argv[2], sys.argv[3], True)
    fitsync, simulator = build(release="--debug" not in sys.argv)
    port = free_port()
    world = World(fitsync, simulator, redirects=[f"http://localhost:{port}/auth/callback"])
    try:
        study = Study(world, port)
        for attack in ON_A_STUDY:
            attack(study)
            passed(attack)
        study.program.terminate()
        same("serve ends", study.program.wait(WAIT_S), 0)
        wrong_codes_cost_who_guesses_time_and_nobody_else_anything(world, port)
        passed(wrong_codes_cost_who_guesses_time_and_nobody_else_anything)
        public_peers_are_closed(fitsync)
        passed(public_peers_are_closed)
        few_open_files_do_not_end_it(world)
        passed(few_open_files_do_not_end_it)
    finally:
        world.stop()
    flooded(fitsync, simulator)
    passed(flooded)
    print("all passed", flush=True)


def passed(attack):
    print(f"PASS {attack.__name__.replace('_', ' ')}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
