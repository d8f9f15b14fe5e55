"""Tests the local data plane with real boto3 and real mosquitto_sub.

Run as: /usr/bin/python3 spec/support/dataplane_test.py
Its last line is "N passed, N failed"; it exits with 1 if any failed.
"""

import base64
import concurrent.futures
import io
import sys
import unittest

from botocore.exceptions import SSLError

from dataplane_test_clients import Connection, Deletion
from dataplane_test_direct import AllOperations, Direct
from dataplane_test_front import FrontTest
from dataplane_test_help import Plane, PlaneTest, failure, forget_environment
from dataplane_test_life import Broker, Ending, Starting
from dataplane_test_lua import LuaHelper
from dataplane_test_presigned import Presigned
from dataplane_test_refusal import Refusal, Signature
from dataplane_test_retained import (
    NewestRetained,
    Retained,
    RetainedClock,
    RetainedList,
)
from dataplane_test_shadow import Clock, Shadow
from dataplane_test_shadow_more import BadShadow, NamedShadow
from dataplane_test_subscriptions import SessionClock, Subscriptions

# What unittest.main() runs besides the tests in this file.
__all__ = [
    "AllOperations", "BadShadow", "Broker", "Clock", "Connection", "Deletion",
    "Direct", "Ending", "FrontTest", "LuaHelper", "NamedShadow",
    "NewestRetained", "Presigned", "Refusal", "Retained", "RetainedClock",
    "RetainedList", "SessionClock", "Shadow", "Signature", "Starting",
    "Subscriptions",
]
LIMIT_BYTES = 131072
EVERYTHING = {
    "qos": 1,
    "retain": True,
    "payload": b"\x00\xff\n",
    "userProperties": [{"a": "1"}, {"b": "ü"}, {"a": "2"}],
    "payloadFormatIndicator": "UTF8_DATA",
    "contentType": "text/plain; charset=utf-8 + #%",
    "responseTopic": "answers/é",
    "correlationData": base64.b64encode(b"\x01\xfe").decode("ascii"),
    "messageExpiry": 6000,
}


