"""Tagged values: how a Python value is written in a JSON collection, and back.

JSON has one kind of number and no bytes, files or ordered objects, while
boto3 tells them all apart. A value that JSON cannot hold exactly is written
as a table with one "$..." key. The functions at the end say what a value asks
of the language that reads it.
"""

import base64
import datetime
import io

EXACT = 2 ** 53     # integers below this are exact in a double


class Opaque:
    """Something no serializer takes; boto3 prints its class and its repr."""

    def __repr__(self):
        return "<opaque object>"


# The class's full name stands in boto3's texts, so it has to be the same
# wherever such a text is recorded.
Opaque.__module__ = "gen_common"


def b64(data):
    """Bytes as base64 text."""
    return base64.b64encode(data).decode("ascii")


def _file(tag):
    """A file that was read up to "pos", as a caller may hand it over."""
    handle = io.BytesIO(base64.b64decode(tag["$file"]))
    handle.seek(tag["pos"])
    return handle


def _circular(_):
    """A list that holds itself."""
    loop = []
    loop.append(loop)
    return loop


def _builtin(name):
    """A type, by the name of a built-in one."""
    return {"str": str, "int": int}[name]


DECODERS = {
    "$int": int,
    "$float": float,
    "$null": lambda _: None,
    "$bytes": base64.b64decode,
    "$bytearray": lambda text: bytearray(base64.b64decode(text)),
    "$list": lambda items: [decode(item) for item in items],
    "$tuple": lambda items: tuple(decode(item) for item in items),
    "$set": lambda items: {decode(item) for item in items},
    "$map": lambda pairs: {decode(k): decode(v) for k, v in pairs},
    "$wtf8": lambda text: base64.b64decode(text).decode(
        "utf-8", "surrogatepass"),
    "$opaque": lambda _: Opaque(),
    "$type": _builtin,
    "$complex": complex,
    "$datetime": datetime.datetime.fromisoformat,
    "$circular_list": _circular,
}


def decode(tagged):
    """The Python value a tagged value stands for."""
    if not isinstance(tagged, dict):
        return tagged
    if "$file" in tagged:
        return _file(tagged)
    (name, content), = tagged.items()
    return DECODERS[name](content)


def _encode_int(number):
    """Whole below 2^53, else as text: few JSON readers keep 64 bits."""
    if abs(number) < EXACT:
        return number
    return {"$int": str(number)}


def _encode_str(text):
    """As it is, unless lone surrogates keep it from being Unicode."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return {"$wtf8": b64(text.encode("utf-8", "surrogatepass"))}
    return text


ENCODERS = {
    bool: lambda value: value,
    str: _encode_str,
    int: _encode_int,
    type(None): lambda _: {"$null": True},
    float: lambda value: {"$float": repr(value)},
    bytes: lambda value: {"$bytes": b64(value)},
    bytearray: lambda value: {"$bytearray": b64(value)},
    io.BytesIO: lambda value: {"$file": b64(value.getvalue()),
                               "pos": value.tell()},
    list: lambda value: {"$list": [encode(item) for item in value]},
    tuple: lambda value: {"$tuple": [encode(item) for item in value]},
    set: lambda value: {"$set": [encode(item) for item in value]},
    dict: lambda value: {"$map": [[encode(k), encode(v)]
                                  for k, v in value.items()]},
    complex: lambda value: {"$complex": str(value).strip("()")},
    datetime.datetime: lambda value: {"$datetime": value.isoformat()},
    type: lambda value: {"$type": value.__name__},
    Opaque: lambda _: {"$opaque": True},
}


def encode(value):
    """A Python value in tagged form."""
    return ENCODERS[type(value)](value)


def _inside(value):
    """The values directly within a list or an object."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, (list, tuple)) else []


def order_sensitive(value):
    """Does it hold an object whose keys are not in UTF-8 byte order?

    boto3 writes them in the order they were given; where tables have no order
    they can only be sorted. Code point order is UTF-8's byte order.
    """
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        if list(value) != sorted(value):
            return True
    return any(order_sensitive(item) for item in _inside(value))


def _number_needs_kinds(number):
    """Is a number's JSON lost where integers and floats are one kind?

    There an integral value up to 2^53 is written whole and a larger one as
    the double it is. At 2^53 itself no rule serves both kinds.
    """
    if isinstance(number, float):
        negative_zero = repr(number) == "-0.0"
        return (number.is_integer() and abs(number) <= EXACT
                and not negative_zero)
    return abs(number) >= EXACT


def needs_integers(value):
    """Does any number within need integers and floats to be two kinds?"""
    if isinstance(value, bool):
        return False
    if isinstance(value, (int, float)):
        return _number_needs_kinds(value)
    return any(needs_integers(item) for item in _inside(value))


def doubles_only(params):
    """Can this call be made where every number is a double?"""
    wide = ("messageExpiry", "pageSize", "maxResults")
    if any(abs(params.get(name, 0)) > EXACT for name in wide):
        return False
    return not needs_integers(params.get("userProperties"))
