"""Tests the retained messages of the data plane with real boto3."""

import time
import unittest

from paho.mqtt.packettypes import PacketTypes

from dataplane_message import Message
from dataplane_mqtt import wait_until
from dataplane_packets import packed
from dataplane_retained import RetainedMessages
from dataplane_test_device import Device
from dataplane_test_help import NewestTest, PlaneTest, outcome, refusal

INVALID = (400, "InvalidRequestException")


class Retained(PlaneTest):
    """What was published with retain can be read."""

    def get(self, topic):
        """A retained message, apart from its metadata."""
        answer = self.boto.get_retained_message(topic=topic)
        del answer["ResponseMetadata"]
        return answer

    def check_none(self, topic):
        """There is no such message."""
        status, code, message = refusal(
            self.boto.get_retained_message, topic=topic
        )
        self.assertEqual((status, code), (404, "ResourceNotFoundException"))
        self.assertIn(f"'{topic}'", message)

    def test_get(self):
        """Payload, QoS and the time in milliseconds."""
        before = int(time.time() * 1000)
        self.boto.publish(
            topic="get/ü/x",
            payload=b"\x00\xff",
            qos=1,
            retain=True,
        )
        found = self.get("get/ü/x")
        modified = found.pop("lastModifiedTime")
        self.assertTrue(before <= modified <= time.time() * 1000)
        expected = {"topic": "get/ü/x", "payload": b"\x00\xff", "qos": 1}
        self.assertEqual(found, expected)

    def test_not_retained(self):
        """Without the flag nothing is kept, and nothing changes."""
        self.boto.publish(topic="plain", payload=b"x")
        self.check_none("plain")
        self.boto.publish(topic="kept", payload=b"x", retain=True)
        self.boto.publish(topic="kept", payload=b"y", retain=False)
        self.assertEqual(self.get("kept")["payload"], b"x")

    def test_replaced(self):
        """The last one is kept; an empty one deletes it."""
        self.boto.publish(topic="twice", payload=b"x", qos=1, retain=True)
        self.boto.publish(topic="twice", payload=b"yz", retain=True)
        found = self.get("twice")
        self.assertEqual((found["payload"], found["qos"]), (b"yz", 0))
        self.boto.publish(topic="twice", retain=True)
        self.check_none("twice")

    def test_refused(self):
        """A publish that is refused leaves nothing."""
        refused = refusal(
            self.boto.publish, topic="no", payload=b"x", retain=True, qos=2
        )
        self.assertEqual(refused[:2], INVALID)
        self.check_none("no")

    def test_paths(self):
        """Any topic can be asked for."""
        for topic in ("a/b", "/", "a//b", "..", "a/../b", "%2F", "a b"):
            with self.subTest(topic):
                self.boto.publish(topic=topic, payload=b"x", retain=True)
                self.assertEqual(self.get(topic)["topic"], topic)

    def test_clients(self):
        """What MQTT clients publish is there as well, aliases included."""
        device = Device(self.plane.mqtt_port, "retainer")
        self.addCleanup(device.leave)
        alias = packed({"TopicAlias": 1}, PacketTypes.PUBLISH)
        device.publish("by/mqtt", b"x", properties=alias)
        self.assertEqual(self.get("by/mqtt")["payload"], b"x")
        device.publish("", b"y", properties=alias)
        self.assertEqual(self.get("by/mqtt")["payload"], b"y")
        device.publish("by/mqtt", b"z", retain=False)
        self.assertEqual(self.get("by/mqtt")["payload"], b"y")
        device.publish("by/mqtt", b"")
        self.check_none("by/mqtt")

    def test_will(self):
        """A retained will is, once the broker published it."""
        will = Message("by/will", b"x", 1, True, {})
        device = Device(self.plane.mqtt_port, "mortal", will=will)
        self.check_none("by/will")
        device.vanish()
        self.assertTrue(wait_until(lambda: self.topics("by/will"), 10))
        self.assertEqual(self.get("by/will")["payload"], b"x")

    def topics(self, prefix):
        """The topics of that beginning that are listed."""
        answer = self.boto.list_retained_messages()["retainedTopics"]
        topics = [one["topic"] for one in answer]
        return [topic for topic in topics if topic.startswith(prefix)]

    def test_nowhere(self):
        """A topic that is no topic."""
        for target in ("/retainedMessage/", "/retainedMessage/%ff"):
            response = self.plane.send_signed(target, method="GET")
            self.assertEqual(outcome(response), INVALID)


class RetainedList(PlaneTest):
    """They are listed in pages."""

    def test_list(self):
        """In order, with what a listing tells of each."""
        empty = self.boto.list_retained_messages()
        self.assertEqual(empty["retainedTopics"], [])
        before = int(time.time() * 1000)
        for topic, qos in (("c", 0), ("a/b", 1), ("d", 0)):
            self.boto.publish(
                topic=topic, payload=topic * 2, qos=qos, retain=True
            )
        first = self.boto.list_retained_messages(maxResults=2)
        one, two = first["retainedTopics"]
        self.assertTrue(before <= one.pop("lastModifiedTime"))
        self.assertEqual(one, {"topic": "a/b", "payloadSize": 6, "qos": 1})
        self.assertEqual((two["topic"], two["qos"]), ("c", 0))
        rest = self.boto.list_retained_messages(nextToken=first["nextToken"])
        self.assertEqual([x["topic"] for x in rest["retainedTopics"]], ["d"])
        self.assertNotIn("nextToken", rest)

    def test_limits(self):
        """One to two hundred at once."""
        for query in ("maxResults=0", "maxResults=201", "nextToken=%21"):
            target = "/retainedMessage?" + query
            response = self.plane.send_signed(target, method="GET")
            self.assertEqual(outcome(response), INVALID, query)
        self.boto.list_retained_messages(maxResults=200)


class NewestRetained(NewestTest):
    """What Debian's boto3 does not know of them."""

    def test_user_properties(self):
        """A blob of JSON, where there are any."""
        properties = [{"a": "1"}, {"b": "ü"}, {"a": "2"}]
        self.boto.publish(
            topic="u", payload=b"x", retain=True, userProperties=properties
        )
        found = self.boto.get_retained_message(topic="u")
        expected = '[{"a":"1"},{"b":"ü"},{"a":"2"}]'.encode()
        self.assertEqual(found["userProperties"], expected)
        self.boto.publish(topic="u", payload=b"x", retain=True)
        found = self.boto.get_retained_message(topic="u")
        self.assertNotIn("userProperties", found)

    def test_paginator(self):
        """boto3's paginator goes through all pages."""
        for number in range(5):
            self.boto.publish(topic=f"p{number}", payload=b"x", retain=True)
        pages = self.boto.get_paginator("list_retained_messages").paginate(
            PaginationConfig={"PageSize": 2}
        )
        topics = [x["topic"] for p in pages for x in p["retainedTopics"]]
        self.assertEqual(
            [topic for topic in topics if topic[0] == "p"],
            ["p0", "p1", "p2", "p3", "p4"],
        )


class RetainedClock(unittest.TestCase):
    """A message that expires is kept no longer."""

    def test_expiry(self):
        """To the second."""
        now = [1000]
        retained = RetainedMessages(lambda: now[0])
        expiry = {"MessageExpiryInterval": 10}
        retained.note(Message("short", b"x", 0, True, expiry))
        retained.note(Message("long", b"x", 0, True, {}))
        now[0] = 1009
        self.assertEqual(set(retained.living()), {"short", "long"})
        now[0] = 1010
        self.assertEqual(set(retained.living()), {"long"})
