"""The project's own publish calls, picked by hand: one aspect a case."""

import io

from record_tags import encode

KEYS = {"access_key_id": "AKIDLUAEXAMPLE",
        "secret_access_key": "An+Example/Secret/Key+For+Lua=Specs/0123"}
TIME = "20240229T235958Z"
REGION = {"region": "eu-central-1"}
PRINTABLE = "".join(map(chr, range(0x20, 0x7f)))

TOPICS = {
    "one-level": "lamp",
    "levels": "home/floor1/kitchen/lamp",
    "shadow": "$aws/things/lamp-1/shadow/update",
    "rule": "$aws/rules/store_it/home/lamp",
    "digits": "0123456789",
    "only-dots": ".....",
    "dots-and-slashes": "../.././x/..",
    "one-dot": ".",
    "two-dots": "..",
    "slashes-only": "///",
    "slash-inside-twice": "home//lamp",
    "slash-around": "/home/lamp/",
    "blank": " ",
    "blanks-around": "  lamp  ",
    "escapes": "%2e%2E%2f%252F%",
    "wildcards": "+/lamp/#",
    "like-a-query": "lamp?qos=1&retain=true",
    "like-a-url": "https://user:pw@example.com:8443/lamp",
    "delimiters": "!$&'()*+,;=:@[]",
    "unsafe": "\"<>\\^`{|}",
    "unreserved": "-._~",
    "every-control": "".join(map(chr, range(0x20))) + "\x7f",
    "all-printable": PRINTABLE,
    "two-bytes-first": "\u0080",
    "two-bytes-last": "\u07ff",
    "three-bytes-first": "\u0800",
    "around-surrogates": "\ud7ff\ue000",
    "four-bytes-first": "\U00010000",
    "four-bytes-last": "\U0010ffff",
    "private-use": "\ue123\U000f0000\U00100000",
    "noncharacters": "\ufdd0\ufffe\U0001ffff",
    "german": "K\u00fcche/Lampe/\u00df",
    "greek": "\u03c3\u03c0\u03af\u03c4\u03b9/\u03c6\u03c9\u03c2",
    "cyrillic": "\u0434\u043e\u043c/\u043b\u0430\u043c\u043f\u0430",
    "japanese": "\u53f0\u6240/\u96fb\u7403",
    "hindi-joined": "\u0915\u094d\u200d\u0937",
    "hebrew-marks": "\u200f\u05d1\u05d9\u05ea\u200e",
    "decomposed": "Ku\u0308che",
    "flag-and-family": "\U0001f1ea\U0001f1fa/\U0001f468\u200d\U0001f467",
    "spaces-of-unicode": "\u00a0\u2003\u3000\ufeff",
    "limit-256": "t" * 256,
    "many-levels": "/".join("abcdefgh") * 32,
    "long-astral": "\U0001f4a1" * 300,
}

PAYLOADS = {
    "text": "21.5",
    "text-not-ascii": "21,5 \u00b0C \U0001f321",
    "text-empty": "",
    "bytes": b"\x00\x01\xfe\xff",
    "bytes-empty": b"",
    "bytes-lines": b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes-all-twice": bytes(range(256)) * 2,
    "bytes-16384": b"0123456789abcdef" * 1024,
}

SINGLE = {
    "qos-zero": ("qos", 0),
    "qos-one": ("qos", 1),
    "qos-two": ("qos", 2),
    "qos-large": ("qos", 2147483648),
    "retain-yes": ("retain", True),
    "retain-no": ("retain", False),
    "expiry-zero": ("messageExpiry", 0),
    "expiry-week": ("messageExpiry", 604800),
    "expiry-below-zero": ("messageExpiry", -604800),
    "expiry-2p31": ("messageExpiry", 2 ** 31),
    "expiry-2p53": ("messageExpiry", 2 ** 53),
    "expiry-above-2p53": ("messageExpiry", 2 ** 53 + 1),
    "expiry-i64-min": ("messageExpiry", -2 ** 63),
    "content-type-json": ("contentType", "application/json"),
    "content-type-quoted": ("contentType", 'text/x; a="b c"; d=%20'),
    "content-type-none": ("contentType", ""),
    "content-type-printable": ("contentType", PRINTABLE),
    "content-type-cyrillic": ("contentType", "\u0442\u0435\u043a\u0441\u0442"),
    "content-type-newline": ("contentType", "a\r\nb\x00c"),
    "response-topic": ("responseTopic", "home/answers/42"),
    "response-topic-none": ("responseTopic", ""),
    "response-topic-plus": ("responseTopic", "a+b c%20d"),
    "response-topic-astral": ("responseTopic", "\U0001f3e0/\u2713"),
    "indicator-utf8": ("payloadFormatIndicator", "UTF8_DATA"),
    "indicator-bytes": ("payloadFormatIndicator", "UNSPECIFIED_BYTES"),
    "indicator-lower-case": ("payloadFormatIndicator", "utf8_data"),
    "indicator-none": ("payloadFormatIndicator", ""),
    "indicator-blanks": ("payloadFormatIndicator", " UTF8_DATA\t"),
    "correlation": ("correlationData", "cmVxdWVzdC00Mg=="),
    "correlation-none": ("correlationData", ""),
    "correlation-blank": ("correlationData", "   "),
    "correlation-runs": ("correlationData", "a  b \t c\t\td "),
    "correlation-quoted": ("correlationData", '"a  b", "c"'),
    "correlation-colon": ("correlationData", "x: y: z"),
    "correlation-printable": ("correlationData", PRINTABLE),
    "correlation-latin": ("correlationData", "\u00e9t\u00e9 \u00ff"),
    "correlation-astral": ("correlationData", "\U0001f511 \u20ac"),
    "correlation-wide-spaces": (
        "correlationData", "\u2003a\u2009\u00a0b\u3000"),
    "correlation-zero-width": ("correlationData", "a\u200bb\ufeffc"),
    "correlation-separators": (
        "correlationData", "a\x1cb\x1fc\x0bd\x0ce\x85f"),
    "correlation-other-controls": (
        "correlationData", "a\x01b\x08c\x1bd\x7fe"),
    "correlation-long": ("correlationData", "QUJD" * 500),
}

