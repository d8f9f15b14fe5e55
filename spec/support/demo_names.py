"""A name server for nginx's resolver, to which every name is this machine.

Prints its port on 127.0.0.1; ends by SIGTERM, or with its parent.
"""

import os
import socket

PARENT_POLL_SECONDS = 0.5
HEAD, TYPE_A = 12, b"\0\1"  # bytes of a message before its question
# The name asked for, type A, class IN, 60 seconds, four bytes.
RECORD = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton("127.0.0.1")


def answer(query):
    """No error: this machine, or nothing where no address of IPv4 is asked."""
    end = query.index(0, HEAD) + 5
    record = RECORD if query[end - 4:end - 2] == TYPE_A else b""
    counts = bytes([0, 1, 0, bool(record), 0, 0, 0, 0])
    return query[:2] + b"\x81\x80" + counts + query[HEAD:end] + record


def main():
    """Answer for ever."""
    parent = os.getppid()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PARENT_POLL_SECONDS)
        print(server.getsockname()[1], flush=True)
        while os.getppid() == parent:
            try:
                query, peer = server.recvfrom(512)
            except socket.timeout:
                continue
            server.sendto(answer(query), peer)


if __name__ == "__main__":
    main()
