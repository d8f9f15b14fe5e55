"""Answers that do not come, or not whole, or are none."""

from hostile_behaviours import BEHAVIOURS, behaviour, flood, on_head, send

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
