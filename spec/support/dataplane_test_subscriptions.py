"""Tests what is told of subscriptions, and for how long."""

import unittest

from dataplane_sessions import NEVER, Session, Sessions
from dataplane_test_clients import INVALID, MISSING, ClientTest
from dataplane_test_help import outcome, refusal


class Subscriptions(ClientTest):
    """Subscriptions are those that the broker granted."""

    def test_list(self):
        """What was subscribed, and not unsubscribed again."""
        device = self.device("lister")
        self.assertEqual(self.filters("lister"), {})
        device.subscribe(("b/+", 0), ("a/#", 1), ("c", 1), ("b/+", 1))
        expected = {"a/#": 1, "b/+": 1, "c": 1}
        self.assertEqual(self.filters("lister"), expected)
        device.unsubscribe("c")
        self.assertEqual(self.filters("lister"), {"a/#": 1, "b/+": 1})

    def test_pages(self):
        """Twenty at once, or as many as are asked for."""
        device = self.device("pager")
        device.subscribe(*((f"t/{number:02}", 0) for number in range(21)))
        self.assertEqual(len(self.filters("pager")), 20)
        self.assertEqual(len(self.filters("pager", maxResults=200)), 21)
        pages = self.boto.get_paginator("list_subscriptions").paginate(
            clientId="pager", PaginationConfig={"PageSize": 8}
        )
        sizes = [len(page["subscriptions"]) for page in pages]
        self.assertEqual(sizes, [8, 8, 5])
        target = "/connections/pager/subscriptions?maxResults=201"
        response = self.plane.send_signed(target, method="GET")
        self.assertEqual(outcome(response), INVALID)

    def test_offline(self):
        """A session's outlive the connection; others do not."""
        self.device("off", 3600).subscribe(("t/1", 1))
        self.device("out").subscribe(("t/1", 1))
        for name in ("off", "out"):
            self.boto.delete_connection(clientId=name)
        self.assertEqual(self.filters("off"), {"t/1": 1})
        refused = refusal(self.boto.list_subscriptions, clientId="out")
        self.assertEqual(refused[:2], MISSING)


    def test_clean_start(self):
        """A client that starts anew has none, whatever it had."""
        self.device("anew", 3600).subscribe(("t/1", 1))
        self.boto.delete_connection(clientId="anew")
        self.assertEqual(self.filters("anew"), {"t/1": 1})
        self.device("anew", 3600)
        self.assertEqual(self.filters("anew"), {})


class SessionClock(unittest.TestCase):
    """How long is known what."""

    def check(self, expiry, seconds, found, subscribed):
        """What is known so long after a connection ended."""
        now = [1000]
        sessions = Sessions(lambda: now[0])
        session = Session("c", 60, expiry, None, None, 1000, object())
        sessions.opened(session, False)
        sessions.subscribed(session, {"t": 0})
        now[0] = 5000
        self.assertTrue(sessions.find("c").connected)
        sessions.closed(session, "X")
        now[0] += seconds
        self.assertEqual(sessions.find("c") is not None, found)
        expected = {"t": 0} if subscribed else None
        self.assertEqual(sessions.subscriptions("c"), expected)

    def test_times(self):
        """Half an hour for what was, and the session's own time."""
        self.check(0, 0, True, False)
        self.check(0, 1799, True, False)
        self.check(0, 1800, False, False)
        self.check(60, 59, True, True)
        self.check(60, 60, True, False)
        self.check(3600, 3599, True, True)
        self.check(3600, 3600, False, False)
        self.check(NEVER, 10**10, True, True)
