"""Proxies of HTTP, good and bad, before the hostile server.

Runs hostile.py's listeners, and beside them those of proxy_kinds.py, whose
ports it prints as "proxy_NAME" in the same line of JSON. The control port of
the proxies, "proxy_control", serves /_stats, /_clear and /_do/close as the
other does; a connection's record has the heads that came, and how many bytes
went through a tunnel to its far end.
"""

import json
import os
import signal
import sys
import tempfile

import hostile
import hostile_ports as ports
import proxy_kinds


class Certificates:
    """Those that the hostile server has made."""

    def __init__(self, directory):
        self.directory = directory

    def path(self, name):
        """Where a file of that name is."""
        return os.path.join(self.directory, name)


def start(directory, kept):
    """Start everything; what there is to know of it."""
    ready, hall = hostile.start(directory, kept), ports.Hall()
    kinds = proxy_kinds.kinds(Certificates(directory))
    for name, serve in kinds.items():
        ready["proxy_" + name] = ports.listen("proxy_" + name, serve, hall)
    ready["proxy_control"] = ports.listen("control", ports.control(hall))
    return ready


def main():
    """Run until told to end."""
    parent = os.getppid() if "--watch-parent" in sys.argv else None
    signal.signal(signal.SIGTERM, hostile.leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # is for those we serve
    kept = []
    with tempfile.TemporaryDirectory(prefix="proxy-") as directory:
        print(json.dumps(start(directory, kept)), flush=True)
        hostile.wait_for_end(parent)


if __name__ == "__main__":
    main()
