"""Tests that a presigned URL is let in only as it was signed."""

import datetime
import unittest

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from dataplane_errors import ApiError
from dataplane_presigned import PresignedVerifier, quote
from dataplane_sigv4 import UTC

REGION, KEY, SECRET, TOKEN = "eu-west-1", "AKID", "hush/+", "to/k+en=="
HOST = "abc-ats.iot.eu-west-1.amazonaws.com"
MINUTE = datetime.timedelta(minutes=1)


def target(token=TOKEN, expires=600, service="iotdevicegateway"):
    """botocore's own, with the token behind what is signed."""
    auth = SigV4QueryAuth(Credentials(KEY, SECRET), service, REGION, expires)
    request = AWSRequest(method="GET", url=f"https://{HOST}/mqtt")
    auth.add_auth(request)
    behind = "&X-Amz-Security-Token=" + quote(token) if token else ""
    return request.url[len("https://" + HOST):] + behind


class Presigned(unittest.TestCase):
    """The signature, and all that it covers."""

    def setUp(self):
        self.verifier = PresignedVerifier(REGION, KEY, SECRET, TOKEN)

    def refused(self, wrong, host=HOST, now=None):
        """It is not let in."""
        with self.assertRaises(ApiError) as caught:
            self.verifier.check(wrong, host, now)
        self.assertEqual(caught.exception.status, 403)

    def test_good(self):
        """In the name of either service, with a token or without."""
        self.verifier.check(target(), HOST)
        self.verifier.check(target(service="iotdata"), HOST)
        self.verifier.token = None
        self.verifier.check(target(token=None), HOST)

    def test_other_signature(self):
        """Somebody else's."""
        self.verifier.secret = "loud"
        self.refused(target())

    def test_changed(self):
        """Each part counts."""
        good = target()
        for old, new in (
            ("/mqtt", "/mqttt"), ("Expires=600", "Expires=601"),
            ("AKID", "AKIE"), ("eu-west-1", "eu-west-2"),
            ("iotdevicegateway", "iotdata"), ("=host", "=hosts"),
            ("Signature=", "Signature=0"), ("SHA256", "SHA1"),
            ("X-Amz-Date=", "X-Amz-Date=1"), ("Token=to", "Token=ot"),
            ("&X-Amz-Expires=600", ""), ("?", "?X-Amz-Expires=600&"),
            ("?", "?a=b&"),
        ):
            with self.subTest(new):
                self.assertIn(old, good)
                self.refused(good.replace(old, new, 1))
        self.refused(good, host="elsewhere")

    def test_token(self):
        """It must be there exactly where there is one."""
        self.refused(target(token=None))
        self.verifier.token = None
        self.refused(target())

    def test_signed_token(self):
        """botocore's own way with a token is not AWS IoT's."""
        auth = SigV4QueryAuth(
            Credentials(KEY, SECRET, TOKEN), "iotdevicegateway", REGION, 600
        )
        request = AWSRequest(method="GET", url=f"https://{HOST}/mqtt")
        auth.add_auth(request)
        self.refused(request.url[len("https://" + HOST):])

    def test_time(self):
        """From its date until it expires; and no longer than a day."""
        good, now = target(), datetime.datetime.now(UTC)
        self.verifier.check(good, HOST, now + 9 * MINUTE)
        self.refused(good, now=now + 11 * MINUTE)
        self.refused(good, now=now - 6 * MINUTE)
        self.refused(target(expires=86401))
        self.refused(target(expires=0))
