"""Tests dataplane.lua, by every Lua that is installed."""

import contextlib
import os
import shutil
import subprocess

from dataplane_mqtt import wait_until
from dataplane_test_life import ROOT, SECONDS, Leftovers, spawn

LUAS = ("lua5.1", "lua5.2", "lua5.3", "lua5.4", "luajit")
LUA_ROUND_TRIP = r"""
local dataplane = require "spec.support.dataplane"
local plane = dataplane.start{ session_token = "it's a token" }
assert(plane.session_token == "it's a token")
local subscription = plane:subscribe("a/#", 2)
local publish = "mosquitto_pub -V 5 -q 1 -p " .. plane.mqtt_port
os.execute(publish .. " -t a/b -m hi -r -D publish correlation-data xy "
  .. "-D publish user-property k v -D publish user-property k w")
os.execute(publish .. " -t a/c -n")
local first, second = unpack(subscription:messages())
assert(first.topic == "a/b" and first.payload == "hi" and first.retain)
assert(first.correlation_data == "xy" and first.qos == 1)
assert(first.user_properties[1][1] == "k")
assert(first.user_properties[2][2] == "w")
assert(second.payload == "" and not second.retain)
local will = { client_id = "c d", will_topic = "will", will_payload = "w'" }
local mortal, heirs = plane:subscribe("a", 1, will), plane:subscribe("will", 1)
mortal:close()
assert(unpack(heirs:messages()).payload == "w'")
local late = plane:subscribe("nothing", 1, { timeout = 0.1 })
local ok, message = pcall(late.messages, late)
assert(not ok and message:find "1 of 1 messages did not arrive")
ok, message = pcall(plane.subscribe, plane, "a/#/b", 1)
assert(not ok and message:find "cannot subscribe to a/#/b")
local heir = os.tmpname() -- keeps the plane's input open
os.execute("sleep 60 & echo $! > " .. heir)
local before = os.time()
plane:stop()
plane:stop()
assert(os.time() - before < 30)
os.execute("kill $(cat " .. heir .. ")")
os.remove(heir)
assert(not io.open(plane.ca))
"""
LUA_WAITS = r"""
local plane = require "spec.support.dataplane".start()
local pid = plane:subscribe("nothing", 1, { timeout = 600 }).pid
local where = '{"dir": "%s", "mqtt_port": %d, "broker_port": %d, '
print((where .. '"subscriber": %d}')
  :format(plane.dir, plane.mqtt_port, plane.broker_port, pid))
io.stdout:flush()
io.read()
"""


def interpreters():
    """The Lua interpreters that are installed."""
    return [name for name in LUAS if shutil.which(name)]


class LuaHelper(Leftovers):
    """spec/support/dataplane.lua, by every Lua that is installed."""

    def test_round_trip(self):
        """It starts a plane, subscribes, reads messages, and stops."""
        self.assertTrue(interpreters(), "no Lua is installed")
        text = "local unpack = table.unpack or unpack" + LUA_ROUND_TRIP
        for name in interpreters():
            with self.subTest(name):
                subprocess.run(
                    [name, "-e", text], cwd=ROOT, check=True, timeout=60
                )

    def test_no_data_plane(self):
        """A plane that does not start is an error, not a hang."""
        text = 'require "spec.support.dataplane".start()'
        for name in interpreters():
            with self.subTest(name):
                done = subprocess.run(
                    [name, "-e", text],
                    cwd=ROOT,
                    env={**os.environ, "PYTHON": "/bin/false"},
                    capture_output=True,
                    timeout=60,
                    check=False,
                )
                self.assertIn(b"data plane did not start", done.stderr)

    def test_killed(self):
        """A Lua that is killed leaves nothing running."""
        for name in interpreters():
            with self.subTest(name):
                process, where = spawn(name, "-e", LUA_WAITS)
                self.kill(process)
                process.stdin.close()
                self.check_gone(where)
                subscriber = f"/proc/{where['subscriber']}/cmdline"
                gone = wait_until(
                    lambda path=subscriber: b"sub.py" not in read(path),
                    SECONDS,
                )
                self.assertTrue(gone, "its subscriber still runs")


def read(path):
    """A file's bytes; none if it is not there."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read()
    return b""
