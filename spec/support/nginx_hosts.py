"""The hostile server and its proxies, as nginx's cosockets can reach them.

Prints what proxy.py does, and `names`: the port of a server of names, which
knows localhost, says that any other name is unknown, and is silent about
those that begin with "slow". The certificates have 127.0.0.1 as a name, for
nginx compares a certificate's names only. Each connection's record has
`resumed`: was its TLS session one of before?
"""

import socket
import struct
import threading

import hostile_certs
import hostile_ports as ports
import proxy

HEADER_SIZE = 12  # of a message of DNS
A_RECORD = 1
UNKNOWN = 3
ANSWER = 0x8180  # recursion was wanted, and is to be had
TTL = 60  # seconds
LARGEST = 512


def name_in(query):
    """The name that is asked for, and where it ends."""
    labels, at = [], HEADER_SIZE
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("latin-1"))
        at += 1 + query[at]
    return ".".join(labels).lower(), at + 1


def answer_to(query):
    """What is said; None for nothing at all."""
    name, end = name_in(query)
    question = query[HEADER_SIZE : end + 4]
    (kind,) = struct.unpack("!H", query[end : end + 2])
    if name.startswith("slow"):
        return None
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
        answer = answer_to(query)
        if answer:
            sock.sendto(answer, whom)


def listen_for_names():
    """Serve names from now on; the port."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    threading.Thread(target=serve_names, args=(sock,), daemon=True).start()
    return sock.getsockname()[1]


def with_names(start):
    """The same, and names."""

    def started(directory, kept):
        ready = start(directory, kept)
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
    proxy.start = with_names(proxy.start)
    proxy.main()


if __name__ == "__main__":
    main()
