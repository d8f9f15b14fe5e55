"""Tests the operations on MQTT clients with boto3 and the newest model."""

import time

from dataplane_message import Message
from dataplane_mqtt import wait_until
from dataplane_test_device import Device, OldDevice, deaf_device
from dataplane_test_help import NewestTest, outcome, refusal

INVALID = (400, "InvalidRequestException")
MISSING = (404, "ResourceNotFoundException")
SECONDS = 10


class ClientTest(NewestTest):
    """Has short words for the operations."""

    def device(self, *arguments, kind=Device, **named):
        """A device that is gone after the test."""
        device = kind(self.plane.mqtt_port, *arguments, **named)
        self.addCleanup(device.leave)
        return device

    def connection(self, client_id, **params):
        """What is told of a connection."""
        answer = self.boto.get_connection(clientId=client_id, **params)
        del answer["ResponseMetadata"]
        return answer

    def wait_gone(self, client_id):
        """What is told of a connection that has ended."""
        wait_until(
            lambda: not self.connection(client_id)["connected"], SECONDS
        )
        return self.connection(client_id)

    def filters(self, client_id, **params):
        """QoS by topic filter."""
        answer = self.boto.list_subscriptions(clientId=client_id, **params)
        found = answer["subscriptions"]
        return {one["topicFilter"]: one["qos"] for one in found}


class Connection(ClientTest):
    """Connections are told of, while they are and after."""

    def test_connected(self):
        """A connection that is there."""
        before = int(time.time() * 1000)
        device = self.device("here/ü $", 3600)
        found = self.connection("here/ü $", includeSocketInformation=True)
        since = found.pop("connectedSince")
        self.assertTrue(before <= since <= time.time() * 1000)
        ours = device.client.socket().getsockname()
        expected = {
            "connected": True,
            "clientId": "here/ü $",
            "cleanSession": False,
            "sessionExpiry": 3600,
            "keepAliveDuration": 60,
            "sourceIp": ours[0],
            "sourcePort": ours[1],
            "targetIp": "127.0.0.1",
            "targetPort": self.plane.mqtt_port,
        }
        self.assertEqual(found, expected)
        found = self.connection("here/ü $", includeSocketInformation=False)
        self.assertNotIn("sourceIp", found)
        self.assertNotIn("targetPort", found)

    def test_old_protocol(self):
        """MQTT 3.1.1: a session is clean, or kept for an hour."""
        self.device("clean", kind=OldDevice)
        found = self.connection("clean")
        self.assertEqual(
            (found["cleanSession"], found["sessionExpiry"]), (True, 0)
        )
        self.device("kept", kind=OldDevice, clean=False)
        found = self.connection("kept")
        self.assertEqual(
            (found["cleanSession"], found["sessionExpiry"]), (False, 3600)
        )
        self.boto.delete_connection(clientId="kept", cleanSession=True)

    def test_left(self):
        """One that ended as it should, and published no will."""
        will = Message("left/will", b"x", 1, True, {})
        before = int(time.time() * 1000)
        self.device("left", will=will).leave()
        found = self.wait_gone("left")
        since = found.pop("disconnectedSince")
        self.assertTrue(before <= since <= time.time() * 1000)
        expected = {
            "connected": False,
            "clientId": "left",
            "cleanSession": True,
            "sessionExpiry": 0,
            "keepAliveDuration": 60,
            "disconnectReason": "CLIENT_INITIATED_DISCONNECT",
        }
        self.assertEqual(found, expected)
        refused = refusal(self.boto.get_retained_message, topic="left/will")
        self.assertEqual(refused[:2], MISSING)

    def test_lost(self):
        """One that vanished."""
        self.device("lost").vanish()
        found = self.wait_gone("lost")
        self.assertEqual(found["disconnectReason"], "CONNECTION_LOST")

    def test_nonsense(self):
        """One that speaks no MQTT after its CONNECT."""
        with deaf_device(self.plane.mqtt_port) as connection:
            connection.sendall(b"\x82\xff\xff\xff\xff\x7f")
            self.assertEqual(connection.recv(1), b"")
        found = self.wait_gone("deaf")
        self.assertEqual(found["disconnectReason"], "CLIENT_ERROR")

    def test_taken_over(self):
        """The one that came later is told of."""
        first = self.device("taken")
        second = self.device("taken")
        first.end_code()
        found = self.connection("taken", includeSocketInformation=True)
        port = second.client.socket().getsockname()[1]
        self.assertTrue(found["connected"])
        self.assertEqual(found["sourcePort"], port)

    def test_unknown(self):
        """One that never was."""
        for call in (
            self.boto.get_connection,
            self.boto.delete_connection,
            self.boto.list_subscriptions,
        ):
            refused = refusal(call, clientId="nobody")
            self.assertEqual(refused[:2], MISSING)
        refused = refusal(
            self.boto.send_direct_message, clientId="nobody", topic="t"
        )
        self.assertEqual(refused[:2], MISSING)

    def test_bad_client_ids(self):
        """None may start with $, nor be long, nor anything but UTF-8."""
        for name in ("%24a", "a" * 129, "", "%ff"):
            for method, rest in (
                ("GET", ""),
                ("DELETE", ""),
                ("GET", "/subscriptions"),
                ("POST", "/messages?topic=t"),
            ):
                with self.subTest(name=name, method=method, rest=rest):
                    target = f"/connections/{name}{rest}"
                    response = self.plane.send_signed(target, method=method)
                    self.assertEqual(outcome(response), INVALID)

    def test_bad_flags(self):
        """Booleans are true or false."""
        self.device("flags")
        for method, rest in (
            ("GET", "?includeSocketInformation=True"),
            ("DELETE", "?cleanSession=1"),
            ("DELETE", "?preventWillMessage="),
            ("POST", "/messages?topic=t&confirmation=yes"),
        ):
            with self.subTest(rest):
                target = "/connections/flags" + rest
                response = self.plane.send_signed(target, method=method)
                self.assertEqual(outcome(response), INVALID)