PROPERTIES = {
    "pair": [{"unit": "celsius"}],
    "pairs": [{"unit": "celsius"}, {"place": "kitchen"}, {"unit": "again"}],
    "pair-astral": [{"\U0001f321": "\u00b0C"}],
    "pair-empty": [{"": ""}],
    "object": {"a": "1", "b": "2"},
    "object-as-given": {"b": "2", "a": "1", "c": "3"},
    "object-byte-order": {"A": 1, "a": 2, "\u00e9": 3, "\uffff": 4,
                          "\U00010000": 5},
    "object-digits": {"1": "a", "10": "b", "2": "c"},
    "object-key-escapes": {"\x00\"\\/": "/\\\"\x00"},
    "empty-list": [],
    "empty-object": {},
    "empties-inside": [[], {}, [[]], {"a": {}, "b": []}, ""],
    "null-inside": {"a": None, "b": [None, None]},
    "null": None,
    "text": "unit=celsius",
    "yes": True,
    "no-inside": [False],
    "short-escapes": "\b\t\n\f\r\"\\/",
    "every-control": "".join(map(chr, range(0x20))),
    "delete-and-c1": "\x7f\x80\x9f",
    "edges-of-planes": "\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff",
    "separators": "\u2028\u2029</script>",
    "int-edges": [0, -1, 2 ** 31, -2 ** 31 - 1, 2 ** 53 - 1, 1 - 2 ** 53],
    "int-2p53": [2 ** 53, -2 ** 53],
    "int-64-bits": [2 ** 53 + 1, 2 ** 63 - 1, -2 ** 63],
    "float-simple": [0.5, -0.25, 21.5, 1.1, 3.14159],
    "float-shortest": [0.1 + 0.2, 1 / 3, 4.35, 0.1 + 0.7, 100 / 7],
    "float-17-digits": [1.2345678901234567, 0.10000000000000002],
    "float-exponents": [1.5e-5, 0.00015, 1.25e16, 1.5e300, 1e-300],
    "float-extremes": [1.7976931348623157e308, 2.2250738585072014e-308,
                       2.225073858507201e-308, 5e-324, -5e-324],
    "float-integral": [1.0, -1.0, 1e3, 123456789.0, 9007199254740991.0],
    "float-integral-large": [1e16, 1e21, 1e22, 1e23, -9.3e18, 2.0 ** 70],
    "float-zeros": [0.0, -0.0],
    "float-minus-zero": -0.0,
    "nested": {"a": [{"b": [{"c": ["d", 1, 1.5, None, True]}]}]},
    "deep": [[[[[[[[[["x"]]]]]]]]]],
    "fifty": [{"key-%02d" % n: "value %d" % n} for n in range(50)],
    "mixed-array": ["a", 1, 2.5, True, None, [1], {"k": "v"}],
}

EVERYTHING = {
    "topic": "home/kitchen/lamp", "qos": 1, "retain": True, "payload": "on",
    "userProperties": [{"by": "someone"}],
    "payloadFormatIndicator": "UTF8_DATA", "contentType": "text/plain",
    "responseTopic": "home/answers", "correlationData": "NDI=",
    "messageExpiry": 300,
}
COMBINATIONS = {
    "all-queries": "topic qos retain contentType responseTopic messageExpiry",
    "queries-backwards":
        "messageExpiry responseTopic contentType retain qos topic",
    "all-headers":
        "topic userProperties payloadFormatIndicator correlationData",
    "all-without-payload":
        "topic qos retain userProperties payloadFormatIndicator contentType "
        "responseTopic correlationData messageExpiry",
    "qos-and-retain": "topic qos retain payload",
    "request-response": "topic payload responseTopic correlationData",
    "typed-payload": "topic payload payloadFormatIndicator contentType",
    "everything": " ".join(EVERYTHING),
    "everything-backwards": " ".join(reversed(EVERYTHING)),
}

