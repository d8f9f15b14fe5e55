"""What the data plane's tests share: a plane, boto3, raw requests."""

import datetime
import functools
import http.client
import json
import os
import socket
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
from unittest import mock

import boto3
import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

PROGRAM = os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "dataplane.py"
)
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(PROGRAM)))
VECTORS = os.environ.get("IOTDATAPLANE_VECTORS") or os.path.join(
    ROOT, "..", "shared", "vectors"
)
MODELS = os.path.join(VECTORS, "iot-data")
TAG = "message|"  # tells a message from mosquitto_sub's own words
FIELDS = "topic qos retain payload type response data expiry format user"
FORMAT = TAG + "%t|%q|%r|%x|%C|%R|%D|%E|%F|%P"


def forget_environment():
    """Keep the user's own AWS settings and proxies out of the tests."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.devnull
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


@functools.lru_cache(maxsize=None)
def newest_session():
    """boto3 with the vectors' model: Debian's knows seven operations."""
    session = botocore.session.Session()
    with tempfile.TemporaryDirectory() as directory:
        models = os.path.join(directory, "iot-data", "2015-05-28")
        os.makedirs(models)
        for name in ("service-2.json", "paginators-1.json"):
            shutil.copy(os.path.join(MODELS, name), models)
        loader = session.get_component("data_loader")
        loader.search_paths.insert(0, directory)
        for kind in ("service-2", "paginators-1"):
            loader.load_service_model("iot-data", kind)  # it keeps it
    return boto3.Session(botocore_session=session)


class Plane:
    """A data plane in a process of its own."""

    def __init__(self, *options):
        self.process = subprocess.Popen(
            [sys.executable, "-B", PROGRAM, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the data plane did not start")
        vars(self).update(json.loads(line))

    def stop(self):
        """End its input, and return its exit status."""
        self.process.stdin.close()
        return self.ended()

    def ended(self):
        """Its exit status, once it has one."""
        status = self.process.wait(20)
        self.process.stdin.close()
        self.process.stdout.close()
        return status

    def stats(self):
        """What it counted so far."""
        return json.loads(self.send("GET", "/_stats").body)

    def boto(self, scheme="http", **different):
        """boto3's client for it, that tries once."""
        settings = {
            "endpoint_url": getattr(self, scheme),
            "region_name": self.region,
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key,
            "verify": self.ca,
            "config": Config(retries={"total_max_attempts": 1}),
        }
        settings.update(different)
        return settings.pop("session", boto3).client("iot-data", **settings)

    def send(self, method, target, body=b"", headers=None):
        """A raw request; the response, with its body read."""
        address = self.http.partition("//")[2]
        connection = http.client.HTTPConnection(address, timeout=20)
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        response.body = response.read()
        connection.close()
        return response

    def connect(self, scheme="http"):
        """A bare connection, on which nothing was sent."""
        port = int(getattr(self, scheme).rpartition(":")[2])
        return socket.create_connection(("127.0.0.1", port), timeout=20)

    def sign(self, target, headers=None, body=b"", method="POST"):
        """The headers, and those that botocore signs them with."""
        request = AWSRequest(method, self.http + target, headers, body)
        request.headers["host"] = self.http.partition("//")[2]
        secret = Credentials(self.access_key_id, self.secret_access_key)
        SigV4Auth(secret, "iotdata", self.region).add_auth(request)
        return dict(request.headers.items())

    def send_signed(self, target, headers=None, body=b"", method="POST"):
        """Sign and send a request; a publish without a payload."""
        signed = self.sign(target, headers, body, method)
        return self.send(method, target, body, signed)


class Subscriber:
    """mosquitto_sub, subscribed for sure."""

    def __init__(self, port, topic, count=1):
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", "mosquitto_sub", "-d", "-V", "5", "-q", "1"]
            + ["-p", str(port), "-t", topic, "-F", FORMAT]
            + ["-C", str(count), "-W", "10"],
            stdout=subprocess.PIPE,
        )
        for line in self.process.stdout:
            if line.startswith(b"Subscribed"):
                return
        raise RuntimeError("mosquitto_sub did not subscribe")

    def messages(self):
        """What it printed, when it has them all."""
        output = self.process.communicate()[0]
        lines = output.decode("utf-8", "surrogateescape").split("\n")
        return [
            dict(zip(FIELDS.split(), line[len(TAG):].split("|")))
            for line in lines
            if line.startswith(TAG)
        ]


class PlaneTest(unittest.TestCase):
    """Has one data plane for all its tests."""

    @classmethod
    def setUpClass(cls):
        cls.plane = Plane()
        cls.addClassCleanup(cls.plane.stop)
        cls.boto = cls.plane.boto()

    def subscribe(self, topic, count=1):
        """mosquitto_sub, subscribed."""
        return Subscriber(self.plane.mqtt_port, topic, count)


class NewestTest(PlaneTest):
    """The same, with a boto3 that knows all operations."""

    @classmethod
    def setUpClass(cls):
        if not os.path.exists(MODELS):
            raise unittest.SkipTest(f"no {MODELS} (IOTDATAPLANE_VECTORS)")
        super().setUpClass()
        cls.boto = cls.plane.boto(session=newest_session())


def failure(client, **params):
    """Status, code and message that a publish is refused with."""
    return refusal(client.publish, **{"topic": "refused", **params})


def refusal(call, **params):
    """Status, code and message that a call is refused with."""
    try:
        call(**params)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        told = error.response["Error"]
        return status, told["Code"], told["Message"]
    raise AssertionError("it was accepted")


def outcome(response):
    """Status and error code of a raw answer."""
    return response.status, response.headers["x-amzn-ErrorType"]


def skewed(**delta):
    """Set botocore's clock wrong."""

    class Clock(datetime.datetime):
        """A clock that is off."""

        @classmethod
        def utcnow(cls):
            """What botocore signs with."""
            now = datetime.datetime.now(datetime.timezone.utc)
            return now.replace(tzinfo=None) + datetime.timedelta(**delta)

    module = types.SimpleNamespace(datetime=Clock)
    return mock.patch("botocore.auth.datetime", module)
