"""The four operations on MQTT clients: their connections, subscriptions,
and messages for one of them.
"""

import dataplane_message
from dataplane_errors import ApiError, BrokerError
from dataplane_http import Response, json_response, ok_response
from dataplane_mqtt import forget_session
from dataplane_parameters import client_id, flag, page, query_of, whole

DEFAULT_PAGE = 20
MAX_PAGE = 200
DEFAULT_TIMEOUT = 5  # seconds
MAX_TIMEOUT = 15


def get_connection(plane, request, raw):
    """GET /connections/{clientId}"""
    name, query = client_id(raw), query_of(request)
    session = plane.sessions.find(name)
    if not session:
        raise _unknown(name)
    told = {
        "connected": session.connected,
        "clientId": session.client_id,
        "cleanSession": session.expiry == 0,
        "sessionExpiry": session.expiry,
        "keepAliveDuration": session.keep_alive,
        **_since(session, plane.sessions.now()),
    }
    if flag(query, "includeSocketInformation"):
        told.update(_sockets(session))
    return json_response(200, told)


def _since(session, now):
    milliseconds = int(session.since * 1000)
    if session.connected:
        return {"connectedSince": milliseconds}
    if not session.is_recent(now):
        return {}
    return {
        "disconnectedSince": milliseconds,
        "disconnectReason": session.reason,
    }


def _sockets(session):
    return {
        "sourceIp": session.source[0],
        "sourcePort": session.source[1],
        "targetIp": session.target[0],
        "targetPort": session.target[1],
    }


def delete_connection(plane, request, raw):
    """DELETE /connections/{clientId}"""
    name, query = client_id(raw), query_of(request)
    clean = flag(query, "cleanSession")
    prevent_will = flag(query, "preventWillMessage")
    session, link = _connected(plane, name)
    link.disconnect(prevent_will)
    if clean and session.expiry:
        _forget(plane, session)
    return Response(200, b"")


def _forget(plane, session):
    try:
        forget_session(plane.publisher.port, session.client_id)
    except BrokerError as error:
        raise ApiError(500, "InternalFailureException", str(error)) from error
    plane.sessions.forget(session.client_id)


def list_subscriptions(plane, request, raw):
    """GET /connections/{clientId}/subscriptions"""
    name, query = client_id(raw), query_of(request)
    found = plane.sessions.subscriptions(name)
    count = whole(query, "maxResults", MAX_PAGE, DEFAULT_PAGE)
    filters, following = page(found or {}, query, count)
    if found is None:
        raise _unknown(name)
    subscriptions = [{"topicFilter": f, "qos": found[f]} for f in filters]
    return json_response(200, {"subscriptions": subscriptions, **following})


def send_direct_message(plane, request, raw):
    """POST /connections/{clientId}/messages"""
    name = client_id(raw)
    message = dataplane_message.read_direct(request)
    seconds = _timeout(request, message)
    _, link = _connected(plane, name)
    delivered = link.deliver(message, seconds)
    if delivered is None:
        raise _unknown(name)
    if not delivered:
        raise ApiError(
            504,
            "GatewayTimeoutException",
            f"The client did not confirm the message in {seconds} s",
        )
    return ok_response()


def _timeout(request, message):
    """How long to wait for a confirmation; unconfirmed, it is ignored."""
    query = query_of(request) if message.qos else {}
    return whole(query, "timeout", MAX_TIMEOUT, DEFAULT_TIMEOUT)


def _connected(plane, name):
    """A client's session and its connection, which may end any time."""
    session = plane.sessions.find(name)
    link = session and session.link
    if not link:
        raise _unknown(name)
    return session, link


def _unknown(name):
    return ApiError(
        404,
        "ResourceNotFoundException",
        f"No client is connected with client ID '{name}'",
    )
