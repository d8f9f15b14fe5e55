"""Tests named shadows, and what shadows may not be, with real boto3."""

import json
import time

from dataplane_test_help import outcome, refusal
from dataplane_test_shadow import ShadowTest, document

INVALID = (400, "InvalidRequestException")
LIMIT_BYTES = 8192


class NamedShadow(ShadowTest):
    """Named shadows stand beside the classic one, and are listed."""

    def test_apart(self):
        """Each has its own state and version."""
        self.update("two", {"desired": {"a": 1}})
        self.update("two", {"desired": {"b": 2}}, "one:$_-")
        self.update("two", {"desired": {"b": 3}}, "one:$_-")
        self.assertEqual(self.get("two")["version"], 1)
        self.assertEqual(self.get("two", "one:$_-")["version"], 2)
        self.delete("two")
        self.assertEqual(
            self.get("two", "one:$_-")["state"]["desired"], {"b": 3}
        )

    def list(self, thing, **params):
        """What a listing gives, apart from its metadata."""
        answer = self.boto.list_named_shadows_for_thing(
            thingName=thing, **params
        )
        del answer["ResponseMetadata"]
        return answer

    def test_list(self):
        """Pages of names in order; the classic shadow has none."""
        self.update("many", {"desired": {"a": 1}})
        self.assertEqual(self.list("many")["results"], [])
        for name in "cbaed":
            self.update("many", {"desired": {"a": 1}}, name)
        self.update("other", {"desired": {"a": 1}}, "x")
        first = self.list("many", pageSize=2)
        self.assertEqual(first["results"], ["a", "b"])
        self.assertTrue(abs(first["timestamp"] - time.time()) < 60)
        self.delete("many", "b")  # what follows moves, but is not missed
        token = first["nextToken"]
        second = self.list("many", pageSize=2, nextToken=token)
        self.assertEqual(second["results"], ["c", "d"])
        token = second["nextToken"]
        last = self.list("many", pageSize=2, nextToken=token)
        self.assertEqual(last["results"], ["e"])
        self.assertNotIn("nextToken", last)

    def test_exact_page(self):
        """A page that holds the last name has no token."""
        self.update("exact", {"desired": {"a": 1}}, "x")
        self.assertNotIn("nextToken", self.list("exact", pageSize=1))

    def test_default_page(self):
        """Twenty-five names, if nobody says how many."""
        for number in range(26):
            self.update("default", {"desired": {"a": 1}}, f"n{number:02}")
        answer = self.list("default")
        self.assertEqual(len(answer["results"]), 25)
        self.assertEqual(
            self.list("default", nextToken=answer["nextToken"])["results"],
            ["n25"],
        )

    def test_bad_pages(self):
        """Sizes out of range, and tokens that are none."""
        for query in ("pageSize=0", "pageSize=101", "pageSize=x"):
            self.check_bad_page(query)
        for query in ("nextToken=%21", "nextToken=AAA", "nextToken=%C3%A9"):
            self.check_bad_page(query)

    def check_bad_page(self, query):
        """Such a query is refused."""
        target = "/api/things/shadow/ListNamedShadowsForThing/t?" + query
        response = self.plane.send_signed(target, method="GET")
        self.assertEqual(outcome(response), INVALID, query)


class BadShadow(ShadowTest):
    """What the service does not take."""

    def invalid(self, body, words):
        """A payload is refused with such words."""
        status, code, message = refusal(
            self.boto.update_thing_shadow, thingName="no", payload=body
        )
        self.assertEqual((status, code, message), (*INVALID, words))

    def test_documents(self):
        """The words of AWS IoT's page on shadow errors."""
        node = "State contains an invalid node"
        deep = b'{"a":' * 9 + b"1" + b"}" * 9
        for body, words in (
            (b"", "Invalid JSON"),
            (b"{", "Invalid JSON"),
            (b"[]", "Invalid JSON"),
            (b"[" * 8000, "Invalid JSON"),
            (b'{"state":{"desired":{"a":NaN}}}', "Invalid JSON"),
            (b'{"state":{"desired":{"a":"\\ud800"}}}', "Invalid JSON"),
            (b"{}", "Missing required node: state"),
            (b'{"state":[]}', "State node must be an object"),
            (b'{"state":null}', "State node must be an object"),
            (b'{"state":{"desired":1}}', "Desired node must be an object"),
            (b'{"state":{"reported":[]}}', "Reported node must be an object"),
            (b'{"state":{"delta":{}}}', node),
            (b'{"state":{"desired":{"a":[1,null]}}}', node),
            (document(version="1"), "Invalid version"),
            (document(version=True), "Invalid version"),
            (document(version=1.5), "Invalid version"),
            (document(clientToken=1), "Invalid clientToken"),
            (document(clientToken="ü" * 33), "Invalid clientToken"),
            (
                b'{"state":{"desired":' + deep + b"}}",
                "JSON contains too many levels of nesting; maximum is 8",
            ),
        ):
            with self.subTest(body[:60]):
                self.invalid(body, words)

    def test_limits(self):
        """The longest token and the deepest state are taken."""
        deep = {"a": 1}
        for _ in range(7):
            deep = {"a": deep}
        self.update("limit", {"desired": deep}, clientToken="ü" * 32)
        self.assertEqual(self.state("limit")["desired"], deep)

    def test_too_large(self):
        """Over 8 KB, whether at once or little by little."""
        large = (
            413,
            "RequestEntityTooLargeException",
            "The payload exceeds the maximum size allowed",
        )
        update = self.boto.update_thing_shadow
        body = document()
        full = body + b" " * (LIMIT_BYTES - len(body))
        update(thingName="large", payload=full)
        refused = refusal(update, thingName="large", payload=full + b" ")
        self.assertEqual(refused, large)
        half = {"x": "x" * 4096}
        self.update("large", {"desired": half})
        again = json.dumps({"state": {"reported": half}})
        refused = refusal(update, thingName="large", payload=again)
        self.assertEqual(refused, large)
        self.assertEqual(self.get("large")["version"], 2)

    def test_encoding(self):
        """JSON is UTF-8."""
        status, code, _ = refusal(
            self.boto.update_thing_shadow, thingName="t", payload=b'{"\xff"'
        )
        expected = (415, "UnsupportedDocumentEncodingException")
        self.assertEqual((status, code), expected)

    def test_names(self):
        """Names with characters they may not have, or too many."""
        for params in (
            {"thingName": "a b"},
            {"thingName": "a/b"},
            {"thingName": "ü"},
            {"thingName": "a" * 129},
            {"thingName": "a", "shadowName": "a.b"},
            {"thingName": "a", "shadowName": "a" * 65},
        ):
            with self.subTest(params):
                for call, more in (
                    (self.boto.get_thing_shadow, {}),
                    (self.boto.delete_thing_shadow, {}),
                    (self.boto.update_thing_shadow, {"payload": b"{}"}),
                ):
                    refused = refusal(call, **params, **more)[:2]
                    self.assertEqual(refused, INVALID)
