"""`freshet keys` as operators use it: files and their modes, the list, tokens that are good once, and what a running
daemon over tcp under CURVE makes of keys that are right, wrong, revoked and rotated. Ends only what it started; ports
are those that the system has free."""

import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FRESHET = os.path.abspath(sys.argv.pop(1))
PATIENCE = 240
# Teams of threads inside tensor operations only wait for each other here.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

DOCUMENT = """
[device]
model = "{models}/student"
samples_per_second = 10.0
twin = false
[teacher]
model = "{models}/teacher"
[distiller]
student = "{models}/student"
refresh_samples = 16
steps_per_refresh = 2
batch = 8
[deployer.rollout]
waves = false
[[nodes]]
name = "cloud"
listen = ["tcp://127.0.0.1:{port}", "ipc://cloud.sock"]
public_key = "{key}"
enrol = "tcp://127.0.0.1:{desk}"
""" + "".join(f'[[roles]]\nkind = "{kind}"\nnode = "cloud"\n'
              for kind in ["intake", "teacher", "distiller", "compressor", "deployer", "stats"]) + "".join(
    f'[[nodes]]\nname = "edge-{i}"\n[[roles]]\nkind = "device"\nnode = "edge-{i}"\ndevice_id = {i}\n'
    f'[[roles]]\nkind = "uplink_filter"\nnode = "edge-{i}"\n' for i in (1, 2))


