"""browser [NAME ...]   see .ci/browser"""

import functools
import http.server
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from chrome import OUT, Browser, Driver, axe_script
from portal import ROOT, WAIT_S, World, build, free_port, read, until

PASSWORD = "correct horse battery staple"


# --- Steps that several scenarios share ---------------------------------------------------------


def approve(browser, who, decision="Allow"):
    """Clicks through the provider's page, which is in a new tab; returns that tab and the first one."""
    first, before = browser.window(), browser.windows()
    browser.click("Go to Google")
    tab = until("a new tab", lambda: next((w for w in browser.windows() if w not in before), None))
    browser.go_to(tab)
    browser.see(who)
    browser.click(f"{decision} as {who}")
    return tab, first


def paste(browser, first, address):
    browser.go_to(first)
    browser.type("#address", address)
    browser.click("Send")


def no_secret(world, *texts):
    """No code, token or e-mail address stands in what is shown or logged."""
    seen = "\n".join(texts)
    for secret in world.control("secrets"):
        assert secret not in seen, "a secret was shown"
    assert "@example.com" not in seen, "an e-mail address was shown"


def address_is_clean(browser):
    assert "code=" not in browser.url() and "state=" not in browser.url(), browser.url()


def scan(picture):
    """What a phone reads in a picture with a QR code."""
    found = subprocess.run(["zbarimg", "--quiet", "--raw", "--set", "*.enable=0", "--set", "qr.enable=1", picture],
                           capture_output=True, text=True)
    assert found.returncode == 0, f"nothing to scan in {picture}: {found.stderr}"
    return found.stdout.strip()


def picture_of_terminal(text, path):
    """Half blocks in bright white on black, as a terminal shows them: a picture of eight dots per module."""
    lines = [line.replace("\x1b[97;40m", "").replace("\x1b[0m", "").rstrip("\r\n") for line in text.splitlines() if "\x1b[97;40m" in line]
    upper, lower = {"\u2588": (255, 255), "\u2580": (255, 0), "\u2584": (0, 255), " ": (0, 0)}, []
    for line in lines:
        for half in (0, 1):
            row = b"".join(bytes([upper[letter][half]]) * 8 for letter in line)
            lower += [row] * 8
    with open(path, "wb") as file:
        file.write(b"P5 %d %d 255\n" % (len(lower[0]), len(lower)) + b"".join(lower))


# --- Scenarios ----------------------------------------------------------------------------------


def login_by_paste(world_of, browser):
    """A phone: the page after Google does not load, its address is pasted."""
    port, dead = free_port(), free_port()
    redirect = f"http://localhost:{dead}/auth/callback"
    world = world_of(redirect)
    program, page = world.login(port, redirect, "user_001")
    browser.open(page)
    for text in ("Connect user_001", "steps", "Sleep and Heart study", "From ", "does not load", f"localhost:{dead}"):
        browser.see(text)
    browser.shoot("sign-in")
    _, first = approve(browser, "p1")
    until("the page that does not load", lambda: f"localhost:{dead}" in browser.url())
    address = browser.url()
    paste(browser, first, "http://localhost/nothing")
    browser.see("There is no code in what you sent")
    browser.shoot("sign-in-no-code")
    paste(browser, first, address)
    for text in ("Is this the band on the wrist?", "Charge 6, synced", "ends in h-p1", "steps, calories, azm"):
        browser.see(text)
    browser.shoot("review")
    address_is_clean(browser)
    shown = browser.source()
    browser.click("Done")
    browser.see("All done")
    browser.shoot("done")
    assert program.wait(timeout=WAIT_S) == 0
    log = read(program.log)
    assert "Connected: user_001" in log and "Press Done on the page" in log, log
    no_secret(world, shown, log)


