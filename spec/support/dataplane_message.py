"""Turns a publish request into an MQTT message, with AWS IoT's own checks.

Whatever passes here is legal MQTT as well: Mosquitto hangs up on a client
that sends it anything else.
"""

import base64
import binascii
import dataclasses
import json
import re

from dataplane_errors import invalid_request
from dataplane_parameters import choice, decoded, flag, query_of

MAX_TOPIC_BYTES = 256
MAX_TOPIC_SLASHES = 7
MAX_EXPIRY_SECONDS = 604800
FORMAT_INDICATORS = {"UNSPECIFIED_BYTES": 0, "UTF8_DATA": 1}
RULE_PREFIX = re.compile(r"\$aws/rules/[^/]+/")
# Control characters, surrogates and noncharacters, as Mosquitto has them.
NOT_MQTT_TEXT = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(
        chr(plane + 0xFFFE) + chr(plane + 0xFFFF)
        for plane in range(0, 0x110000, 0x10000)
    )
    + "]"
)


@dataclasses.dataclass
class Message:
    """A message to publish; properties go by their names in paho."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: dict


def read(request, raw_topic):
    """The message of a publish request, or an InvalidRequestException."""
    query = query_of(request)
    return Message(
        topic=_topic(decoded(raw_topic, "topic")),
        payload=request.body,
        qos=choice(query, "qos", {"0": 0, "1": 1}) or 0,
        retain=flag(query, "retain"),
        properties=_properties(request, query),
    )


def read_direct(request):
    """The message for one client; QoS 1 where it is to be confirmed."""
    query = query_of(request)
    if "topic" not in query:
        raise invalid_request("topic is missing")
    query.pop("messageExpiry", None)  # is no parameter of this operation
    return Message(
        topic=_topic(query["topic"]),
        payload=request.body,
        qos=1 if flag(query, "confirmation") else 0,
        retain=False,
        properties=_properties(request, query),
    )


def _properties(request, query):
    """The MQTT 5 properties that the request has."""
    found = {
        "ContentType": _optional(_content_type, query.get("contentType")),
        "ResponseTopic": _optional(
            _response_topic, query.get("responseTopic")
        ),
        "MessageExpiryInterval": _optional(
            _expiry, query.get("messageExpiry")
        ),
        "UserProperty": _optional(
            _user_properties, request.value("x-amz-mqtt5-user-properties")
        ),
        "CorrelationData": _optional(
            _correlation_data, request.value("x-amz-mqtt5-correlation-data")
        ),
        "PayloadFormatIndicator": _optional(
            _format_indicator,
            request.value("x-amz-mqtt5-payload-format-indicator"),
        ),
    }
    return {name: value for name, value in found.items() if value is not None}


def _optional(convert, text):
    return None if text is None else convert(text)


def _topic(topic):
    _check_topic(topic, "topic")
    counted = RULE_PREFIX.sub("", topic, count=1)
    if len(counted.encode("utf-8")) > MAX_TOPIC_BYTES:
        raise invalid_request(f"topic is over {MAX_TOPIC_BYTES} bytes")
    if counted.count("/") > MAX_TOPIC_SLASHES:
        raise invalid_request(f"topic has over {MAX_TOPIC_SLASHES} slashes")
    return topic


def _check_topic(topic, name):
    if topic == "":
        raise invalid_request(f"{name} is empty")
    if "#" in topic or "+" in topic:
        raise invalid_request(f"{name} has a wildcard character, # or +")
    _check_text(topic, name)


def _check_text(text, name):
    if NOT_MQTT_TEXT.search(text):
        raise invalid_request(f"{name} has a character that MQTT forbids")


def _content_type(text):
    _check_text(text, "contentType")
    return text


def _response_topic(text):
    _check_topic(text, "responseTopic")
    return text


def _expiry(text):
    seconds = int(text) if re.fullmatch("[0-9]{1,10}", text) else 0
    if not 1 <= seconds <= MAX_EXPIRY_SECONDS:
        raise invalid_request(
            f"messageExpiry must be 1 to {MAX_EXPIRY_SECONDS} seconds"
        )
    return seconds


def _format_indicator(text):
    if text not in FORMAT_INDICATORS:
        raise invalid_request(
            "payloadFormatIndicator must be one of "
            + ", ".join(FORMAT_INDICATORS)
        )
    return FORMAT_INDICATORS[text]


def _base64(text, name):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise invalid_request(f"{name} is no base64") from None


def _correlation_data(text):
    return _base64(text, "correlationData")


class _Pairs(tuple):
    """A JSON object as its pairs in order, apart from JSON's arrays."""


def _user_properties(text):
    """The pairs of a base64 of a JSON array of objects of one pair each."""
    try:
        properties = json.loads(
            _base64(text, "userProperties").decode("utf-8"),
            object_pairs_hook=_Pairs,
        )
    except (ValueError, RecursionError):
        raise invalid_request("userProperties is no JSON") from None
    if not isinstance(properties, list):
        raise invalid_request("userProperties must be a JSON array")
    return [_user_property(one) for one in properties]


def _user_property(one):
    if not isinstance(one, _Pairs) or len(one) != 1:
        raise invalid_request(
            "userProperties must hold objects of one pair each"
        )
    name, value = one[0]
    if not isinstance(value, str):
        raise invalid_request("The value of a user property must be a string")
    _check_text(name + value, "userProperties")
    return name, value