def free_ports(count):
    """Ports that nobody has; held together, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class Host:
    """A state folder, as if it were a machine of its own, with the file that all share."""

    def __init__(self, folder, name):
        self.state = os.path.join(folder, name)
        self.file = os.path.join(folder, "f.toml")
        self.log = os.path.join(folder, name + ".log")
        self.process = None

    def run(self, *arguments):
        return subprocess.run([FRESHET, *arguments, "--state", self.state], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=PATIENCE)

    def keys(self, *arguments):
        return self.run("keys", *arguments, "-c", self.file)

    def keys_json(self, *arguments):
        done = self.keys(*arguments, "--json")
        assert done.returncode == 0, f"{arguments}: {done.returncode} {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def start(self, node):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([FRESHET, "run", "-c", self.file, "--node", node, "--state", self.state, "--log",
                                             "stderr"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def words(self):
        return pathlib.Path(self.log).read_text(errors="replace") if os.path.exists(self.log) else ""

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=PATIENCE)
            finally:
                if self.process.poll() is None:
                    self.process.kill()
                    self.process.wait()
        self.process = None   # its end is no news


class KeysTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="freshet-keys-")
        self.hosts = []
        self.cloud = self.host("cloud")

    def tearDown(self):
        for host in self.hosts:
            host.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def host(self, name):
        self.hosts.append(Host(self.folder, name))
        return self.hosts[-1]

    def until(self, what, holds):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if holds():
                return
            for host in self.hosts:
                if host.process and host.process.poll() is not None:
                    self.fail(f"{what}: a node ended with {host.process.returncode}: {host.words()[-3000:]}")
            time.sleep(0.1)
        self.fail(f"not within {PATIENCE} s: {what}; cloud: {self.cloud.words()[-3000:]}")

    def write_document(self):
        made = self.cloud.run("keys", "new", "cloud", "--json")
        self.assertEqual(made.returncode, 0, made.stderr)
        port, desk = free_ports(2)
        pathlib.Path(self.cloud.file).write_text(DOCUMENT.format(models=ROOT / "models/scenes", port=port, desk=desk,
                                                                 key=json.loads(made.stdout)["public_key"]))

    def state_of(self, key):
        return [k["state"] for k in self.cloud.keys_json("list")["keys"] if k["public_key"] == key]

    def test_keys_are_files_of_their_owner_and_are_never_overwritten(self):
        os.umask(0)   # as careless as can be
        made = json.loads(self.cloud.run("keys", "new", "edge-1", "--json").stdout)
        self.assertEqual(len(made["public_key"]), 64)
        self.assertEqual(mode_of(made["file"]), 0o600)
        self.assertEqual(mode_of(os.path.dirname(made["file"])), 0o700)
        before = pathlib.Path(made["file"]).read_bytes()
        again = self.cloud.run("keys", "new", "edge-1")
        self.assertNotEqual(again.returncode, 0)
        self.assertEqual(pathlib.Path(made["file"]).read_bytes(), before)
        # A file that others could read is not used.
        self.write_document()
        self.cloud.keys("new", "--artefacts")
        os.chmod(os.path.join(self.cloud.state, "cloud/link.key"), 0o644)
        refused = self.cloud.run("run", "-c", self.cloud.file, "--node", "cloud")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("link.key", refused.stderr)
        self.assertEqual(self.cloud.run("keys", "new").returncode, 1)
        self.assertEqual(self.cloud.run("keys", "new", "no/name").returncode, 1)

    def test_the_list_takes_keys_and_never_takes_a_revoked_one_back(self):
        self.write_document()
        edge = self.host("edge")
        key = json.loads(edge.run("keys", "new", "edge-1", "--json").stdout)["public_key"]
        self.assertEqual(self.state_of(key), [])
        self.assertNotEqual(self.cloud.keys("enrol", "edge-9", key).returncode, 0, "no such node")
        self.assertNotEqual(self.cloud.keys("enrol", "edge-1", key[:-1]).returncode, 0)
        self.assertEqual(self.cloud.keys_json("enrol", "edge-1", key)["state"], "allowed")
        self.assertEqual(self.state_of(key), ["allowed"])
        entry = next(k for k in self.cloud.keys_json("list")["keys"] if k["public_key"] == key)
        self.assertEqual((entry["node"], entry["kind"]), ("edge-1", "node"))
        self.assertEqual(self.cloud.keys_json("revoke", key)["state"], "revoked")
        self.assertEqual(self.state_of(key), ["revoked"])
        self.assertNotEqual(self.cloud.keys("enrol", "edge-1", key).returncode, 0)
        self.assertEqual(self.state_of(key), ["revoked"])
        self.assertEqual(mode_of(os.path.join(self.cloud.state, "cloud/access.sqlite")), 0o600)
        # Artefact keys: one signs; after a rotation the new one does, and the old one goes by its id.
        self.cloud.keys_json("new", "--artefacts")
        first = self.cloud.keys_json("list")["artefact_keys"]
        rotated = self.cloud.keys_json("rotate", "--artefacts")["artefact_keys"]
        self.assertEqual(len(first), 1)
        self.assertEqual(len(rotated), 2)
        self.assertEqual([k["signs"] for k in rotated if k["id"] == first[0]["id"]], [False])
        self.cloud.keys_json("revoke", first[0]["id"])
        self.assertEqual(len(self.cloud.keys_json("list")["artefact_keys"]), 1)
        self.assertNotEqual(self.cloud.keys("revoke", rotated[1]["id"] if rotated[1]["signs"] else rotated[0]["id"]).returncode, 0,
                            "the one that signs stays")

    def test_a_running_cloud_and_keys_that_come_go_and_change(self):
        self.write_document()
        self.cloud.keys_json("new", "--artefacts")
        self.cloud.start("cloud")
        edges = {i: self.host(f"edge-{i}") for i in (1, 2)}

        # A device joins by a token: once, in its time, for its node.
        self.until("the desk is open", lambda: "node cloud runs" in self.cloud.words())
        tokens = {i: self.cloud.keys_json("token", f"edge-{i}")["token"] for i in (1, 2)}
        short = self.cloud.keys_json("token", "edge-1", "--for", "1s")["token"]
        stranger = self.host("stranger")
        wrong = stranger.keys("join", "edge-2", "--token", tokens[1])
        self.assertEqual(wrong.returncode, 1, wrong.stdout + wrong.stderr)
        key = {}
        for i, edge in edges.items():
            joined = edge.keys_json("join", f"edge-{i}", "--token", tokens[i])
            key[i] = joined["public_key"]
            self.assertEqual(self.state_of(key[i]), ["allowed"])
            for file in [os.path.join(edge.state, f"edge-{i}/link.key"), *joined["trusted_keys"]]:
                self.assertEqual(mode_of(file), 0o600, file)
            self.assertEqual(joined["trusted_keys_missing"], [])
        twice = stranger.keys("join", "edge-1", "--token", tokens[1])
        self.assertEqual(twice.returncode, 1)
        self.assertIn("refuses", twice.stderr)
        self.assertNotIn("too many", twice.stderr, "it is the token that is refused")
        time.sleep(1.1)   # the one second that the short token was good for
        late = stranger.keys("join", "edge-1", "--token", short)
        self.assertEqual(late.returncode, 1)
        self.assertIn("refuses", late.stderr)
        self.assertNotIn("too many", late.stderr)
        self.assertEqual(sorted(t["state"] for t in self.cloud.keys_json("list")["tokens"]), ["expired", "used", "used"])
        allowed = {k["public_key"] for k in self.cloud.keys_json("list")["keys"] if k["state"] == "allowed"}
        self.assertEqual(allowed, set(key.values()), "nobody else came in")

        # An operator elsewhere: a right key sees and changes, a wrong one and a revoked one do not.
        for i, edge in edges.items():
            edge.start(f"edge-{i}")
        ann, bob = self.host("ann"), self.host("bob")
        consoles = {h: json.loads(h.run("keys", "new", f"console-{n}", "--json").stdout)["public_key"]
                    for n, h in (("ann", ann), ("bob", bob))}
        self.cloud.keys_json("enrol", "console-ann", consoles[ann])

        def devices():
            done = ann.run("devices", "--json", "-c", ann.file)
            return {d["number"]: d for d in json.loads(done.stdout)["devices"]} if done.returncode == 0 else {}
        up = lambda *numbers: {n for n, d in devices().items() if not d["silent"]} == set(numbers)
        self.until("both devices report", lambda: up(1, 2))
        self.assertEqual(ann.run("status", "--json", "-c", ann.file).returncode, 0)
        seen = ann.run("top", "--once", "--json", "-c", ann.file)
        self.assertEqual(seen.returncode, 0, seen.stderr)
        json.loads(seen.stdout.splitlines()[0])
        self.assertEqual(ann.run("history", "--json", "-c", ann.file).returncode, 0)
        for command in (["status", "--json"], ["devices"], ["history"]):
            self.assertEqual(bob.run(*command, "-c", bob.file).returncode, 4, command)

        # Revoked while it runs: exactly that device is cut off, and its process stays alive to say so.
        self.cloud.keys_json("revoke", key[1])
        before = devices()[2]["answered"]
        self.until("edge-1 is silent and edge-2 is not", lambda: up(2))
        self.until("edge-2 goes on", lambda: devices()[2]["answered"] > before)
        self.assertIsNone(edges[1].process.poll())
        self.assertIsNone(edges[2].process.poll())
        edges[1].stop()

        # A new key for edge-2: both are good until the old one is revoked, and nobody is disconnected.
        # The desk lets one address ask five times at once, and then once in five seconds.
        asked = []
        self.until("the desk takes a question again", lambda: asked.append(edges[2].keys("rotate", "edge-2", "--json")) or
                   "too many" not in asked[-1].stderr)
        self.assertEqual(asked[-1].returncode, 0, asked[-1].stderr)
        rotated = json.loads(asked[-1].stdout)
        self.assertEqual(rotated["former_public_key"], key[2])
        self.assertEqual(self.state_of(rotated["public_key"]), ["allowed"])
        self.assertEqual(self.state_of(key[2]), ["allowed"])
        self.assertEqual(mode_of(os.path.join(edges[2].state, "edge-2/link.key")), 0o600)
        self.assertTrue(up(2), "with the old key still")
        edges[2].stop()
        edges[2].start("edge-2")
        self.cloud.keys_json("revoke", key[2])
        before = devices()[2]["answered"]
        self.until("edge-2 works with its new key", lambda: up(2) and devices()[2]["answered"] != before)

        # The operator's key too: gone within a second, while the device goes on.
        self.cloud.keys_json("revoke", consoles[ann])
        self.until("ann is shut out", lambda: ann.run("status", "--json", "-c", ann.file).returncode == 4)
        self.assertEqual(ann.run("top", "--once", "--json", "-c", ann.file).returncode, 4)
        self.assertIsNone(edges[2].process.poll())
        self.assertIsNone(self.cloud.process.poll())

    def test_the_artefact_key_is_rotated_while_the_fleet_takes_updates(self):
        self.write_document()
        first = next(k["id"] for k in self.cloud.keys_json("new", "--artefacts")["artefact_keys"])
        self.cloud.start("cloud")
        self.until("the desk is open", lambda: "node cloud runs" in self.cloud.words())
        edges = {i: self.host(f"edge-{i}") for i in (1, 2)}
        for i, edge in edges.items():
            edge.keys_json("join", f"edge-{i}", "--token", self.cloud.keys_json("token", f"edge-{i}")["token"])
            edge.start(f"edge-{i}")

        def shown():
            done = self.cloud.run("status", "--json", "-c", self.cloud.file)
            return json.loads(done.stdout) if done.returncode == 0 else {"roles": []}

        def figure(role, name):
            return next((r["stats"].get(name) for r in shown()["roles"] if f"{r['node']}/{r['role']}" == role), None)

        def version(i):
            return figure(f"edge-{i}/device", "version") or 0
        self.until("both devices took updates", lambda: version(1) > 0 and version(2) > 0)

        # One device sleeps through all of it.
        edges[2].stop()
        edges[2].process = None
        asleep = version(2)
        second = next(k["id"] for k in self.cloud.keys_json("rotate", "--artefacts")["artefact_keys"] if k["signs"])
        self.assertNotEqual(first, second)
        before = version(1)
        self.until("edge-1 takes updates signed by the new key", lambda: version(1) > before + 1)
        third = next(k["id"] for k in self.cloud.keys_json("rotate", "--artefacts")["artefact_keys"] if k["signs"])
        before = version(1)
        self.until("edge-1 follows the second rotation", lambda: version(1) > before + 1)
        for old in (first, second):
            self.cloud.keys_json("revoke", old)
        self.assertEqual([k["id"] for k in self.cloud.keys_json("list")["artefact_keys"]], [third])
        before = version(1)
        self.until("edge-1 takes updates while only the newest key is good", lambda: version(1) > before + 1)

        # Woken, it follows the chain of lists from the one that it knew, and then takes what only the newest key signs.
        edges[2].start("edge-2")
        self.until("edge-2 takes updates again", lambda: version(2) > max(asleep, before))
        self.until("nobody is behind in trust", lambda: figure("cloud/deployer", "behind_in_trust") == 0)
        self.assertIsNone(edges[1].process.poll())


if __name__ == "__main__":
    unittest.main(verbosity=2)
