"""MQTT packets: cut out of a stream, read and written; 3.1.1 and 5.

Pure: no sockets. Only what the front in front of the broker looks at is
read; everything else goes through it as it came.
"""

import dataclasses
import struct

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from dataplane_message import Message

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 8, 9, 10, 11
DISCONNECT = 14
VERSION_5 = 5
# Properties that a will or a published message has in paho.
MESSAGE_PROPERTIES = (
    "ContentType",
    "ResponseTopic",
    "MessageExpiryInterval",
    "UserProperty",
    "CorrelationData",
    "PayloadFormatIndicator",
)


class Malformed(Exception):
    """What came is no MQTT."""


@dataclasses.dataclass
class Connect:
    """What a client says of itself."""

    version: int
    client_id: str
    clean: bool
    keep_alive: int
    properties: dict
    will: Message


class Framer:
    """Cuts a stream into packets."""

    def __init__(self):
        self.buffer = bytearray()

    def feed(self, data):
        """The packets that are whole now."""
        self.buffer += data
        packets, start = [], 0
        while (end := _end_of(self.buffer, start)) is not None:
            packets.append(bytes(self.buffer[start:end]))
            start = end
        del self.buffer[:start]
        return packets


def _end_of(buffer, start):
    """Where the packet ends that starts there; None where it does not yet."""
    length = _remaining_length(buffer, start + 1)
    if length is None or length[1] + length[0] > len(buffer):
        return None
    return length[1] + length[0]


def _remaining_length(buffer, at):
    """A length, and where what it is the length of begins."""
    value = 0
    for index in range(4):
        if at + index >= len(buffer):
            return None
        byte = buffer[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise Malformed("a length of over four bytes")


def kind(packet):
    """Which control packet it is."""
    return packet[0] >> 4


class Reader:
    """Reads a packet's fields one after another."""

    def __init__(self, packet):
        self.data = packet
        self.at = _remaining_length(packet, 1)[1]

    def left(self):
        """How many bytes there are still."""
        return len(self.data) - self.at

    def take(self, length):
        """The next bytes."""
        if length > self.left():
            raise Malformed("a packet that ends early")
        self.at += length
        return self.data[self.at - length:self.at]

    def byte(self):
        """An integer of one byte."""
        return self.take(1)[0]

    def short(self):
        """An integer of two bytes."""
        return int.from_bytes(self.take(2), "big")

    def binary(self):
        """Bytes with their length before them."""
        return self.take(self.short())

    def text(self):
        """Text with its length before it."""
        try:
            return self.binary().decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("a text that is no UTF-8") from None

    def properties(self, of):
        """The MQTT 5 properties of such a packet, by their names in paho."""
        found = Properties(of)
        try:
            _, length = found.unpack(self.data[self.at:])
        except Exception as error:  # paho has no one class for it
            raise Malformed("bad properties") from error
        self.at += length
        names = (name.replace(" ", "") for name in found.names)
        return {n: getattr(found, n) for n in names if hasattr(found, n)}


def read_connect(packet):
    """A CONNECT."""
    reader = Reader(packet)
    reader.binary()  # the protocol's name
    version, flags, keep_alive = reader.byte(), reader.byte(), reader.short()
    five = version == VERSION_5
    properties = reader.properties(PacketTypes.CONNECT) if five else {}
    return Connect(
        version=version,
        client_id=reader.text(),
        clean=bool(flags & 2),
        keep_alive=keep_alive,
        properties=properties,
        will=_read_will(reader, flags, five) if flags & 4 else None,
    )


def _read_will(reader, flags, five):
    found = reader.properties(PacketTypes.WILLMESSAGE) if five else {}
    return Message(
        topic=reader.text(),
        payload=reader.binary(),
        qos=flags >> 3 & 3,
        retain=bool(flags & 0x20),
        properties=_of_message(found),
    )


def _of_message(properties):
    return {n: properties[n] for n in MESSAGE_PROPERTIES if n in properties}


def read_connack(packet, version):
    """Is there a session, the reason, and properties."""
    reader = Reader(packet)
    present, code = reader.byte(), reader.byte()
    five = version == VERSION_5
    properties = reader.properties(PacketTypes.CONNACK) if five else {}
    return bool(present & 1), code, properties


def is_retained(packet):
    """Does a PUBLISH ask for its message to be kept?"""
    return bool(packet[0] & 1)


def read_publish(packet, version):
    """A PUBLISH's message, and the alias of its topic or None."""
    reader = Reader(packet)
    topic, qos = reader.text(), packet[0] >> 1 & 3
    if qos:
        reader.short()  # its identifier
    five = version == VERSION_5
    found = reader.properties(PacketTypes.PUBLISH) if five else {}
    message = Message(
        topic, reader.take(reader.left()), qos, True, _of_message(found)
    )
    return message, found.get("TopicAlias")


def read_subscribe(packet, version):
    """The identifier and the topic filters."""
    reader = Reader(packet)
    identifier = reader.short()
    if version == VERSION_5:
        reader.properties(PacketTypes.SUBSCRIBE)
    filters = []
    while reader.left():
        filters.append(reader.text())
        reader.byte()  # what was asked for; the answer says what is
    return identifier, filters


def read_unsubscribe(packet, version):
    """The identifier and the topic filters."""
    reader = Reader(packet)
    identifier = reader.short()
    if version == VERSION_5:
        reader.properties(PacketTypes.UNSUBSCRIBE)
    filters = []
    while reader.left():
        filters.append(reader.text())
    return identifier, filters


def read_suback(packet, version):
    """The identifier and what became of each filter."""
    reader = Reader(packet)
    identifier = reader.short()
    if version == VERSION_5:
        reader.properties(PacketTypes.SUBACK)
    return identifier, list(reader.take(reader.left()))


def read_identifier(packet):
    """What a PUBACK or an UNSUBACK answers to."""
    return Reader(packet).short()


def read_disconnect(packet):
    """The reason and properties; neither need be there."""
    reader = Reader(packet)
    code = reader.byte() if reader.left() else 0
    found = reader.properties(PacketTypes.DISCONNECT) if reader.left() else {}
    return code, found


def write_disconnect(version, code=0):
    """A DISCONNECT; before MQTT 5 it gives no reason."""
    five = version == VERSION_5 and code
    return bytes([0xE0, 1, code]) if five else bytes([0xE0, 0])


def write_publish(message, identifier, version):
    """A PUBLISH of a message; `identifier` only at QoS 1."""
    topic = message.topic.encode("utf-8")
    body = struct.pack("!H", len(topic)) + topic
    if message.qos:
        body += struct.pack("!H", identifier)
    if version == VERSION_5:
        body += packed(message.properties).pack()
    body += message.payload
    head = bytes([PUBLISH << 4 | message.qos << 1])
    return head + _length(len(body)) + body


def packed(named, of=PacketTypes.PUBLISH):
    """Properties by their names in paho, as paho's own."""
    properties = Properties(of)
    for name, value in named.items():
        setattr(properties, name, value)
    return properties


def _length(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
