"""HTTP and HTTPS in front of the operations: bytes in, bytes out.

Nothing here knows what a request means; dataplane_operations does.
"""

import contextlib
import dataclasses
import http
import http.server
import json
import re
import socketserver
import ssl
import sys
import threading
import uuid

from dataplane_errors import ApiError, invalid_request

MAX_BODY_BYTES = 131072
DISCARD_CHUNK_BYTES = 65536
POLL_SECONDS = 0.05
URI = re.compile(r"/[!\"$-~]*")


@dataclasses.dataclass
class Request:
    """A request as it came: nothing decoded, header names in lower case."""

    method: str
    target: str
    headers: list
    body: bytes

    @property
    def path(self):
        """What stands before the question mark."""
        return self.target.partition("?")[0]

    @property
    def query(self):
        """What stands behind the question mark."""
        return self.target.partition("?")[2]

    def values(self, name):
        """Every value of a header, in order."""
        return [value for sent, value in self.headers if sent == name]

    def value(self, name):
        """A header's first value, or None."""
        return next(iter(self.values(name)), None)


@dataclasses.dataclass
class Response:
    """An answer; the server adds what every answer has."""

    status: int
    body: bytes
    headers: dict = dataclasses.field(default_factory=dict)


def json_response(status, value, headers=None):
    """An answer with a JSON body."""
    return Response(status, json.dumps(value).encode(), headers or {})


def ok_response():
    """What AWS IoT answers where it has nothing else to say."""
    request_id = str(uuid.uuid4())
    return json_response(
        200,
        {"message": "OK", "traceId": request_id},
        {"x-amzn-RequestId": request_id},
    )


def error_response(error):
    """An ApiError in the form AWS IoT gives it."""
    request_id = str(uuid.uuid4())
    return json_response(
        error.status,
        {"message": str(error), "traceId": request_id},
        {"x-amzn-ErrorType": error.code, "x-amzn-RequestId": request_id},
    )


class Server(http.server.ThreadingHTTPServer):
    """Serves one plane on a free port of 127.0.0.1."""

    request_queue_size = 128

    def __init__(self, plane, tls=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.plane = plane
        self.tls = tls
        if tls:
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def port(self):
        """The port the system gave us."""
        return self.server_address[1]

    def server_bind(self):
        """Skip HTTPServer's look-up of our own name: it may take long."""
        socketserver.TCPServer.server_bind(self)

    def finish_request(self, request, client_address):
        """Shake hands in the connection's thread, so that none can block."""
        if self.tls:
            request.do_handshake()
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        """A client that hangs up or distrusts us is no error of ours."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def serving(server):
    """Answer requests in the background as long as the block runs."""
    thread = threading.Thread(
        target=server.serve_forever, args=(POLL_SECONDS,), daemon=True
    )
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection, kept alive over many requests."""

    protocol_version = "HTTP/1.1"
    server_version = "local-data-plane"
    sys_version = ""
    # Head and body in one packet, sent at once; else 40 ms an answer.
    wbufsize = -1
    disable_nagle_algorithm = True

    def serve(self):
        """Answer any method; the routing table knows which it has."""
        try:
            response = self.server.plane.answer(self._request())
        except ApiError as error:
            response = error_response(error)
        self._send(response)

    do_GET = do_POST = do_PUT = do_DELETE = serve
    do_HEAD = do_PATCH = do_OPTIONS = serve

    def handle_expect_100(self):
        """Say 100 Continue now, not with the answer: we are buffered."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def send_error(self, code, message=None, explain=None):
        """What http.server refuses by itself, in the form of the rest."""
        self.close_connection = True
        text = message or http.HTTPStatus(code).phrase
        error = ApiError(int(code), "InvalidRequestException", text)
        self._send(error_response(error))

    def log_message(self, *_):
        """Keep quiet: stderr is for what goes wrong."""

    def _request(self):
        target = self.requestline.split()[1]
        body = self._body()
        if not URI.fullmatch(target):
            raise invalid_request("The request target is no path")
        headers = [
            (name.lower(), _as_utf8(value))
            for name, value in self.headers.items()
        ]
        return Request(self.command, target, headers, body)

    def _body(self):
        """The body, or its beginning if it is over the limit."""
        length = self._content_length()
        body = self._read(min(length, MAX_BODY_BYTES + 1))
        remaining = length - len(body)
        while remaining > 0:
            remaining -= len(self._read(min(remaining, DISCARD_CHUNK_BYTES)))
        return body

    def _content_length(self):
        text = self.headers.get("content-length", "0")
        if "transfer-encoding" in self.headers or not text.isdecimal():
            self.close_connection = True
            raise invalid_request("The body must have a Content-Length")
        return int(text)

    def _read(self, length):
        data = self.rfile.read(length)
        if len(data) < length:
            raise ConnectionAbortedError("the client hung up")
        return data

    def _send(self, response):
        self.send_response(response.status)
        if "x-amzn-RequestId" not in response.headers:
            self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(response.body)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)


def _as_utf8(value):
    """Header bytes as a client means them; http.server reads latin-1."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value
