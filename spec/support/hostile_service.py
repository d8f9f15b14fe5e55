"""What a service, or what stands before it, answers in trouble; and faults
that show only where the client does more than one request."""

import gzip
import json
import socket

from hostile_behaviours import answer, behaviour, flood, on_head, send
from hostile_faults import nonsense

PAGE = b"<html><head><title>%s</title></head><body>proxy</body></html>"
BIG = 65536


@behaviour
def says(c, request):
    """/says/503/none: that status, without a body; or with a proxy's page
    (html), a compressed body (gzip), or else a service's error code."""
    status, what = request.target.split("/")[2:4]
    headers, body = [], b""
    if what == "html":
        headers, body = ["Content-Type: text/html"], PAGE % status.encode()
    elif what == "gzip":
        headers = ["Content-Encoding: gzip"]
        body = gzip.compress(b'{"message": "small"}', mtime=0)
    elif what != "none":
        headers = ["x-amzn-ErrorType: " + what + ":http://there/"]
        body = json.dumps({"message": "trouble"}).encode()
    return answer(c, body, status + " Trouble", headers)


@behaviour
def says_in_body(c, request):
    """The same for a code that only the body has."""
    status, code = request.target.split("/")[2:4]
    body = json.dumps({"message": "trouble", "code": code})
    return answer(c, body.encode(), status + " Trouble")


# Lengths and chunks.


@behaviour
def announces_more(c, _):
    send(c, "HTTP/1.1 200 OK\nContent-Length: 10\n\nok")
    c.wait_for_end()


nonsense("binary", "\0\1\2\3\x16\x03\x01 \n\n")
nonsense(
    "endless_size",
    "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n" + "f" * 17 + "\n",
)
nonsense(
    "minus_chunk",
    "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n-1\nabc\n",
)
nonsense("bad_interim", "HTTP/1.1 100 Continue\nno colon\n\n")


@behaviour
def interim_flood(c, _):
    flood(c, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


@behaviour
def endless_trailers(c, _):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    flood(c, head, b"X-Again: and again\r\n" * 1000)


@behaviour
def endless_chunk_line(c, _):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;"
    flood(c, head, b"x" * BIG)


# One half of the connection.


@behaviour
def half_closes(c, _):
    c.sock.shutdown(socket.SHUT_WR)
    c.wait_for_end()


@behaviour
def ok_and_half_closes(c, _):
    answer(c)
    c.sock.shutdown(socket.SHUT_WR)
    c.wait_for_end()


@behaviour
def half_body_half_closed(c, _):
    send(c, "HTTP/1.1 200 OK\nContent-Length: 10\n\n01234")
    c.sock.shutdown(socket.SHUT_WR)
    c.wait_for_end()


# A message that was lost once.

SEEN = set()


@behaviour
def refuses_again(c, request):
    """Closes a connection at its second request, and refuses what it has
    heard before."""
    if request.target in SEEN:
        answer(c, b"", "403 Forbidden", ["Connection: close"])
        return None
    SEEN.add(request.target)
    first = c.record.behaviours.count("refuses_again") == 1
    return answer(c) if first else None


# While the body is still going out.


@on_head
def early_ok(c, _):
    """Says that it has what it cannot have."""
    answer(c)
    c.stop_reading()


@on_head
def half_early(c, _):
    send(c, "HTTP/1.1 413 Payload Too Large\nContent-Length: 10\n\n01")
    c.stop_reading()
