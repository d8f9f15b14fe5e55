"""Drives the real boto3 and keeps the very bytes it would put on the wire.

Only two things of botocore are replaced: the clock its signer asks, and the
`connect` of its HTTP connections, which gives a socket that leads nowhere.
Everything between the call and that socket, and between the answer's bytes
and the caller, is boto3's own.
"""

import datetime
import http.client
import io
import os
import re
import types


def isolate():
    """Let nothing of this machine's settings reach a recording.

    Runs before botocore is imported, as one of the variables is read then.
    """
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.devnull
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["BOTO_DISABLE_CRT"] = "true"


isolate()

import boto3                                                    # noqa: E402
import botocore                                                 # noqa: E402
import botocore.auth                                            # noqa: E402
import botocore.awsrequest                                      # noqa: E402
import botocore.validate                                        # noqa: E402
from botocore.config import Config                              # noqa: E402
from botocore.credentials import Credentials                    # noqa: E402

from record_tags import b64, decode                             # noqa: E402

STAMP = "%Y%m%dT%H%M%SZ"
SOME_KEYS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "secret"}
SOME_TIME = "20240229T120000Z"
# Random or telling of the client, and never signed.
UNCOMPARED = ("user-agent", "amz-sdk-invocation-id")


def generated_with():
    """The recorder's versions, for the head of a collection."""
    return "boto3 %s, botocore %s" % (
        boto3.__version__, botocore.__version__)


def answer(status, headers=(), body=b""):
    """The bytes of an HTTP response; header values go out as UTF-8."""
    reason = http.client.responses.get(status, "Unassigned")
    lines = ["HTTP/1.1 %d %s" % (status, reason)]
    lines += ["%s: %s" % (name, value) for name, value in headers]
    lines.append("Content-Length: %d" % len(body))
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body


class Tap:
    """What passed between boto3 and the world during one call."""

    def __init__(self):
        # Always readable, so that urllib3 takes a kept connection for closed
        # and makes a fresh one for each call.
        self.null = os.open(os.devnull, os.O_RDONLY)
        self.begin(b"")

    def begin(self, response):
        """Forget the last call, and hold the answer to the next."""
        self.response = response
        self.sent = bytearray()
        self.peer = None
        self.canonical_request = None
        self.validation_errors = []


class DeadEndSocket:
    """A socket that leads nowhere: what is sent and read is the tap's."""

    def __init__(self, tap):
        self.tap = tap

    def sendall(self, data):
        """Keep what would go out."""
        self.tap.sent += data

    def makefile(self, *_):
        """The answer, as http.client reads it."""
        return io.BytesIO(self.tap.response)

    def fileno(self):
        """For urllib3's look whether the connection was dropped."""
        return self.tap.null

    def settimeout(self, _):
        """Nothing here can wait."""

    def close(self):
        """Nothing here is open."""


def tap_connections(tap):
    """Make every connection of botocore's end at the tap."""
    def connecting(scheme):
        def connect(connection):
            connection.sock = DeadEndSocket(tap)
            connection.is_verified = True
            tap.peer = {"scheme": scheme, "host": connection.host,
                        "port": connection.port}
        return connect
    aws = botocore.awsrequest
    aws.AWSHTTPConnection.connect = connecting("http")
    aws.AWSHTTPSConnection.connect = connecting("https")


def tap_canonical_requests(tap):
    """Keep the canonical request of each signature."""
    original = botocore.auth.SigV4Auth.canonical_request

    def canonical_request(self, request):
        tap.canonical_request = original(self, request)
        return tap.canonical_request
    botocore.auth.SigV4Auth.canonical_request = canonical_request


def tap_validation(tap):
    """Keep the pieces that a validation report is made of."""
    original = botocore.validate.ValidationErrors.generate_report

    def generate_report(self):
        tap.validation_errors = list(self._errors)
        return original(self)
    botocore.validate.ValidationErrors.generate_report = generate_report


class Clock:
    """The time that botocore's signer is told."""

    def __init__(self):
        self.time = None
        clock = self

        class Frozen(datetime.datetime):
            """A datetime class that asks our clock."""

            @classmethod
            def utcnow(cls):
                return clock.time

        botocore.auth.datetime = types.SimpleNamespace(datetime=Frozen)
        # Newer botocore asks this function instead.
        botocore.auth.get_current_datetime = lambda *_: clock.time

    def set(self, stamp):
        """Stop at a time written as in x-amz-date."""
        self.time = datetime.datetime.strptime(stamp, STAMP)


class Recorder:
    """Runs calls of a collection through boto3. One a process is enough."""

    def __init__(self):
        self.tap = Tap()
        self.clock = Clock()
        self.clients = {}
        self.session = boto3.session.Session()
        tap_connections(self.tap)
        tap_canonical_requests(self.tap)
        tap_validation(self.tap)

    def client(self, region="us-east-1", endpoint_url=None, **flags):
        """A client for these settings, made once: that takes 30 ms."""
        key = (region, endpoint_url, tuple(sorted(flags.items())))
        if key not in self.clients:
            config = Config(
                retries={"mode": "legacy", "max_attempts": 0}, **flags)
            self.clients[key] = self.session.client(
                "iot-data", region_name=region, endpoint_url=endpoint_url,
                aws_access_key_id="x", aws_secret_access_key="x",
                config=config)
        return self.clients[key]

    def call(self, case, response=answer(200, body=b"{}")):
        """Make a case's call and return, or raise, what boto3 does."""
        client = self.client(**case.get("client", {}))
        keys = case.get("credentials", SOME_KEYS)
        client._request_signer._credentials = Credentials(
            keys["access_key_id"], keys["secret_access_key"],
            keys.get("session_token"))
        self.clock.set(case.get("timestamp", SOME_TIME))
        self.tap.begin(response)
        params = case["params"]
        order = case.get("param_order", params)
        method = getattr(client, botocore.xform_name(case["operation"]))
        return method(**{name: decode(params[name]) for name in order})


def split_request(sent):
    """Request line, headers and body of the bytes of one request.

    A line that begins with a space continues a header's value.
    """
    head, _, body = bytes(sent).partition(b"\r\n\r\n")
    line, *fields = re.split("\r\n(?![ \t])", head.decode("utf-8"))
    headers = [field.split(": ", 1) for field in fields]
    return line, [[name.lower(), value] for name, value in headers], body


def query_pairs(query):
    """A raw query as sorted, still encoded [name, value] pairs."""
    if not query:
        return []
    pairs = [pair.partition("=") for pair in query.split("&")]
    return sorted([name, value] for name, _, value in pairs)


def wire(tap):
    """What a call put on the wire, in the form the collections compare."""
    line, headers, body = split_request(tap.sent)
    method, target, _ = line.split(" ")
    path, _, query = target.partition("?")
    return {
        "method": method,
        "target": target,
        "path": path,
        "query": query_pairs(query),
        "headers": sorted(h for h in headers if h[0] not in UNCOMPARED),
        "body_base64": b64(body),
        "connect": tap.peer,
        "canonical_request": tap.canonical_request,
    }


def serialized(recorder, case):
    """The "expected" of a serialize/1 case: the wire, or the refusal."""
    try:
        recorder.call(case)
    except Exception as err:      # whatever boto3 raises is the answer
        return {"error": {"class": type(err).__name__, "text": str(err)}}
    return {"wire": wire(recorder.tap)}
