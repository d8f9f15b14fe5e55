"""A shadow's document: what an update makes of it, and what a reader gets.

Pure: data in, data out; the time is an argument. The words of the errors
are those of AWS IoT's page on Device Shadow error messages.
"""

import dataclasses
import json

from dataplane_errors import ApiError, invalid_request

SECTIONS = ("desired", "reported")
MAX_BYTES = 8192  # of a request, and of the state that it leads to
MAX_LEVELS = 8
MAX_TOKEN_BYTES = 64


@dataclasses.dataclass
class Shadow:
    """The state and its metadata, section by section, and the version."""

    state: dict
    metadata: dict
    version: int


def compact(value):
    """JSON as the service writes it: no spaces, UTF-8."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8")


def parse(body):
    """The document of an update, checked, or the error that it deserves."""
    if len(body) > MAX_BYTES:
        raise too_large()
    document = _json(_text(body))
    try:
        _check_state(document)
    except RecursionError:
        raise invalid_request("Invalid JSON") from None
    _check_version(document)
    _check_token(document)
    return document


def too_large():
    """The error for what is over the limit."""
    return ApiError(
        413,
        "RequestEntityTooLargeException",
        "The payload exceeds the maximum size allowed",
    )


def _text(body):
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise ApiError(
            415,
            "UnsupportedDocumentEncodingException",
            "Unsupported documented encoding; supported encoding is UTF-8",
        ) from None


def _json(text):
    try:
        document = json.loads(text, parse_constant=_no_constant)
        compact(document)  # half a surrogate pair cannot be given back
    except (ValueError, RecursionError):
        raise invalid_request("Invalid JSON") from None
    if not isinstance(document, dict):
        raise invalid_request("Invalid JSON")
    return document


def _no_constant(name):
    raise ValueError(f"{name} is no JSON")


def _check_state(document):
    if "state" not in document:
        raise invalid_request("Missing required node: state")
    state = document["state"]
    if not isinstance(state, dict):
        raise invalid_request("State node must be an object")
    for name, section in state.items():
        _check_section(name, section)


def _check_section(name, section):
    if name not in SECTIONS:
        raise invalid_request("State contains an invalid node")
    if section is None:
        return
    if not isinstance(section, dict):
        raise invalid_request(f"{name.capitalize()} node must be an object")
    if _levels(section) > MAX_LEVELS:
        raise invalid_request(
            "JSON contains too many levels of nesting;"
            f" maximum is {MAX_LEVELS}"
        )


def _levels(value):
    """How deep objects and arrays nest; refuses null in an array."""
    if isinstance(value, dict):
        return 1 + max(map(_levels, value.values()), default=0)
    if isinstance(value, list):
        if None in value:
            raise invalid_request("State contains an invalid node")
        return 1 + max(map(_levels, value), default=0)
    return 0


def _check_version(document):
    version = document.get("version", 1)
    if isinstance(version, bool) or not isinstance(version, int):
        raise invalid_request("Invalid version")


def _check_token(document):
    token = document.get("clientToken", "")
    if not isinstance(token, str) or len(token.encode()) > MAX_TOKEN_BYTES:
        raise invalid_request("Invalid clientToken")


def updated(shadow, change, now):
    """What a shadow becomes by a change of its state; None: it was none.

    Its version is the caller's: it outlives the shadow.
    """
    state = dict(shadow.state) if shadow else {}
    metadata = dict(shadow.metadata) if shadow else {}
    for name, section in change.items():
        _merge(state, metadata, name, section, now)
    if len(compact(state)) > MAX_BYTES:
        raise too_large()
    return Shadow(state, metadata, 0)


def _merge(state, metadata, name, value, now):
    """Set one key, merge into it, or drop it; what is left empty goes too."""
    if isinstance(value, dict):
        below = _object(state.get(name))
        # What was no object has a time of its own, and none below it.
        times = dict(metadata[name]) if below else {}
        for key, inner in value.items():
            _merge(below, times, key, inner, now)
        value = below or None
    else:
        times = stamps(value, now)
    if value is None:
        state.pop(name, None)
        metadata.pop(name, None)
    else:
        state[name], metadata[name] = value, times


def _object(value):
    return dict(value) if isinstance(value, dict) else {}


def stamps(value, now):
    """The metadata of a value: a time for each leaf, arrays' too."""
    if isinstance(value, dict):
        return {key: stamps(inner, now) for key, inner in value.items()}
    if isinstance(value, list):
        return [stamps(inner, now) for inner in value]
    return {"timestamp": now}


def delta(desired, reported):
    """What is desired and not reported so; arrays differ as a whole."""
    found = {}
    for key, wanted in desired.items():
        known = reported.get(key)
        if isinstance(wanted, dict) and isinstance(known, dict):
            inner = delta(wanted, known)
            if inner:
                found[key] = inner
        elif _differ(wanted, known):
            found[key] = wanted
    return found


def _differ(one, other):
    """Python's True is its 1; JSON's is not."""
    return json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)


def document_of(shadow, now):
    """What a reader of the shadow gets."""
    state = dict(shadow.state)
    difference = delta(state.get("desired", {}), state.get("reported", {}))
    if difference:
        state["delta"] = difference
    return {
        "state": state,
        "metadata": shadow.metadata,
        "version": shadow.version,
        "timestamp": now,
    }


def accepted(document, version, now):
    """What the sender of an update gets: what it sent, with its times."""
    times = {
        name: stamps(section, now)
        for name, section in document["state"].items()
        if section is not None
    }
    answer = {
        "state": document["state"],
        "metadata": times,
        "version": version,
        "timestamp": now,
    }
    if "clientToken" in document:
        answer["clientToken"] = document["clientToken"]
    return answer
