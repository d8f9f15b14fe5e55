"""Tests how the data plane starts and ends: whatever happens, cleanly."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import dataplane
import dataplane_mqtt
from dataplane_errors import BrokerError, StartError
from dataplane_message import Message
from dataplane_mqtt import Publisher, mosquitto, wait_until
from dataplane_test_help import PROGRAM, ROOT, Plane, failure

SECONDS = 20
# The plane's standard input stays open when this shell is killed.
BACKGROUND = 'exec 3<&0; "$@" <&3 & wait'


def listens(port):
    """Does anything take connections there?"""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def spawn(*command):
    """A process with pipes, and what it says first, as JSON."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    return process, json.loads(process.stdout.readline())


def run_main(stdin=os.devnull):
    """main() in this process: its status, and what it says on stderr."""
    with contextlib.ExitStack() as stack:
        stderr = stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        file = stack.enter_context(open(stdin, encoding="utf-8"))
        stack.enter_context(mock.patch("sys.stdin", file))
        return dataplane.main([]), stderr.getvalue()


class Leftovers(unittest.TestCase):
    """Can look for what must not be there."""

    def check_gone(self, where):
        """Neither a broker nor a file of that plane, or not for long."""
        self.check_broker_gone(where["mqtt_port"])
        self.check_broker_gone(where["broker_port"])
        gone = wait_until(lambda: not os.path.exists(where["dir"]), SECONDS)
        self.assertTrue(gone, "its files are still there")

    def check_broker_gone(self, port):
        """Mosquitto has ended, or whatever else listened there."""
        gone = wait_until(lambda: not listens(port), SECONDS)
        self.assertTrue(gone, "Mosquitto still runs")

    def kill(self, process):
        """End a process so that it can do nothing about it."""
        process.kill()
        process.wait()
        process.stdout.close()


