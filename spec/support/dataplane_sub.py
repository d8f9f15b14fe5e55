"""Subscribes to a broker, and prints each message as one line of JSON.

The first line says that the subscription stands. Payload and correlation
data are in hexadecimal, so that any byte survives, and user properties are
pairs in order. `retain` is the flag as it was published, for messages that
come live, too. Messages sent to --client-id alone come as well. It ends
after --count messages; too few of them in --timeout seconds are an error,
its last line.
"""

import argparse
import json
import os
import queue
import signal
import sys
import time

from paho.mqtt.subscribeoptions import SubscribeOptions

from dataplane_errors import BrokerError
from dataplane_message import Message
from dataplane_mqtt import connect

FAILURE = 128  # MQTT 5: reason codes from here on say no
PROPERTIES = (
    ("ContentType", "content_type"),
    ("ResponseTopic", "response_topic"),
    ("MessageExpiryInterval", "message_expiry"),
    ("PayloadFormatIndicator", "payload_format_indicator"),
    ("CorrelationData", "correlation_data"),
)


def main():
    """Print what arrives; the exit status."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # the reader is gone: end
    options = parse()
    try:
        print_messages(subscribe(options), options)
    except (BrokerError, ValueError) as error:
        say({"error": str(error)})
        return 1
    return 0


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--timeout", type=float, default=10)
    parser.add_argument("--client-id", default="")
    parser.add_argument("--session-expiry", type=int, default=0)
    parser.add_argument("--will-topic")
    parser.add_argument("--will-payload", default="")
    return parser.parse_args()


def subscribe(options):
    """A queue of what there is to print, errors included."""
    lines = queue.Queue()
    client = connect(
        options.port, options.client_id, options.session_expiry, will(options)
    )
    client.on_disconnect = lambda *_: lines.put(
        BrokerError("the broker ended the connection")
    )
    client.on_subscribe = lambda _client, _data, _mid, codes, _props: (
        lines.put(granted(codes[0]))
    )
    client.on_message = lambda _client, _data, message: lines.put(
        described(message)
    )
    client.subscribe(
        options.topic, options=SubscribeOptions(1, retainAsPublished=True)
    )
    return lines


def will(options):
    """The message that the broker publishes if we end without a word."""
    if options.will_topic is None:
        return None
    payload = options.will_payload.encode("utf-8")
    return Message(options.will_topic, payload, 1, False, {})


def granted(code):
    """The line that says so, or the broker's refusal."""
    if code.value >= FAILURE:
        return BrokerError(f"the broker refused: {code}")
    return {"pid": os.getpid()}


def print_messages(lines, options):
    """Print until all is there; raise what keeps it from coming."""
    deadline = time.monotonic() + options.timeout
    for printed in range(options.count + 1):
        try:
            line = lines.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            raise BrokerError(
                f"{min(options.count, options.count + 1 - printed)} of"
                f" {options.count} messages did not arrive in"
                f" {options.timeout:g} s"
            ) from None
        if isinstance(line, BrokerError):
            raise line
        say(line)


def say(value):
    """Print a line of JSON, at once."""
    print(json.dumps(value), flush=True)


def described(message):
    """A message as plain data; properties that it lacks are absent."""
    found = {
        "topic": message.topic,
        "qos": message.qos,
        "retain": bool(message.retain),
        "payload": message.payload.hex(),
        "user_properties": getattr(message.properties, "UserProperty", []),
    }
    for name, key in PROPERTIES:
        value = getattr(message.properties, name, None)
        if value is not None:
            found[key] = value.hex() if isinstance(value, bytes) else value
    return found


if __name__ == "__main__":
    sys.exit(main())