def login_by_itself(world_of, browser):
    """The browser is on the gateway: the callback arrives, and the first tab moves on by itself."""
    port = free_port()
    redirect = f"http://localhost:{port}/auth/callback"
    world = world_of(redirect)
    program, page = world.login(port, redirect, "user_001")
    browser.open(page)
    browser.see("goes on by itself")
    browser.shoot("sign-in-by-itself")
    tab, first = approve(browser, "p1")
    browser.see("Is this the band on the wrist?")
    address_is_clean(browser)
    browser.go_to(first)
    browser.see("Is this the band on the wrist?")
    browser.click("Done")
    browser.see("All done")
    browser.go_to(tab)
    assert program.wait(timeout=WAIT_S) == 0


def login_denied(world_of, browser):
    port = free_port()
    redirect = f"http://localhost:{port}/auth/callback"
    world = world_of(redirect)
    program, page = world.login(port, redirect, "user_001")
    browser.open(page)
    approve(browser, "p1", "Deny")
    browser.see("You chose not to share data")
    browser.shoot("denied")
    address_is_clean(browser)
    assert program.wait(timeout=WAIT_S) == 3


def login_wrong_account_and_missing(world_of, browser):
    """A different account is refused and can be mended; what was not shared is said."""
    port = free_port()
    redirect = f"http://localhost:{port}/auth/callback"
    world = world_of(redirect)
    program, page = world.login(port, redirect, "user_001")
    browser.open(page)
    world.control("grants", who="p1", scopes="https://www.googleapis.com/auth/googlehealth.activity_and_fitness.readonly,"
                  "https://www.googleapis.com/auth/googlehealth.settings.readonly")
    approve(browser, "p1")
    browser.see("Not shared: hrv, wrist_temp")
    browser.shoot("review-missing")
    browser.click("Done")
    assert program.wait(timeout=WAIT_S) == 0
    program, page = world.login(port, redirect, "user_001")
    browser.open(page)
    tab, _ = approve(browser, "p2")
    browser.see("This account cannot be used here")
    browser.shoot("wrong-account")
    address_is_clean(browser)
    world.control("grants", who="p1")
    approve(browser, "p1")
    browser.see("Is this the band on the wrist?")
    assert "Not shared" not in browser.text()
    browser.click("Done")
    assert program.wait(timeout=WAIT_S) == 0


def login_taken_back(world_of, browser):
    """Another band: the account is let go, and the right one signs in."""
    port = free_port()
    redirect = f"http://localhost:{port}/auth/callback"
    world = world_of(redirect)
    program, page = world.login(port, redirect, "user_001")
    browser.open(page)
    approve(browser, "p2")
    browser.see("ends in h-p2")
    browser.click("No, this is another band")
    browser.see("The account was let go")
    browser.shoot("taken-back")
    approve(browser, "p1")
    browser.see("ends in h-p1")
    browser.click("Done")
    assert program.wait(timeout=WAIT_S) == 0


def operator_session(world, browser, port, redirect):
    done = world.run(port, redirect, "serve", "--set-password", given=PASSWORD + "\n")
    assert done.returncode == 0, done.stderr
    program = world.start(port, redirect, "serve")
    until("the pages", lambda: "the pages are at" in read(program.log))
    browser.open(f"http://127.0.0.1:{port}/")
    browser.see("Study gateway")
    browser.shoot("start")
    browser.click("For the study team")
    browser.see("Operator's password")
    browser.shoot("password")
    browser.type("#password", "a wrong password")
    browser.click("Sign in")
    browser.see("That is not the password")
    browser.shoot("password-wrong")
    browser.type("#password", PASSWORD)
    browser.click("Sign in")
    browser.see("Invite a participant")
    return program


def invite(browser, port, user):
    browser.open(f"http://127.0.0.1:{port}/operator")
    browser.type("#user_id", user)
    browser.click("Make a link")
    browser.see(f"Sign-in link for {user}")
    return re.search(r"http://127[^\s]*/s/[\w-]{22}", browser.text()).group(0)


