"""What the data plane does: one function an operation, one table of routes.

An operation takes the plane, the request and what its route matched in the
path, still percent-encoded. It returns a Response or raises an ApiError.
"""

import dataclasses
import re
import threading
import typing
import uuid

import dataplane_message
from dataplane_errors import ApiError, BrokerError
from dataplane_http import MAX_BODY_BYTES, json_response


class Plane:
    """The state behind the operations, shared by all connections."""

    def __init__(self, verifier, publisher):
        self.verifier = verifier
        self.publisher = publisher
        self.counts = {"accepted": 0, "rejected": 0}
        self.lock = threading.Lock()

    def answer(self, request):
        """Find the request's operation, check who sent it, and do it."""
        route, match = _find(request)
        return route.operation(self, request, *match.groups())

    def authenticate(self, request):
        """Refuse what is too large to have been read, or badly signed."""
        if len(request.body) > MAX_BODY_BYTES:
            raise ApiError(
                413,
                "RequestEntityTooLargeException",
                f"The payload is over {MAX_BODY_BYTES} bytes",
            )
        self.verifier.check(request)

    def count(self, outcome):
        """Note how a publish ended: accepted or rejected."""
        with self.lock:
            self.counts[outcome] += 1


def publish(plane, request, topic):
    """POST /topics/{topic}: hand a message to the broker."""
    try:
        plane.authenticate(request)
        _republish(plane.publisher, dataplane_message.read(request, topic))
    except ApiError:
        plane.count("rejected")
        raise
    plane.count("accepted")
    return _ok()


def stats(plane, _request):
    """GET /_stats, unsigned and no part of AWS IoT: what happened so far."""
    return json_response(200, plane.counts)


@dataclasses.dataclass
class Route:
    """Which operation a method and a path belong to."""

    method: str
    path: re.Pattern
    operation: typing.Callable


ROUTES = (
    Route("POST", re.compile("/topics/(.*)"), publish),
    Route("GET", re.compile("/_stats"), stats),
)


def _find(request):
    """The route of a request, and the match of its path."""
    found = [(route, route.path.fullmatch(request.path)) for route in ROUTES]
    found = [(route, match) for route, match in found if match]
    if not found:
        raise ApiError(
            404, "ResourceNotFoundException", f"No path {request.path}"
        )
    for route, match in found:
        if route.method == request.method:
            return route, match
    raise ApiError(
        405,
        "MethodNotAllowedException",
        f"Method {request.method} is not allowed here",
    )


def _republish(publisher, message):
    try:
        publisher.publish(message)
    except BrokerError as error:
        raise ApiError(
            503, "ServiceUnavailableException", str(error)
        ) from error


def _ok():
    request_id = str(uuid.uuid4())
    return json_response(
        200,
        {"message": "OK", "traceId": request_id},
        {"x-amzn-RequestId": request_id},
    )
