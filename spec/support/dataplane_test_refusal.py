"""Tests that the data plane refuses what AWS IoT refuses."""

import base64
import hashlib
import json
import re
import socket

from dataplane_test_help import PlaneTest, failure, outcome, skewed

LIMIT_BYTES = 131072
INVALID = (400, "InvalidRequestException")
BAD_SIGNATURE = (403, "InvalidSignatureException")


class Signature(PlaneTest):
    """What is not signed as it should be is refused."""

    def test_wrong_secret(self):
        """The secret is not ours."""
        client = self.plane.boto(aws_secret_access_key="wrong")
        status, code, message = failure(client)
        self.assertEqual((status, code), BAD_SIGNATURE)
        self.assertIn("does not match the signature you provided", message)

    def test_unknown_key(self):
        """The access key is not ours."""
        client = self.plane.boto(aws_access_key_id="AKIDOTHER")
        refused = failure(client)[:2]
        self.assertEqual(refused, (403, "UnrecognizedClientException"))

    def test_wrong_region(self):
        """The scope is another region's."""
        client = self.plane.boto(region_name="eu-west-1")
        status, code, message = failure(client)
        self.assertEqual((status, code), BAD_SIGNATURE)
        self.assertIn("'eu-west-1'", message)

    def test_unexpected_token(self):
        """A token that belongs to no key of ours."""
        client = self.plane.boto(aws_session_token="token")
        refused = failure(client)[:2]
        self.assertEqual(refused, (403, "UnrecognizedClientException"))

    def test_unsigned(self):
        """No Authorization, or one that is none."""
        response = self.plane.send("POST", "/topics/t")
        self.assertEqual(outcome(response), (403, "ForbiddenException"))
        nonsense = {"authorization": "Basic QWxhZGRpbg=="}
        response = self.plane.send("POST", "/topics/t", headers=nonsense)
        self.assertEqual(
            outcome(response), (403, "IncompleteSignatureException")
        )

    def test_skewed_clock(self):
        """Over five minutes off; the Date header tells the right time."""
        for delta, words in ((-6, "Signature expired"), (6, "not yet")):
            with self.subTest(delta), skewed(minutes=delta):
                status, code, message = failure(self.boto)
                self.assertEqual((status, code), BAD_SIGNATURE)
                self.assertIn(words, message)
        with skewed(minutes=4):
            self.boto.publish(topic="t")

    def altered(self, name, pattern, replacement):
        """A good request, its header changed after it was signed."""
        headers = self.plane.sign("/topics/t", {"x-amz-meta": "aü"})
        headers[name] = re.sub(pattern, replacement, headers.get(name, ""))
        headers["x-amz-meta"] = headers["x-amz-meta"].encode("utf-8")
        response = self.plane.send("POST", "/topics/t", b"", headers)
        return response.status, json.loads(response.body)["message"]

    def test_altered_headers(self):
        """What is signed cannot be changed, nor left out, nor added to."""
        self.assertEqual(self.altered("x-amz-meta", "a", "a"), (200, "OK"))
        must, scoped = "must be a 'SignedHeader'", "should be scoped"
        for case in (
            ("x-amz-meta", "a", "b", "does not match"),
            ("x-amz-other", "^", "unsigned", "not signed: x-amz-other"),
            ("host", "^", "another.", "does not match"),
            ("X-Amz-Date", "Z$", "1Z", "ISO-8601 'basic format'"),
            ("X-Amz-Date", "^....", "1999", "does not match YYYYMMDD"),
            ("Authorization", "/iotdata/", "/iot/", scoped),
            ("Authorization", "aws4_request", "aws5_request", scoped),
            ("Authorization", "host;", "", must),
            ("Authorization", "x-amz-date;", "", must),
            ("Authorization", ";x-amz-meta", "", "not signed: x-amz-meta"),
            ("Authorization", "host;x-amz-date", "x-amz-date;host", "not"),
            ("Authorization", "-meta,", "-meta;x-missing,", "does not match"),
        ):
            with self.subTest(case):
                status, message = self.altered(*case[:3])
                self.assertEqual(status, 403)
                self.assertIn(case[3], message)

    def test_altered_rest(self):
        """Nor can the path, the query and the body be changed."""
        good = ("/topics/t?qos=0", b"body")
        headers = self.plane.sign(good[0], {}, good[1])
        for target, body, status in (
            (*good, 200),
            ("/topics/u?qos=0", b"body", 403),
            ("/topics/t?qos=1", b"body", 403),
            ("/topics/t?qos=0", b"Body", 403),
        ):
            with self.subTest(target=target, body=body):
                response = self.plane.send("POST", target, body, headers)
                self.assertEqual(response.status, status)

    def test_untrue_body_hash(self):
        """A hash of the body that is sent along must be the body's."""
        nothing = hashlib.sha256(b"").hexdigest()
        for value, status in ((nothing, 200), ("UNSIGNED-PAYLOAD", 403)):
            headers = {"x-amz-content-sha256": value}
            response = self.plane.send_signed("/topics/t", headers)
            self.assertEqual(response.status, status)


