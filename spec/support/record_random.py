"""Makes random publish calls out of a seed: the same seed, the same calls.

Covers what the contract allows and leaves out what it lists as departures
from boto3: CR, LF and NUL in headers, NaN and infinities, booleans and
integral floats as integers, keys that are no strings.
"""

import datetime
import io
import math
import random
import string
import struct

import record_text
from record_tags import EXACT, b64, encode
from record_wire import STAMP

OPTIONAL = ("qos", "retain", "payload", "userProperties",
            "payloadFormatIndicator", "contentType", "responseTopic",
            "correlationData", "messageExpiry")
# Those whose endpoint all botocore versions agree on.
REGIONS = (
    "af-south-1 ap-east-1 ap-northeast-1 ap-northeast-2 ap-northeast-3 "
    "ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 "
    "ap-southeast-4 ca-central-1 eu-central-1 eu-central-2 eu-north-1 "
    "eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 me-central-1 "
    "me-south-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2 "
    "cn-northwest-1 us-gov-east-1 us-gov-west-1 us-iso-east-1 us-iso-west-1 "
    "us-isob-east-1").split()
HOSTS = ("localhost", "127.0.0.1", "[::1]", "Example.COM", "a-b.example.org",
         "a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com")
BASE_PATHS = ("", "", "", "/", "/base", "/base/", "/a/b/c", "/v1.0~x_y-z")
ENDPOINTS = 40          # custom endpoints a run; each is a client of its own
ENDPOINT_SHARE = 0.25
LAST_SECOND = 4133980799        # 2100-12-31T23:59:59Z
I64 = 2 ** 63

INT_EDGES = [0, 1, 9, 10, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 10 ** 15, EXACT - 1,
             EXACT, EXACT + 1, 10 ** 18, I64 - 1]
FLOAT_EDGES = [
    0.0, 1.0, 100.0, 0.1, 0.5, 1 / 3, 4.35, 1e-4, 9.999e-5, 1e-5, 1e-7,
    123456.789, 1e15, 1e16, 1e17, 123456789012345680.0, 1e21, 1e22, 1e23,
    float(EXACT), float(EXACT - 1), float(I64), 5e-324, 2.225073858507201e-308,
    2.2250738585072014e-308, 1.7976931348623157e308, 9007199254740993.5,
    0.30000000000000004, 2.5, 1e100]


def _masks(rng, count):
    """Subsets of the optional parameters: each once in every 512 calls."""
    every = list(range(2 ** len(OPTIONAL)))
    while count > 0:
        rng.shuffle(every)
        yield from every[:count]
        count -= len(every)


def _qos(rng):
    """All three, though AWS IoT knows no 2: boto3 does not mind."""
    return rng.randrange(3)


def _retain(rng):
    """Both: false is sent as well."""
    return rng.random() < 0.5


def payload(rng):
    """Bytes mostly, else text, or a file that was partly read."""
    size = rng.randint(0, 300)
    if rng.random() < 0.1:
        size = rng.choice((0, 1, 5120))
    data = rng.randbytes(size)
    kind = rng.random()
    if kind < 0.6:
        return data
    if kind < 0.85:
        return record_text.anything(rng, size)
    handle = io.BytesIO(data)
    handle.seek(rng.randint(0, size))
    return handle


def _integer(rng):
    """Edges of every kind, else any number of bits."""
    if rng.random() < 0.3:
        return rng.choice(INT_EDGES) * rng.choice((1, -1))
    if rng.random() < 0.05:
        return -I64
    return rng.getrandbits(rng.randint(1, 63)) * rng.choice((1, -1))


def _float(rng):
    """Edges, numbers as people write them, else any finite bit pattern."""
    kind = rng.random()
    if kind < 0.3:
        return rng.choice(FLOAT_EDGES) * rng.choice((1.0, -1.0))
    if kind < 0.5:
        return round(rng.uniform(-1000, 1000), rng.randrange(1, 9))
    number = math.nan
    while not math.isfinite(number):
        number, = struct.unpack("<d", rng.randbytes(8))
    return number


def _leaf(rng):
    """A JSON value without parts. Null is among them."""
    kind = rng.choice((_integer, _float, "text", "text", "word"))
    if kind == "text":
        return record_text.anything(rng, rng.randrange(12))
    if kind == "word":
        return rng.choice((True, False, None))
    return kind(rng)


def _object(rng, depth, in_order):
    """An object; its keys in byte order, or as they come."""
    keys = {record_text.anything(rng, rng.randrange(8))
            for _ in range(rng.randrange(5))}
    keys = sorted(keys)
    if not in_order:
        rng.shuffle(keys)
    return {key: _json(rng, depth - 1, in_order) for key in keys}


