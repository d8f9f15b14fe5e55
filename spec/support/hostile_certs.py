"""Certificates of the hour: good ones, and every kind of bad one."""

import os
import subprocess

OPENSSL_SECONDS = 30
# Our own file: what the system's openssl.cnf adds differs from host to host.
CONFIGURATION = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = hostile
[ca]
default_ca = signing
[signing]
new_certs_dir = .
database = index.txt
rand_serial = yes
default_md = sha256
policy = policy
unique_subject = no
[policy]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[here]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
subjectAltName = DNS:localhost, IP:127.0.0.1
[elsewhere]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
subjectAltName = DNS:elsewhere.example
[client]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
"""
# Wide enough for a test that sets a client's clock wrong.
LASTING = ("20200101000000Z", "20491231000000Z")
OVER = ("20200101000000Z", "20200201000000Z")


class Certificates:
    """All of them, in one directory."""

    def __init__(self, directory):
        self.directory = directory
        self._write("openssl.cnf", CONFIGURATION)
        self._write("index.txt", "")
        self._authority("ca")
        self._authority("other_ca")
        self._key("server")
        self._key("client")
        self._sign("server", "ca", "here", LASTING)
        self._sign("expired", "ca", "here", OVER)
        self._sign("wrong_name", "ca", "elsewhere", LASTING)
        self._sign("untrusted", "other_ca", "here", LASTING)
        self._sign("client", "ca", "client", LASTING, key="client")
        self._self_signed()

    def path(self, name):
        """Where a file of that name is."""
        return os.path.join(self.directory, name)

    def _write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def _key(self, name):
        curve = ["-name", "prime256v1", "-noout", "-genkey"]
        self._openssl(["ecparam"] + curve + ["-out", name + ".key"])

    def _authority(self, name):
        self._key(name)
        what = ["-x509", "-days", "3650", "-extensions", "authority"]
        self._request(name, name, what + ["-out", name + ".pem"])

    def _self_signed(self):
        what = ["-x509", "-days", "3650", "-extensions", "here"]
        what += ["-out", "self_signed.pem"]
        self._request("localhost", "server", what)

    def _request(self, name, key, arguments):
        whose = ["-subj", "/CN=" + name, "-key", key + ".key"]
        self._openssl(
            ["req", "-new", "-config", "openssl.cnf"] + whose + arguments
        )

    def _sign(self, name, authority, extensions, dates, key="server"):
        self._request(name, key, ["-out", "request.pem"])
        by = ["-cert", authority + ".pem", "-keyfile", authority + ".key"]
        start, end = dates
        when = ["-startdate", start, "-enddate", end]
        what = ["-in", "request.pem", "-out", name + ".pem"]
        self._openssl(
            ["ca", "-batch", "-notext", "-config", "openssl.cnf"]
            + ["-extensions", extensions] + by + when + what
        )

    def _openssl(self, arguments):
        done = subprocess.run(
            ["openssl"] + arguments,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=OPENSSL_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError("openssl failed; it says:\n" + done.stderr)
