"""A service that fails one request in three at random, and knows what it has
accepted all the same.

Prints one line of JSON: the ports `http` and `control`, and `pid`. GET
/_begin/SEED of the control port forgets everything and makes chance begin
anew; /_accepted tells how often each id was accepted (a request's body is
its id), and how often it did what. A request that is accepted may still be
answered by an error, or by nothing.
"""

import asyncio
import collections
import json
import os
import random
import signal
import socket
import sys
import threading

from hostile import leave, wait_for_end
from hostile_connection import RESET

FAILURES = 1 / 3
HEAD_END = b"\r\n\r\n"


def answer(status, body=b"{}", headers=b""):
    """A sound answer."""
    head = b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n"
    return head % (status, headers, len(body)) + body


# What may go wrong: the answer, and whether the request may have been
# accepted all the same. Resets have none: `door` happens before there is a
# request, `reset` when it is there.
THROTTLED = b"x-amzn-ErrorType: ThrottlingException\r\n"
FAULTS = {
    "door": (None, False),
    "reset": (None, True),
    "close": (b"", True),
    "half": (answer(b"200 OK", b"x" * 100)[:-50], True),
    "garbage": (b"<html>200 OK</html>\n", True),
    "500": (answer(b"500 Internal Server Error"), True),
    "503": (answer(b"503 Service Unavailable"), True),
    "504": (answer(b"504 Gateway Timeout", b"<html>"), True),
    "429": (answer(b"429 Too Many Requests", b""), False),
    "throttled": (answer(b"503 Slow Down", b"{}", THROTTLED), False),
    "refused": (answer(b"403 Forbidden"), False),
}
CLOSING = {"close", "half", "garbage"}


class Service:
    """What was accepted, and what chance is to bring."""

    def __init__(self):
        self.begin(0)

    def begin(self, seed):
        self.chance = random.Random(seed)
        self.accepted = collections.Counter()
        self.fates = collections.Counter()

    def draw(self):
        """What is to become of the next request."""
        fails = self.chance.random() < FAILURES
        fate = self.chance.choice(list(FAULTS)) if fails else "ok"
        self.fates[fate] += 1
        return fate

    def treat(self, fate, body):
        """Accept it, or not; the answer, None for none."""
        said, may_accept = FAULTS.get(fate, (answer(b"200 OK"), True))
        if fate == "ok" or may_accept and self.chance.random() < 0.5:
            self.accepted[body.decode()] += 1
        return said


def split(data):
    """(target, body, rest) of the first whole request; None where there is
    none yet."""
    head, end, rest = data.partition(HEAD_END)
    if not end:
        return None
    lines = head.decode("latin-1").split("\r\n")
    length = 0
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    if len(rest) < length:
        return None
    return lines[0].split(" ")[1], rest[:length], rest[length:]


class Connection(asyncio.Protocol):
    """One connection, of a client or of the specs themselves."""

    def __init__(self, service):
        self.service, self.data = service, b""

    def connection_made(self, transport):
        self.transport = transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.prepare()

    def prepare(self):
        """What becomes of the next request is known before it comes."""
        self.fate = self.service.draw()
        if self.fate == "door":
            self.reset()

    def reset(self):
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.transport.abort()

    def data_received(self, data):
        self.data += data
        request = split(self.data)
        if request and not self.transport.is_closing():
            target, body, self.data = request
            self.serve(target, body)

    def serve(self, _, body):
        said = self.service.treat(self.fate, body)
        if said is None:
            self.reset()
            return
        self.transport.write(said)
        if self.fate in CLOSING:
            self.transport.close()
        else:
            self.prepare()


class Control(Connection):
    """Nothing goes wrong here."""

    def prepare(self):
        pass

    def serve(self, target, _):
        service = self.service
        if target.startswith("/_begin/"):
            service.begin(int(target.rpartition("/")[2]))
        told = {"accepted": service.accepted, "fates": service.fates}
        self.transport.write(answer(b"200 OK", json.dumps(told).encode()))


async def listen(service):
    """Both ports."""
    loop, ports = asyncio.get_running_loop(), {}
    for name, kind in ("http", Connection), ("control", Control):
        server = await loop.create_server(
            lambda kind=kind: kind(service), "127.0.0.1", 0
        )
        ports[name] = server.sockets[0].getsockname()[1]
    return ports


def main():
    """Run until told to end."""
    parent = os.getppid() if "--watch-parent" in sys.argv else None
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # is for those we serve
    loop = asyncio.new_event_loop()
    ready = loop.run_until_complete(listen(Service()))
    ready["pid"] = os.getpid()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    print(json.dumps(ready), flush=True)
    wait_for_end(parent)


if __name__ == "__main__":
    main()
