"""What the proxies do, by their names."""

import base64
import contextlib
import http.client
import select
import socket
import ssl
import urllib.parse

import hostile_ports as ports

SECONDS = 10  # for the far end to be there
PIECE = 65536
HOP_BY_HOP = ("proxy-authorization", "connection", "content-length")
USER = "k\u00e4the o'neil:p@ss: w/%rd?#\U0001f511"
AUTHORIZED = "Basic " + base64.b64encode(USER.encode()).decode()
OFFERS = "".join(
    f"Proxy-Authenticate: {scheme}\r\n"
    for scheme in ("Negotiate", "NTLM", 'Digest realm="a", nonce="b"',
                   'Basic realm="a"')
)
PAGE = "<html>the proxy's own page</html>" * 100
UNKNOWN = f"HTTP/1.1 407 Who?\r\n{OFFERS}"
OPEN = "HTTP/1.1 200 Connection established\r\n\r\n"


def refusal(head, page=PAGE):
    """A whole answer; the head is without its end."""
    return f"{head}Content-Length: {len(page)}\r\n\r\n{page}"


# ---- good ones ----


def serve(c):
    """Do as is asked, request by request, until one is a tunnel."""
    c.record.heads, c.record.passed = [], 0
    with contextlib.ExitStack() as stack:
        while c.wait_for_request():
            request = c.read_head()
            if request is None or not c.read_body(request):
                return
            c.record.heads.append(request.head.decode("latin-1"))
            if request.method == "CONNECT":
                return tunnel(c, request, OPEN)
            forward(c, request, stack)


def tunnel(c, request, answer):
    """Connect both ends; with an answer of the caller's."""
    host, _, port = request.target.rpartition(":")
    try:
        far = socket.create_connection((host, int(port)), SECONDS)
    except OSError:
        c.send(refusal("HTTP/1.1 502 Bad Gateway\r\n").encode())
        return
    with far:
        c.send(answer.encode())
        c.is_stuck = True
        relay(c, far)


def relay(c, far):
    """Bytes both ways, until one end has no more."""
    far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        pending = isinstance(c.sock, ssl.SSLSocket) and c.sock.pending()
        ready = [c.sock]
        if not pending:
            ready, _, _ = select.select([c.sock, far], [], [])
        for sock in ready:
            data = sock.recv(PIECE)
            if not data:
                return
            if sock is far:
                c.sock.sendall(data)
            else:
                far.sendall(data)
                c.record.passed += len(data)


def forward(c, request, stack):
    """Ask for it in the client's name."""
    url = urllib.parse.urlsplit(request.target)
    path = request.target.partition(url.netloc)[2]
    if url.scheme != "http":
        c.send(refusal("HTTP/1.1 400 Bad Request\r\n").encode())
        return
    far = http.client.HTTPConnection(url.hostname, url.port or 80, SECONDS)
    stack.callback(far.close)
    try:
        far.putrequest(request.method, path, True, True)
        for line in request.head.decode("latin-1").split("\r\n")[1:-2]:
            name, _, value = line.partition(": ")
            if name.lower() not in HOP_BY_HOP:
                far.putheader(name, value)
        far.putheader("Content-Length", str(len(request.body)))
        far.endheaders(request.body)
        answer = far.getresponse()
        status = f"HTTP/1.1 {answer.status} {answer.reason}\r\n"
        page = answer.read().decode("latin-1")
    except (OSError, http.client.HTTPException):
        status, page = "HTTP/1.1 502 Bad Gateway\r\n", PAGE
    c.send(refusal(status, page).encode("latin-1"))


def behind_a_password(c):
    """The same, for one user only."""
    c.record.heads, c.record.passed = [], 0
    request = c.read_head()
    if request is None or not c.read_body(request):
        return
    head = request.head.decode("latin-1")
    c.record.heads.append(head)
    lines = [line.partition(": ") for line in head.split("\r\n")[1:-2]]
    given = [v for n, _, v in lines if n.lower() == "proxy-authorization"]
    if given != [AUTHORIZED]:
        c.send(refusal(UNKNOWN).encode())
        c.part()
    elif request.method == "CONNECT":
        tunnel(c, request, OPEN)
    else:
        with contextlib.ExitStack() as stack:
            forward(c, request, stack)