class Refusal(PlaneTest):
    """What AWS IoT does not take is refused as it does."""

    def test_parameters(self):
        """Values out of range, as boto3 can send them."""
        for params in (
            {"topic": "a/#"},
            {"topic": "+/b"},
            {"topic": "t" * 257},
            {"topic": "ü" * 129},
            {"topic": "$aws/rules/some_rule/" + "t" * 257},
            {"topic": "a/" * 8},
            {"topic": "\x00"},
            {"qos": 2},
            {"correlationData": "no base64"},
            {"correlationData": "AAA"},
            {"payloadFormatIndicator": "utf8_data"},
            {"messageExpiry": 0},
            {"messageExpiry": -1},
            {"messageExpiry": 604801},
            {"responseTopic": ""},
            {"responseTopic": "a/#"},
            {"contentType": "a\nb"},
            {"userProperties": {}},
            {"userProperties": "a"},
            {"userProperties": ["a"]},
            {"userProperties": [{}]},
            {"userProperties": [{"a": "1", "b": "2"}]},
            {"userProperties": [{"a": 1}]},
            {"userProperties": [{"a": None}]},
            {"userProperties": [{"a": "\ud800"}]},
            {"userProperties": [["a", "1"]]},
            {"userProperties": [[["a", "1"]]]},
        ):
            with self.subTest(params):
                self.assertEqual(failure(self.boto, **params)[:2], INVALID)

    def test_raw(self):
        """Values that boto3 cannot send."""
        properties = "x-amz-mqtt5-user-properties"
        for query, headers in (
            ("", {}),
            ("%ff", {}),
            ("t?qos=", {}),
            ("t?qos=-1", {}),
            ("t?qos=1&qos=1", {}),
            ("t?retain=True", {}),
            ("t?retain=1", {}),
            ("t?contentType=%ff", {}),
            ("t?messageExpiry=1.5", {}),
            ("t?messageExpiry=%D9%A1", {}),
            ("t", {properties: "no base64"}),
            ("t", {properties: base64.b64encode(b"{").decode()}),
            ("t", {properties: base64.b64encode(b"[" * 20000).decode()}),
            ("t", {properties: base64.b64encode(b'"\xff"').decode()}),
        ):
            with self.subTest(query=query, headers=headers):
                response = self.plane.send_signed("/topics/" + query, headers)
                self.assertEqual(outcome(response), INVALID)

    def test_too_large(self):
        """One byte too many, and a lot too many; the connection survives."""
        for length in (LIMIT_BYTES + 1, 5 * 1024 * 1024):
            refused = failure(self.boto, payload=b"x" * length)[:2]
            self.assertEqual(refused, (413, "RequestEntityTooLargeException"))
            self.boto.publish(topic="t")

    def test_unknown_path(self):
        """There is nothing else yet."""
        elsewhere = self.plane.boto(endpoint_url=self.plane.http + "/base")
        refused = failure(elsewhere)[:2]
        self.assertEqual(refused, (404, "ResourceNotFoundException"))
        for path in ("/", "/topics", "/_stats/", "//topics/t"):
            response = self.plane.send_signed(path)
            self.assertEqual(response.status, 404, path)

    def test_method(self):
        """Topics take POST only."""
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            response = self.plane.send(method, "/topics/t")
            self.assertEqual(
                outcome(response), (405, "MethodNotAllowedException")
            )

    def test_head(self):
        """The answer to HEAD has no body, and spoils no next one."""
        request = b"HEAD /topics/t HTTP/1.1\r\n\r\n"
        with self.plane.connect() as connection:
            connection.sendall(request + request)
            connection.shutdown(socket.SHUT_WR)
            answers = connection.makefile("rb").read()
        self.assertRegex(answers, rb"^HTTP/1.1 405 [^{]+HTTP/1.1 405 [^{]+$")

    def test_expect(self):
        """100 Continue comes before the body, not with the answer."""
        head = b"POST /topics/t HTTP/1.1\r\nExpect: 100-continue\r\n"
        with self.plane.connect() as connection:
            answers = connection.makefile("rb")
            connection.sendall(head + b"Content-Length: 1\r\n\r\n")
            self.assertEqual(answers.readline(), b"HTTP/1.1 100 Continue\r\n")
            connection.sendall(b"x")
            self.assertEqual(answers.readline(), b"\r\n")
            self.assertEqual(answers.readline(), b"HTTP/1.1 403 Forbidden\r\n")

    def test_no_http(self):
        """What is no proper HTTP is refused in the same form."""
        for method, target, headers, status in (
            ("POST", "/topics/a#b", {}, 400),
            ("POST", "*", {}, 400),
            ("POST", "/topics/t", {"content-length": "x"}, 400),
            ("POST", "/topics/t", {"transfer-encoding": "chunked"}, 400),
            ("BREW", "/topics/t", {}, 501),
            ("GET", "/" + "x" * 70000, {}, 414),
        ):
            with self.subTest(method + target[:20]):
                response = self.plane.send(method, target, b"", headers)
                self.assertEqual(response.status, status)
                self.assertIn("traceId", json.loads(response.body))

    def test_form(self):
        """An answer has what AWS's have, whether good or bad."""
        good = self.plane.send_signed("/topics/t")
        bad = self.plane.send("POST", "/topics/t")
        for response in (good, bad):
            body = json.loads(response.body)
            self.assertEqual(set(body), {"message", "traceId"})
            headers = response.headers
            self.assertEqual(headers["content-type"], "application/json")
            self.assertEqual(headers["x-amzn-requestid"], body["traceId"])
            self.assertTrue(headers["date"].endswith(" GMT"))
        self.assertEqual(json.loads(good.body)["message"], "OK")

    def test_stats(self):
        """Publishes are counted; other requests are not."""
        before = self.plane.stats()
        self.boto.publish(topic="t")
        failure(self.boto, qos=2)
        self.plane.send("GET", "/nothing")
        expected = {name: count + 1 for name, count in before.items()}
        self.assertEqual(self.plane.stats(), expected)
