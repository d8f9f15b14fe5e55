"""Listeners: what is done to a connection before there is a request."""

import contextlib
import itertools
import json
import socket
import ssl
import threading
import time

import hostile_arrivals as arrivals
from hostile_behaviours import BEHAVIOURS, ON_HEAD, answer
from hostile_connection import Connection, Record

HELLO_SIZE = 10000  # bytes, more than a ClientHello has
HALF_A_RECORD = b"\x16\x03\x03\x00\x7a\x02\x00\x00"
HELLO_DRIP_SECONDS = 0.01


class Hall:
    """All the connections there are, and were."""

    def __init__(self):
        self._lock = threading.Lock()
        self._records = []
        self._connections = []

    def add(self, connection):
        """One more."""
        with self._lock:
            self._records.append(connection.record)
            self._connections.append(connection)

    def remove(self, connection):
        """It is over, but not forgotten."""
        with self._lock:
            self._connections.remove(connection)

    def clear(self):
        """Forget what has been."""
        with self._lock:
            self._records.clear()

    def command(self, name):
        """Have all connections do it that wait for another request."""
        with self._lock:
            connections = list(self._connections)
        return sum(c.command(name) for c in connections)

    def stats(self):
        """Counts by listener and by behaviour, and each connection."""
        with self._lock:
            records = list(self._records)
        stats = {"listeners": {}, "behaviours": {}, "connections": []}
        for record in records:
            _count(stats["listeners"], record.listener, record.requests)
            for name in set(record.behaviours):
                times = record.behaviours.count(name)
                _count(stats["behaviours"], name, times)
            stats["connections"].append(dict(vars(record)))
        return stats


def _count(counts, name, requests):
    entry = counts.setdefault(name, {"connections": 0, "requests": 0})
    entry["connections"] += 1
    entry["requests"] += requests


# What is done to a connection.


def by_path(c):
    """Serve each request as its path wants it."""
    while c.wait_for_request():
        request = c.read_head()
        if request is None or not _serve(c, request):
            return


def _serve(c, request):
    name = request.behaviour
    c.record.behaviours.append(name)
    if name not in ON_HEAD and not c.read_body(request):
        return False
    unknown = name not in BEHAVIOURS
    if unknown:
        return answer(c, name.encode(), "404 Not Found")
    return BEHAVIOURS[name](c, request)


def closes_at_once(_):
    """Accepted, and let go."""


def resets_at_once(c):
    """Accepted, and thrown out."""
    c.reset()


def mute(c):
    """Accepted, and ignored."""
    c.wait_for_end()


def closes_at_hello(c):
    """Goes away in the middle of TLS's handshake."""
    c.read_some(HELLO_SIZE)


def resets_at_hello(c):
    """The same, in anger."""
    c.read_some(HELLO_SIZE)
    c.reset()


def half_a_hello(c):
    """Answers a part of the handshake, and goes away."""
    c.read_some(HELLO_SIZE)
    c.send(HALF_A_RECORD)


def drips_at_hello(c):
    """Answers a byte now and then, for ever."""
    c.read_some(HELLO_SIZE)
    c.is_stuck = True
    going = c.send(HALF_A_RECORD)
    while going:
        time.sleep(HELLO_DRIP_SECONDS)
        going = c.send(b"\0")


def plain_at_hello(c):
    """Knows of no TLS."""
    c.read_some(HELLO_SIZE)
    c.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def over_tls(context):
    """Shake hands, then serve by path."""

    def serve(c):
        c.sock = context.wrap_socket(
            c.sock,
            server_side=True,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        if _shake_hands(c):
            by_path(c)

    return serve


def _shake_hands(c):
    try:
        c.sock.do_handshake()
    except OSError as error:
        c.record.ended = "handshake: " + str(error)
        c.part()
        return False
    c.record.alpn = c.sock.selected_alpn_protocol()
    c.record.sni = getattr(c.sock, "asked_for", None)
    c.record.tls = c.sock.version()
    return True


def control(hall):
    """Serve the specs themselves."""

    def serve(c):
        while c.wait_for_request():
            request = c.read_head()
            if request is None or not c.read_body(request):
                return
            answer(c, json.dumps(_told(hall, request.target)).encode())

    return serve


def _told(hall, target):
    if target == "/_stats":
        return hall.stats()
    if target == "/_clear":
        return hall.clear()
    if target == "/_arrivals":
        return arrivals.told()
    return hall.command(target.rpartition("/")[2])


# Listening.


def listen(name, serve, hall=None, times=None):
    """Serve on a port of the system's choice, from now on, or so many times
    only; the port."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=128)
    arguments = (sock, name, serve, hall, times)
    threading.Thread(target=_accept, args=arguments, daemon=True).start()
    return sock.getsockname()[1]


def _accept(sock, name, serve, hall, times):
    for count in itertools.count(1):
        client, _ = sock.accept()
        if count == times:
            sock.close()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        arguments = (Connection(client, Record(name)), serve, hall)
        if hall:
            hall.add(arguments[0])
        threading.Thread(target=_run, args=arguments, daemon=True).start()
        if count == times:
            return


def _run(connection, serve, hall):
    try:
        with contextlib.suppress(OSError):
            serve(connection)
    finally:
        if hall:
            hall.remove(connection)
        connection.release()


def listen_deaf():
    """A port whose queue is full: nothing answers there. Returns what must
    be kept, the socket first."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=0)
    kept = [sock]
    for _ in range(4):
        kept.append(socket.socket())
        kept[-1].setblocking(False)
        with contextlib.suppress(BlockingIOError):
            kept[-1].connect(sock.getsockname())
    return kept


def closed_port():
    """A port where nobody listens. Returns the socket that reserves it."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


def context(certificates, name="server"):
    """TLS with a certificate of that name."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(
        certificates.path(name + ".pem"), certificates.path("server.key")
    )
    made.sni_callback = _note_name
    return made


def _note_name(sock, name, _):
    sock.asked_for = name
