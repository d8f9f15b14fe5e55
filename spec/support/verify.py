#!/usr/bin/python3
"""Verifies signatures with botocore's own signer.

    verify.py FILE        one request a line; "-" reads standard input
    verify.py --self-test

A line is a JSON object: method, scheme, host, port, path, query (as on the
wire), headers ([name, value] pairs, "host" and "authorization" among them),
body_base64, credentials {access_key_id, secret_access_key, session_token?},
region, service. For each line goes out {"ok":true}, or {"ok":false,"why":…}.
The exit code is 0 whatever was found: the reader counts the lines.

The signature is made again as a server would: from what arrived, over the
headers that SignedHeaders names, at the time of x-amz-date.
"""

import base64
import copy
import hashlib
import json
import os
import re
import sys

os.environ["BOTO_DISABLE_CRT"] = "true"     # botocore's own signer, always

from botocore.auth import SigV4Auth                             # noqa: E402
from botocore.awsrequest import AWSRequest                      # noqa: E402
from botocore.credentials import Credentials                    # noqa: E402

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/, ]+)/(\d{8})/([^/, ]+)/([^/, ]+)"
    r"/aws4_request, SignedHeaders=([^, ]+), Signature=([0-9a-f]{64})")
STAMP = re.compile(r"\d{8}T\d{6}Z")
PATH = re.compile(r"/[!-\"$->@-~]*")        # no space, '#', '?' or control
QUERY = re.compile(r"[!-\"$-~]*")
CHANGING_HEADERS = ("authorization", "connection", "content-length",
                    "transfer-encoding", "user-agent")


class Bad(Exception):
    """A request that a server would refuse, and why."""


def require(condition, why):
    """Refuse a request unless a condition holds."""
    if not condition:
        raise Bad(why)


def values(request, name):
    """All values of a header."""
    return [value for key, value in request["headers"]
            if key.lower() == name]


def one(request, name):
    """The value of a header that has to be there just once."""
    found = values(request, name)
    require(len(found) == 1, "%d headers %s" % (len(found), name))
    return found[0]


def claims(request):
    """What the authorization header says, as far as it can be compared."""
    match = AUTHORIZATION.fullmatch(one(request, "authorization"))
    require(match, "authorization header malformed")
    key, day, region, service, signed, signature = match.groups()
    stamp = one(request, "x-amz-date")
    require(STAMP.fullmatch(stamp), "x-amz-date malformed")
    require(day == stamp[:8], "the scope's day is not x-amz-date's")
    keys = request["credentials"]
    require(key == keys["access_key_id"], "another access key")
    require(region == request["region"], "another region")
    require(service == request["service"], "another service")
    return stamp, signed.split(";"), signature


def check_coverage(request, signed):
    """Is all signed that has to be, in the order it has to be?"""
    names = {name.lower() for name, _ in request["headers"]}
    require(signed == sorted(set(signed)), "SignedHeaders not in order")
    for name in signed:
        require(name in names, "signed but not sent: " + name)
    must = {n for n in names if n.startswith("x-amz-")} | {"host"}
    for name in sorted(must):
        require(name in signed, "not signed: " + name)
    for name in CHANGING_HEADERS:
        require(name not in signed, "signed, but may change: " + name)


def check_token(request):
    """Is the session token sent if, and only if, there is one?"""
    token = request["credentials"].get("session_token")
    require(values(request, "x-amz-security-token") == ([token] if token
                                                        else []),
            "another session token")


def check_body_hash(request, body):
    """Does a hash of the body that is sent along fit it?"""
    for digest in values(request, "x-amz-content-sha256"):
        require(digest == hashlib.sha256(body).hexdigest(),
                "x-amz-content-sha256 is not the body's")


def url_of(request):
    """The URL; its host and port go unused, the host header is signed."""
    require(PATH.fullmatch(request["path"]), "path malformed")
    require(QUERY.fullmatch(request["query"]), "query malformed")
    query = "?" + request["query"] if request["query"] else ""
    return request["scheme"] + "://" + host_header(request) + (
        request["path"] + query)


def host_header(request):
    """As HTTP clients write it: without the scheme's own port."""
    host = request["host"]
    if ":" in host and not host.startswith("["):
        host = "[%s]" % host
    usual = {"http": 80, "https": 443}[request["scheme"]]
    return host if request["port"] == usual else (
        "%s:%d" % (host, request["port"]))


def received(request, signed, stamp, body):
    """The request as botocore's signer takes it, signed headers only."""
    made = AWSRequest(method=request["method"], url=url_of(request),
                      data=body)
    for name, value in request["headers"]:
        if name.lower() in signed:
            made.headers[name] = value
    made.context["timestamp"] = stamp
    return made


def signature_of(request, made):
    """botocore's signature, and the canonical request it stands for."""
    keys = request["credentials"]
    signer = SigV4Auth(
        Credentials(keys["access_key_id"], keys["secret_access_key"]),
        request["service"], request["region"])
    canonical = signer.canonical_request(made)
    text = signer.string_to_sign(made, canonical)
    return signer.signature(text, made), canonical


def verify(request):
    """Raise Bad unless a server would accept the request."""
    stamp, signed, signature = claims(request)
    check_coverage(request, signed)
    check_token(request)
    body = base64.b64decode(request["body_base64"], validate=True)
    check_body_hash(request, body)
    made = received(request, signed, stamp, body)
    wanted, canonical = signature_of(request, made)
    require(signature == wanted,
            "another signature; canonical request: " + repr(canonical))


