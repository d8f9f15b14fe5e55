"""A server that does everything to its clients that a server can do.

Many listeners on 127.0.0.1. Some serve by a request's path, as
hostile_answers.py and hostile_faults.py say, others do something to every
connection, as hostile_ports.py says. When it is ready it prints one line of
JSON: each listener's port, and the certificates' paths. GET /_stats of the
control port counts what arrived, /_clear forgets it, /_do/close, /_do/reset
and /_do/stray act on all kept connections, /_arrivals tells of messages as
hostile_arrivals.py does. It ends with its standard input, or by SIGTERM, and
leaves nothing behind.
"""

import json
import os
import select
import signal
import ssl
import sys
import tempfile
import warnings

import hostile_faults  # noqa: F401, each makes itself known
import hostile_ports as ports
import hostile_service  # noqa: F401, the same
from hostile_answers import redirect_to
from hostile_certs import Certificates

PARENT_POLL_SECONDS = 0.5


def contexts(certificates):
    """TLS of each kind, by the listener's name."""
    made = {"https": ports.context(certificates)}
    for name in ("self_signed", "expired", "wrong_name", "untrusted"):
        made[name] = ports.context(certificates, name)
    for name in ("mutual", "mutual_12"):
        made[name] = ports.context(certificates)
        made[name].verify_mode = ssl.CERT_REQUIRED
        made[name].load_verify_locations(certificates.path("ca.pem"))
    made["mutual_12"].maximum_version = ssl.TLSVersion.TLSv1_2
    made["alpn"] = ports.context(certificates)
    made["alpn"].set_alpn_protocols(["x-amzn-http-ca", "x-other"])
    made["h2"] = ports.context(certificates)
    made["h2"].set_alpn_protocols(["h2", "http/1.1"])
    made["old_tls"] = ports.context(certificates)
    made["old_tls"].set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is old, and meant to be
        made["old_tls"].minimum_version = ssl.TLSVersion.TLSv1
        made["old_tls"].maximum_version = ssl.TLSVersion.TLSv1_1
    return made


def listeners(certificates):
    """What is done to connections, by the listener's name."""
    made = {
        "http": ports.by_path,
        "elsewhere": ports.by_path,
        "closes_at_once": ports.closes_at_once,
        "resets_at_once": ports.resets_at_once,
        "mute": ports.mute,
        "closes_at_hello": ports.closes_at_hello,
        "resets_at_hello": ports.resets_at_hello,
        "half_a_hello": ports.half_a_hello,
        "plain_at_hello": ports.plain_at_hello,
        "drips_at_hello": ports.drips_at_hello,
    }
    for name, context in contexts(certificates).items():
        made[name] = ports.over_tls(context)
    return made


def start(directory, kept):
    """Start everything; what there is to know of it."""
    certificates = Certificates(directory)
    hall = ports.Hall()
    ready = {
        name: ports.listen(name, serve, hall)
        for name, serve in listeners(certificates).items()
    }
    redirect_to(ready["elsewhere"])
    ready["once"] = ports.listen("once", ports.by_path, hall, times=1)
    ready["control"] = ports.listen("control", ports.control(hall))
    kept += ports.listen_deaf()
    ready["deaf"] = kept[0].getsockname()[1]
    kept.append(ports.closed_port())
    ready["closed"] = kept[-1].getsockname()[1]
    for name in ("ca.pem", "other_ca.pem", "client.pem", "client.key"):
        ready[name.replace(".", "_")] = certificates.path(name)
    ready["self_signed_pem"] = certificates.path("self_signed.pem")
    ready["pid"] = os.getpid()
    return ready


def wait_for_end(parent):
    """Return at the end of our input, or that of our parent."""
    stdin = sys.stdin.fileno()
    while parent in (None, os.getppid()):
        readable, _, _ = select.select([stdin], [], [], PARENT_POLL_SECONDS)
        if readable and not os.read(stdin, 4096):
            return


def leave(*_):
    """End, cleaning up undisturbed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(0)


def main():
    """Run until told to end."""
    parent = os.getppid() if "--watch-parent" in sys.argv else None
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # is for those we serve
    kept = []
    with tempfile.TemporaryDirectory(prefix="hostile-") as directory:
        print(json.dumps(start(directory, kept)), flush=True)
        wait_for_end(parent)


if __name__ == "__main__":
    main()