class Ending(Leftovers):
    """It ends when it should, and leaves nothing behind."""

    def test_end_of_input(self):
        """It ends with its standard input."""
        plane = Plane()
        self.assertTrue(listens(plane.mqtt_port))
        self.assertEqual(plane.stop(), 0)
        self.check_gone(vars(plane))

    def test_input_is_no_end(self):
        """A line of input ends nothing."""
        plane = Plane()
        plane.process.stdin.write(b"hello\n")
        plane.process.stdin.flush()
        self.assertEqual(plane.stats(), {"accepted": 0, "rejected": 0})
        self.assertEqual(plane.stop(), 0)

    def test_signals(self):
        """It ends by SIGTERM and SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                plane = Plane()
                plane.process.send_signal(number)
                self.assertEqual(plane.ended(), 0)
                self.check_gone(vars(plane))

    def test_killed(self):
        """Killed outright, it leaves files, but no broker."""
        process, where = spawn(sys.executable, "-B", PROGRAM)
        self.kill(process)
        process.stdin.close()
        self.check_broker_gone(where["mqtt_port"])
        self.check_broker_gone(where["broker_port"])
        shutil.rmtree(where["dir"])

    def test_parent_gone(self):
        """With --watch-parent it ends although its input stays open."""
        process, where = spawn(
            *("/bin/sh", "-c", BACKGROUND, "sh"),
            *(sys.executable, "-B", PROGRAM, "--watch-parent"),
        )
        self.kill(process)
        self.check_gone(where)
        process.stdin.close()


class Starting(Leftovers):
    """What fails at the start is told, and cleaned up."""

    def setUp(self):
        self.processes = []
        self.directory = tempfile.mkdtemp()
        self.addCleanup(os.rmdir, self.directory)  # fails if not empty
        self.use(mock.patch("tempfile.tempdir", self.directory))
        self.use(mock.patch("dataplane_mqtt._spawn", self.spawn))

    def use(self, patch):
        """Have a patch for this test."""
        patch.start()
        self.addCleanup(patch.stop)

    def spawn(self, *arguments):
        """Start Mosquitto, and remember it."""
        process, log = self.real_spawn(*arguments)
        self.processes.append(process)
        return process, log

    real_spawn = staticmethod(dataplane_mqtt._spawn)

    def check_fails(self, words):
        """main() fails with such words, and no broker is left."""
        status, stderr = run_main()
        self.assertEqual(status, 1)
        self.assertIn(words, stderr)
        for process in self.processes:
            self.assertIsNotNone(process.poll())

    def test_no_mosquitto(self):
        """Say which package is missing."""
        self.use(mock.patch("shutil.which", lambda *_, **__: None))
        self.check_fails("apt install mosquitto")

    def test_no_openssl(self):
        """The same, when Mosquitto runs already."""
        self.use(mock.patch.dict(os.environ, {"PATH": self.directory}))
        self.check_fails("apt install openssl")
        self.assertEqual(len(self.processes), 1)

    def test_half_way(self):
        """What was started is ended again, whatever the failure."""
        with mock.patch("dataplane_tls.make", side_effect=StartError("half")):
            self.check_fails("half")
        with mock.patch("dataplane_tls.make", side_effect=OSError("full")):
            self.assertRaisesRegex(OSError, "full", run_main)
        self.assertEqual(len(self.processes), 2)
        self.assertIsNotNone(self.processes[1].poll())

    def test_bad_mosquitto(self):
        """Mosquitto's own words are passed on."""
        with mock.patch("dataplane_mqtt.CONFIGURATION", "nonsense true"):
            self.check_fails("nonsense")

    def test_silent_mosquitto(self):
        """One that never says that it runs is not left behind."""
        self.use(mock.patch("dataplane_mqtt.START_SECONDS", 0.2))
        self.use(mock.patch("dataplane_mqtt.RUNNING", re.compile("never")))
        self.check_fails("did not start")
        self.assertEqual(len(self.processes), 1)

    def test_port_taken(self):
        """Another port is tried when somebody else was quicker."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            ports = [taken.getsockname()[1], dataplane_mqtt._free_port()]
            with mock.patch("dataplane_mqtt._free_port", side_effect=ports):
                self.assertEqual(run_main(), (0, ""))
        self.assertEqual(len(self.processes), 2)

    def test_signal(self):
        """A signal that comes while it starts is neither lost nor harmful."""
        real = dataplane.dataplane_tls.make

        def signalled(directory):
            os.kill(os.getpid(), signal.SIGTERM)
            return real(directory)

        readable, writable = os.pipe()
        self.addCleanup(os.close, writable)  # an input without end
        with mock.patch("dataplane_tls.make", signalled):
            self.assertEqual(run_main(readable), (0, ""))


class Broker(unittest.TestCase):
    """The way into Mosquitto heals."""

    def test_refused_message(self):
        """A message that Mosquitto hangs up on spoils no other."""
        with tempfile.TemporaryDirectory() as directory:
            with mosquitto(directory) as port:
                publisher = Publisher(port)
                publisher.publish(Message("good", b"", 1, False, {}))
                with self.assertRaises(BrokerError):
                    publisher.publish(Message("\x01", b"", 1, False, {}))
                publisher.publish(Message("good", b"", 1, False, {}))
                publisher.close()

    def test_subscriber(self):
        """A subscriber says why it ends before it has its messages."""
        script = PROGRAM.replace("dataplane.py", "dataplane_sub.py")
        with tempfile.TemporaryDirectory() as directory:
            with mosquitto(directory) as port:
                process, _ = spawn(
                    *(sys.executable, "-B", script, "--topic", "nothing"),
                    *("--port", str(port), "--count", "1"),
                )
            output, _ = process.communicate()
        self.assertIn(b"the broker ended the connection", output)

    def test_broker_gone(self):
        """Without a broker the answer is a 503."""
        plane = Plane()
        path = "/proc/{0}/task/{0}/children".format(plane.pid)
        with open(path, encoding="ascii") as children:
            os.kill(int(children.read()), signal.SIGTERM)
        wait_until(lambda: not listens(plane.broker_port), SECONDS)
        status, code, _ = failure(plane.boto(), qos=1)
        self.assertEqual((status, code), (503, "ServiceUnavailableException"))
        self.assertEqual(plane.stop(), 0)
