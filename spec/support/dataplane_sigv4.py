"""Checks a request's Signature Version 4 with botocore's own signer.

botocore is the yardstick: the request is built again from what came over
the wire, signed by SigV4Auth, and the two signatures are compared.
"""

import datetime
import hashlib
import hmac
import re

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from dataplane_errors import ApiError

UTC = datetime.timezone.utc
SERVICE = "iotdata"
MAX_SKEW = datetime.timedelta(minutes=5)
DATE_FORMAT = "%Y%m%dT%H%M%SZ"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<credential>[^\s,]+)\s*,"
    r"\s*SignedHeaders=(?P<headers>[^\s,]+)\s*,"
    r"\s*Signature=(?P<signature>[0-9a-f]{64})\s*"
)
MISMATCH = (
    "The request signature we calculated does not match the signature you"
    " provided. Check your AWS Secret Access Key and signing method."
    " Consult the service documentation for details."
)
BAD_TOKEN = "The security token included in the request is invalid."


class Verifier:
    """Knows one set of credentials and one region."""

    def __init__(self, region, access_key_id, secret_access_key, token=None):
        self.credentials = Credentials(access_key_id, secret_access_key, token)
        self.signer = SigV4Auth(self.credentials, SERVICE, region)
        self.region = region

    def check(self, request):
        """Return if the signature holds, else raise what AWS answers."""
        access_key_id, scope, signed, signature = _claims(request)
        date = request.value("x-amz-date")
        self._check_identity(access_key_id, request)
        _check_signed_headers(signed, request)
        self._check_scope(scope, date)
        _check_clock(date)
        _check_body_hash(request)
        expected = self._sign(request, signed, date)
        if not hmac.compare_digest(expected, signature):
            raise _refused(MISMATCH)

    def _check_identity(self, access_key_id, request):
        token = request.value("x-amz-security-token")
        known = self.credentials
        if access_key_id != known.access_key or token != known.token:
            raise ApiError(403, "UnrecognizedClientException", BAD_TOKEN)

    def _check_scope(self, scope, date):
        day, region, service, terminator = scope
        if day != date[:8]:
            raise _refused(
                "Date in Credential scope does not match YYYYMMDD from"
                " ISO-8601 version of date from HTTP:"
                f" '{day}' != '{date[:8]}', from '{date}'."
            )
        if region != self.region:
            raise _refused(
                "Credential should be scoped to a valid region,"
                f" not '{region}'."
            )
        if service != SERVICE:
            raise _refused(
                "Credential should be scoped to correct service:"
                f" '{SERVICE}'."
            )
        if terminator != "aws4_request":
            raise _refused(
                "Credential should be scoped with a valid terminator:"
                f" 'aws4_request', not '{terminator}'."
            )

    def _sign(self, request, signed, date):
        again = AWSRequest(
            method=request.method,
            url="http://dataplane" + request.target,
            data=request.body,
        )
        for name in signed:
            for value in request.values(name):
                again.headers.add_header(name, value)
        again.context["timestamp"] = date
        canonical = self.signer.canonical_request(again)
        to_sign = self.signer.string_to_sign(again, canonical)
        return self.signer.signature(to_sign, again)


def _refused(message):
    return ApiError(403, "InvalidSignatureException", message)


def _incomplete(message):
    return ApiError(403, "IncompleteSignatureException", message)


def _claims(request):
    """Who signed, for what scope, which headers, and the signature."""
    authorization = request.value("authorization")
    if authorization is None:
        raise ApiError(
            403, "ForbiddenException", "Missing Authentication Token"
        )
    match = AUTHORIZATION.fullmatch(authorization)
    credential = match and match["credential"].split("/")
    if not match or len(credential) < 5:
        raise _incomplete(
            "Authorization header requires 'Credential', 'SignedHeaders' and"
            " 'Signature' parameters, of an algorithm AWS4-HMAC-SHA256."
        )
    access_key_id = "/".join(credential[:-4])
    signed = match["headers"].split(";")
    return access_key_id, credential[-4:], signed, match["signature"]


def _check_signed_headers(signed, request):
    sent = {name for name, _ in request.headers}
    if signed != sorted({name.lower() for name in signed}):
        raise _refused(MISMATCH)
    for name in ("host", "x-amz-date"):
        if name not in signed or name not in sent:
            raise _refused(
                f"'{name}' must be a 'SignedHeader' in the AWS"
                " Authorization."
            )
    if not sent.issuperset(signed):
        raise _refused(MISMATCH)
    unsigned = {n for n in sent if n.startswith("x-amz-")} - set(signed)
    if unsigned:
        raise _refused(
            "There were headers present in the request which were not"
            " signed: " + ", ".join(sorted(unsigned))
        )


def _check_clock(date):
    """Refuse a date too far from ours, with both times in the message."""
    signed_at = _parse_date(date)
    now = datetime.datetime.now(UTC).replace(microsecond=0)
    oldest, newest = now - MAX_SKEW, now + MAX_SKEW
    if signed_at < oldest:
        raise _refused(
            f"Signature expired: {date} is now earlier than"
            f" {oldest:{DATE_FORMAT}} ({now:{DATE_FORMAT}} - 5 min.)"
        )
    if signed_at > newest:
        raise _refused(
            f"Signature not yet current: {date} is still later than"
            f" {newest:{DATE_FORMAT}} ({now:{DATE_FORMAT}} + 5 min.)"
        )


def _parse_date(date):
    try:
        signed_at = datetime.datetime.strptime(date, DATE_FORMAT)
    except ValueError:
        raise _incomplete(
            f"Date must be in ISO-8601 'basic format'. Got '{date}'. See"
            " http://en.wikipedia.org/wiki/ISO_8601"
        ) from None
    return signed_at.replace(tzinfo=UTC)


def _check_body_hash(request):
    """A hash sent along is signed in place of the body: it must be true."""
    claimed = request.value("x-amz-content-sha256")
    actual = hashlib.sha256(request.body).hexdigest()
    if claimed not in (None, actual):
        raise _refused(MISMATCH)
