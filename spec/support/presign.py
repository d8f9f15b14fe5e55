"""Judges presigned URLs: presign.py FILE, which has one JSON object a line.

{url, host, region, access_key, secret_key, token, now, expires}; for each a
line comes back: {plain, adapted, signs_token}. `plain`: is it let in by
dataplane_presigned, which knows hmac only? `adapted`: is it to the byte what
botocore's SigV4QueryAuth makes without a token, and the token behind it?
`signs_token`: botocore's own signature, which covers the token, is another.
"""

import datetime
import json
import sys

from botocore.auth import SIGV4_TIMESTAMP, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from dataplane_errors import ApiError
from dataplane_presigned import PresignedVerifier, quote
from dataplane_sigv4 import UTC


def presign(case, token=None):
    """What SigV4QueryAuth makes at that time; its own clock is the system's."""
    auth = SigV4QueryAuth(
        Credentials(case["access_key"], case["secret_key"], token),
        "iotdevicegateway", case["region"], int(case["expires"]),
    )
    request = AWSRequest(method="GET", url=f"https://{case['host']}/mqtt")
    at = datetime.datetime.fromtimestamp(case["now"], UTC)
    request.context["timestamp"] = at.strftime(SIGV4_TIMESTAMP)
    # pylint: disable=protected-access
    auth._modify_request_before_signing(request)
    canonical = auth.canonical_request(request)
    to_sign = auth.string_to_sign(request, canonical)
    auth._inject_signature_to_request(
        request, auth.signature(to_sign, request)
    )
    return "wss://" + request.url[len("https://"):]


def is_let_in(case):
    """At the time of its making."""
    verifier = PresignedVerifier(
        case["region"], case["access_key"], case["secret_key"], case["token"]
    )
    scheme, _, rest = case["url"].partition("://")
    host, slash, target = rest.partition("/")
    now = datetime.datetime.fromtimestamp(case["now"], UTC)
    try:
        verifier.check(slash + target, host, now)
    except ApiError as error:
        return str(error)
    return scheme == "wss" and host == case["host"]


def judge(case):
    """All three."""
    token = case["token"]
    behind = "&X-Amz-Security-Token=" + quote(token) if token else ""
    adapted = presign(case)
    signature = adapted.rpartition("=")[2]
    return {
        "plain": is_let_in(case),
        "adapted": case["url"] == adapted + behind,
        "signs_token": signature not in presign(case, token),
    }


def main():
    """Judge them all."""
    with open(sys.argv[1], encoding="utf-8") as file:
        for line in file:
            case = json.loads(line)
            case["token"] = case.get("token") or None
            print(json.dumps(judge(case)))


if __name__ == "__main__":
    main()