class Delivery(PlaneTest):
    """What is accepted arrives whole."""

    def check_everything(self, scheme):
        """Publish with all there is, and look at the far end."""
        topic = f"all/{scheme}/ü"
        subscriber = self.subscribe(topic)
        answer = self.plane.boto(scheme).publish(topic=topic, **EVERYTHING)
        metadata = answer["ResponseMetadata"]
        self.assertEqual(metadata["HTTPStatusCode"], 200)
        self.assertRegex(metadata["RequestId"], "^[0-9a-f-]{36}$")
        (message,) = subscriber.messages()
        self.assertTrue(5900 < int(message.pop("expiry")) <= 6000)
        expected = {
            "topic": topic,
            "qos": "1",
            "retain": "0",
            "payload": "00ff0a",
            "type": "text/plain; charset=utf-8 + #%",
            "response": "answers/é",
            "data": b"\x01\xfe".decode("utf-8", "surrogateescape"),
            "format": "1",
            "user": "a:1 b:ü a:2",
        }
        self.assertEqual(message, expected)

    def test_everything_over_http(self):
        """All properties arrive."""
        self.check_everything("http")

    def test_everything_over_https(self):
        """All properties arrive, over TLS that the client verifies."""
        self.check_everything("https")

    def test_silent_client(self):
        """A connection without a handshake stands in nobody's way."""
        with self.plane.connect("https"):
            self.plane.boto("https").publish(topic="t")

    def test_certificate(self):
        """A client that knows another CA refuses the certificate."""
        stranger = self.plane.boto("https", verify=True)
        with self.assertRaises(SSLError):
            stranger.publish(topic="t")
        address = self.plane.https.replace("localhost", "127.0.0.1")
        self.plane.boto("https", endpoint_url=address).publish(topic="t")

    def test_nothing_but_a_topic(self):
        """Every default, and an empty payload."""
        subscriber = self.subscribe("bare")
        self.boto.publish(topic="bare")
        (message,) = subscriber.messages()
        topic, qos = message.pop("topic"), message.pop("qos")
        self.assertEqual((topic, qos, message.pop("retain")), ("bare", *"00"))
        self.assertEqual(set(message.values()), {""})

    def test_unspecified_bytes(self):
        """The other format indicator."""
        subscriber = self.subscribe("bytes")
        self.boto.publish(
            topic="bytes", payloadFormatIndicator="UNSPECIFIED_BYTES"
        )
        self.assertEqual(subscriber.messages()[0]["format"], "0")

    def test_retained(self):
        """A retained message is there for late subscribers, until deleted."""
        self.boto.publish(topic="kept/1", payload=b"x", retain=True)
        self.boto.publish(topic="kept/2", payload=b"y", retain=True)
        self.boto.publish(topic="kept/1", retain=True)
        self.boto.publish(topic="kept/2", payload=b"z", retain=False)
        (message,) = self.subscribe("kept/+").messages()
        self.assertEqual((message["retain"], message["payload"]), ("1", "79"))

    def test_limits(self):
        """The largest payload, the longest topic, one more level."""
        prefix = "$aws/rules/some_rule/"
        for topic in ("t" * 256, "a/" * 7 + "b", prefix + "t" * 256):
            with self.subTest(topic):
                subscriber = self.subscribe(topic)
                self.boto.publish(topic=topic, payload=b"x" * LIMIT_BYTES)
                (message,) = subscriber.messages()
                self.assertEqual(message["payload"], "78" * LIMIT_BYTES)

    def test_file(self):
        """A payload may be a file."""
        subscriber = self.subscribe("file")
        self.boto.publish(topic="file", payload=io.BytesIO(b"abc"))
        self.assertEqual(subscriber.messages()[0]["payload"], "616263")

    def test_odd_paths(self):
        """botocore's ideas of a path are followed: dots, slashes, %."""
        for topic in (".", "..", "a//b", "/", "a/../b", "%2F", "a b"):
            with self.subTest(topic):
                subscriber = self.subscribe(topic)
                self.boto.publish(topic=topic)
                self.assertEqual(subscriber.messages()[0]["topic"], topic)

    def test_many_at_once(self):
        """Twenty threads lose nothing, and one answer keeps no other."""
        subscriber = self.subscribe("many/+", 400)
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            for number in range(400):
                topic = f"many/{number}"
                pool.submit(self.boto.publish, topic=topic, qos=1)
        arrived = {message["topic"] for message in subscriber.messages()}
        self.assertEqual(len(arrived), 400)

    def test_session_token(self):
        """Where a token is configured, only it will do."""
        plane = Plane("--session-token", "to/k+en=", "--region", "eu-west-1")
        plane.boto(aws_session_token="to/k+en=").publish(topic="t")
        for token in (None, "other"):
            refused = failure(plane.boto(aws_session_token=token))
            self.assertEqual(refused[:2], (403, "UnrecognizedClientException"))
        self.assertEqual(plane.stop(), 0)


class Result(unittest.TextTestResult):
    """Counts what passed; unittest itself does not."""

    passed = 0

    def addSuccess(self, test):
        """A test passed, its subtests included."""
        super().addSuccess(test)
        self.passed += 1

    def failed(self):
        """How many tests failed; many bad subtests are one."""
        tests = [test for test, _ in self.failures + self.errors]
        return len({getattr(test, "test_case", test) for test in tests})


class Runner(unittest.TextTestRunner):
    """Runs tests with such results."""

    resultclass = Result


def main():
    """Run all tests; the exit status."""
    forget_environment()
    result = unittest.main(
        testRunner=Runner, exit=False, warnings="ignore"  # boto3's sockets
    ).result
    closing = f"{result.passed} passed, {result.failed()} failed"
    for what, why in result.skipped:
        print(f"skipped {what}: {why}")
    skipped = len(result.skipped)
    print(closing + (f", {skipped} skipped" if skipped else ""))
    return 0 if result.passed and result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