def judge(line):
    """The verdict over a line, malformed ones included."""
    try:
        verify(json.loads(line))
    except Bad as err:
        return {"ok": False, "why": str(err)}
    except Exception as err:      # a line that holds no such request
        return {"ok": False, "why": "%s: %s" % (type(err).__name__, err)}
    return {"ok": True}


def judge_file(source):
    """A verdict for each line."""
    for line in source:
        if line.strip():
            print(json.dumps(judge(line), separators=(",", ":")))


# The self test: what botocore signed passes, and no change of it does.

PLAIN = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "s3cret/+ x"}
TOKEN = dict(PLAIN, session_token="dG9r/ZW4=")
SAMPLES = (
    {"path": "/topics/lamp", "query": "", "credentials": PLAIN},
    {"path": "/topics/a%2Fb%252F%25", "query": "", "credentials": TOKEN},
    {"path": "/base/topics/x", "query": "retain=true&qos=1&qos=0",
     "credentials": PLAIN, "host": "::1", "port": 8080, "scheme": "http"},
    {"path": "/topics/..", "query": "contentType=&a", "credentials": TOKEN,
     "headers": [["x-amz-mqtt5-correlation-data", "  a \t b\u2003\u00e9 "]]},
    {"path": "//topics//x/", "query": "", "credentials": PLAIN,
     "method": "GET", "body_base64": "", "region": "eu-west-1",
     "headers": [["x-amz-twice", "1"], ["x-amz-twice", "2"]]},
)


def sample(**settings):
    """A request that botocore itself signed, now."""
    request = dict({
        "method": "POST", "scheme": "https", "host": "iot.example",
        "port": 443, "headers": [], "body_base64": "b24=",
        "region": "us-east-1", "service": "iotdata"}, **settings)
    made = AWSRequest(method=request["method"], url=url_of(request),
                      data=base64.b64decode(request["body_base64"]))
    made.headers["host"] = host_header(request)
    for name, value in request["headers"]:
        made.headers[name] = value
    keys = request["credentials"]
    signer = SigV4Auth(Credentials(
        keys["access_key_id"], keys["secret_access_key"],
        keys.get("session_token")), request["service"], request["region"])
    signer.add_auth(made)
    request["headers"] = [[name, value]
                          for name, value in made.headers.items()]
    request["headers"].append(["User-Agent", "self test"])
    return request


def changed_header(name, change):
    """A tampering with one header's value."""
    def tamper(request):
        for header in request["headers"]:
            if header[0].lower() == name:
                header[1] = change(header[1])
    return tamper


def put(*keys_and_value):
    """A tampering with one field of a request."""
    *keys, last, value = keys_and_value

    def tamper(request):
        for key in keys:
            request = request[key]
        request[last] = value
    return tamper


def other_digit(text):
    """The same with another last hexadecimal digit."""
    return text[:-1] + ("0" if text[-1] != "0" else "1")


TAMPERINGS = {
    "method": put("method", "PUT"),
    "path": put("path", "/topics/other"),
    "path with a space": put("path", "/topics/a b"),
    "query": put("query", "qos=2"),
    "body": put("body_base64", "b2Zm"),
    "secret": put("credentials", "secret_access_key", "s3cret/+ y"),
    "access key": put("credentials", "access_key_id", "AKIDOTHER"),
    "token": put("credentials", "session_token", "other"),
    "region": put("region", "us-west-2"),
    "service": put("service", "iotdevicegateway"),
    "host": changed_header("host", lambda _: "elsewhere.example"),
    "second": changed_header(
        "x-amz-date", lambda v: v[:-2] + ("0" if v[-2] != "0" else "1") + "Z"),
    "day": changed_header("x-amz-date", lambda v: "1999" + v[4:]),
    "signature": changed_header("authorization", other_digit),
    "signed names": changed_header(
        "authorization", lambda v: v.replace("host;", "")),
    "header added": lambda r: r["headers"].append(["x-amz-new", "1"]),
    "host twice": lambda r: r["headers"].append(["host", "x"]),
    "no authorization": lambda r: r["headers"].__setitem__(slice(None), [
        h for h in r["headers"] if h[0].lower() != "authorization"]),
}


def must_fail(request, name, tamper):
    """Is a request that was tampered with refused?"""
    tampered = copy.deepcopy(request)
    tamper(tampered)
    verdict = judge(json.dumps(tampered))
    if verdict["ok"]:
        print("not noticed: %s of %s" % (name, request["path"]))
    return not verdict["ok"]


def must_pass(request):
    """Is a request as botocore signed it accepted?"""
    verdict = judge(json.dumps(request))
    if not verdict["ok"]:
        print("refused: %s: %s" % (request["path"], verdict["why"]))
    return verdict["ok"]


def self_test():
    """Try the verifier itself; the exit code is 1 if it fails."""
    results = [not judge(line)["ok"] for line in ("", "{}", "[]", b"\xff")]
    for settings in SAMPLES:
        request = sample(**settings)
        results.append(must_pass(request))
        results += [must_fail(request, name, tamper)
                    for name, tamper in TAMPERINGS.items()]
    print("%d passed, %d failed" % (sum(results), results.count(False)))
    return 0 if all(results) else 1


def main(arguments):
    """Do what the command line says."""
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) != 1 or arguments[0].startswith("--"):
        sys.exit(__doc__)
    if arguments[0] == "-":
        judge_file(sys.stdin.buffer)
    else:
        with open(arguments[0], "rb") as source:
            judge_file(source)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
