"""A headless Chromium for .ci/browser: its installation, its driver, one session, and axe-core."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

from portal import ROOT, WAIT_S, free_port, run, until

OUT = os.path.join(ROOT, ".ci", "out", "browser")
AXE_VERSION = "4.14.1"


def axe_script():
    """The text of axe-core, from npm."""
    folder = os.path.join(ROOT, ".ci", "out", "axe")
    script = os.path.join(folder, "node_modules", "axe-core", "axe.min.js")
    if not os.path.exists(script):
        os.makedirs(folder, exist_ok=True)
        run("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder,
            f"axe-core@{AXE_VERSION}")
    with open(script, encoding="utf-8") as file:
        return file.read()


class Driver:
    def __init__(self):
        self.port = free_port()
        self.process = subprocess.Popen(["chromedriver", f"--port={self.port}"], stdout=subprocess.DEVNULL)
        until("chromedriver", lambda: self._ready())

    def _ready(self):
        try:
            return self.call("GET", "/status")["ready"]
        except OSError:
            return False

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=120) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise AssertionError(f"{path}: {value['error']}: {value['message'].splitlines()[0]}") from None

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Browser:
    """One session: `size` is phone or desktop."""

    def __init__(self, driver, axe, size, dark=False, scripts=True):
        self.driver, self.axe, self.size, self.dark, self.scripts = driver, axe, size, dark, scripts
        self.profile = tempfile.mkdtemp(prefix="fitsync-browser-")
        options = {
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en",
                     "--window-size=1200,900", f"--user-data-dir={self.profile}", "--disable-background-networking"],
        }
        if size == "phone":
            metrics = {"width": 360, "height": 740, "pixelRatio": 2, "touch": True, "mobile": True}
            options["mobileEmulation"] = {"deviceMetrics": metrics}
        if not scripts:
            options["prefs"] = {"profile.managed_default_content_settings.javascript": 2}
        # The gateway's own certificate, which a person compares once.
        always = {"browserName": "chrome", "goog:chromeOptions": options, "acceptInsecureCerts": True}
        session = driver.call("POST", "/session", {"capabilities": {"alwaysMatch": always}})
        self.path = f"/session/{session['sessionId']}"
        self.darken()

    def call(self, method, path, body=None):
        if method == "POST" and body is None:
            body = {}
        return self.driver.call(method, self.path + path, body)

    def cdp(self, command, parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        try:
            self.call("POST", "/url", {"url": url})
        except AssertionError as problem:
            if "ERR_CONNECTION_REFUSED" not in str(problem):
                raise

    def url(self):
        return self.call("GET", "/url")

    def find_all(self, css):
        found = self.call("POST", "/elements", {"using": "css selector", "value": css})
        return [next(iter(element.values())) for element in found]

    def find(self, css):
        found = self.find_all(css)
        assert found, f"no {css} on {self.url()}"
        return found[0]

    def by_text(self, text, css="a, button"):
        for element in self.find_all(css):
            if text in self.call("GET", f"/element/{element}/text"):
                return element
        raise AssertionError(f"no {text!r} on {self.url()}: {self.text()[:400]}")

    def text(self):
        return self.call("GET", f"/element/{self.find('body')}/text")

    def source(self):
        return self.call("GET", "/source")

    def click(self, text, css="a, button"):
        self.press(self.by_text(text, css))

    def press(self, element):
        if self.scripts:
            self.call("POST", f"/element/{element}/click")
            return
        # The driver's own click waits for ever where scripts are off.
        place = self.call("GET", f"/element/{element}/rect")
        view = self.cdp("Page.getLayoutMetrics", {})["cssVisualViewport"]
        if not 0 < place["y"] - view["pageY"] < view["clientHeight"] - place["height"]:
            self.cdp("Input.synthesizeScrollGesture", {"x": 100, "y": 100, "speed": 50_000, "preventFling": True,
                     "yDistance": view["pageY"] - place["y"] + view["clientHeight"] / 2})
            view = self.cdp("Page.getLayoutMetrics", {})["cssVisualViewport"]
        at = {"x": place["x"] + place["width"] / 2, "y": place["y"] - view["pageY"] + place["height"] / 2}
        for kind in ("mousePressed", "mouseReleased"):
            self.cdp("Input.dispatchMouseEvent", {"type": kind, "button": "left", "clickCount": 1, **at})

    def type(self, css, text):
        if self.scripts:
            self.call("POST", f"/element/{self.find(css)}/value", {"text": text})
            return
        self.press(self.find(css))
        self.cdp("Input.insertText", {"text": text})

    def run_script(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def windows(self):
        return self.call("GET", "/window/handles")

    def go_to(self, window):
        self.call("POST", "/window", {"handle": window})
        self.darken()

    def darken(self):
        """Every tab has its own colours."""
        if self.dark:
            self.cdp("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})

    def window(self):
        return self.call("GET", "/window")

    def see(self, text, seconds=WAIT_S):
        def there():
            try:
                return text in self.text()
            except AssertionError:
                return False  # between two pages

        try:
            until(text, there, seconds)
        except AssertionError as problem:
            raise AssertionError(f"{problem}; there was: {self.text()[:600]}") from None

    def shoot(self, name):
        """A picture of the whole page; the page fits, and axe finds nothing serious."""
        name = f"{name}-{self.size}{'-dark' if self.dark else ''}{'' if self.scripts else '-no-script'}"
        picture = self.cdp("Page.captureScreenshot", {"captureBeyondViewport": True, **self._whole()})
        path = os.path.join(OUT, f"{name}.png")
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture["data"]))
        if self.scripts:
            wide = self.run_script("return [document.documentElement.scrollWidth, innerWidth]")
            assert wide[0] <= wide[1], f"{name}: {wide[0]} pixels wide on a screen of {wide[1]}"
            self.check_axe(name)
        return path

    def _whole(self):
        size = self.cdp("Page.getLayoutMetrics", {})["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    def check_axe(self, name):
        self.run_script(self.axe)
        script = "const done = arguments[0]; axe.run().then((found) => done(found.violations.map((v) => " \
                 "[v.impact, v.id, v.nodes.map((n) => n.html).slice(0, 3)])), (e) => done([['serious', String(e), []]]))"
        found = self.call("POST", "/execute/async", {"script": script, "args": []})
        serious = [v for v in found if v[0] in ("serious", "critical")]
        for violation in found:
            print(f"    axe {name}: {violation}", flush=True)
        assert not serious, f"{name}: axe found {serious}"

    def close(self):
        try:
            self.call("DELETE", "")
        finally:
            shutil.rmtree(self.profile, ignore_errors=True)