def serve_study(world_of, browser):
    """A whole study: invitations, used and ended links, the list, a calendar, the attention filter."""
    port = free_port()
    redirect = f"http://localhost:{port}/auth/callback"
    world = world_of(redirect)
    program = operator_session(world, browser, port, redirect)
    browser.shoot("operator-empty")
    old = invite(browser, port, "user_001")
    browser.shoot("invitation")
    link = invite(browser, port, "user_001")
    picture = browser.shoot("invitation-again")
    assert scan(picture) == link, "the QR code leads elsewhere"
    browser.open(old)
    browser.see("This link has ended")
    browser.shoot("link-ended")
    browser.open(link)
    approve(browser, "p1", "Deny")
    browser.see("You did not agree at Google")
    browser.shoot("denied-again")
    address_is_clean(browser)
    tab, first = approve(browser, "p1")
    browser.see("Charge 6, synced")
    browser.click("Done")
    browser.see("All done")
    browser.open(link)
    browser.see("the link is used up")
    browser.shoot("link-used")
    browser.open(f"{link[:-22]}{'A' * 22}")
    browser.see("Nothing here")
    browser.open(invite(browser, port, "user_002"))
    approve(browser, "p1")
    browser.see("This account cannot be used here")
    assert "user_001" not in browser.text(), "whose account it is, is nobody's business"
    approve(browser, "p2")
    browser.see("Charge 6, synced")
    browser.click("Done")
    browser.see("All done")
    done = world.run(port, redirect, "sync")
    assert done.returncode == 0, done.stderr
    world.control("revoke", who="p2")
    world.control("expire")
    world.control("device_sync", who="p2", at="now")
    world.run(port, redirect, "sync")
    time.sleep(3)  # the list is kept for a moment
    browser.open(f"http://127.0.0.1:{port}/operator")
    browser.see("Needs attention (1)")
    browser.shoot("operator-list")
    browser.click("Needs attention")
    browser.see("must sign in again")
    assert "user_001" not in browser.text()
    browser.click("All")
    browser.click("user_001")
    browser.see("The last 90 days")
    browser.shoot("participant")
    browser.open(f"http://127.0.0.1:{port}/fitbit/login?user_id=user_003")
    browser.see("This opens a sign-in for user_003")
    browser.shoot("seed-address")
    browser.click("Go on to the sign-in page")
    browser.see("Connect user_003")
    browser.open(f"http://127.0.0.1:{port}/operator")
    browser.click("Sign out")
    browser.see("Operator's password")
    stranger = world.start(port, redirect, "login", "user_004")
    until("the word of the port", lambda: "another program listens on this port" in read(stranger.log))
    address = until("the address", lambda: read(stranger.out).split())[0]
    returned = world.control("consent", url=address, who="p3")["redirect"]
    browser.open(returned)
    browser.see("copy this address into the terminal")
    browser.shoot("not-known")
    stranger.stdin.write(browser.url() + "\n")
    stranger.stdin.close()
    assert stranger.wait(timeout=WAIT_S) == 0, read(stranger.log)
    program.terminate()
    assert program.wait(timeout=WAIT_S) == 0, "a signal is the usual end of serve"
    no_secret(world, read(program.log))


def two_tabs_and_back(world_of, browser):
    """The same link in two tabs, an address sent twice, the back button, an old address, what clings to a paste."""
    port, dead = free_port(), free_port()
    redirect = f"http://localhost:{dead}/auth/callback"
    world = world_of(redirect)
    program = operator_session(world, browser, port, redirect)
    link = invite(browser, port, "user_001")
    browser.open(link)
    one = browser.window()
    browser.go_to(browser.call("POST", "/window/new", {"type": "tab"})["handle"])
    browser.open(link)
    two = browser.window()
    approve(browser, "p1")
    until("the page that does not load", lambda: f"localhost:{dead}" in browser.url())
    address = browser.url()
    paste(browser, one, f'  "{address[:60]}\n{address[60:]}"  ')
    browser.see("Is this the band on the wrist?")
    paste(browser, two, address)
    browser.see("Is this the band on the wrist?")
    browser.click("Done")
    browser.see("All done")
    browser.call("POST", "/back")
    # A browser may show the page before from its memory; what is pressed there is understood.
    until("a page", lambda: "Done" in browser.text() or "All done" in browser.text())
    if browser.find_all("button"):
        browser.click("Done")
    browser.see("All done")
    browser.go_to(one)
    browser.click("Done")
    browser.see("All done")
    browser.open(invite(browser, port, "user_002"))
    paste(browser, one, address)
    browser.see("That address belongs to another sign-in")
    browser.shoot("sign-in-other")
    paste(browser, one, "\u201c" + address.split("?")[1].replace("code=", "c=") + "\u201d")
    browser.see("There is no code in what you sent")
    _, first = approve(browser, "p2")
    until("the page that does not load", lambda: f"localhost:{dead}" in browser.url())
    query = browser.url().split("?")[1]
    world.control("clock", offset_s=700)
    paste(browser, first, query)
    browser.see("The address was too old or had been used before")
    browser.shoot("sign-in-old-code")
    no_secret(world, read(program.log))


