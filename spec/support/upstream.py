"""A service that counts, and the load on an nginx that publishes to it.

Prints one line of JSON: its port `http`, and `pid`. Publishes are answered
after a delay; /credentials gives some, after CREDENTIALS_SECONDS. It is told
what to do by GET:

/_set?delay=S        forgets what it has counted; publishes take S seconds
/_stats              what was counted, in JSON: publishes begun and answered
                     (`total`), how many messages these were (`distinct`), how
                     many there were at once (`in_flight`), and `connections`
                     that were open at once and brought one; `credentials`
/_wait?total=N       the same, once as many publishes were answered, or it is
                     clear that they do not come
/_load?port=P&path=/x&n=N&threads=T[&close=1]
                     asks P for /x?1 to /x?N, over T connections or over a new
                     one for each
/_loaded             once that is over: how many were answered with 200
"""

import asyncio
import json
import os
import signal
import sys
import threading
import urllib.parse

from hostile import wait_for_end

CREDENTIALS_SECONDS = 0.3
WAIT_SECONDS = 20
ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
          b"Content-Length: %d\r\n\r\n%s")
PUBLISHED = b'{"message":"OK","traceId":"1"}'
CREDENTIALS = json.dumps({
    "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "secret",
    "Token": "token", "Expiration": "2099-01-01T00:00:00Z",
}).encode()


class Counts:
    """What arrived."""

    def __init__(self):
        self.total = self.credentials = self.flying = self.in_flight = 0
        self.connections, self.open, self.ids = 0, set(), set()

    def begin(self, connection, body):
        self.ids.add(body)
        self.flying += 1
        self.in_flight = max(self.in_flight, self.flying)
        self.open.add(connection)
        self.connections = max(self.connections, len(self.open))

    def end(self):
        self.flying -= 1
        self.total += 1

    def as_json(self):
        return json.dumps({
            "total": self.total, "distinct": len(self.ids),
            "in_flight": self.in_flight, "connections": self.connections,
            "credentials": self.credentials,
        }).encode()


class Service:
    """What connections have in common."""

    def __init__(self):
        self.counts, self.delay = Counts(), 0
        self.load, self.waiting = None, []

    def progress(self):
        for entry in self.waiting[:]:
            if self.counts.total >= entry[0]:
                self.tell(entry)

    def wait(self, entry):
        self.waiting.append(entry)
        asyncio.get_running_loop().call_later(WAIT_SECONDS, self.tell, entry)
        self.progress()

    def tell(self, entry):
        if entry in self.waiting:
            self.waiting.remove(entry)
            entry[1](self.counts.as_json())


class Connection(asyncio.Protocol):
    """Requests, one after the other."""

    def __init__(self, service):
        self.service, self.data, self.transport = service, b"", None

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, _):
        self.service.counts.open.discard(self)

    def data_received(self, data):
        self.data += data
        head, blank, rest = self.data.partition(b"\r\n\r\n")
        if not blank:
            return
        size = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                size = int(line[15:])
        if len(rest) >= size:
            self.data = rest[size:]
            self.dispatch(head.split(b" ", 2)[1].decode(), rest[:size])

    def answer(self, body):
        self.transport.write(ANSWER % (len(body), body))

    def dispatch(self, target, body):
        path, _, query = target.partition("?")
        if path.startswith("/topics/"):
            self.publish(body)
        elif path == "/credentials":
            self.service.counts.credentials += 1
            asyncio.get_running_loop().call_later(
                CREDENTIALS_SECONDS, self.answer, CREDENTIALS)
        else:
            self.control(path, dict(urllib.parse.parse_qsl(query)))

    def publish(self, body):
        counts, delay = self.service.counts, self.service.delay

        def end():
            counts.end()
            self.answer(PUBLISHED)
            self.service.progress()

        counts.begin(self, body)
        if delay:
            asyncio.get_running_loop().call_later(delay, end)
        else:
            end()

    def control(self, path, wanted):
        service = self.service
        if path == "/_set":
            service.counts, service.delay = Counts(), float(wanted["delay"])
            self.answer(b"{}")
        elif path == "/_stats":
            self.answer(service.counts.as_json())
        elif path == "/_wait":
            service.wait((int(wanted["total"]), self.answer))
        elif path == "/_load":
            service.load = asyncio.ensure_future(load(wanted))
            self.answer(b"{}")
        elif path == "/_loaded":
            service.load.add_done_callback(
                lambda done: self.answer(b"%d" % done.result()))


async def load(wanted):
    """Ask for it all; how many were answered."""
    numbers, closes = iter(range(1, int(wanted["n"]) + 1)), "close" in wanted
    answered = await asyncio.gather(*(
        ask_on(numbers, wanted["port"], wanted["path"], closes)
        for _ in range(int(wanted["threads"]))))
    return sum(answered)


async def ask_on(numbers, port, path, closes):
    """Ask while there are numbers left."""
    answered, streams = 0, None
    for number in numbers:
        try:
            streams = streams or await asyncio.open_connection(
                "127.0.0.1", port)
            answered += await ask(streams, path, number, closes)
            is_over = closes
        except (OSError, EOFError):
            is_over = True
        if is_over and streams:
            streams[1].close()
            streams = None
    return answered


async def ask(streams, path, number, closes):
    """Whether it was answered with 200."""
    reader, writer = streams
    writer.write(b"GET %s?%d HTTP/1.1\r\nHost: x\r\nConnection: %s\r\n\r\n"
                 % (path.encode(), number,
                    b"close" if closes else b"keep-alive"))
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].split()[0]
    await reader.readexactly(int(length))
    return head.startswith(b"HTTP/1.1 200 ")


async def serve():
    """Serve for ever."""
    service = Service()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(service), "127.0.0.1", 0, backlog=1024)
    print(json.dumps({"http": server.sockets[0].getsockname()[1],
                      "pid": os.getpid()}), flush=True)
    await server.serve_forever()


def main():
    """Run until told to end."""
    parent = os.getppid() if "--watch-parent" in sys.argv else None
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # is for those we serve
    threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
    wait_for_end(parent)


if __name__ == "__main__":
    main()
