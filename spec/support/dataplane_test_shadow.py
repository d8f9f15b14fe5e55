"""Tests the shadows of the data plane with real boto3."""

import json
import time
import unittest

import dataplane_shadow
from dataplane_errors import ApiError
from dataplane_shadows import Shadows
from dataplane_test_help import PlaneTest, refusal


def document(**rest):
    """An update of the desired state, as bytes."""
    return json.dumps({"state": {"desired": {"a": 1}}, **rest}).encode()


class ShadowTest(PlaneTest):
    """Has short words for the operations."""

    def update(self, thing, state, name=None, **rest):
        """Update a shadow's state; what it answers."""
        body = json.dumps({"state": state, **rest})
        answer = self.boto.update_thing_shadow(
            thingName=thing, payload=body, **named(name)
        )
        return json.load(answer["payload"])

    def get(self, thing, name=None):
        """A shadow's document."""
        answer = self.boto.get_thing_shadow(thingName=thing, **named(name))
        return json.load(answer["payload"])

    def delete(self, thing, name=None):
        """Delete a shadow; what it answers."""
        answer = self.boto.delete_thing_shadow(thingName=thing, **named(name))
        return json.load(answer["payload"])

    def state(self, thing):
        """A shadow's state."""
        return self.get(thing)["state"]


def named(name):
    """The parameter of a named shadow."""
    return {"shadowName": name} if name else {}


class Shadow(ShadowTest):
    """A shadow is made, changed, read and deleted."""

    def test_first(self):
        """All that a new shadow's document has."""
        before = int(time.time())
        state = {"desired": {"led": {"on": True}, "list": [1, {"x": "é"}]}}
        answer = self.update("first", state, clientToken="token-1")
        now = answer.pop("timestamp")
        self.assertTrue(before <= now <= time.time())
        stamp = {"timestamp": now}
        times = {"led": {"on": stamp}, "list": [stamp, {"x": stamp}]}
        expected = {"state": state, "metadata": {"desired": times}}
        token = {"clientToken": "token-1"}
        self.assertEqual(answer, {**expected, "version": 1, **token})
        found = self.get("first")
        self.assertTrue(now <= found.pop("timestamp") <= time.time())
        expected["state"] = {**state, "delta": state["desired"]}
        self.assertEqual(found, {**expected, "version": 1})

    def test_delta(self):
        """What is desired and not reported so, and nothing else."""
        desired = {"a": 1, "b": {"c": 1, "d": 2}, "l": [1, 2], "t": True}
        reported = {"a": 1, "b": {"c": 1, "d": 3}, "l": [2, 1], "t": 1, "z": 0}
        self.update("delta", {"desired": desired, "reported": reported})
        expected = {"b": {"d": 2}, "l": [1, 2], "t": True}
        self.assertEqual(self.state("delta")["delta"], expected)
        self.update("delta", {"reported": desired})
        self.assertNotIn("delta", self.state("delta"))

    def test_merge(self):
        """An update touches what it names; null deletes; arrays replace."""
        first = {"a": {"b": 1, "c": 2}, "l": [1, 2], "k": 1}
        self.update("merge", {"reported": first})
        second = {"a": {"b": None, "d": {"e": 3}}, "l": [3], "k": {"m": 1}}
        self.update("merge", {"reported": second})
        expected = {"a": {"c": 2, "d": {"e": 3}}, "l": [3], "k": {"m": 1}}
        found = self.get("merge")
        self.assertEqual(found["state"], {"reported": expected})
        times = found["metadata"]["reported"]
        self.assertEqual(set(times["a"]), {"c", "d"})
        self.assertEqual(len(times["l"]), 1)
        self.assertEqual(set(times["k"]), {"m"})

    def test_emptied(self):
        """What is emptied vanishes; the shadow itself stays."""
        first = {"desired": {"a": {"b": 1}}, "reported": {"x": 1}}
        self.update("empty", first)
        self.update("empty", {"desired": {"a": {"b": None}}})
        self.assertEqual(self.state("empty"), {"reported": {"x": 1}})
        answer = self.update("empty", {"reported": None})
        self.assertEqual(answer["state"], {"reported": None})
        found = self.get("empty")
        self.assertEqual((found["state"], found["metadata"]), ({}, {}))
        self.assertEqual(found["version"], 3)

    def test_deletion(self):
        """The version counts on after a deletion."""
        self.update("gone", {"desired": {"a": 1}})
        self.update("gone", {"desired": {"a": 2}})
        answer = self.delete("gone")
        self.assertEqual(set(answer), {"version", "timestamp"})
        self.assertEqual(answer["version"], 2)
        self.assertEqual(
            refusal(self.boto.delete_thing_shadow, thingName="gone"),
            (
                404,
                "ResourceNotFoundException",
                "No shadow exists with name: 'gone'",
            ),
        )
        self.assertEqual(self.update("gone", {})["version"], 3)
        self.assertEqual(self.state("gone"), {})

    def test_conflict(self):
        """A version that is not the latest is refused; the latest is not."""
        self.update("raced", {"desired": {"a": 1}})
        self.update("raced", {"desired": {"a": 2}}, version=1)
        for version in (1, 3):
            refused = refusal(
                self.boto.update_thing_shadow,
                thingName="raced",
                payload=document(version=version),
            )
            expected = (409, "ConflictException", "Version conflict")
            self.assertEqual(refused, expected)
        self.assertEqual(self.get("raced")["version"], 2)
        self.assertEqual(self.state("raced")["desired"], {"a": 2})

    def test_missing(self):
        """A shadow that is not there is told by its name."""
        self.update("classic", {"desired": {"a": 1}})
        for params, name in (
            ({"thingName": "none"}, "none"),
            ({"thingName": "classic", "shadowName": "x"}, "classic~x"),
        ):
            status, code, message = refusal(
                self.boto.get_thing_shadow, **params
            )
            self.assertEqual(
                (status, code), (404, "ResourceNotFoundException")
            )
            words = f"No shadow exists with name: '{name}'"
            self.assertEqual(message, words)

    def test_exception(self):
        """boto3 raises the modelled class."""
        with self.assertRaises(self.boto.exceptions.ResourceNotFoundException):
            self.boto.get_thing_shadow(thingName="none")


class Clock(unittest.TestCase):
    """Times are those of the change, each leaf's its own."""

    def test_metadata(self):
        """What an update does not name keeps its time."""
        now = [1000.7]
        shadows = Shadows(lambda: now[0])
        shadows.update("t", None, {"state": {"desired": {"a": 1, "b": 1}}})
        now[0] = 2000.2
        shadows.update("t", None, {"state": {"desired": {"b": 1}}})
        now[0] = 3000
        found = shadows.get("t", None)
        self.assertEqual(
            found["metadata"]["desired"],
            {"a": {"timestamp": 1000}, "b": {"timestamp": 2000}},
        )
        self.assertEqual(found["timestamp"], 3000)

    def test_refused(self):
        """An update that is refused changes nothing."""
        shadows = Shadows()
        shadows.update("t", None, {"state": {"desired": {"a": {"b": 1}}}})
        before = json.dumps(shadows.get("t", None)["state"])
        large = {"a": {"b": "x" * dataplane_shadow.MAX_BYTES}}
        with self.assertRaises(ApiError):
            shadows.update("t", None, {"state": {"desired": large}})
        self.assertEqual(json.dumps(shadows.get("t", None)["state"]), before)