def _json(rng, depth, in_order):
    """Any JSON value with at most `depth` levels of lists and objects."""
    kind = rng.random()
    if depth == 0 or kind < 0.3:
        return _leaf(rng)
    if kind < 0.6:
        return [_json(rng, depth - 1, in_order)
                for _ in range(rng.randrange(5))]
    return _object(rng, depth, in_order)


def _pairs(rng):
    """User properties as MQTT has them: a list of one-pair objects."""
    return [{record_text.anything(rng, rng.randrange(1, 12)):
             record_text.anything(rng, rng.randrange(24))}
            for _ in range(rng.randrange(1, 6))]


def _user_properties(rng):
    """MQTT's form often, any JSON mostly, None (no header) rarely."""
    kind = rng.random()
    if kind < 0.02:
        return None
    if kind < 0.3:
        return _pairs(rng)
    return _json(rng, rng.randrange(5), rng.random() < 0.5)


def _indicator(rng):
    """The two that are known, else what boto3 lets through as well."""
    if rng.random() < 0.8:
        return rng.choice(("UTF8_DATA", "UNSPECIFIED_BYTES"))
    return record_text.header(rng, rng.randrange(20))


def _correlation(rng):
    """Base64 mostly, as it should be; else any text that a header takes."""
    if rng.random() < 0.6:
        return b64(rng.randbytes(rng.randrange(60)))
    return record_text.header(rng, rng.randrange(40))


def _expiry(rng):
    """Sensible, zero, negative, and as large as a Lua integer can be."""
    return rng.choice((0, 1, -1, 60, 604800, rng.randrange(2 ** 32),
                       -rng.randrange(2 ** 53), rng.randrange(2 ** 53),
                       EXACT, EXACT + 1, I64 - 1))


MAKERS = {
    "qos": _qos,
    "retain": _retain,
    "payload": payload,
    "userProperties": _user_properties,
    "payloadFormatIndicator": _indicator,
    "contentType": record_text.sized,
    "responseTopic": record_text.sized,
    "correlationData": _correlation,
    "messageExpiry": _expiry,
}


def _chars(rng, alphabet, low, high):
    """A string of a random length over an alphabet."""
    return "".join(rng.choices(alphabet, k=rng.randint(low, high)))


def _credentials(rng):
    """Keys of every shape, half of them with a session token."""
    printable = "".join(map(chr, range(0x20, 0x7f)))
    base64ish = string.ascii_letters + string.digits + "+/="
    keys = {
        "access_key_id": _chars(
            rng, string.ascii_uppercase + string.digits, 16, 128),
        "secret_access_key": _chars(rng, printable, 1, 80),
    }
    if rng.random() < 0.5:
        low, high = rng.choice(((1, 60), (300, 500), (800, 800)))
        keys["session_token"] = _chars(rng, base64ish, low, high)
    return keys


def _endpoint(rng):
    """A client with an endpoint_url: either scheme, ports, base paths."""
    port = rng.choice(("", "", ":80", ":443", ":8080", ":8443", ":1"))
    url = "%s://%s%s%s" % (rng.choice(("http", "https")), rng.choice(HOSTS),
                           port, rng.choice(BASE_PATHS))
    return {"region": rng.choice(REGIONS), "endpoint_url": url}


def _stamp(rng):
    """A second between 1970 and 2100."""
    seconds = rng.randint(0, LAST_SECOND)
    epoch = datetime.datetime(1970, 1, 1)
    return (epoch + datetime.timedelta(seconds=seconds)).strftime(STAMP)


def _order(rng, names):
    """The model's order or any: boto3's query follows the call's."""
    if rng.random() < 0.5:
        rng.shuffle(names)
    return names


def publishes(rng, count):
    """Calls with just the parameters that a mask's bits choose."""
    for mask in _masks(rng, count):
        chosen = [name for bit, name in enumerate(OPTIONAL) if mask >> bit & 1]
        params = {"topic": record_text.sized(rng)}
        for name in chosen:
            params[name] = MAKERS[name](rng)
        yield "Publish", params


def _case(rng, operation, params, endpoints):
    """A call, who makes it, when and where."""
    client = {"region": rng.choice(REGIONS)}
    if rng.random() < ENDPOINT_SHARE:
        client = rng.choice(endpoints)
    return {
        "operation": operation,
        "client": client,
        "credentials": _credentials(rng),
        "timestamp": _stamp(rng),
        "params": {name: encode(value) for name, value in params.items()},
        "param_order": _order(rng, list(params)),
    }


def cases(seed, count, calls=publishes):
    """So many random calls; what boto3 makes of them is still to come."""
    rng = random.Random(seed)
    endpoints = [_endpoint(rng) for _ in range(ENDPOINTS)]
    for index, (operation, params) in enumerate(calls(rng, count), 1):
        name = "seed-%d-%05d" % (seed, index)
        yield dict(name=name, **_case(rng, operation, params, endpoints))
