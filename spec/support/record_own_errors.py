"""The project's own error responses: where code and message are looked for.

Left out is what botocore came to do differently between 1.29.27 and 1.43.67
(a '#' in the header, a null code, a URI in the body's code) and what makes it
crash, as a port should not.
"""

from record_refusals import canned

REQUEST_ID = ("x-amzn-RequestId", "0a1b2c3d-0000-1111-2222-333344445555")
KIND = "x-amzn-ErrorType"
SAID = '{"message": "said so"}'

MODELED = (
    (400, "InvalidRequestException"), (401, "UnauthorizedException"),
    (404, "ResourceNotFoundException"), (405, "MethodNotAllowedException"),
    (429, "ThrottlingException"), (500, "InternalFailureException"),
    (503, "ServiceUnavailableException"))
FOREIGN = (
    (403, "AccessDeniedException"), (403, "SignatureDoesNotMatch"),
    (403, "ExpiredTokenException"), (403, "UnrecognizedClientException"),
    (403, "MissingAuthenticationTokenException"),
    (413, "PayloadTooLargeException"), (400, "SomethingNew"))
HEADER_KINDS = {
    "uri": "UnauthorizedException:http://internal.example/coral/",
    "two-colons": "UnauthorizedException:a:b",
    "blank-before": "   UnauthorizedException",
    "other-case": "UNAUTHORIZEDEXCEPTION",
    "empty": "",
    "text": "not authorized",
}
BODIES = {
    "code": '{"code": "UnauthorizedException", "message": "m"}',
    "Code": '{"Code": "UnauthorizedException", "Message": "M"}',
    "type": '{"__type": "UnauthorizedException", "message": "m"}',
    "type-namespace":
        '{"__type": "com.example#UnauthorizedException", "Message": "M"}',
    "code-before-type": '{"__type": "A", "code": "B", "message": "m"}',
    "code-before-Code": '{"Code": "A", "code": "B", "message": "m"}',
    "message-before-Message": '{"Message": "M", "message": "m"}',
    "no-code": SAID,
    "no-message": '{"code": "UnauthorizedException"}',
    "neither": "{}",
    "more-members": '{"message": "m", "traceId": "t-1", "n": [1, {}]}',
    "not-ascii": '{"message": "nicht erlaubt: K\u00fcche \U0001f6ab"}',
    "escaped": r'{"message": "K\u00fcche \ud83d\udeab \"x\"\n"}',
    "spread-out": '\r\n{\n  "message" :\t"m"\n}\n',
}
TEXTS = {
    "empty": "",
    "plain": "no healthy upstream",
    "html": "<html>\r\n<head><title>Oops</title></head></html>\r\n",
    "cut-off": '{"message": "m',
}


def _by_header():
    """The code in the header, where the service puts it."""
    for status, kind in MODELED + FOREIGN:
        yield "header-%d-%s" % (status, kind), canned(
            status, [REQUEST_ID, (KIND, kind)], SAID)
    for name, kind in HEADER_KINDS.items():
        yield "header-" + name, canned(401, [REQUEST_ID, (KIND, kind)], SAID)
    yield "header-lower-case-name", canned(
        401, [REQUEST_ID, (KIND.lower(), "UnauthorizedException")], SAID)
    yield "header-before-body", canned(
        429, [REQUEST_ID, (KIND, "ThrottlingException")], BODIES["code"])


def _by_body():
    """The code in the body, where gateways put it; or nowhere."""
    for name, body in BODIES.items():
        yield "body-" + name, canned(401, [REQUEST_ID], body)


def _by_status():
    """Nothing but a status, with bodies that are no JSON."""
    for status in (403, 502, 503):
        for name, body in TEXTS.items():
            yield "status-%d-%s" % (status, name), canned(
                status, [REQUEST_ID], body)
    yield "status-505-empty", canned(505, [REQUEST_ID], "")
    yield "status-499-empty", canned(499, [REQUEST_ID], "")
    yield "status-307", canned(307, [("Location", "/elsewhere")], SAID)


def _by_request_id():
    """Whose request id is known."""
    yield "id-upper-case", canned(400, [("X-AMZN-REQUESTID", "id-1")], SAID)
    yield "id-absent", canned(400, [], SAID)


def cases():
    """Every case, numbered in the order written here."""
    groups = (_by_header, _by_body, _by_status, _by_request_id)
    picked = [found for group in groups for found in group()]
    for number, (name, response) in enumerate(picked, 1):
        yield {
            "name": "%03d-%s" % (number, name),
            "operation": "Publish",
            "params": {"topic": "home/lamp"},
            "response": response,
        }
