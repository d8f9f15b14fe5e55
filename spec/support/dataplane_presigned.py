"""Judges a presigned URL, as AWS IoT does where a WebSocket is opened.

Nothing of botocore's or of ours signs here: the signature is computed with
hmac alone, after
https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
and .../iot/latest/developerguide/protocols.html#mqtt-ws.
"""

import datetime
import hashlib
import hmac
import urllib.parse

from dataplane_errors import ApiError
from dataplane_sigv4 import BAD_TOKEN, DATE_FORMAT, MAX_SKEW, MISMATCH, UTC

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICES = ("iotdevicegateway", "iotdata")
MAX_EXPIRES = 86400  # seconds
# In the order of their signature; what follows them is not signed.
SIGNED = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
)
NAMES = SIGNED + ("X-Amz-Signature", "X-Amz-Security-Token")


def _refused(message):
    return ApiError(403, "ForbiddenException", message)


def quote(text):
    """As SigV4 escapes a value."""
    return urllib.parse.quote(text, safe="-_.~")


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256)


def sign(secret, scope, canonical, date):
    """The signature of a canonical request."""
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join((ALGORITHM, date, "/".join(scope), digest))
    key = ("AWS4" + secret).encode()
    for part in scope:
        key = _hmac(key, part).digest()
    return _hmac(key, to_sign).hexdigest()


def canonical_request(host, path, values):
    """That of a GET without a body whose query has these values."""
    pairs = sorted((quote(n), quote(v)) for n, v in values.items())
    query = "&".join(n + "=" + v for n, v in pairs)
    nothing = hashlib.sha256(b"").hexdigest()
    lines = ("GET", path, query, "host:" + host, "", "host", nothing)
    return "\n".join(lines)


class PresignedVerifier:
    """Knows one set of credentials and one region."""

    def __init__(self, region, access_key_id, secret_access_key, token=None):
        self.region = region
        self.access_key_id = access_key_id
        self.secret = secret_access_key
        self.token = token

    def check(self, target, host, now=None):
        """Return if a GET of that target and Host may open a WebSocket, else
        raise what AWS IoT answers."""
        path, _, query = target.partition("?")
        values = self._values(query)
        self._check_form(path, values)
        self._check_clock(values, now or datetime.datetime.now(UTC))
        scope = self._scope(values)
        if values.get("X-Amz-Security-Token") != self.token:
            raise ApiError(403, "UnrecognizedClientException", BAD_TOKEN)
        signed = {name: values[name] for name in SIGNED}
        canonical = canonical_request(host, path, signed)
        expected = sign(self.secret, scope, canonical, values["X-Amz-Date"])
        if not hmac.compare_digest(expected, values["X-Amz-Signature"]):
            raise _refused(MISMATCH)

    @staticmethod
    def _values(query):
        pairs = urllib.parse.parse_qsl(
            query.replace("+", "%2B"), keep_blank_values=True
        )
        values = dict(pairs)
        if len(values) != len(pairs) or not set(values) <= set(NAMES):
            raise _refused("A parameter is there twice, or unknown")
        return values

    @staticmethod
    def _check_form(path, values):
        missing = set(NAMES[:-1]) - set(values)
        if missing:
            raise _refused("Missing: " + ", ".join(sorted(missing)))
        expires = values["X-Amz-Expires"]
        if path != "/mqtt":
            raise _refused("MQTT is at /mqtt")
        if values["X-Amz-Algorithm"] != ALGORITHM:
            raise _refused("The algorithm is " + ALGORITHM)
        if values["X-Amz-SignedHeaders"] != "host":
            raise _refused("The host alone is signed")
        if not expires.isdecimal() or not 1 <= int(expires) <= MAX_EXPIRES:
            raise _refused(f"X-Amz-Expires is from 1 to {MAX_EXPIRES}")

    @staticmethod
    def _check_clock(values, now):
        try:
            date = datetime.datetime.strptime(
                values["X-Amz-Date"], DATE_FORMAT
            ).replace(tzinfo=UTC)
        except ValueError:
            raise _refused("X-Amz-Date is no date") from None
        lasts = datetime.timedelta(seconds=int(values["X-Amz-Expires"]))
        if date > now + MAX_SKEW:
            raise _refused("Signature not yet current")
        if now > date + lasts:
            raise _refused("Signature expired")

    def _scope(self, values):
        whose, *scope = values["X-Amz-Credential"].rsplit("/", 4)
        if whose != self.access_key_id:
            raise ApiError(403, "UnrecognizedClientException", BAD_TOKEN)
        good = [
            [values["X-Amz-Date"][:8], self.region, name, "aws4_request"]
            for name in SERVICES
        ]
        if scope not in good:
            raise _refused("Credential should be scoped to AWS IoT, here")
        return scope
