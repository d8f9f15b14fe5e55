"""A local AWS IoT data plane, for tests and for the demonstration.

Takes signed requests for all operations over HTTP and HTTPS as AWS IoT Core
does, and hands messages to a Mosquitto of its own, so that a real MQTT 5
subscriber sees what arrived. When it is ready it prints one line of JSON:
where everything listens, and the credentials to sign with. It ends with its
standard input, or by SIGTERM or SIGINT, and leaves nothing behind.
"""

import argparse
import contextlib
import json
import os
import select
import signal
import sys
import tempfile

try:
    import dataplane_tls
    from dataplane_errors import BrokerError, StartError
    from dataplane_front import Front
    from dataplane_http import Server, serving
    from dataplane_mqtt import Publisher, mosquitto
    from dataplane_operations import Plane
    from dataplane_retained import RetainedMessages
    from dataplane_sessions import Sessions
    from dataplane_sigv4 import Verifier
except ModuleNotFoundError as missing:
    sys.exit(
        f"The local data plane needs Python's {missing.name}, which is not"
        " installed: apt install python3-botocore python3-paho-mqtt"
    )

PARENT_POLL_SECONDS = 0.5
END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(arguments=None):
    """Run until told to end; the exit status."""
    options = parse(arguments)
    parent = os.getppid() if options.watch_parent else None
    try:
        with contextlib.ExitStack() as stack:
            wakeup = stack.enter_context(signals_as_input())
            print(json.dumps(start(options, stack)), flush=True)
            wait_for_end(wakeup, parent)
    except (StartError, BrokerError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def parse(arguments):
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--access-key-id", default="AKIDEXAMPLE")
    parser.add_argument(
        "--secret-access-key",
        default="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    )
    parser.add_argument(
        "--session-token", help="demand it of every request (default: none)"
    )
    parser.add_argument(
        "--watch-parent",
        action="store_true",
        help="end with the process that started this one, too",
    )
    return parser.parse_args(arguments)


@contextlib.contextmanager
def signals_as_input():
    """Give a descriptor that turns readable when a signal asks us to end.

    So no signal interrupts a start or a clean-up half-way.
    """
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    before = {
        number: signal.signal(number, lambda *_: None)
        for number in END_SIGNALS
    }
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    try:
        yield readable
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(readable)
        os.close(writable)


def start(options, stack):
    """Start everything, each thing to be ended by the stack."""
    directory = stack.enter_context(
        tempfile.TemporaryDirectory(prefix="local-data-plane-")
    )
    broker_port = stack.enter_context(mosquitto(directory))
    publisher = Publisher(broker_port)
    stack.callback(publisher.close)
    sessions, retained = Sessions(), RetainedMessages()
    front = stack.enter_context(
        serving(Front(broker_port, sessions, retained))
    )
    ca, tls = dataplane_tls.make(directory)
    plane = Plane(_verifier(options), publisher, sessions, retained)
    http = stack.enter_context(serving(Server(plane)))
    https = stack.enter_context(serving(Server(plane, tls)))
    token = {"session_token": options.session_token}
    return {
        "http": f"http://127.0.0.1:{http.port}",
        "https": f"https://localhost:{https.port}",
        "ca": ca,
        "mqtt_port": front.port,
        "broker_port": broker_port,
        "access_key_id": options.access_key_id,
        "secret_access_key": options.secret_access_key,
        "region": options.region,
        "dir": directory,
        "pid": os.getpid(),
        **(token if options.session_token else {}),
    }


def _verifier(options):
    return Verifier(
        options.region,
        options.access_key_id,
        options.secret_access_key,
        options.session_token,
    )


def wait_for_end(wakeup, parent):
    """Return at a signal, the end of our input, or that of our parent."""
    seconds = PARENT_POLL_SECONDS if parent else None
    stdin = sys.stdin.fileno()
    while parent in (None, os.getppid()):
        ready, _, _ = select.select([stdin, wakeup], [], [], seconds)
        if wakeup in ready or (stdin in ready and not os.read(stdin, 4096)):
            return


if __name__ == "__main__":
    sys.exit(main())
