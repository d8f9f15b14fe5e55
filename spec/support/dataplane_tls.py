"""A certificate authority of the hour, and a server certificate by it."""

import os
import ssl
import subprocess

from dataplane_errors import StartError

OPENSSL_SECONDS = 30
DAYS = "3650"  # long, so that tests may set a client's clock wrong
# Our own file: what the system's openssl.cnf adds differs from host to host.
CONFIGURATION = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = local data plane
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
authorityKeyIdentifier = keyid
"""


def make(directory):
    """Return the CA's path and a server's TLS context."""
    configuration = os.path.join(directory, "openssl.cnf")
    with open(configuration, "w", encoding="utf-8") as file:
        file.write(CONFIGURATION)
    _make_ca(directory)
    _make_server(directory)
    ca = os.path.join(directory, "ca.pem")
    return ca, _context(directory)


def _make_ca(directory):
    request = ["req", "-x509", "-config", "openssl.cnf", "-extensions", "ca"]
    name = ["-subj", "/CN=local data plane CA", "-days", DAYS]
    key = _new_key("ca.key")
    _openssl(directory, request + name + key + ["-out", "ca.pem"])


def _make_server(directory):
    request = ["req", "-new", "-config", "openssl.cnf"]
    name = ["-subj", "/CN=localhost"]
    key = _new_key("server.key")
    _openssl(directory, request + name + key + ["-out", "server.csr"])
    sign = ["x509", "-req", "-in", "server.csr", "-out", "server.pem"]
    issuer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
    what = ["-extfile", "openssl.cnf", "-extensions", "server", "-days", DAYS]
    _openssl(directory, sign + issuer + what)


def _new_key(path):
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    return curve + ["-nodes", "-keyout", path]


def _openssl(directory, arguments):
    try:
        done = subprocess.run(
            ["openssl"] + arguments,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=OPENSSL_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise StartError(
            "The local data plane needs the openssl command, which is not"
            " installed: apt install openssl"
        ) from None
    except subprocess.TimeoutExpired:
        raise StartError("openssl does not come to an end") from None
    if done.returncode != 0:
        raise StartError("openssl failed; it says:\n" + done.stderr)


def _context(directory):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(
        os.path.join(directory, "server.pem"),
        os.path.join(directory, "server.key"),
    )
    return context
