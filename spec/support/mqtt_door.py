"""MQTT over a WebSocket as AWS IoT opens it: for a presigned URL.

Prints one line of JSON: `port`, where a WebSocket opens if its URL is signed
as it should be (region eu-west-1, AKID, hush, token/+=), with Mosquitto behind
it, and where 403 is answered if not; and `pid`. It ends with its standard
input, or by SIGTERM. `--visit URL` instead has a real MQTT client connect,
publish and receive: prints "knock", or "refused".
"""

import asyncio
import base64
import hashlib
import json
import os
import signal
import sys
import tempfile
import threading
import urllib.parse

import paho.mqtt.client as mqtt

from dataplane_errors import ApiError
from dataplane_mqtt import mosquitto
from dataplane_presigned import PresignedVerifier
from hostile import leave, wait_for_end

VERIFIER = PresignedVerifier("eu-west-1", "AKID", "hush", "token/+=")
REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
OPENED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\n"
    b"Sec-WebSocket-Accept: %s\r\n\r\n"
)
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
BINARY, CLOSE, PING, PONG = 2, 8, 9, 10
MAX_FRAME = 65535  # bytes whose count needs two
SECONDS = 10


async def unwrap(reader, writer, answer):
    """What is in a client's frames, until it closes. A ping is answered."""
    while True:
        kind, size = await reader.readexactly(2)
        size &= 0x7F
        if size > 125:
            more = await reader.readexactly(2 if size == 126 else 8)
            size = int.from_bytes(more, "big")
        mask = await reader.readexactly(4)
        data = await reader.readexactly(size)
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
        if kind & 0x0F == CLOSE:
            return writer.close()
        if kind & 0x0F == PING:
            answer.write(bytes((0x80 | PONG, len(data))) + data)
        else:
            writer.write(data)


async def wrap(reader, writer):
    """The broker's bytes as frames."""
    while data := await reader.read(MAX_FRAME):
        size = len(data)
        short = bytes((size,)) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
        writer.write(bytes((0x80 | BINARY,)) + short + data)
    writer.close()


def door(broker):
    """Judge who comes, and lead those who may to the broker."""

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = dict(
            (name.lower(), value)
            for name, _, value in (line.partition(": ") for line in lines)
        )
        target = lines[0].split(" ")[1]
        try:
            VERIFIER.check(target, fields["host"])
        except ApiError:
            writer.write(REFUSED)
            writer.close()
            return
        key = fields["sec-websocket-key"] + GUID
        digest = hashlib.sha1(key.encode()).digest()
        writer.write(OPENED % base64.b64encode(digest))
        inner = await asyncio.open_connection("127.0.0.1", broker)
        await asyncio.gather(
            unwrap(reader, inner[1], writer), wrap(inner[0], writer),
            return_exceptions=True,
        )

    return serve


def listen(broker):
    """Serve from now on; the port."""
    loop = asyncio.new_event_loop()
    started = threading.Event()
    ports = []

    async def start():
        server = await asyncio.start_server(door(broker), "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        started.set()
        await server.serve_forever()

    threading.Thread(
        target=loop.run_until_complete, args=(start(),), daemon=True
    ).start()
    started.wait(SECONDS)
    return ports[0]


def visit(url):
    """Connect as an MQTT library does; what came of it."""
    at = urllib.parse.urlsplit(url)
    client, came = mqtt.Client(transport="websockets"), []
    over = threading.Event()

    def on_connect(*_):
        client.subscribe("door", qos=1)

    def on_message(_, __, message):
        came.append(message.payload.decode())
        over.set()

    client.on_connect, client.on_message = on_connect, on_message
    client.on_subscribe = lambda *_: client.publish("door", "knock", qos=1)
    client.ws_set_options(
        path=at.path + "?" + at.query, headers={"Host": at.netloc}
    )
    try:
        client.connect(at.hostname, at.port)
    except mqtt.WebsocketConnectionError:
        return "refused"
    client.loop_start()
    over.wait(SECONDS)
    client.disconnect()
    client.loop_stop()
    return "".join(came) or "nothing came"


def main():
    """Visit, or run until told to end."""
    if sys.argv[1] == "--visit":
        print(visit(sys.argv[2]))
        return
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # is for those we serve
    parent = os.getppid() if "--watch-parent" in sys.argv else None
    with tempfile.TemporaryDirectory(prefix="door-") as directory:
        with mosquitto(directory) as broker:
            ready = {"port": listen(broker), "pid": os.getpid()}
            print(json.dumps(ready), flush=True)
            wait_for_end(parent)


if __name__ == "__main__":
    main()
