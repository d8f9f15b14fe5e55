"""The project's own invalid publish calls, and a few at the border."""

from record_tags import Opaque, encode

NUMBER_OF_LISTS = [1, 2, 3]
TEXT_MEMBERS = ("payloadFormatIndicator", "contentType", "responseTopic",
                "correlationData")


def _with_topic(**params):
    """A call whose topic is right."""
    return dict({"topic": "home/lamp"}, **params)


def _wrong_topics():
    """Absent, or of every other type."""
    yield "nothing", {}
    yield "no-topic", {"qos": 1, "payload": b"on"}
    for name, value in (("null", None), ("number", 17), ("fraction", -0.125),
                        ("boolean", False), ("list", NUMBER_OF_LISTS),
                        ("object", {"name": "lamp"})):
        yield "topic-" + name, {"topic": value}


def _wrong_integers():
    """qos has a minimum, messageExpiry has none."""
    for member in ("qos", "messageExpiry"):
        for name, value in (("null", None), ("text", "one"),
                            ("digits", "2"), ("fraction", 0.5),
                            ("list", [1]), ("object", {"level": 1})):
            yield member + "-" + name, _with_topic(**{member: value})
    yield "qos-below", _with_topic(qos=-2)
    yield "qos-far-below", _with_topic(qos=-2 ** 53 + 1)


def _wrong_others():
    """What is neither text nor integer."""
    for name, value in (("null", None), ("one", 1), ("text", "yes"),
                        ("list", [True])):
        yield "retain-" + name, _with_topic(retain=value)
    for name, value in (("null", None), ("number", 21.5), ("true", True),
                        ("list", ["on"]), ("object", {"state": "on"}),
                        ("opaque", Opaque())):
        yield "payload-" + name, _with_topic(payload=value)
    for member in TEXT_MEMBERS:
        yield member + "-number", _with_topic(**{member: 7})
    yield "contentType-boolean", _with_topic(contentType=True)
    yield "properties-opaque", _with_topic(userProperties=Opaque())
    yield "properties-opaque-inside", _with_topic(
        userProperties=[{"a": Opaque()}])


def _unknown():
    """Names that the model does not have."""
    for name in ("Payload", "QOS", "ttl", "message_expiry", "topics",
                 "\u00e4"):
        yield "unknown-" + name, _with_topic(**{name: "x"})


def _several():
    """Lines come in an order of their own, whatever the call's."""
    yield "missing-then-unknown", {"ttl": 5, "retain": True}
    yield "all-three-kinds", {"retain": "no", "ttl": 5, "qos": -1}
    yield "call-order", _with_topic(messageExpiry="x", qos="y", retain="z")
    yield "call-order-backwards", _with_topic(retain="z", qos="y",
                                              messageExpiry="x")
    yield "range-and-types", {"topic": 1, "qos": -1, "payload": 1}


def _accepted():
    """Odd, but no business of the client's."""
    yield "accepted-empty-topic", {"topic": ""}
    yield "accepted-qos-three", _with_topic(qos=3)
    yield "accepted-past-expiry", _with_topic(messageExpiry=-1)
    yield "accepted-any-indicator", _with_topic(payloadFormatIndicator="?")


def cases():
    """Every case, numbered in the order written here."""
    groups = (_wrong_topics, _wrong_integers, _wrong_others, _unknown,
              _several, _accepted)
    picked = [found for group in groups for found in group()]
    for number, (name, params) in enumerate(picked, 1):
        yield {
            "name": "%03d-%s" % (number, name),
            "operation": "Publish",
            "params": {key: encode(value) for key, value in params.items()},
            "param_order": list(params),
        }
