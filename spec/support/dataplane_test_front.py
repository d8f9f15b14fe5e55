"""Tests the front between a client and a broker that does as it is told."""

import socket
import struct
import threading
import unittest
from types import SimpleNamespace

from dataplane_connections import send_direct_message
from dataplane_errors import ApiError
from dataplane_front import Front
from dataplane_http import Request, serving
from dataplane_message import Message
from dataplane_mqtt import wait_until
from dataplane_retained import RetainedMessages
from dataplane_sessions import Sessions
from dataplane_test_device import DEAF_CONNECT

SECONDS = 10
CONNACK = b"\x20\x02\x00\x00"
PINGREQ, PINGRESP = b"\xc0\x00", b"\xd0\x00"
OUR_PUBACK, ANOTHER_PUBACK = b"\x40\x02\xff\xff", b"\x40\x02\x00\x01"
OUR_MESSAGE = b"\x32\x05\x00\x01t\xff\xff"
DISCONNECT = b"\xe0\x00"


class FrontTest(unittest.TestCase):
    """A client that is connected through the front, and both ends of it."""

    def setUp(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        self.sessions = Sessions()
        port = listener.getsockname()[1]
        front = Front(port, self.sessions, RetainedMessages())
        context = serving(front)
        context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.client = self.end(
            socket.create_connection(("127.0.0.1", front.port))
        )
        self.broker = self.end(listener.accept()[0])
        self.say(self.client, DEAF_CONNECT[4], self.broker)
        self.say(self.broker, CONNACK, self.client)
        self.link = self.sessions.find("deaf").link

    def end(self, connection):
        """A connection that waits for nothing too long."""
        connection.settimeout(SECONDS)
        self.addCleanup(connection.close)
        return connection

    def hear(self, end, expected):
        """The next bytes at that end are these."""
        data = b""
        while len(data) < len(expected):
            piece = end.recv(len(expected) - len(data))
            self.assertTrue(piece, f"ended after {data}")
            data += piece
        self.assertEqual(data, expected)

    def say(self, end, data, other):
        """What is said at one end is heard at the other."""
        end.sendall(data)
        self.hear(other, data)

    def background(self, function, *arguments):
        """Call a function in a thread; the thread."""
        thread = threading.Thread(target=function, args=arguments)
        thread.start()
        self.addCleanup(thread.join, SECONDS)
        return thread

    def test_pieces(self):
        """Packets go on whole, however they come."""
        for byte in DISCONNECT[:1], DISCONNECT[1:] + PINGREQ[:1]:
            self.client.sendall(byte)
        self.hear(self.broker, DISCONNECT)
        self.client.sendall(PINGREQ[1:])
        self.hear(self.broker, PINGREQ)

    def test_confirmations(self):
        """The broker hears of its own messages' confirmations only."""
        answers = []
        message = Message("t", b"", 1, False, {})
        thread = self.background(
            lambda: answers.append(self.link.deliver(message, SECONDS))
        )
        self.hear(self.client, OUR_MESSAGE)
        self.client.sendall(ANOTHER_PUBACK + OUR_PUBACK + PINGREQ)
        self.hear(self.broker, ANOTHER_PUBACK + PINGREQ)
        thread.join(SECONDS)
        self.assertEqual(answers, [True])
        self.assertEqual(self.link.unconfirmed, {})

    def test_late_confirmation(self):
        """Nor does it of one that nobody waits for any more."""
        message = Message("t", b"", 1, False, {})
        self.assertIs(self.link.deliver(message, 0.01), False)
        self.hear(self.client, OUR_MESSAGE)
        self.client.sendall(OUR_PUBACK + PINGREQ)
        self.hear(self.broker, PINGREQ)

    def test_between_packets(self):
        """A message for one client waits for the end of another's packet."""
        self.broker.sendall(PINGRESP[:1])
        self.link.deliver(Message("t", b"", 0, False, {}), 0)
        self.broker.sendall(PINGRESP[1:])
        self.hear(self.client, b"\x30\x03\x00\x01t" + PINGRESP)

    def test_disconnect(self):
        """It returns when the broker has let go, and not before."""
        thread = self.background(self.link.disconnect, True)
        self.hear(self.broker, DISCONNECT)
        self.assertEqual(self.broker.recv(1), b"")
        thread.join(0.1)
        self.assertTrue(thread.is_alive())
        self.assertTrue(self.sessions.find("deaf").connected)
        self.broker.close()
        thread.join(SECONDS)
        self.assertFalse(self.sessions.find("deaf").connected)
        self.assertEqual(self.client.recv(1), b"")

    def test_lost(self):
        """A client that is gone is so when the broker has let go of it."""
        reset = struct.pack("ii", 1, 0)
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        self.client.close()
        self.assertEqual(self.broker.recv(1), b"")
        self.broker.sendall(PINGRESP)  # there is nobody to hear it
        ended = wait_until(lambda: not self.connected(), 0.2)
        self.assertFalse(ended, "the broker has not let go yet")
        self.broker.close()
        self.assertTrue(wait_until(lambda: not self.connected(), SECONDS))
        self.assertEqual(self.sessions.find("deaf").reason, "CONNECTION_LOST")

    def connected(self):
        """Is there a connection, for all that is known?"""
        return self.sessions.find("deaf").connected

    def test_no_link(self):
        """A message for a connection that has ended goes nowhere."""
        self.broker.close()
        self.assertEqual(self.client.recv(1), b"")
        message = Message("t", b"", 1, False, {})
        self.assertIsNone(self.link.deliver(message, SECONDS))
        # An operation may have found the link a moment before that.
        found = SimpleNamespace(link=self.link)
        sessions = SimpleNamespace(find=lambda _: found)
        target = "/connections/deaf/messages?topic=t&confirmation=true"
        with self.assertRaises(ApiError) as caught:
            send_direct_message(
                SimpleNamespace(sessions=sessions),
                Request("POST", target, [], b""),
                "deaf",
            )
        self.assertEqual(caught.exception.status, 404)