def by_keyboard(world_of, browser):
    """Tab reaches the button, the box and its button, in this order; Enter sends."""
    port, dead = free_port(), free_port()
    redirect = f"http://localhost:{dead}/auth/callback"
    world = world_of(redirect)
    _, page = world.login(port, redirect, "user_001")
    browser.open(page)
    reached = []
    for _ in range(4):
        press(browser, "\ue004")
        reached.append(browser.run_script("return document.activeElement.textContent || document.activeElement.id"))
    # The first is the link to the account's own list of connections.
    assert reached[1:] == ["Go to Google", "address", "Send"], reached
    outline = browser.run_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", outline
    press(browser, "\ue008\ue004\ue000")
    press(browser, "nonsense")
    press(browser, "\ue004")
    press(browser, "\ue007")
    browser.see("There is no code in what you sent")


def press(browser, keys):
    actions = []
    held = []
    for key in keys:
        if key == "\ue000":
            actions += [{"type": "keyUp", "value": value} for value in held]
        elif key == "\ue008":
            actions.append({"type": "keyDown", "value": key})
            held.append(key)
        else:
            actions += [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
    browser.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})


def bounce_page(world_of, browser):
    """docs/bounce.html on a host of the study: led through, sent to the gateway; or copied."""
    port, host = free_port(), free_port()
    redirect = "https://study.example.org/bounce.html"
    local = f"http://bounce.localhost:{host}/bounce.html"
    world = world_of(redirect)
    folder = tempfile.mkdtemp(prefix="fitsync-bounce-")
    page = read(os.path.join(ROOT, "docs", "bounce.html"))
    # The simulator stands for the provider: another constant, and no policy that knows the hash.
    provider = world.facts["authorize"].split("/o/")[0] + "/"
    page = page.replace("https://accounts.google.com/", provider)
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    with open(os.path.join(folder, "bounce.html"), "w", encoding="utf-8") as file:
        file.write(page)
    handler = functools.partial(QuietHandler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", host), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        program, start = world.login(port, redirect, "user_001")
        browser.open(start)
        browser.see("Send to the gateway")
        browser.shoot("sign-in-bounce")
        link = browser.call("GET", f"/element/{browser.by_text('Go to Google')}/attribute/href")
        assert link.startswith(redirect + "#gateway=http%3A%2F%2F127.0.0.1"), link
        # The real address is https on a name; here the page stands on this machine.
        browser.open(link.replace(redirect, local))
        browser.see("Allow as p1")
        returned = world.control("consent", url=browser.url(), who="p1")["redirect"]
        browser.open(returned.replace(redirect, local))
        browser.see("and nowhere else")
        browser.shoot("bounce")
        address_is_clean(browser)
        browser.click("Send to the gateway")
        browser.see("Is this the band on the wrist?")
        address_is_clean(browser)
        browser.click("Done")
        assert program.wait(timeout=WAIT_S) == 0
        browser.open(returned.replace(redirect, local))
        browser.see("Address of this page")
        assert "nowhere else" not in browser.text(), "without a memory there is nothing to send to"
        browser.shoot("bounce-copy")
        for gateway in ("http://203.0.113.9", "https://evil.example", "http://192.168.1.1@evil.example"):
            browser.open(f"{local}#gateway={gateway}&to={provider}o/oauth2/v2/auth?state=s1")
            browser.open(f"{local}?state=s1&code=c")
            browser.see("Address of this page")
            assert "nowhere else" not in browser.text(), gateway
        browser.open("about:blank")
        browser.open(f"{local}#gateway=http://192.168.1.20:8000&to=https://evil.example/?state=s1")
        browser.see("There is nothing to send")
    finally:
        server.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def terminal_code(world_of, browser):
    """The QR code at a terminal leads to the page of `login`, on the network's own address."""
    port = free_port()
    world = world_of(f"http://localhost:{port}/auth/callback")
    environment = dict(world.environment(port, f"http://localhost:{port}/auth/callback"), FITSYNC_LISTEN=f":{port}")
    ours, theirs = pty.openpty()
    program = subprocess.Popen([world.fitsync, "login", "user_001"], cwd=world.folder, env=environment, stdin=theirs, stdout=theirs,
                               stderr=theirs)
    os.close(theirs)
    seen = ""
    try:
        while "paste it here and press Enter" not in seen:
            seen += os.read(ours, 65536).decode(errors="replace")
        path = os.path.join(OUT, "terminal.pgm")
        picture_of_terminal(seen, path)
        scanned = scan(path)
        assert scanned in seen.replace("\r", ""), f"{scanned} is not told"
        print(f"    the terminal's code says {re.sub('/s/.*', '/s/…', scanned)}", flush=True)
        browser.open(scanned)
        browser.see("Connect user_001")
        browser.shoot("from-the-terminal-s-code")
    finally:
        program.kill()
        program.wait()
        os.close(ours)


SCENARIOS = [
    (terminal_code, [("phone", False, True)]),
    (login_by_paste, [("phone", False, True), ("desktop", True, True), ("phone", False, False)]),
    (login_by_itself, [("phone", True, True), ("desktop", False, True), ("desktop", False, False)]),
    (login_denied, [("phone", False, True), ("desktop", False, True)]),
    (login_wrong_account_and_missing, [("phone", False, True), ("desktop", True, True)]),
    (login_taken_back, [("phone", False, True)]),
    (serve_study, [("phone", False, True), ("desktop", True, True), ("desktop", False, False)]),
    (two_tabs_and_back, [("phone", False, True)]),
    (by_keyboard, [("desktop", False, True)]),
    (bounce_page, [("phone", False, True), ("desktop", True, True)]),
]


def main():
    names = [name for name in sys.argv[1:] if not name.startswith("-")]
    axe = axe_script()
    fitsync, simulator = build()
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    driver = Driver()
    failed = []
    try:
        for scenario, screens in SCENARIOS:
            for size, dark, scripts in screens:
                label = f"{scenario.__name__} {size}{' dark' if dark else ''}{'' if scripts else ' without scripts'}"
                if names and scenario.__name__ not in names:
                    continue
                if not one(driver, axe, (fitsync, simulator), scenario, (size, dark, scripts), label):
                    failed.append(label)
    finally:
        driver.stop()
    print(f"{len(failed)} failed" if failed else "all passed", flush=True)
    return 1 if failed else 0


def one(driver, axe, programs, scenario, screen, label):
    worlds = []

    def world_of(redirect):
        worlds.append(World(*programs, redirects=[redirect]))
        return worlds[-1]

    browser = Browser(driver, axe, *screen)
    begun = time.monotonic()
    try:
        scenario(world_of, browser)
        print(f"PASS {label} ({time.monotonic() - begun:.1f} s)", flush=True)
        return True
    except Exception:  # one scenario never stops another
        print(f"FAIL {label}", flush=True)
        traceback.print_exc()
        try:
            browser.shoot(f"failed-{scenario.__name__}")
        except Exception as problem:
            print(f"    no picture: {problem}")
        for world in worlds:
            print("".join(f"    | {line}\n" for program in world.programs for line in read(program.log).splitlines()))
        return False
    finally:
        browser.close()
        for world in worlds:
            world.stop()


if __name__ == "__main__":
    sys.exit(main())
