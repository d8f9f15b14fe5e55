"""Sound answers, and those that only seem so for a while."""

import gzip
import socket
import time

from hostile_behaviours import KEEP, answer, behaviour, on_head, send

DRIP_SECONDS = 0.015
LATE_SECONDS = 0.1
EVERY_BYTE = bytes(range(256))


@behaviour
def ok(c, _):
    return answer(c)


@behaviour
def echo(c, request):
    return answer(c, request.head + request.body)


@behaviour
def exact(c, _):
    send(c, "HTTP/1.1 201 Made up\nDate: today\nX-Two: a\nX-Empty:\n")
    send(c, "X-Two: b\nx-SPACED:  \t in  side\nContent-Length: 256\n\n")
    c.send(EVERY_BYTE)
    return KEEP


@behaviour
def no_reason(c, _):
    send(c, "HTTP/1.1 200\nContent-Length: 2\n\nok")
    return KEEP


@behaviour
def chunked(c, _):
    send(c, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n")
    send(c, "3;name=value\nabc\n00A\n0123456789\n0\nX-Trailer: yes\n\n")
    return KEEP


@behaviour
def no_content(c, _):
    send(c, "HTTP/1.1 204 No Content\n\n")
    return KEEP


@behaviour
def large(c, _):
    return answer(c, EVERY_BYTE * 4096 * 5)


@behaviour
def continues(c, _):
    send(c, "HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: x\n\n")
    return answer(c)


@behaviour
def compressed(c, _):
    body = gzip.compress(b'{"message": "small"}', mtime=0)
    return answer(c, body, headers=["Content-Encoding: gzip"])


@behaviour
def not_json(c, _):
    page = b"<html><body>\xff\x00 no json</body></html>"
    return answer(c, page, "500 Internal Server Error")


def redirect_to(port):
    """Send the client to another port, where it should not go."""

    @behaviour
    def redirect(c, _):
        there = f"Location: http://127.0.0.1:{port}/ok"
        return answer(c, b"", "307 Temporary Redirect", [there])

    return redirect


@behaviour
def late(c, _):
    time.sleep(LATE_SECONDS)
    return answer(c)


@behaviour
def drip_head(c, _):
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    for byte in whole:
        time.sleep(DRIP_SECONDS)
        c.send(bytes([byte]))
    return KEEP


@behaviour
def drip_body(c, _):
    c.is_stuck = True
    going = c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while going:
        time.sleep(DRIP_SECONDS)
        going = c.send(b"x")


# Sound answers on connections that must not carry another request, though
# this server would let them.


@behaviour
def says_close(c, _):
    return answer(c, headers=["Connection: keep-alive, Close"])


@behaviour
def old_with_length(c, _):
    return answer(c, version="1.0")


@behaviour
def old_to_the_end(c, _):
    send(c, "HTTP/1.0 200 OK\nX-Old: yes\n\nto the end")


@behaviour
def new_to_the_end(c, _):
    send(c, "HTTP/1.1 200 OK\n\nto the end")


@behaviour
def more_than_announced(c, _):
    send(c, "HTTP/1.1 200 OK\nContent-Length: 2\n\nokHTTP/1.1 200 OK\n")
    return KEEP


@behaviour
def more_in_a_record_of_its_own(c, _):
    """Comes at once with the answer, but within TLS apart from it."""
    c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    answer(c)
    send(c, "HTTP/1.1 200 OK\nContent-Length: 5\n\nstray")
    c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
    return KEEP


@behaviour
def both_framings(c, _):
    send(c, "HTTP/1.1 200 OK\nContent-Length: 3\n")
    send(c, "Transfer-Encoding: chunked\n\n2\nok\n0\n\n")
    return KEEP


@on_head
def early(c, _):
    answer(c, b"too large", "413 Payload Too Large")
    c.stop_reading()


@on_head
def early_and_gone(c, _):
    answer(c, b"too large", "413 Payload Too Large")


@behaviour
def closes_after(c, _):
    answer(c)


# Sound on a connection's first request; what comes on the next one.


def second(function):
    """Make a behaviour of what is done to the second request."""

    def whole(c, request):
        first = c.record.behaviours.count(function.__name__) == 1
        return answer(c) if first else function(c, request)

    whole.__name__ = function.__name__
    return behaviour(whole)


@second
def second_closes(_, __):
    pass


@second
def second_resets(c, _):
    c.reset()


@second
def second_is_silent(c, _):
    c.wait_for_end()


@second
def second_begins(c, _):
    send(c, "HTTP/1.1 2")


@on_head
def second_hangs_up(c, request):
    """Hangs up while the second request is still going out, reading no
    more of it."""
    if len(c.record.behaviours) == 1:
        c.read_body(request)
        return answer(c)
    c.sock.shutdown(socket.SHUT_WR)
    c.stop_reading()
    return None
