"""1,000 attackers on 1,000 addresses, in a process of their own, so that nothing here slows the visitor's clock.

flood PORT SECONDS plain|tls 4|46 COOKIE TOKEN
"""

import random
import socket
import ssl
import sys
import time

ATTACKERS = 1_000
# A closed attacker comes back after this long; a slow one sends its next byte.
AGAIN_S = 0.1
DRIP_S = 0.5

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
# What each kind of attacker sends at once, and what it sends again and again.
KINDS = {
    "half open": (b"", b""),
    "one byte at a time": (b"", GET + b"A: " + b"b" * 8000),
    "a head without end": (GET, b"A: " + b"b" * 16_000 + b"\r\n"),
    "a smuggled request": (GET + b"Transfer-Encoding: identity\r\n\r\n" + GET + b"\r\n", b""),
    "a form that never comes": (POST + b"Content-Length: 16000\r\n\r\n", b"a" * 16_000),
    "an answer that nobody reads": (GET + b"\r\n", b""),
    "a form that is too large": (POST + b"Content-Length: 99999999\r\n\r\n", b"a" * 16_000),
    "guessed passwords": (b"", b""),
    "guessed links": (b"GET /s/AAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: localhost\r\n\r\n", b""),
}
# Over TLS most shake hands; the others send what is no TLS at all, or nothing.
HANDSHAKES = 0.7
DRIPS = ("one byte at a time", "a form that never comes")


def password_form(cookie, token):
    body = f"token={token}&password=guess+number+one".encode()
    head = POST.replace(b"POST / ", b"POST /operator/sign-in ") + f"Cookie: {cookie}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return head + body, b""


class Attacker:
    def __init__(self, number, port, context, ipv6):
        self.kind = list(KINDS)[number % len(KINDS)]
        self.ipv6 = ipv6 and number // len(KINDS) % 2 == 1
        self.address = f"fd00:bad::{1 + number:x}" if self.ipv6 else f"127.1.{number // 250}.{1 + number % 250}"
        self.port, self.context = port, context
        self.socket, self.sent, self.due = None, 0, time.monotonic() + random.random()

    def begin(self):
        self.socket, self.sent = socket.socket(socket.AF_INET6 if self.ipv6 else socket.AF_INET), 0
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self.socket.bind((self.address, 0))
        self.socket.connect_ex(("::1" if self.ipv6 else "127.0.0.1", self.port))
        if self.context and random.random() < HANDSHAKES:
            self.socket = self.context.wrap_socket(self.socket, do_handshake_on_connect=False)

    def act(self):
        """Its next bytes, and what it hears; it begins again where it was closed."""
        self.due = time.monotonic() + (DRIP_S if self.kind in DRIPS else AGAIN_S)
        try:
            if self.socket is None:
                self.begin()
            self.send(*KINDS[self.kind])
            if self.kind != "an answer that nobody reads" and not self.socket.recv(512):
                self.end()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            self.end()

    def send(self, first, then):
        if self.sent < len(first):
            self.sent += self.socket.send(first[self.sent:])
        elif then:
            at = (self.sent - len(first)) % len(then)
            self.sent += self.socket.send(then[at:at + 1] if self.kind in DRIPS else then[at:])

    def end(self):
        if self.socket:
            self.socket.close()
        self.socket = None


def main():
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    context = None
    if sys.argv[3] == "tls":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    KINDS["guessed passwords"] = password_form(sys.argv[5], sys.argv[6])
    attackers = [Attacker(number, port, context, sys.argv[4] == "46") for number in range(ATTACKERS)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now = time.monotonic()
        for attacker in attackers:
            if attacker.due <= now:
                attacker.act()
        time.sleep(0.005)


if __name__ == "__main__":
    main()
