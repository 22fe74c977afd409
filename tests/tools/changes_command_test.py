"""Commands that change a running daemon, as an operator gives them: devices, set, apply --based-on, pause, resume, drain;
and a stop in the middle of a preparation. Bounds are generous; ends only what it started."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ROOT / "models/scenes"
FRESHET = os.path.abspath(sys.argv.pop(1))
SLOW_OPEN = os.path.abspath(sys.argv.pop(1))
PATIENCE = 240
# Teams of threads inside tensor operations only wait for each other here.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

CONFIG = """
[changes]
prepare_within = "200s"
switch_within = "200s"
finish_within = "200s"
settle = "500ms"
[device]
model = "{student}"
samples_per_second = 10.0
twin = false
self_test.questions = 0
[teacher]
model = "{teacher}"
[distiller]
student = "{student}"
refresh_samples = 16
steps_per_refresh = 1
batch = 8
[distiller.terms]
confidence_floor = 0.0
[[nodes]]
name = "cloud"
listen = ["ipc://cloud.sock"]
""" + "".join(f'[[roles]]\nkind = "{kind}"\nnode = "cloud"\n'
              for kind in ["intake", "teacher", "distiller", "compressor", "deployer", "stats"]) + "".join(
    f'[[nodes]]\nname = "edge-{i}"\n[[roles]]\nkind = "device"\nnode = "edge-{i}"\n'
    f'[[roles]]\nkind = "uplink_filter"\nnode = "edge-{i}"\n' for i in (1, 2))


class CommandsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="freshet-changes-")
        self.state = os.path.join(self.folder, "state")
        self.log = os.path.join(self.folder, "log")
        self.file = self.write("f.toml", MODELS / "teacher")
        self.others = []
        with open(self.log, "ab") as log:
            self.daemon = subprocess.Popen([FRESHET, "run", "-c", self.file, "--state", self.state, "--log", "stderr"],
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                           env=dict(os.environ, LD_PRELOAD=SLOW_OPEN, FRESHET_SLOW_OPEN="/slow/model.safetensors"))

    def tearDown(self):
        for process in [*self.others, self.daemon]:
            if process.poll() is None:
                process.kill()   # a daemon's nodes die with it
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name, teacher):
        path = os.path.join(self.folder, name)
        pathlib.Path(path).write_text(CONFIG.format(student=MODELS / "student", teacher=teacher))
        return path

    def words(self):
        return pathlib.Path(self.log).read_text(errors="replace")[-4000:]

    def call(self, *arguments):
        return subprocess.run([FRESHET, *arguments, "--state", self.state], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=PATIENCE, cwd=self.folder)

    def right(self, *arguments, status=0):
        done = self.call(*arguments)
        self.assertEqual(done.returncode, status, f"{arguments}: {done.stdout}{done.stderr}{self.words()}")
        return done.stdout

    def until(self, what, holds):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if holds():
                return
            self.assertIsNone(self.daemon.poll(), f"{what}: {self.words()}")
            time.sleep(0.1)
        self.fail(f"not within {PATIENCE} s: {what}: {self.words()}")

    def devices(self):
        done = self.call("devices", "--json")
        return json.loads(done.stdout)["devices"] if done.returncode == 0 else []

    def role(self, name):
        done = self.call("status", "--json")
        roles = json.loads(done.stdout)["roles"] if done.returncode == 0 else []
        return next((r["stats"] for r in roles if r["role"] == name), {})

    def up(self, *numbers):
        return sorted(d["number"] for d in self.devices() if not d["silent"]) == sorted(numbers)

    def node_processes(self):
        children = pathlib.Path(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children").read_text().split()
        return len(children)

    def test_devices_changes_pause_and_drain(self):
        self.until("two devices report", lambda: self.up(1, 2))
        table = self.right("devices").splitlines()
        self.assertRegex(table[1], r"^ +1  edge-1/device +up ")
        self.assertRegex(table[-1], r"^2 of 2 devices, 0 of these silent")
        self.right("devices", "--sort", "colour", status=2)

        # Two operators: who made his change for an older revision is told so, and takes nothing back.
        now = json.loads(self.right("history", "--json"))["current"]
        self.right("set", "uplink_filter.token_share=0.5")
        late = self.call("apply", self.file, "--based-on", str(now))
        self.assertEqual(late.returncode, 7, late.stderr)
        self.assertIn(f"made for revision {now}, and revision {now + 1} of ", late.stderr)
        self.assertIn("token_share = 0.5", self.right("history", "--revision", str(now + 1)))
        self.assertEqual(json.loads(self.right("history", "--json"))["current"], now + 1)

        # Paused, the student stays as it is while devices answer; resumed, it goes on.
        self.until("a version is made", lambda: self.role("distiller").get("version", 0) > 0)
        self.assertEqual(json.loads(self.right("pause", "--json"))["state"], "applied")
        self.until("the distiller says so", lambda: self.role("distiller").get("phase") == "paused")
        self.assertIn("nothing to change", self.right("pause"))
        version = self.role("distiller")["version"]
        answered = sum(d["answered"] for d in self.devices())
        self.until("devices go on", lambda: sum(d["answered"] for d in self.devices()) > answered + 20)
        self.assertEqual(self.role("distiller")["version"], version)
        self.right("resume")
        self.until("it goes on", lambda: self.role("distiller").get("version", 0) > version)
        self.assertEqual([r["file"] for r in json.loads(self.right("history", "--json"))["revisions"][:2]], ["resume", "pause"])

        # Drained, a node's process ends and its device is no longer of the fleet; back, it has its number and goes on.
        processes = self.node_processes()
        before = {d["number"]: d["version"] for d in self.devices()}
        self.right("drain", "edge-1")
        self.until("its process is gone", lambda: self.node_processes() == processes - 1)
        self.assertEqual([d["number"] for d in self.devices()], [2])
        self.assertIn("nothing to change", self.right("drain", "edge-1"))
        self.right("drain", "cloud", status=3)        # all would be missing
        self.right("drain", "edge-7", status=3)
        self.right("resume", "edge-7", status=1)
        self.right("resume", "edge-1")
        self.until("both are there again", lambda: self.up(1, 2))
        self.until("it has the version it had, or a later one", lambda: any(
            d["number"] == 1 and (d["version"] or 0) >= (before[1] or 0) for d in self.devices()))

        # Documents of the past are in the history, and not a file each.
        self.assertLessEqual(len(list(pathlib.Path(self.state, "control").glob("revision-*.toml"))), 2)
        self.daemon.send_signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(timeout=PATIENCE), 0, self.words())

    def test_a_stop_during_a_preparation_is_bounded(self):
        self.until("two devices report", lambda: self.up(1, 2))
        # A teacher on a disk that does not answer: its load never ends.
        slow = os.path.join(self.folder, "slow")
        shutil.copytree(MODELS / "teacher", slow)
        wanted = self.write("slow.toml", slow)
        self.others.append(subprocess.Popen([FRESHET, "apply", wanted, "--state", self.state], cwd=self.folder,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        self.until("it is prepared for", lambda: json.loads(self.right("history", "--json"))["revisions"][0]["state"] == "preparing")
        time.sleep(1)   # orders are out, and the load has begun
        self.assertTrue(self.up(1, 2), "all goes on meanwhile")
        begun = time.monotonic()
        self.daemon.send_signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(timeout=PATIENCE), 0, self.words())
        self.assertLess(time.monotonic() - begun, 30, "stop_within is 5 s")
        self.assertIn("a model was still being loaded for a change", self.words())


if __name__ == "__main__":
    unittest.main(verbosity=2)
