"""What the data plane does: one function an operation, one table of routes.

An operation takes the plane, the request and what its route matched in the
path, still percent-encoded. It returns a Response or raises an ApiError.
"""

import dataclasses
import re
import threading
import typing

import dataplane_connections as connections
import dataplane_message
import dataplane_retained as retained
import dataplane_shadows as shadows
from dataplane_errors import ApiError, BrokerError
from dataplane_http import MAX_BODY_BYTES, json_response, ok_response


class Plane:
    """The state behind the operations, shared by all connections."""

    def __init__(self, verifier, publisher, sessions, retained_messages):
        self.verifier = verifier
        self.publisher = publisher
        self.sessions = sessions
        self.retained = retained_messages
        self.shadows = shadows.Shadows()
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
        _republish(plane, dataplane_message.read(request, topic))
    except ApiError:
        plane.count("rejected")
        raise
    plane.count("accepted")
    return ok_response()


def stats(plane, _request):
    """GET /_stats, unsigned and no part of AWS IoT: what happened so far."""
    return json_response(200, plane.counts)


@dataclasses.dataclass
class Route:
    """Which operation a method and a path belong to."""

    method: str
    path: re.Pattern
    operation: typing.Callable


def _signed(method, path, operation):
    """A route whose operation is done for who signed the request."""

    def checked(plane, request, *raw):
        plane.authenticate(request)
        return operation(plane, request, *raw)

    return Route(method, re.compile(path), checked)


SHADOW = "/things/([^/]*)/shadow"
SHADOW_NAMES = "/api/things/shadow/ListNamedShadowsForThing/([^/]*)"
CONNECTION = "/connections/([^/]*)"
ROUTES = (
    Route("POST", re.compile("/topics/(.*)"), publish),
    Route("GET", re.compile("/_stats"), stats),
    _signed("GET", SHADOW, shadows.get_thing_shadow),
    _signed("POST", SHADOW, shadows.update_thing_shadow),
    _signed("DELETE", SHADOW, shadows.delete_thing_shadow),
    _signed("GET", SHADOW_NAMES, shadows.list_named_shadows_for_thing),
    _signed("GET", "/retainedMessage", retained.list_retained_messages),
    _signed("GET", "/retainedMessage/(.*)", retained.get_retained_message),
    _signed("GET", CONNECTION, connections.get_connection),
    _signed("DELETE", CONNECTION, connections.delete_connection),
    _signed(
        "GET", CONNECTION + "/subscriptions", connections.list_subscriptions
    ),
    _signed(
        "POST", CONNECTION + "/messages", connections.send_direct_message
    ),
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


def _republish(plane, message):
    try:
        plane.publisher.publish(message)
    except BrokerError as error:
        raise ApiError(
            503, "ServiceUnavailableException", str(error)
        ) from error
    if message.retain:
        plane.retained.note(message)
