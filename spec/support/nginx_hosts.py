"""The hostile server and its proxies, as nginx's cosockets can reach them.

Prints what proxy.py does; `chained`: a listener over TLS whose certificate
has two CAs between itself and ours; and `names`: the port of a server of names, which
knows localhost and says that any other name is unknown: late of NAME.slow,
and of NAME.silent never, as slow_names.c does. The certificates have 127.0.0.1 as a name, for
nginx compares a certificate's names only. Each connection's record has
`resumed`: was its TLS session one of before?
"""

import functools
import socket
import struct
import threading

import hostile
import hostile_certs
import hostile_ports as ports
import proxy

HEADER_SIZE = 12  # of a message of DNS
A_RECORD = 1
UNKNOWN = 3
ANSWER = 0x8180  # recursion was wanted, and is to be had
TTL = 60  # seconds
LARGEST = 512
SLOW_SECONDS = 0.05


def name_in(query):
    """The name that is asked for, and where it ends."""
    labels, at = [], HEADER_SIZE
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("latin-1"))
        at += 1 + query[at]
    return ".".join(labels).lower(), at + 1


def answer_to(query):
    """What is said."""
    name, end = name_in(query)
    question = query[HEADER_SIZE : end + 4]
    (kind,) = struct.unpack("!H", query[end : end + 2])
    known, record = name == "localhost", b""
    if known and kind == A_RECORD:
        record = struct.pack("!HHHIH", 0xC000 | HEADER_SIZE, A_RECORD, 1,
                             TTL, 4) + socket.inet_aton("127.0.0.1")
    flags = ANSWER | (0 if known else UNKNOWN)
    counts = struct.pack("!HHHHH", flags, 1, 1 if record else 0, 0, 0)
    return query[:2] + counts + question + record


def serve_names(sock):
    """Answer for ever."""
    while True:
        query, whom = sock.recvfrom(LARGEST)
        say = functools.partial(sock.sendto, answer_to(query), whom)
        name, _ = name_in(query)
        if name.endswith(".slow"):
            threading.Timer(SLOW_SECONDS, say).start()
        elif not name.endswith(".silent"):
            say()


def listen_for_names():
    """Serve names from now on; the port."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    threading.Thread(target=serve_names, args=(sock,), daemon=True).start()
    return sock.getsockname()[1]


class Certificates(hostile_certs.Certificates):
    """One more, under a chain of CAs."""

    def __init__(self, directory):
        super().__init__(directory)
        lasting, above, chain = hostile_certs.LASTING, "ca", ""
        for name in ("upper", "lower"):
            self._key(name)
            self._sign(name, above, "authority", lasting, key=name)
            above, chain = name, self._read(name) + chain
        self._sign("chained", above, "here", lasting)
        self._write("chained.pem", self._read("chained") + chain)

    def _read(self, name):
        with open(self.path(name + ".pem"), encoding="utf-8") as file:
            return file.read()


def with_more(start):
    """The same, a chain, and names."""

    def started(directory, kept):
        ready = start(directory, kept)
        context = ports.context(proxy.Certificates(directory), "chained")
        ready["chained"] = ports.listen("chained", ports.over_tls(context))
        ready["names"] = listen_for_names()
        return ready

    return started


def noting(shake_hands):
    """The same, and whether a session was resumed."""

    def shake_hands_and_note(c):
        done = shake_hands(c)
        c.record.resumed = done and c.sock.session_reused
        return done

    return shake_hands_and_note


def main():
    """Run until told to end."""
    # pylint: disable-next=protected-access
    ports._shake_hands = noting(ports._shake_hands)
    hostile_certs.CONFIGURATION = hostile_certs.CONFIGURATION.replace(
        "DNS:localhost,", "DNS:localhost, DNS:127.0.0.1,"
    )
    hostile.Certificates = Certificates
    proxy.start = with_more(proxy.start)
    proxy.main()


if __name__ == "__main__":
    main()
