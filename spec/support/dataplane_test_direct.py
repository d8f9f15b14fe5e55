"""Tests messages for one client, and the signatures of all operations."""

import base64
import json
import os
import threading

from dataplane_test_clients import ClientTest
from dataplane_test_device import OldDevice, deaf_device
from dataplane_test_help import (
    VECTORS,
    newest_session,
    outcome,
    refusal,
    skewed,
)

INVALID = (400, "InvalidRequestException")
TIMED_OUT = (504, "GatewayTimeoutException")
BAD_SIGNATURE = (403, "InvalidSignatureException")
LIMIT_BYTES = 131072
EVERYTHING = {
    "topic": "commands/ü",
    "payload": b"\x00\xff",
    "userProperties": [{"a": "1"}, {"b": "ü"}],
    "payloadFormatIndicator": "UTF8_DATA",
    "contentType": "text/plain + #",
    "responseTopic": "answers/é",
    "correlationData": base64.b64encode(b"\x01\xfe").decode("ascii"),
}


class Direct(ClientTest):
    """A message goes to one client, whatever that subscribed to."""

    def send(self, client_id, **params):
        """Send a message; the answer's own members."""
        answer = self.boto.send_direct_message(
            clientId=client_id, **{"topic": "t", **params}
        )
        self.request_id = answer.pop("ResponseMetadata")["RequestId"]
        return answer

    def test_everything(self):
        """All properties arrive, and nobody else gets it."""
        device, other = self.device("one"), self.device("other")
        other.subscribe(("#", 1))
        answer = self.send("one", **EVERYTHING)
        expected = {"message": "OK", "traceId": self.request_id}
        self.assertEqual(answer, expected)
        found = device.message()
        self.assertEqual(
            (found.topic, found.payload, found.qos, found.retain),
            ("commands/ü", b"\x00\xff", 0, False),
        )
        properties = found.properties
        self.assertEqual(
            properties.UserProperty, [("a", "1"), ("b", "ü")]
        )
        self.assertEqual(properties.PayloadFormatIndicator, 1)
        self.assertEqual(properties.ContentType, "text/plain + #")
        self.assertEqual(properties.ResponseTopic, "answers/é")
        self.assertEqual(properties.CorrelationData, b"\x01\xfe")
        self.boto.publish(topic="later", qos=1)
        self.assertEqual(other.message().topic, "later")

    def test_confirmed(self):
        """QoS 1, and the client's word; broker's messages go on beside."""
        device = self.device("sure")
        device.subscribe(("t/+", 1))
        for number in range(5):
            self.send("sure", confirmation=True, timeout=15)
            self.boto.publish(topic=f"t/{number}", qos=1)
            found = device.message(), device.message()
            self.assertEqual([one.qos for one in found], [1, 1])
            topics = {one.topic for one in found}
            self.assertEqual(topics, {"t", f"t/{number}"})

    def test_old_protocol(self):
        """MQTT 3.1.1 drops the properties."""
        device = self.device("old", kind=OldDevice)
        self.send("old", **EVERYTHING, confirmation=True)
        found = device.message()
        self.assertEqual(found.topic, "commands/ü")
        self.assertEqual((found.payload, found.qos), (b"\x00\xff", 1))

    def test_large(self):
        """The largest payload arrives; one byte more is refused."""
        device = self.device("large")
        self.send("large", payload=b"x" * LIMIT_BYTES)
        self.assertEqual(len(device.message().payload), LIMIT_BYTES)
        refused = refusal(
            self.boto.send_direct_message,
            clientId="large",
            topic="t",
            payload=b"x" * (LIMIT_BYTES + 1),
        )
        self.assertEqual(
            refused[:2], (413, "RequestEntityTooLargeException")
        )

    def test_nothing(self):
        """An empty message is one, too."""
        device = self.device("empty")
        self.send("empty")
        self.assertEqual(device.message().payload, b"")

    def test_no_confirmation(self):
        """A client that confirms nothing is not waited for but so long."""
        with deaf_device(self.plane.mqtt_port):
            self.send("deaf")
            refused = refusal(
                self.boto.send_direct_message,
                **{"clientId": "deaf", "topic": "t"},
                **{"confirmation": True, "timeout": 1},
            )
            self.assertEqual(refused[:2], TIMED_OUT)

    def test_vanished(self):
        """Nor is one that is gone."""
        refused = []
        with deaf_device(self.plane.mqtt_port) as connection:
            thread = threading.Thread(
                target=lambda: refused.append(
                    refusal(self.send, client_id="deaf", confirmation=True)
                )
            )
            thread.start()
            connection.recv(1)  # the message has come
        thread.join(4)  # less than the five seconds of the timeout
        self.assertEqual([one[:2] for one in refused], [TIMED_OUT])

    def test_parameters(self):
        """What cannot be sent is refused."""
        self.device("strict")
        for params in (
            {"topic": "a/#"},
            {"topic": ""},
            {"topic": "t" * 257},
            {"responseTopic": "a/+"},
            {"correlationData": "no base64"},
            {"userProperties": {}},
            {"contentType": "a\nb"},
            {"confirmation": True, "timeout": 0},
            {"confirmation": True, "timeout": 16},
        ):
            with self.subTest(params):
                refused = refusal(self.send, client_id="strict", **params)
                self.assertEqual(refused[:2], INVALID)
        self.send("strict", timeout=16)  # unconfirmed, it is ignored
        target = "/connections/strict/messages"
        response = self.plane.send_signed(target)
        self.assertEqual(outcome(response), INVALID)