def over_tls(context, then):
    """Shake hands, then serve."""

    def serve_over_tls(c):
        c.sock = context.wrap_socket(
            c.sock,
            server_side=True,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=True,
        )
        try:
            c.sock.do_handshake()
        except OSError:
            c.part()
            return
        c.record.certificate = bool(c.sock.getpeercert())
        c.record.alpn = c.sock.selected_alpn_protocol()
        then(c)

    return serve_over_tls


# ---- bad ones, once the head has come ----


def says(answer, then):
    """Answer so, whatever was asked, and then do that."""

    def serve_so(c):
        request = c.read_head()
        if request is None:
            return
        c.record.heads = [request.head.decode("latin-1")]
        c.send(answer.encode())
        then(c)

    return serve_so


def goes(c):
    """Close, but let the client read what was said."""
    c.part()


def resets(c):
    """Close with RST."""
    c.reset()


def hangs(c):
    """Say no more."""
    c.wait_for_end()


def floods(c):
    """Say the same again and again."""
    c.is_stuck = True
    while c.send(b"X-Again: " + b"a" * 1000 + b"\r\n"):
        pass


def talks(c):
    """Speak of something else, in the middle of TLS's handshake."""
    c.read_some(ports.HELLO_SIZE)
    c.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    c.part()


def leaves(c):
    """Go away in the middle of TLS's handshake."""
    c.read_some(ports.HELLO_SIZE)


def answers_before(first):
    """Tunnels, but not with the plainest of answers."""

    def serve_so(c):
        c.record.heads, c.record.passed = [], 0
        request = c.read_head()
        if request is not None and request.method == "CONNECT":
            c.record.heads.append(request.head.decode("latin-1"))
            tunnel(c, request, first)

    return serve_so


def kinds(certificates):
    """Each proxy by its name."""
    good = ports.context(certificates)
    curious = ports.context(certificates)
    curious.verify_mode = ssl.CERT_OPTIONAL
    curious.set_alpn_protocols(["x-amzn-http-ca"])
    curious.load_verify_locations(certificates.path("ca.pem"))
    expired = ports.context(certificates, "expired")
    elsewhere = ports.context(certificates, "wrong_name")
    return {
        "open": serve,
        "other": serve,
        "auth": behind_a_password,
        "tls": over_tls(good, serve),
        "tls_auth": over_tls(good, behind_a_password),
        "tls_curious": over_tls(curious, serve),
        "tls_expired": over_tls(expired, serve),
        "tls_wrong_name": over_tls(elsewhere, serve),
        # 200 in other words
        "old": answers_before("HTTP/1.0 200 OK\r\n\r\n"),
        "wordy": answers_before(
            "HTTP/1.1 200 OK\r\nVia: a\r\nX-Long: " + "a" * 4000 + "\r\n\r\n"
        ),
        # refusals
        "says_407": says(refusal(UNKNOWN), hangs),
        "says_407_and_goes": says(refusal(UNKNOWN), goes),
        "says_502": says(refusal("HTTP/1.1 502 Bad Gateway\r\n"), goes),
        "says_204": says("HTTP/1.1 204 No Content\r\n\r\n", talks),
        "says_201": answers_before("HTTP/1.1 201 Created\r\n\r\n"),
        "says_302": says(
            refusal("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n"),
            goes,
        ),
        "says_half_a_page": says(UNKNOWN + "Content-Length: 9\r\n\r\n", hangs),
        # none
        "goes": says("", goes),
        "resets": says("", resets),
        "hangs": says("", hangs),
        "garbage": says("\0\1\2 nothing\r\nof the sort\r\n\r\n", goes),
        "binary": says("\x16\x03\x03\x00\x02\x02\x28", goes),
        # half a 200
        "half": says("HTTP/1.1 200 OK\r\nVia: a\r\n", goes),
        "half_resets": says("HTTP/1.1 200 OK\r\nVia: a\r\n", resets),
        "half_hangs": says("HTTP/1.1 200 OK\r\nVia: a\r\n", hangs),
        "endless": says("HTTP/1.1 200 OK\r\n", floods),
        # after it
        "then_closes": says(OPEN, leaves),
        "then_goes": says(OPEN, goes),
        "then_resets": says(OPEN, resets),
        "then_talks": says(OPEN, talks),
        "then_hangs": says(OPEN, hangs),
    }
