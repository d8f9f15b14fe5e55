"""What a server may do to a request, by the first part of its path.

Each is called with the connection and the request, whole, or only its head
where it is marked so. One that returns KEEP leaves the connection open for
another request.
"""

import gzip
import socket
import time

KEEP = True
DRIP_SECONDS = 0.015
EVERY_BYTE = bytes(range(256))

BEHAVIOURS = {}
ON_HEAD = set()


def behaviour(function):
    """Make it known by its name."""
    BEHAVIOURS[function.__name__] = function
    return function


def on_head(function):
    """The same for one that does not wait for the body."""
    ON_HEAD.add(function.__name__)
    return behaviour(function)


def answer(c, body=b"ok", status="200 OK", headers=(), version="1.1"):
    """A sound answer."""
    lines = [f"HTTP/{version} {status}", *headers]
    lines.append(f"Content-Length: {len(body)}")
    c.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return KEEP


def send(c, text):
    """An answer that is not, or not quite; a line ends in CR LF."""
    c.send(text.replace("\n", "\r\n").encode())


def flood(c, first, again):
    """Send for as long as the client takes it."""
    c.is_stuck = True
    going = c.send(first)
    while going:
        going = c.send(again)


# Sound answers.


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


# No answer.


@behaviour
def silent(c, _):
    c.wait_for_end()


@on_head
def takes_nothing(c, _):
    c.stop_reading()


@behaviour
def closes(_, __):
    pass


@behaviour
def resets(c, _):
    c.reset()


@on_head
def resets_within(c, _):
    c.read_some(1000)
    c.reset()


# Half an answer.


@behaviour
def half_status(c, _):
    send(c, "HTTP/1.1 20")


@behaviour
def half_header(c, _):
    send(c, "HTTP/1.1 200 OK\nContent-Length: 2\nX-Ha")


@behaviour
def half_head(c, _):
    send(c, "HTTP/1.1 200 OK\nContent-Length: 2\n")


@behaviour
def half_body(c, _):
    send(c, "HTTP/1.1 200 OK\nContent-Length: 10\n\n01234")


@behaviour
def half_chunk(c, _):
    send(c, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nab")


@behaviour
def no_last_chunk(c, _):
    send(c, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nok\n")


@behaviour
def half_reset(c, _):
    send(c, "HTTP/1.1 200 OK\nContent-Length: 10\n\n01234")
    c.reset()


@behaviour
def only_interim(c, _):
    send(c, "HTTP/1.1 100 Continue\n\n")


# What is no HTTP, or too much of it. Those who talk nonsense then wait: it
# must not take a time-out to see that.


def nonsense(name, text):
    """A behaviour that says only that."""

    def talk(c, _):
        send(c, text)
        c.wait_for_end()

    BEHAVIOURS[name] = talk


nonsense("http_09", "<html>no status line</html>\n")
nonsense("http_2", "HTTP/2 200\nContent-Length: 2\n\nok")
nonsense("no_line_end", "SSH-2.0-OpenSSH_9.2p1")
nonsense("bad_status", "HTTP/1.1 2x0 OK\n\n")
nonsense("bad_header", "HTTP/1.1 200 OK\nno colon\n\n")
nonsense("bad_length", "HTTP/1.1 200 OK\nContent-Length: 2x\n\nok")
nonsense("minus_length", "HTTP/1.1 200 OK\nContent-Length: -1\n\nok")
nonsense("huge_length", "HTTP/1.1 200 OK\nContent-Length: 99999999999\n\nok")
nonsense(
    "two_lengths",
    "HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 3\n\nabc",
)
nonsense(
    "bad_chunk",
    "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nno size\nabc\n",
)
nonsense(
    "long_chunk",
    "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nabcd\n0\n\n",
)
nonsense("unknown_coding", "HTTP/1.1 200 OK\nTransfer-Encoding: br\n\nabc")
nonsense("switches", "HTTP/1.1 101 Switching Protocols\nUpgrade: h2c\n\n")
nonsense("many_interim", "HTTP/1.1 100 Continue\n\n" * 20)


@behaviour
def endless_line(c, _):
    flood(c, b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 65536)


@behaviour
def endless_head(c, _):
    flood(c, b"HTTP/1.1 200 OK\r\n", b"X-Again: and again\r\n" * 4096)


@behaviour
def endless_body(c, _):
    flood(c, b"HTTP/1.1 200 OK\r\n\r\n", b"x" * (1 << 20))


@behaviour
def endless_chunks(c, _):
    """So little of a body in them that it takes long to be too large."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"1;" + b"x" * 40 + b"\r\nx\r\n"
    flood(c, head, chunk * 50000)
