"""Reads parameters out of paths and queries, and pages out of lists."""

import base64
import binascii
import re
from urllib.parse import parse_qsl, unquote_to_bytes

from dataplane_errors import invalid_request

BOOLEANS = {"true": True, "false": False}
THING_NAME = re.compile("[a-zA-Z0-9:_-]{1,128}")
SHADOW_NAME = re.compile("[$a-zA-Z0-9:_-]{1,64}")
MAX_CLIENT_ID_CHARACTERS = 128


def query_of(request):
    """The parameters of a request's query: each once, decoded."""
    try:
        pairs = parse_qsl(
            request.query, keep_blank_values=True, errors="strict"
        )
    except UnicodeDecodeError:
        raise invalid_request("The query string is no UTF-8") from None
    if len(dict(pairs)) != len(pairs):
        raise invalid_request("A query parameter is given twice")
    return dict(pairs)


def choice(query, name, choices):
    """The value of a parameter of few words; None where it is absent."""
    text = query.get(name)
    if text is not None and text not in choices:
        raise invalid_request(f"{name} must be one of {', '.join(choices)}")
    return choices.get(text)


def flag(query, name):
    """A boolean; false where it is absent."""
    return choice(query, name, BOOLEANS) or False


def whole(query, name, most, default):
    """An integer from 1 to `most`."""
    text = query.get(name)
    if text is None:
        return default
    number = int(text) if re.fullmatch("[0-9]{1,10}", text) else 0
    if not 1 <= number <= most:
        raise invalid_request(f"{name} must be 1 to {most}")
    return number


def decoded(raw, name):
    """A piece of the path as text."""
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise invalid_request(f"The {name} is no UTF-8") from None


def thing_name(raw):
    """A thing's name, out of the path."""
    return _matching(THING_NAME, decoded(raw, "thing name"), "thingName")


def shadow_name(query):
    """A named shadow's name; None means the classic one."""
    name = query.get("name")
    if name is None:
        return None
    return _matching(SHADOW_NAME, name, "shadowName")


def client_id(raw):
    """A client identifier, out of the path."""
    text = decoded(raw, "client ID")
    if not 1 <= len(text) <= MAX_CLIENT_ID_CHARACTERS or text[0] == "$":
        raise invalid_request(
            f"clientId must have 1 to {MAX_CLIENT_ID_CHARACTERS} characters,"
            " and no $ at its start"
        )
    return text


def _matching(pattern, text, name):
    if not pattern.fullmatch(text):
        raise invalid_request(f"{name} must match {pattern.pattern}")
    return text


def page(keys, query, count):
    """So many of the keys in order, and what asks for those that follow.

    The token is the last key given: what is added or deleted between two
    pages neither repeats nor hides any other key.
    """
    after = _key_of(query.get("nextToken"))
    rest = sorted(key for key in keys if after is None or key > after)
    token = _token_of(rest[count - 1]) if len(rest) > count else None
    return rest[:count], ({"nextToken": token} if token else {})


def _token_of(key):
    return base64.urlsafe_b64encode(key.encode("utf-8")).decode("ascii")


def _key_of(token):
    if token is None:
        return None
    try:
        data = token.encode("ascii")
        key = base64.b64decode(data, altchars=b"-_", validate=True)
        return key.decode("utf-8")
    except (binascii.Error, ValueError):
        raise invalid_request("Invalid nextToken") from None
