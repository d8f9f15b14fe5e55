"""A Mosquitto of our own, and the client that publishes into it."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import threading
import time

from paho.mqtt import client as mqtt
from paho.mqtt.packettypes import PacketTypes

from dataplane_errors import BrokerError, StartError
from dataplane_packets import packed

START_SECONDS = 10
STOP_SECONDS = 5
PUBLISH_SECONDS = 10
START_ATTEMPTS = 5
RUNNING = re.compile(r"mosquitto version \S+ running")
# `user root`: a change of user would undo the parent-death signal below.
CONFIGURATION = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
user root
sys_interval 0
set_tcp_nodelay true
max_queued_messages 0
log_dest stderr
"""


@contextlib.contextmanager
def mosquitto(directory):
    """Run Mosquitto on a free port of 127.0.0.1, and give the port."""
    process, port = _start(directory)
    try:
        yield port
    finally:
        _stop(process)


def _start(directory):
    binary = _find_mosquitto()
    for _ in range(START_ATTEMPTS):
        port = _free_port()
        process, log = _spawn(binary, port, directory)
        if _wait_running(process, log):
            return process, port
        _stop(process)
        if "Address already in use" not in _read(log):
            break
    raise StartError("Mosquitto did not start; it says:\n" + _read(log))


def _find_mosquitto():
    """Debian keeps it in /usr/sbin, which not every user's PATH has."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    binary = shutil.which("mosquitto", path=path)
    if not binary:
        raise StartError(
            "The local data plane needs Mosquitto, which is not installed:"
            " apt install mosquitto"
        )
    return binary


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _spawn(binary, port, directory):
    configuration = os.path.join(directory, "mosquitto.conf")
    log = os.path.join(directory, "mosquitto.log")
    with open(configuration, "w", encoding="utf-8") as file:
        file.write(CONFIGURATION.format(port=port))
    with open(log, "wb") as output:
        process = subprocess.Popen(
            _die_with_parent() + [binary, "-c", configuration],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    return process, log


def _die_with_parent():
    """Even where we are killed outright, no broker is left behind."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _wait_running(process, log):
    """True once it says so; a port that answers could be a stranger's."""
    wait_until(
        lambda: RUNNING.search(_read(log)) or process.poll() is not None,
        START_SECONDS,
    )
    return RUNNING.search(_read(log)) and process.poll() is None


def wait_until(condition, seconds):
    """Wait for a condition at most so long; return how it stands then."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _read(log):
    with open(log, encoding="utf-8", errors="replace") as file:
        return file.read()


def _stop(process):
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Publisher:
    """Publishes over one connection, made anew after Mosquitto ended it."""

    def __init__(self, port):
        self.port = port
        self.lock = threading.Lock()
        self.client = connect(self.port)

    def publish(self, message):
        """Return when the broker has the message, else BrokerError."""
        client = self._connected()
        info = client.publish(
            message.topic,
            message.payload,
            qos=message.qos,
            retain=message.retain,
            properties=packed(message.properties),
        )
        try:
            _wait_published(client, info)
        except (ValueError, RuntimeError) as error:
            raise BrokerError(str(error)) from error

    def close(self):
        """Disconnect; close() may come twice."""
        self.client.disconnect()
        self.client.loop_stop()

    def _connected(self):
        with self.lock:
            if not _is_alive(self.client):
                self.close()
                self.client = connect(self.port)
            return self.client


def connect(port, client_id="", expiry=0, will=None):
    """A connected MQTT 5 client with its own thread; else BrokerError.

    Its session is kept for `expiry` seconds; its will is a Message.
    """
    # Connected again by itself, it would send what it was hung up on for.
    client = mqtt.Client(
        client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
    )
    client.on_socket_open = _without_delay
    if will:
        client.will_set(will.topic, will.payload, will.qos, will.retain)
    properties = packed({"SessionExpiryInterval": expiry}, PacketTypes.CONNECT)
    try:
        client.connect("127.0.0.1", port, properties=properties)
    except OSError as error:
        raise BrokerError(f"Mosquitto is not there: {error}") from error
    client.loop_start()
    if not wait_until(client.is_connected, START_SECONDS):
        client.loop_stop()
        raise BrokerError("Mosquitto does not answer")
    return client


def forget_session(port, client_id):
    """Make the broker delete the session of a client that is gone."""
    client = connect(port, client_id)  # starts clean, and leaves nothing
    client.disconnect()
    client.loop_stop()


def _is_alive(client):
    """paho's is_connected() stays true when the broker hangs up."""
    return client.is_connected() and client.socket() is not None


def _without_delay(_client, _userdata, connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _wait_published(client, info):
    """QoS 0: it is written out; QoS 1: it is acknowledged."""
    deadline = time.monotonic() + PUBLISH_SECONDS
    while not info.is_published():
        if not _is_alive(client) or time.monotonic() > deadline:
            raise BrokerError("Mosquitto did not take the message")
        info.wait_for_publish(0.5)
