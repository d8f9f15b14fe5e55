"""What a server may do to a request, by the first part of its path.

Each is called with the connection and the request, whole, or only its head
where it is marked so. One that returns KEEP leaves the connection open for
another request.
"""

KEEP = True

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
