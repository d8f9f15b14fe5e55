"""The front in front of the broker: MQTT clients connect here.

Mosquitto lists neither its clients nor their subscriptions, and delivers to
nobody who did not subscribe. So clients speak with it through here, and a
message for one client is put between two packets of its stream.

Not as with AWS IoT: a client has no thing; a retained will counts as kept at
once, whatever its delay; nobody is refused for what a policy would forbid.
"""

import socket
import socketserver

from dataplane_link import Link


class Front(socketserver.ThreadingTCPServer):
    """Takes MQTT connections on a free port of 127.0.0.1."""

    request_queue_size = 128
    daemon_threads = True
    block_on_close = False

    def __init__(self, broker_port, sessions, retained):
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.broker_port = broker_port
        self.sessions = sessions
        self.retained = retained

    @property
    def port(self):
        """The port the system gave us."""
        return self.server_address[1]

    def finish_request(self, request, client_address):
        """Serve a client until it or the broker ends it."""
        try:
            broker = socket.create_connection(("127.0.0.1", self.broker_port))
        except OSError:
            return  # without a broker there is nobody to speak with
        with broker:
            Link(self, request, broker).run()