class Deletion(ClientTest):
    """A client is disconnected, with its will and session or without."""

    def watch(self, topic):
        """A device that hears of the will."""
        watcher = self.device("watcher-of-" + topic)
        watcher.subscribe((topic, 1))
        return watcher

    def test_will(self):
        """The will is published, by default."""
        watcher = self.watch("will/1")
        will = Message("will/1", b"x", 1, False, {})
        device = self.device("doomed", will=will)
        answer = self.boto.delete_connection(clientId="doomed")
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 200)
        self.assertFalse(self.connection("doomed")["connected"])
        device.end_code()
        self.assertEqual(watcher.message().payload, b"x")
        reason = self.connection("doomed")["disconnectReason"]
        self.assertEqual(reason, "API_INITIATED_DISCONNECT")

    def test_prevented_will(self):
        """Unless that is prevented."""
        watcher = self.watch("will/2")
        will = Message("will/2", b"will", 1, True, {})
        self.device("silent", will=will)
        self.boto.delete_connection(clientId="silent", preventWillMessage=True)
        # The broker has let go: a will of its would have come before this.
        self.boto.publish(topic="will/2", payload=b"after", qos=1)
        self.assertEqual(watcher.message().payload, b"after")
        refused = refusal(self.boto.get_retained_message, topic="will/2")
        self.assertEqual(refused[:2], MISSING)

    def test_session(self):
        """The session is kept, by default, or deleted with it."""
        for clean, resumed in ((False, {"s/#": 1}), (True, {})):
            with self.subTest(clean):
                self.device("s", kind=OldDevice, clean=False).subscribe(
                    ("s/#", 1)
                )
                self.boto.delete_connection(clientId="s", cleanSession=clean)
                self.check_session("s", not clean)
                again = self.device("s", kind=OldDevice, clean=False)
                self.assertEqual(self.filters("s"), resumed)
                self.boto.publish(topic="s/1", payload=b"x", qos=1)
                self.boto.send_direct_message(
                    clientId="s", topic="end", confirmation=True
                )
                first = again.message().topic
                self.assertEqual(first, "end" if clean else "s/1")
                again.leave()
                self.wait_gone("s")

    def check_session(self, client_id, exists):
        """Is there a session, though no connection?"""
        self.assertFalse(self.connection(client_id)["connected"])
        if exists:
            self.assertTrue(self.filters(client_id))
        else:
            refused = refusal(self.boto.list_subscriptions, clientId=client_id)
            self.assertEqual(refused[:2], MISSING)

    def test_goodbye(self):
        """The client is told that it was an administrator, in MQTT 5."""
        for version, words in ((4, b""), (5, b"\xe0\x01\x98")):
            with deaf_device(self.plane.mqtt_port, version) as connection:
                self.boto.delete_connection(clientId="deaf")
                said = connection.makefile("rb").read()
            self.assertEqual(said, words, version)

    def test_twice(self):
        """What is not connected cannot be disconnected."""
        self.device("once")
        self.boto.delete_connection(clientId="once")
        refused = refusal(self.boto.delete_connection, clientId="once")
        self.assertEqual(refused[:2], MISSING)
