"""A server's end of a connection, and the record of what came through it."""

import contextlib
import select
import socket
import ssl
import struct
import threading

import hostile_arrivals as arrivals

PIECE = 65536
PATIENCE = 30.0  # seconds for a client to go away
COMMAND_SECONDS = 5.0  # for a connection to do as it is told
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST


class Request:
    """A request's head, and its body once that is read."""

    def __init__(self, head):
        self.head = head
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = (lines[0] + "  ").split(" ", 2)
        self.behaviour = self.target[1:].split("?")[0].split("/")[0]
        self.length = 0
        self.body = b""
        for line in lines[1:]:
            name, _, value = line.partition(":")
            if name.lower() == "content-length":
                self.length = int(value)


class Record:
    """What is told of one connection."""

    def __init__(self, listener):
        self.listener = listener
        self.behaviours = []
        self.requests = 0
        self.ended = None  # how the client ended it
        self.alpn = None
        self.sni = None
        self.tls = None


class Connection:
    """One connection; used by its own thread, but for `command`."""

    def __init__(self, sock, record):
        self.sock = sock
        self.record = record
        self.is_open = True
        self.is_stuck = False  # in a behaviour that waits for the client
        self._buffer = b""
        self._orders, self._ear = socket.socketpair()
        self._obeyed = threading.Event()

    # Commands from other threads, carried out between two requests.

    def command(self, name):
        """Have it done, and wait until it is."""
        if self.is_stuck or not self.is_open:
            return False
        self._obeyed.clear()
        with contextlib.suppress(OSError):
            self._orders.send(name.encode() + b"\n")
        return self._obeyed.wait(COMMAND_SECONDS)

    def _obey(self):
        name = self._ear.recv(64).decode().strip()
        if name == "close":
            self._say_goodbye()
            self.close()
        elif name == "reset":
            self.reset()
        elif name == "stray":
            self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray")
        self._obeyed.set()

    def _say_goodbye(self):
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.setblocking(False)
            with contextlib.suppress(OSError):
                self.sock.unwrap()

    def wait_for_request(self):
        """Wait until something comes; false where the end has come."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        poll.register(self._ear, select.POLLIN)
        while self.is_open and not self._buffer and not self._pending():
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self._ear.fileno() in ready:
                self._obey()
            elif ready:
                return True
        return self.is_open

    def _pending(self):
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()

    # Reading.

    def _more(self, size=PIECE):
        """More bytes; b"" where there are none any more, and why."""
        try:
            data = self.sock.recv(size)
        except ssl.SSLEOFError:
            self.record.ended = "eof"
            return b""
        except OSError as error:
            self.record.ended = str(error)
            return b""
        if not data:
            is_tls = isinstance(self.sock, ssl.SSLSocket)
            self.record.ended = "close_notify" if is_tls else "eof"
        arrivals.note(data)
        return data

    def read_head(self):
        """The next request, without its body; None where none comes."""
        while b"\r\n\r\n" not in self._buffer:
            data = self._more()
            if not data:
                return None
            self._buffer += data
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return Request(head + b"\r\n\r\n")

    def read_body(self, request):
        """Read the rest; false where it does not come."""
        parts, missing = [self._buffer], request.length - len(self._buffer)
        while missing > 0:
            data = self._more()
            if not data:
                return False
            parts.append(data)
            missing -= len(data)
        whole = b"".join(parts)
        request.body = whole[: request.length]
        self._buffer = whole[request.length :]
        self.record.requests += 1
        arrivals.note_whole(request.body)
        return True

    def read_some(self, size):
        """At most that many bytes, as they come."""
        return self._more(size)

    # Writing, and ending.

    def send(self, data):
        """Send all of it; false where the client is gone."""
        try:
            self.sock.sendall(data)
        except OSError:
            return False
        return True

    def wait_for_end(self):
        """Read and forget, until the client goes away."""
        self.is_stuck = True
        self.sock.settimeout(PATIENCE)
        while self._more():
            pass

    def stop_reading(self):
        """Read nothing, until the client goes away."""
        self.is_stuck = True
        poll = select.poll()
        poll.register(self.sock, select.POLLRDHUP)
        poll.poll(PATIENCE * 1000)

    def part(self):
        """Say no more, and wait for the client to go: what was said last
        must not be lost to a reset."""
        self.is_stuck = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.settimeout(PATIENCE)
            while self.sock.recv(PIECE):
                pass

    def reset(self):
        """End with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.close()

    def close(self):
        """End with FIN, or with RST where something was left unread."""
        self.is_open = False
        self.sock.close()

    def release(self):
        """Close all that there is."""
        self.close()
        self._obeyed.set()
        self._orders.close()
        self._ear.close()
