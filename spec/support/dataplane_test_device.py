"""An MQTT client for the data plane's tests, and one that never answers."""

import queue
import socket

from paho.mqtt import client as mqtt

from dataplane_mqtt import connect, wait_until

SECONDS = 10
# A clean session, a keep-alive of 60 s, and the client ID "deaf".
DEAF_CONNECT = {
    4: b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04deaf",
    5: b"\x10\x11\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x04deaf",
}


class Device:
    """A connected client, by default of MQTT 5."""

    def __init__(self, port, client_id, expiry=0, will=None):
        self.use(connect(port, client_id, expiry, will))

    def use(self, client):
        """Follow what a client of paho's is told."""
        self.client = client
        self.arrived, self.ended = queue.Queue(), queue.Queue()
        self.granted = queue.Queue()
        client.on_message = lambda _c, _d, message: self.arrived.put(message)
        client.on_disconnect = lambda _c, _d, code, *_: self.ended.put(code)
        client.on_subscribe = lambda _c, _d, _mid, codes, *_: (
            self.granted.put(codes)
        )
        client.on_unsubscribe = lambda *_: self.granted.put(None)

    def subscribe(self, *filters):
        """Subscribe to (filter, QoS)s, and wait for the answer."""
        for topic, qos in filters:
            self.client.subscribe(topic, qos)
            self.granted.get(timeout=SECONDS)

    def unsubscribe(self, topic):
        """The opposite."""
        self.client.unsubscribe(topic)
        self.granted.get(timeout=SECONDS)

    def publish(self, topic, payload, qos=1, retain=True, properties=None):
        """Publish, and wait for the broker's word."""
        self.client.publish(
            topic, payload, qos, retain, properties
        ).wait_for_publish(SECONDS)

    def message(self):
        """The next message."""
        return self.arrived.get(timeout=SECONDS)

    def end_code(self):
        """What ended the connection."""
        return self.ended.get(timeout=SECONDS)

    def leave(self):
        """Disconnect as a client should; harmless twice."""
        self.client.disconnect()
        self.client.loop_stop()

    def vanish(self):
        """Lose the connection."""
        self.client.socket().shutdown(socket.SHUT_RDWR)


class OldDevice(Device):
    """A connected client of MQTT 3.1.1."""

    def __init__(self, port, client_id, clean=True):
        client = mqtt.Client(client_id, clean, reconnect_on_failure=False)
        client.connect("127.0.0.1", port)
        client.loop_start()
        if not wait_until(client.is_connected, SECONDS):
            raise RuntimeError("Mosquitto does not answer")
        self.use(client)


def deaf_device(port, version=4):
    """A connection that takes messages and confirms none."""
    connection = socket.create_connection(("127.0.0.1", port), SECONDS)
    connection.sendall(DEAF_CONNECT[version])
    head = connection.recv(2)
    answer = connection.recv(head[1])
    if head[0] != 0x20 or answer[1] != 0:
        raise RuntimeError("Mosquitto does not take it")
    return connection