class AllOperations(ClientTest):
    """What holds for each operation."""

    CALLS = (
        ("publish", {"topic": "t"}),
        ("get_thing_shadow", {"thingName": "t"}),
        ("update_thing_shadow", {"thingName": "t", "payload": b"{}"}),
        ("delete_thing_shadow", {"thingName": "t"}),
        ("list_named_shadows_for_thing", {"thingName": "t"}),
        ("get_retained_message", {"topic": "t"}),
        ("list_retained_messages", {}),
        ("delete_connection", {"clientId": "c"}),
        ("get_connection", {"clientId": "c"}),
        ("list_subscriptions", {"clientId": "c"}),
        ("send_direct_message", {"clientId": "c", "topic": "t"}),
    )
    PATHS = (
        ("/things/t/shadow", "PUT"),
        ("/api/things/shadow/ListNamedShadowsForThing/t", "POST"),
        ("/retainedMessage", "POST"),
        ("/retainedMessage/t", "DELETE"),
        ("/connections/c", "POST"),
        ("/connections/c/subscriptions", "DELETE"),
        ("/connections/c/messages", "GET"),
    )

    def test_all(self):
        """The model has no others."""
        names = self.boto.meta.method_to_api_mapping
        self.assertEqual(set(names), {name for name, _ in self.CALLS})

    def check_refused(self, client, name, params):
        """A call is refused for its signature."""
        refused = refusal(getattr(client, name), **params)
        self.assertEqual(refused[:2], BAD_SIGNATURE)

    def test_signature(self):
        """Each is refused with a wrong secret, and with a wrong clock."""
        forger = self.plane.boto(
            session=newest_session(), aws_secret_access_key="wrong"
        )
        for name, params in self.CALLS:
            with self.subTest(name):
                self.check_refused(forger, name, params)
                with skewed(minutes=6):
                    self.check_refused(self.boto, name, params)

    def test_unsigned(self):
        """Nor is anything done for who does not sign."""
        for path, _ in self.PATHS[2:4]:
            response = self.plane.send("GET", path)
            self.assertEqual(outcome(response), (403, "ForbiddenException"))

    def test_methods(self):
        """A path of the service, and a method that it has not."""
        for path, method in self.PATHS:
            with self.subTest(path):
                response = self.plane.send(method, path)
                self.assertEqual(
                    outcome(response), (405, "MethodNotAllowedException")
                )

    def test_paths(self):
        """Paths that are nearly of the service."""
        for path in (
            "/things/t",
            "/things/a/b/shadow",
            "/things/t/shadow/",
            "/connections/",
            "/connections/c/d",
            "/connections",
        ):
            response = self.plane.send_signed(path, method="GET")
            status = 400 if path == "/connections/" else 404
            self.assertEqual(response.status, status, path)

    def test_recorded(self):
        """Whatever boto3 was seen to send finds its operation."""
        path = os.path.join(VECTORS, "serialize", "operations.json")
        with open(path, encoding="utf-8") as file:
            cases = json.load(file)["cases"]
        wires = [case["expected"].get("wire") for case in cases]
        for wire in filter(None, wires):
            with self.subTest(wire["target"]):
                self.check_found(wire)

    def check_found(self, wire):
        """A recorded request is understood, if not always granted."""
        sent = [one for one in wire["headers"] if "mqtt5" in one[0]]
        body = base64.b64decode(wire["body_base64"])
        response = self.plane.send_signed(
            wire["target"], dict(sent), body, wire["method"]
        )
        self.assertIn(response.status, (200, 400, 404, 415))
        self.assertNotIn(b"No path", response.body)

    def test_form(self):
        """An error has what each has: its type, a message, a trace."""
        response = self.plane.send_signed("/things/t/shadow", method="GET")
        body = json.loads(response.body)
        self.assertEqual(set(body), {"message", "traceId"})
        self.assertEqual(
            response.headers["x-amzn-RequestId"], body["traceId"]
        )
