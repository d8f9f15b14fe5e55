"""The shadows of all things, and the four operations on them.

Over HTTP alone: nothing is read from nor published to the topics under $aws.
"""

import threading
import time

import dataplane_shadow
from dataplane_errors import ApiError
from dataplane_http import Response, json_response
from dataplane_parameters import (
    page,
    query_of,
    shadow_name,
    thing_name,
    whole,
)

DEFAULT_PAGE = 25
MAX_PAGE = 100


class Shadows:
    """Shadows by thing and name; the classic one's name is None."""

    def __init__(self, now=time.time):
        self.now = now
        self.shadows = {}
        self.versions = {}  # the last of each, deleted ones' too
        self.lock = threading.Lock()

    def get(self, thing, name):
        """A shadow's document."""
        with self.lock:
            shadow = self._existing(thing, name)
            return dataplane_shadow.document_of(shadow, int(self.now()))

    def update(self, thing, name, document):
        """Change or make a shadow; the answer to who did it."""
        key, now = (thing, name), int(self.now())
        with self.lock:
            version = self.versions.get(key, 0)
            if document.get("version", version) != version:
                raise ApiError(409, "ConflictException", "Version conflict")
            shadow = dataplane_shadow.updated(
                self.shadows.get(key), document["state"], now
            )
            shadow.version = self.versions[key] = version + 1
            self.shadows[key] = shadow
        return dataplane_shadow.accepted(document, shadow.version, now)

    def delete(self, thing, name):
        """Forget a shadow, but not its version."""
        with self.lock:
            shadow = self._existing(thing, name)
            del self.shadows[thing, name]
        return {"version": shadow.version, "timestamp": int(self.now())}

    def names(self, thing):
        """The names of a thing's named shadows."""
        with self.lock:
            return [name for of, name in self.shadows if of == thing and name]

    def _existing(self, thing, name):
        shadow = self.shadows.get((thing, name))
        if not shadow:
            full = thing if name is None else f"{thing}~{name}"
            raise ApiError(
                404,
                "ResourceNotFoundException",
                f"No shadow exists with name: '{full}'",
            )
        return shadow


def get_thing_shadow(plane, request, thing):
    """GET /things/{thingName}/shadow"""
    return _document(plane.shadows.get(*_names(request, thing)))


def update_thing_shadow(plane, request, thing):
    """POST /things/{thingName}/shadow"""
    names = _names(request, thing)
    document = dataplane_shadow.parse(request.body)
    return _document(plane.shadows.update(*names, document))


def delete_thing_shadow(plane, request, thing):
    """DELETE /things/{thingName}/shadow"""
    return _document(plane.shadows.delete(*_names(request, thing)))


def list_named_shadows_for_thing(plane, request, thing):
    """GET /api/things/shadow/ListNamedShadowsForThing/{thingName}"""
    query = query_of(request)
    names = plane.shadows.names(thing_name(thing))
    count = whole(query, "pageSize", MAX_PAGE, DEFAULT_PAGE)
    results, following = page(names, query, count)
    timestamp = int(plane.shadows.now())
    return json_response(
        200, {"results": results, **following, "timestamp": timestamp}
    )


def _names(request, thing):
    return thing_name(thing), shadow_name(query_of(request))


def _document(document):
    """The document is the whole body, and no member of one."""
    return Response(200, dataplane_shadow.compact(document))