CLIENTS = {
    "region-us-west-2": {"region": "us-west-2"},
    "region-ap-south-2": {"region": "ap-south-2"},
    "region-cn-northwest-1": {"region": "cn-northwest-1"},
    "region-us-gov-east-1": {"region": "us-gov-east-1"},
    "region-us-isob-east-1": {"region": "us-isob-east-1"},
    "region-unheard-of": {"region": "moon-base-7"},
    "region-fips": {"region": "ca-central-1", "use_fips_endpoint": True},
    "region-fips-elsewhere": {
        "region": "eu-west-3", "use_fips_endpoint": True},
    "endpoint-http": {"region": "eu-west-1",
                      "endpoint_url": "http://localhost"},
    "endpoint-http-443": {"region": "eu-west-1",
                          "endpoint_url": "http://localhost:443"},
    "endpoint-https-80": {"region": "eu-west-1",
                          "endpoint_url": "https://localhost:80"},
    "endpoint-account": {
        "region": "eu-west-1",
        "endpoint_url": "https://abcd-ats.iot.eu-west-1.amazonaws.com:443"},
    "endpoint-other-region": {
        "region": "eu-north-1",
        "endpoint_url": "https://abcd-ats.iot.us-west-2.amazonaws.com"},
    "endpoint-path": {"region": "eu-west-1",
                      "endpoint_url": "https://gate.example/iot/v1"},
    "endpoint-path-slash-port": {
        "region": "eu-west-1",
        "endpoint_url": "http://gate.example:8080/iot/v1/"},
    "endpoint-case": {"region": "eu-west-1",
                      "endpoint_url": "https://Gate.Example/Iot"},
    "endpoint-ipv6-tls": {"region": "eu-west-1",
                          "endpoint_url": "https://[2001:db8::1]"},
}

CLOCKS = {
    "epoch": "19700101T000000Z",
    "billion": "20010909T014640Z",
    "leap-day": "20240229T000000Z",
    "new-years-eve": "20231231T235959Z",
    "new-years-day": "20240101T000000Z",
    "after-2038": "20380119T031408Z",
    "no-leap-day": "21000228T235959Z",
    "far": "99991231T235959Z",
}

CREDENTIALS = {
    "token": dict(KEYS, session_token="VGhlIHRva2Vu//+=="),
    "token-800": dict(KEYS, session_token="FwoGZXIvYXdzE" * 61 + "exampl="),
    "secret-of-one": {"access_key_id": "AKIDX", "secret_access_key": "x"},
    "secret-printable": {"access_key_id": "AKIDPRINTABLE",
                         "secret_access_key": PRINTABLE},
    "secret-longer-than-a-block": {
        "access_key_id": "AKIDLONG" * 8, "secret_access_key": "s3cret/" * 30},
}


def _file(data, position):
    """A file that was read up to a position."""
    handle = io.BytesIO(data)
    handle.seek(position)
    return handle


FILES = {
    "file": _file(b"from the start", 0),
    "file-partly-read": _file(b"header\x00body", 7),
    "file-read-to-its-end": _file(b"nothing left", 12),
}


def _case(name, params, client=None, keys=None, time=TIME):
    """A call as the collections hold it, parameters in the given order."""
    return {
        "name": name,
        "operation": "Publish",
        "client": client or REGION,
        "credentials": keys or KEYS,
        "timestamp": time,
        "params": {key: encode(value) for key, value in params.items()},
        "param_order": list(params),
    }


def _parameters():
    """Cases of each parameter by itself, then of several together."""
    for name, topic in TOPICS.items():
        yield _case("topic-" + name, {"topic": topic, "payload": b"on"})
    for name, payload in dict(PAYLOADS, **FILES).items():
        yield _case("payload-" + name, {"topic": "lamp", "payload": payload})
    for name, (key, value) in SINGLE.items():
        yield _case(name, {"topic": "lamp", key: value})
    for name, value in PROPERTIES.items():
        yield _case("properties-" + name,
                    {"topic": "lamp", "userProperties": value})
    for name, names in COMBINATIONS.items():
        yield _case(name, {key: EVERYTHING[key] for key in names.split()})


def _surroundings():
    """Cases of what a call depends on besides its parameters."""
    short = {"topic": "home/lamp", "qos": 1, "payload": "on"}
    for name, client in CLIENTS.items():
        yield _case(name, short, client=client)
    for name, time in CLOCKS.items():
        yield _case("clock-" + name, short, time=time)
    for name, keys in CREDENTIALS.items():
        yield _case("keys-" + name, short, keys=keys)
    yield _case("everything-token-endpoint", EVERYTHING,
                CLIENTS["endpoint-path-slash-port"],
                CREDENTIALS["token-800"], CLOCKS["new-years-eve"])


def cases():
    """Every case, numbered in the order written here."""
    picked = [*_parameters(), *_surroundings()]
    for number, case in enumerate(picked, 1):
        yield dict(case, name="%03d-%s" % (number, case["name"]))
