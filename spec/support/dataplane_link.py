"""One MQTT client's connection through the front, and what it shows.

Packets go on as they came; what they say of connections, subscriptions and
retained messages is noted, each thing before its answer goes on: who has
seen the answer finds it noted.
"""

import concurrent.futures
import contextlib
import socket
import threading
import uuid

import dataplane_packets as packets
from dataplane_sessions import Session, expiry_of

CHUNK_BYTES = 65536
GONE_SECONDS = 5
WITH_WILL = 0x04  # a client's DISCONNECT that wants its will published
ADMINISTRATIVE_ACTION = 0x98
REFUSED = 0x80  # reason codes from here on say no
# How the service calls the reasons that a broker's DISCONNECT gives.
REASONS = {
    0x81: "CLIENT_ERROR",
    0x82: "CLIENT_ERROR",
    0x8D: "MQTT_KEEP_ALIVE_TIMEOUT",
    0x8E: "DUPLICATE_CLIENTID",
}
BY_SERVER = "SERVER_INITIATED_DISCONNECT"
BY_API = "API_INITIATED_DISCONNECT"


class Link:
    """One client's connection, and the one to the broker that serves it."""

    def __init__(self, front, client, broker):
        self.front, self.client, self.broker = front, client, broker
        for end in (client, broker):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client_lock, self.broker_lock = threading.Lock(), threading.Lock()
        self.state_lock = threading.Lock()
        self.connect = self.session = self.reason = None
        self.will_is_due = True
        self.asked = {}  # what a SUBACK or UNSUBACK will answer
        self.aliases = {}
        self.unconfirmed = {}  # direct messages by identifier
        self.greeted, self.gone = threading.Event(), threading.Event()

    def run(self):
        """Serve until both ends are closed."""
        thread = threading.Thread(target=self._downward, daemon=True)
        thread.start()
        self._upward()
        thread.join()

    def deliver(self, message, seconds):
        """Send a message; False: it was to be confirmed, and was not so.

        None says that there is no connection any more.
        """
        self.greeted.wait()  # nothing comes before a CONNACK
        confirmation = concurrent.futures.Future()
        with self.state_lock:
            if self.gone.is_set():
                return None
            identifier = self._free_identifier() if message.qos else None
            if identifier:
                self.unconfirmed[identifier] = confirmation
        version = self.connect.version
        with contextlib.suppress(OSError):  # _end() sees to that
            packet = packets.write_publish(message, identifier, version)
            self._to_client(packet)
        if not identifier:
            return True
        try:
            return confirmation.result(seconds)
        except concurrent.futures.TimeoutError:
            return False

    def disconnect(self, prevent_will):
        """End it, and return when the broker has let go."""
        self.greeted.wait()
        self._because(BY_API)
        with contextlib.suppress(OSError):  # it ends by itself meanwhile
            self._say_goodbye(prevent_will)
        _shut(self.broker, socket.SHUT_WR)
        self.gone.wait(GONE_SECONDS)

    def _say_goodbye(self, prevent_will):
        """To the broker for the client, unless as if it were lost."""
        version = self.connect.version
        if prevent_will:
            self.will_is_due = False
            self._to_broker(packets.write_disconnect(version))
        if version == packets.VERSION_5:
            reason = ADMINISTRATIVE_ACTION
            self._to_client(packets.write_disconnect(version, reason))

    def _free_identifier(self):
        """The broker counts its own upwards from 1."""
        number = 65535
        while number in self.unconfirmed:
            number -= 1
        return number

    def _because(self, reason):
        """Why it ends; the first to say so is right."""
        self.reason = self.reason or reason

    def _upward(self):
        """From the client to the broker."""
        try:
            self._pump(self.client, self._from_client, self._to_broker)
        finally:
            self._because("CONNECTION_LOST")
            _shut(self.broker, socket.SHUT_WR)

    def _downward(self):
        """From the broker to the client; its end is the connection's."""
        try:
            self._pump(self.broker, self._from_broker, self._answer)
        finally:
            self._because(BY_SERVER)
            self._end()
            _shut(self.client, socket.SHUT_RDWR)

    def _pump(self, source, look, forward):
        """Look at each packet, and pass on those that are to be."""
        framer = packets.Framer()
        try:
            while data := source.recv(CHUNK_BYTES):
                forward(b"".join(filter(look, framer.feed(data))))
        except packets.Malformed:
            self._because("CLIENT_ERROR")
        except OSError:
            pass  # the same as its end

    def _to_client(self, data):
        _send(self.client, self.client_lock, data)

    def _answer(self, data):
        with contextlib.suppress(OSError):  # _upward() sees to that
            self._to_client(data)
        if self.session:
            self.greeted.set()

    def _to_broker(self, data):
        _send(self.broker, self.broker_lock, data)

    def _from_client(self, packet):
        """Note what a client says; should it go on?"""
        kind = packets.kind(packet)
        if (self.connect is None) != (kind == packets.CONNECT):
            raise packets.Malformed("a first packet that is none, or a second")
        note = _FROM_CLIENT.get(kind)
        return note(self, packet) is not False if note else True

    def _from_broker(self, packet):
        """Note what the broker says; all of it goes on."""
        note = _FROM_BROKER.get(packets.kind(packet))
        if note:
            note(self, packet)
        return True

    def _on_connect(self, packet):
        self.connect = packets.read_connect(packet)

    def _on_connack(self, packet):
        version = self.connect.version
        resumed, code, properties = packets.read_connack(packet, version)
        if code:
            return
        self.session = self._new_session(properties)
        self.front.sessions.opened(self.session, resumed)

    def _new_session(self, properties):
        connect = self.connect
        assigned = properties.get("AssignedClientIdentifier")
        return Session(
            client_id=connect.client_id or assigned or f"auto-{uuid.uuid4()}",
            keep_alive=properties.get("ServerKeepAlive", connect.keep_alive),
            expiry=expiry_of(connect, properties),
            source=self.client.getpeername(),
            target=self.client.getsockname(),
            since=self.front.sessions.now(),
            link=self,
        )

    def _on_publish(self, packet):
        version = self.connect.version
        message, alias = packets.read_publish(packet, version)
        if message.topic:
            self.aliases[alias] = message.topic
        message.topic = self.aliases.get(alias, message.topic)
        if packets.is_retained(packet):
            self.front.retained.note(message)

    def _on_puback(self, packet):
        """Ours are none of the broker's business."""
        with self.state_lock:
            identifier = packets.read_identifier(packet)
            confirmation = self.unconfirmed.pop(identifier, None)
        if confirmation:
            confirmation.set_result(True)
            return False
        return True

    def _on_subscribe(self, packet):
        asked = packets.read_subscribe(packet, self.connect.version)
        self.asked[asked[0]] = asked[1]

    def _on_unsubscribe(self, packet):
        asked = packets.read_unsubscribe(packet, self.connect.version)
        self.asked[asked[0]] = asked[1]

    def _on_suback(self, packet):
        version = self.connect.version
        identifier, codes = packets.read_suback(packet, version)
        answers = zip(self.asked.pop(identifier, ()), codes)
        granted = {one: code for one, code in answers if code < REFUSED}
        self.front.sessions.subscribed(self.session, granted)

    def _on_unsuback(self, packet):
        filters = self.asked.pop(packets.read_identifier(packet), ())
        self.front.sessions.unsubscribed(self.session, filters)

    def _on_clients_disconnect(self, packet):
        code, properties = packets.read_disconnect(packet)
        self.will_is_due = code == WITH_WILL
        expiry = properties.get("SessionExpiryInterval")
        if self.session and expiry is not None:
            self.session.expiry = expiry
        self._because("CLIENT_INITIATED_DISCONNECT")

    def _on_brokers_disconnect(self, packet):
        code, _ = packets.read_disconnect(packet)
        self._because(REASONS.get(code, BY_SERVER))

    def _end(self):
        """The broker has let go: note it, and wake who waits for it."""
        with self.state_lock:
            waiting = list(self.unconfirmed.values())
            self.unconfirmed.clear()
            if self.session:
                self._note_will()
                self.front.sessions.closed(self.session, self.reason)
            self.gone.set()
        self.greeted.set()
        for confirmation in waiting:
            confirmation.set_result(False)

    def _note_will(self):
        will = self.connect.will
        if will and will.retain and self.will_is_due:
            self.front.retained.note(will)


_FROM_CLIENT = {
    packets.CONNECT: Link._on_connect,
    packets.PUBLISH: Link._on_publish,
    packets.PUBACK: Link._on_puback,
    packets.SUBSCRIBE: Link._on_subscribe,
    packets.UNSUBSCRIBE: Link._on_unsubscribe,
    packets.DISCONNECT: Link._on_clients_disconnect,
}
_FROM_BROKER = {
    packets.CONNACK: Link._on_connack,
    packets.SUBACK: Link._on_suback,
    packets.UNSUBACK: Link._on_unsuback,
    packets.DISCONNECT: Link._on_brokers_disconnect,
}


def _send(end, lock, data):
    """Whole packets only, so that nobody's come between."""
    with lock:
        end.sendall(data)


def _shut(end, how):
    try:
        end.shutdown(how)
    except OSError:
        pass  # it is closed already
