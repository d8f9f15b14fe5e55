"""A service that answers as it is told, over real HTTP and HTTPS.

Prints one line of JSON: the ports `http`, `https` (its certificate is of
`ca_pem`), `mtls` (the same, and a client's certificate of that CA is asked
for: `client_pem`, `client_key`), `closed` (nothing listens), and `pid`.
POST /_script takes a list of answers, GET /_requests gives and forgets what
was asked; everything else takes the next answer: {status, headers, body,
delay (seconds), fail: "close" or "hang", raw (base64, instead of all that)}.
"""

import base64
import http.server
import json
import os
import signal
import ssl
import sys
import tempfile
import threading

import hostile_ports as ports
from hostile import leave, wait_for_end
from hostile_certs import Certificates

LATEST = 3600  # seconds that a hanging answer hangs


class Script:
    """What will be answered, and what was asked."""

    def __init__(self):
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.answers, self.requests = [], []

    def replace(self, answers):
        with self.lock:
            self.answers, self.requests = answers, []
            self.over.set()
            self.over = threading.Event()

    def next(self, request):
        with self.lock:
            self.requests.append(request)
            if not self.answers:
                return {"status": 404, "body": "unscripted"}, self.over
            return self.answers.pop(0), self.over

    def take(self):
        with self.lock:
            requests, self.requests = self.requests, []
            return requests


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection; the script is its server's."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def _send(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _record(self, body):
        tls = isinstance(self.connection, ssl.SSLSocket)
        return {
            "method": self.command, "target": self.path, "tls": tls,
            "port": self.server.server_address[1],
            "headers": [[n.lower(), v] for n, v in self.headers.items()],
            "body": body.decode("utf-8", "surrogateescape"),
            "client": bool(tls and self.connection.getpeercert()),
        }

    def _answer(self, answer, over):
        if answer.get("delay"):
            over.wait(answer["delay"])
        if answer.get("fail") == "hang":
            over.wait(LATEST)
        if answer.get("fail"):
            self.close_connection = True
        elif "raw" in answer:
            self.wfile.write(base64.b64decode(answer["raw"]))
            self.close_connection = True
        else:
            body = answer.get("body", "")
            if not isinstance(body, str):
                body = json.dumps(body)
            self._send(answer.get("status", 200), answer.get("headers") or {},
                       body.encode())

    def _handle(self):
        body, script = self._body(), self.server.script
        if self.path == "/_script":
            script.replace(json.loads(body) or [])
            self._send(200, {}, b"")
        elif self.path == "/_requests":
            self._send(200, {}, json.dumps(script.take()).encode())
        else:
            self._answer(*script.next(self._record(body)))

    do_GET = do_POST = do_PUT = do_DELETE = _handle


class Server(http.server.ThreadingHTTPServer):
    """Listens on a free port of the loopback."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, script, context=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.context = script, context
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self):
        connection, address = super().get_request()
        if self.context:
            connection = self.context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, *_):
        pass  # a client that broke off


def tls(certificates, verify=False):
    """Of our certificate; with `verify` for a client that has one."""
    made = ports.context(certificates)
    if verify:
        made.load_verify_locations(certificates.path("ca.pem"))
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def start(directory, kept):
    """Start everything; what there is to know of it."""
    certificates, script = Certificates(directory), Script()
    contexts = {"http": None, "https": tls(certificates),
                "mtls": tls(certificates, verify=True)}
    ready = {"pid": os.getpid()}
    for name, context in contexts.items():
        kept.append(Server(script, context))
        ready[name] = kept[-1].server_address[1]
    kept.append(ports.closed_port())
    ready["closed"] = kept[-1].getsockname()[1]
    for name in ("ca.pem", "client.pem", "client.key"):
        ready[name.replace(".", "_")] = certificates.path(name)
    return ready


def main():
    """Run until told to end."""
    parent = os.getppid() if "--watch-parent" in sys.argv else None
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # is for those we serve
    kept = []
    with tempfile.TemporaryDirectory(prefix="scripted-") as directory:
        print(json.dumps(start(directory, kept)), flush=True)
        wait_for_end(parent)


if __name__ == "__main__":
    main()
