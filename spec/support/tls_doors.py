"""TLS servers that others wrote, each of which wants a client's certificate.

Prints one line of JSON: `openssl_alpn` is the port of an `openssl s_server`
that knows the protocol x-amzn-http-ca and no other, as AWS IoT's 443 does;
`openssl` that of one that knows no ALPN; `nginx` that of an nginx which
verifies clients (absent where there is none); `directory` has the
certificates, and what each s_server says in NAME.log; and `pid`. All answer
200. It ends with its standard input, or by SIGTERM.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import hostile_certs
from hostile import leave, wait_for_end

ALPN = "x-amzn-http-ca"
ACCEPT = re.compile(rb"^ACCEPT .*:(\d+)\s", re.MULTILINE)
REQUEST = re.compile(
    rb"POST [^\n]* HTTP/1\.1\r\n(?:[^\r]+\r\n)*?content-length: (\d+)\r\n"
    rb"(?:[^\r]+\r\n)*\r\n",
    re.IGNORECASE,
)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
)
PASS = ["-passout", "pass:sesame"]
TRIES = 5  # for a port that is free
END_SECONDS = 10
NGINX = """\
worker_processes 1;
daemon off;
error_log stderr crit;
pid nginx.pid;
%(user)s
events {}
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    listen 127.0.0.1:%(port)d ssl;
    ssl_certificate server.pem;
    ssl_certificate_key server.key;
    ssl_client_certificate ca.pem;
    ssl_verify_client on;
    ssl_session_cache shared:sessions:1m;
    location / {
      add_header x-client $ssl_client_s_dn;
      add_header x-resumed $ssl_session_reused;
      return 200 "{}";
    }
  }
}
"""


class More(hostile_certs.Certificates):
    """Certificates, and keys in every form that a file may have."""

    def __init__(self, directory):
        super().__init__(directory)
        self._openssl(["genrsa", "-out", "rsa.key", "2048"])
        self._sign("rsa", "ca", "client", self.lasting, key="rsa")
        self._key("other")
        self._sign("other", "ca", "client", self.lasting, key="other")
        for name in ("rsa", "client"):
            self._forms(name)

    lasting = ("20200101000000Z", "20491231000000Z")

    def _forms(self, name):
        key = ["-in", name + ".key", "-out"]
        old = ["pkey", "-traditional"] + key
        new = ["pkcs8", "-topk8"] + key
        self._openssl(new + [name + "_pkcs8.key", "-nocrypt"])
        self._openssl(new + [name + "_locked.key"] + PASS)
        self._openssl(old + [name + "_old.key"])
        self._openssl(old + [name + "_old_locked.key", "-aes128"] + PASS)
        with open(self.path(name + "_both.pem"), "wb") as both:
            for part in (".key", ".pem"):
                with open(self.path(name + part), "rb") as file:
                    both.write(file.read())


def talk(process, log, ready):
    """Answer requests; keep what s_server says."""
    text, at = b"", 0
    with open(log, "wb", buffering=0) as file:
        while True:
            said = os.read(process.stdout.fileno(), 65536)
            if not said:
                return
            file.write(said)
            text += said
            if ACCEPT.search(text) and not ready.is_set():
                ready.port = int(ACCEPT.search(text)[1])
                ready.set()
            request = REQUEST.search(text, at)
            if request and len(text) >= request.end() + int(request[1]):
                at = request.end()
                with contextlib.suppress(OSError):
                    os.write(process.stdin.fileno(), ANSWER)


def s_server(directory, name, arguments):
    """Start one; the process and its port."""
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0"]
    command += ["-cert", "server.pem", "-key", "server.key"]
    command += ["-CAfile", "ca.pem", "-Verify", "1", "-verify_return_error"]
    process = subprocess.Popen(
        command + arguments, cwd=directory, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )
    ready = threading.Event()
    log = os.path.join(directory, name + ".log")
    threading.Thread(
        target=talk, args=(process, log, ready), daemon=True
    ).start()
    if not ready.wait(END_SECONDS):
        raise RuntimeError("openssl s_server did not start")
    return process, ready.port


def free_port():
    """One that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def answers(process, port):
    """Wait until it listens; whether it does."""
    while process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True
    return False


def nginx(directory):
    """Start one; the process and its port."""
    user = "user root;" if os.getuid() == 0 else ""
    path = os.path.join(directory, "nginx.conf")
    for _ in range(TRIES):
        port = free_port()
        with open(path, "w", encoding="utf-8") as file:
            file.write(NGINX % {"port": port, "user": user})
        process = subprocess.Popen(
            ["nginx", "-p", directory, "-c", path, "-e", "stderr"],
            stdin=subprocess.DEVNULL,
        )
        if answers(process, port):
            return process, port
    raise RuntimeError("nginx did not start")


def start(directory, processes):
    """Start everything; what there is to know of it."""
    More(directory)
    ready = {"directory": directory, "pid": os.getpid()}
    servers = {
        "openssl_alpn": ["-alpn", ALPN],
        "openssl": [],
    }
    for name, arguments in servers.items():
        process, ready[name] = s_server(directory, name, arguments)
        processes.append(process)
    if shutil.which("nginx"):
        process, ready["nginx"] = nginx(directory)
        processes.append(process)
    return ready


def end(processes):
    """End what was started."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(END_SECONDS)


def main():
    """Run until told to end."""
    parent = os.getppid() if "--watch-parent" in sys.argv else None
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # is for those we serve
    # cosockets compare a certificate's names only
    hostile_certs.CONFIGURATION = hostile_certs.CONFIGURATION.replace(
        "DNS:localhost,", "DNS:localhost, DNS:127.0.0.1,"
    )
    processes = []
    with tempfile.TemporaryDirectory(prefix="doors-") as directory:
        try:
            print(json.dumps(start(directory, processes)), flush=True)
            wait_for_end(parent)
        finally:
            end(processes)


if __name__ == "__main__":
    main()
