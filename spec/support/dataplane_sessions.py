"""What is known of the broker's clients: connections and subscriptions.

Pure state: the front tells it what happened, operations ask it.
"""

import dataclasses
import threading
import time

# The service's default for a persistent session of MQTT 3.1.1.
PERSISTENT_SECONDS = 3600
NEVER = 0xFFFFFFFF
REMEMBERED_SECONDS = 1800


@dataclasses.dataclass
class Session:
    """A client's session, with or without a connection (`link`)."""

    client_id: str
    keep_alive: int
    expiry: int
    source: tuple
    target: tuple
    since: float
    link: object
    reason: str = None
    subscriptions: dict = dataclasses.field(default_factory=dict)

    @property
    def connected(self):
        """Is there a connection?"""
        return self.link is not None

    def lives(self, now):
        """Does it exist: connected, or kept and not expired?"""
        if self.connected or self.expiry == NEVER:
            return True
        return now < self.since + self.expiry

    def is_recent(self, now):
        """Is what is told of its disconnection told still?"""
        return now < self.since + REMEMBERED_SECONDS


def expiry_of(connect, connack_properties):
    """How many seconds a session outlives its connection."""
    if connect.version < 5:
        return 0 if connect.clean else PERSISTENT_SECONDS
    name = "SessionExpiryInterval"
    asked = connect.properties.get(name, 0)
    return connack_properties.get(name, asked)


class Sessions:
    """Sessions by client identifier."""

    def __init__(self, now=time.time):
        self.now = now
        self.sessions = {}
        self.lock = threading.Lock()

    def opened(self, session, resumed):
        """A client is connected; a resumed session keeps what it had."""
        with self.lock:
            before = self.sessions.get(session.client_id)
            if resumed and before:
                session.subscriptions = before.subscriptions
            self.sessions[session.client_id] = session

    def closed(self, session, reason):
        """Its connection has ended, though perhaps not its session."""
        with self.lock:
            session.link, session.reason = None, reason
            session.since = self.now()

    def subscribed(self, session, granted):
        """The broker took subscriptions: their QoS by filter."""
        with self.lock:
            session.subscriptions.update(granted)

    def unsubscribed(self, session, filters):
        """The broker dropped subscriptions."""
        with self.lock:
            for one in filters:
                session.subscriptions.pop(one, None)

    def forget(self, client_id):
        """The session is deleted, unless its client has come back."""
        with self.lock:
            session = self.sessions[client_id]
            if not session.connected:
                session.expiry = 0

    def find(self, client_id):
        """A session that exists or is remembered, as it is now; else None."""
        now = self.now()
        with self.lock:
            found = self.sessions.get(client_id)
            if found and (found.lives(now) or found.is_recent(now)):
                subscriptions = dict(found.subscriptions)
                return dataclasses.replace(found, subscriptions=subscriptions)
        return None

    def subscriptions(self, client_id):
        """QoS by filter; None where there is no session."""
        found = self.find(client_id)
        if not found or not found.lives(self.now()):
            return None
        return found.subscriptions
