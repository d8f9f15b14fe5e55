"""The retained messages: noted as they are published, and told of.

Noted are those that come through the plane and those that its clients send
the broker; the broker itself keeps them for its subscribers.
"""

import base64
import dataclasses
import threading
import time

from dataplane_errors import ApiError, invalid_request
from dataplane_http import json_response
from dataplane_parameters import decoded, page, query_of, whole
from dataplane_shadow import compact

MAX_PAGE = 200


@dataclasses.dataclass
class Retained:
    """A message that is kept, since when and until when, in seconds."""

    message: object
    since: float
    until: float

    def summary(self):
        """What a listing tells of it."""
        return {
            "topic": self.message.topic,
            "payloadSize": len(self.message.payload),
            "qos": self.message.qos,
            "lastModifiedTime": int(self.since * 1000),
        }

    def details(self):
        """All there is to tell of it; blobs are base64."""
        told = {
            "topic": self.message.topic,
            "payload": _base64(self.message.payload),
            "qos": self.message.qos,
            "lastModifiedTime": int(self.since * 1000),
        }
        pairs = self.message.properties.get("UserProperty")
        if pairs:
            objects = [{name: value} for name, value in pairs]
            told["userProperties"] = _base64(compact(objects))
        return told


class RetainedMessages:
    """The retained messages by topic."""

    def __init__(self, now=time.time):
        self.now = now
        self.messages = {}
        self.lock = threading.Lock()

    def note(self, message):
        """A message with the retain flag was published; empty, it deletes."""
        now = self.now()
        expiry = message.properties.get("MessageExpiryInterval")
        until = float("inf") if expiry is None else now + expiry
        with self.lock:
            self.messages.pop(message.topic, None)
            if message.payload:
                self.messages[message.topic] = Retained(message, now, until)

    def living(self):
        """Those that are not expired, by topic."""
        now = self.now()
        with self.lock:
            return {
                topic: one
                for topic, one in self.messages.items()
                if one.until > now
            }


def get_retained_message(plane, _request, raw_topic):
    """GET /retainedMessage/{topic}"""
    topic = decoded(raw_topic, "topic")
    if topic == "":
        raise invalid_request("topic is empty")
    found = plane.retained.living().get(topic)
    if not found:
        raise ApiError(
            404,
            "ResourceNotFoundException",
            f"No retained message exists for topic: '{topic}'",
        )
    return json_response(200, found.details())


def list_retained_messages(plane, request):
    """GET /retainedMessage"""
    query = query_of(request)
    living = plane.retained.living()
    count = whole(query, "maxResults", MAX_PAGE, MAX_PAGE)
    topics, following = page(living, query, count)
    summaries = [living[topic].summary() for topic in topics]
    return json_response(200, {"retainedTopics": summaries, **following})


def _base64(data):
    return base64.b64encode(data).decode("ascii")
