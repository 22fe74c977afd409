#!/usr/bin/env python3
"""Two hosts as network namespaces with a cable between them: a cloud and an edge node over CURVE. The cable is
pulled for a while, the edge gets another address, its process is killed; after each the loop goes on, and at the
end every sample that the cloud accepted is trained once or still waits.

  partition_test.py FRESHET MODELS

Needs root and `ip` (else exit status 77: skipped). Uses namespaces, addresses and processes of its own only, and
takes them away again."""

import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import daemon_books  # noqa: E402: the folder of support stands in no package

PATIENCE_S = 120
SKIPPED = 77
TAG = f"fr{os.getpid() % 100000}"
CLOUD, EDGE = f"{TAG}c", f"{TAG}e"

DOCUMENT = """
[device]
model = "{models}/student"
samples_per_second = 20.0
twin = false
[teacher]
model = "{models}/teacher"
[distiller]
student = "{models}/student"
refresh_samples = 32
steps_per_refresh = 2
[distiller.terms]
confidence_floor = 0.0
[[nodes]]
name = "cloud"
listen = ["tcp://10.77.0.1:5555", "ipc://cloud.sock"]
public_key = "{key}"
[[roles]]
kind = "intake"
node = "cloud"
[[roles]]
kind = "teacher"
node = "cloud"
[[roles]]
kind = "distiller"
node = "cloud"
[[roles]]
kind = "compressor"
node = "cloud"
[[roles]]
kind = "deployer"
node = "cloud"
[[roles]]
kind = "stats"
node = "cloud"
[[nodes]]
name = "edge"
[[roles]]
kind = "device"
node = "edge"
device_id = 1
[[roles]]
kind = "uplink_filter"
node = "edge"
"""


def ip(*arguments, check=True):
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)


def wait_for(what, condition):
    return daemon_books.wait_for(what, condition, PATIENCE_S)


class host:
    """One namespace with a daemon's node in it."""

    def __init__(self, freshet, namespace, node, folder):
        self.freshet, self.namespace, self.node, self.folder = freshet, namespace, node, folder
        self.state = folder / "state"
        self.process = None

    def command(self, *arguments):
        return ["ip", "netns", "exec", self.namespace, self.freshet, *arguments]

    def call(self, *arguments):
        done = subprocess.run(self.command(*arguments, "--state", str(self.state)), capture_output=True, text=True, timeout=PATIENCE_S)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, document):
        log = open(self.folder / "log", "a")
        # `ip netns exec` becomes the program: the process is the node itself.
        self.process = subprocess.Popen(self.command("run", "-c", str(document), "--node", self.node, "--state", str(self.state)),
                                        stdout=log, stderr=log)

    def words(self):
        return (self.folder / "log").read_text(errors="replace")

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=60)


def newest_version(state):
    try:
        db = sqlite3.connect(f"file:{state}/cloud/distiller/distiller.db?mode=ro", uri=True)
        return db.execute("select max(file) from head").fetchone()[0] or 0
    except sqlite3.Error:
        return 0


def main():
    if os.geteuid() != 0 or shutil.which("ip") is None or ip("netns", "add", CLOUD, check=False).returncode != 0:
        print("skipped: needs root, ip, and network namespaces")
        return SKIPPED
    freshet, models = (str(pathlib.Path(p).resolve()) for p in sys.argv[1:3])
    folder = pathlib.Path(tempfile.mkdtemp(prefix="freshet-networks-"))
    hosts = []
    try:
        ip("netns", "add", EDGE)
        if ip("link", "add", f"{TAG}a", "netns", CLOUD, "type", "veth", "peer", "name", f"{TAG}b", "netns", EDGE, check=False).returncode != 0:
            print("skipped: no virtual cables here")
            return SKIPPED
        for namespace, cable, address in ((CLOUD, f"{TAG}a", "10.77.0.1/24"), (EDGE, f"{TAG}b", "10.77.0.2/24")):
            ip("-n", namespace, "address", "add", address, "dev", cable)
            ip("-n", namespace, "link", "set", cable, "up")
            ip("-n", namespace, "link", "set", "lo", "up")
        for namespace, node in ((CLOUD, "cloud"), (EDGE, "edge")):
            (folder / node).mkdir()
            hosts.append(host(freshet, namespace, node, folder / node))
        cloud, edge = hosts
        key_of = lambda text: next(w.strip('"') for w in text.replace("=", " ").split() if len(w.strip('"')) == 64)
        document = folder / "topology.toml"
        document.write_text(DOCUMENT.format(models=models, key=key_of(cloud.call("keys", "new", "cloud"))))
        edge_key = key_of(edge.call("keys", "new", "edge"))
        cloud.call("keys", "enrol", "edge", edge_key, "-c", str(document))
        cloud.call("keys", "new", "--artefacts", "-c", str(document))
        trusted = edge.state / "edge" / "device"
        trusted.mkdir(parents=True, mode=0o700)
        (trusted / "trusted_keys").touch(mode=0o600)
        (trusted / "trusted_keys").write_text(cloud.call("keys", "list", "--artefacts", "-c", str(document)))

        cloud.start(document)
        edge.start(document)
        device_version = lambda: edge.words().count("is active")
        wait_for("a first update on the device", lambda: device_version() > 0)
        print("over CURVE between two hosts: updates arrive", flush=True)

        def goes_on(what):
            before, versions = device_version(), newest_version(cloud.state)
            wait_for(f"training goes on after: {what}", lambda: newest_version(cloud.state) > versions)
            wait_for(f"updates arrive after: {what}", lambda: device_version() > before)
            print(f"goes on after: {what}", flush=True)

        for seconds in (1, 12):
            ip("-n", EDGE, "link", "set", f"{TAG}b", "down")
            time.sleep(seconds)
            ip("-n", EDGE, "link", "set", f"{TAG}b", "up")
            goes_on(f"{seconds} s without a cable")
        narrow = ["tbf", "rate", "256kbit", "burst", "16kb", "latency", "400ms"]
        lines = [["ip", "netns", "exec", n, "tc", "qdisc", "replace", "dev", c, "root", *narrow]
                 for n, c in ((CLOUD, f"{TAG}a"), (EDGE, f"{TAG}b"))]
        if shutil.which("tc") and all(subprocess.run(line, capture_output=True).returncode == 0 for line in lines):
            goes_on("a line of 256 kbit/s, both ways")
        else:
            print("left out: a narrow line (tc or its tbf is not there)", flush=True)
        ip("-n", EDGE, "address", "del", "10.77.0.2/24", "dev", f"{TAG}b")
        ip("-n", EDGE, "address", "add", "10.77.0.9/24", "dev", f"{TAG}b")
        goes_on("another address, the old connection half open")
        edge.stop(signal.SIGKILL)
        edge.start(document)
        goes_on("the edge killed")
        cloud.stop(signal.SIGKILL)
        cloud.start(document)
        goes_on("the cloud killed")

        edge.stop()
        cloud.stop()
        accepted, trained, waiting = daemon_books.books(cloud.state)
        print(f"accepted {accepted}, trained {trained}, still waiting {waiting}")
        assert accepted > 100 and accepted == trained + waiting, "samples lost, or trained twice"
        return 0
    except BaseException:
        for h in hosts:
            if (h.folder / "log").exists():
                print(f"--- {h.node}", *h.words().splitlines()[-25:], sep="\n", file=sys.stderr)
        raise
    finally:
        for h in hosts:
            if h.process and h.process.poll() is None:
                h.process.kill()
                h.process.wait()
        for namespace in (EDGE, CLOUD):
            ip("netns", "del", namespace, check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
