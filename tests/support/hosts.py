"""Hosts as network namespaces for tests of whole daemons: a cloud and its edges, each a node of its own with its own
state folder and keys, over CURVE. Needs root and `ip`; skips where they are not there. Takes away what it made."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import daemon_books
import shaped_line

PATIENCE_S = 120
SKIPPED = 77
CLOUD_ADDRESS = "10.77.0.1"

def ip(*arguments, check=True):
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)


def wait_for(what, condition, patience_s=PATIENCE_S):
    return daemon_books.wait_for(what, condition, patience_s)


class Host:
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

    def start(self, topology):
        log = open(self.folder / "log", "a")
        # `ip netns exec` becomes the program: the process is the node itself.
        self.process = subprocess.Popen(self.command("run", "-c", str(topology), "--node", self.node, "--state", str(self.state)),
                                        stdout=log, stderr=log)

    def words(self):
        return (self.folder / "log").read_text(errors="replace")

    def activations(self):
        return self.words().count("is active")

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=60)


def key_in(text):
    return next(w.strip('"') for w in text.replace("=", " ").split() if len(w.strip('"')) == 64)


class Hosts:
    """`with Hosts(freshet, models, ["edge"]) as net:` gives namespaces and keys; lines are laid by lay_cable() or
    lay_lines(), then start() starts everything. Raises Unavailable where it cannot."""

    class Unavailable(Exception):
        pass

    def __init__(self, freshet, models, edges):
        self.freshet, self.models = (str(pathlib.Path(p).resolve()) for p in (freshet, models))
        self.tag = f"fr{os.getpid() % 100000}"
        self.names = ["cloud", *edges]
        self.lines = {}
        self.hosts = {}
        self.folder = None

    def __enter__(self):
        if os.geteuid() != 0 or shutil.which("ip") is None:
            raise Hosts.Unavailable("needs root and ip")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="freshet-networks-"))
        for number, node in enumerate(self.names):
            namespace = f"{self.tag}n{number}"
            if ip("netns", "add", namespace, check=False).returncode != 0:
                self.__exit__(None, None, None)
                raise Hosts.Unavailable("no network namespaces here")
            ip("-n", namespace, "link", "set", "lo", "up")
            (self.folder / node).mkdir()
            self.hosts[node] = Host(self.freshet, namespace, node, self.folder / node)
        return self

    def __exit__(self, kind, *_):
        if kind is not None and kind is not Hosts.Unavailable:
            for h in self.hosts.values():
                if (h.folder / "log").exists():
                    print(f"--- {h.node}", *h.words().splitlines()[-25:], sep="\n", file=sys.stderr)
        for h in self.hosts.values():
            if h.process and h.process.poll() is None:
                h.process.kill()
                h.process.wait()
        for line in self.lines.values():
            line.stop()
        for h in self.hosts.values():
            ip("netns", "del", h.namespace, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def cloud(self):
        return self.hosts["cloud"]

    def edges(self):
        return [self.hosts[name] for name in self.names[1:]]

    def lay_cable(self, edge):
        """A virtual cable of the kernel; its ends are called cable and cloud_cable."""
        edge.cloud_cable, edge.cable = f"{self.tag}a", f"{self.tag}b"
        made = ip("link", "add", edge.cloud_cable, "netns", self.cloud.namespace, "type", "veth", "peer", "name", edge.cable,
                  "netns", edge.namespace, check=False)
        if made.returncode != 0:
            raise Hosts.Unavailable("no virtual cables here")
        for h, cable, address in ((self.cloud, edge.cloud_cable, f"{CLOUD_ADDRESS}/24"), (edge, edge.cable, "10.77.0.2/24")):
            ip("-n", h.namespace, "address", "add", address, "dev", cable)
            ip("-n", h.namespace, "link", "set", cable, "up")

    def lay_lines(self):
        """A shaped line from the cloud to each edge, of any weather; at first a perfect one."""
        ip("-n", self.cloud.namespace, "address", "add", f"{CLOUD_ADDRESS}/32", "dev", "lo")
        for number, edge in enumerate(self.edges(), 1):
            ends = (f"{self.tag}c{number}", f"{self.tag}e{number}")
            try:
                self.lines[edge.node] = shaped_line.ShapedLine(*ends, seed=number)
            except OSError as e:
                raise Hosts.Unavailable(str(e)) from None
            ours, theirs = f"10.77.{number}.1", f"10.77.{number}.2"
            for h, end, address, peer in ((self.cloud, ends[0], ours, theirs), (edge, ends[1], theirs, ours)):
                ip("link", "set", end, "netns", h.namespace)
                ip("-n", h.namespace, "address", "add", address, "peer", peer, "dev", end)
                ip("-n", h.namespace, "link", "set", end, "up")
            ip("-n", edge.namespace, "route", "add", f"{CLOUD_ADDRESS}/32", "dev", ends[1])

    def start(self, **settings):
        """Keys for everyone, a document, and all nodes."""
        cloud = self.cloud
        self.document = self.folder / "topology.toml"
        listen = f'listen = ["tcp://{CLOUD_ADDRESS}:5555", "ipc://cloud.sock"]\npublic_key = "{key_in(cloud.call("keys", "new", "cloud"))}"'
        self.document.write_text(daemon_books.document(self.models, self.names[1:], listen=listen, **settings))
        cloud.call("keys", "new", "--artefacts", "-c", str(self.document))
        trusted_keys = cloud.call("keys", "list", "--artefacts", "-c", str(self.document))
        for edge in self.edges():
            cloud.call("keys", "enrol", edge.node, key_in(edge.call("keys", "new", edge.node)), "-c", str(self.document))
            trusted = edge.state / edge.node / "device"
            trusted.mkdir(parents=True, mode=0o700)
            (trusted / "trusted_keys").touch(mode=0o600)
            (trusted / "trusted_keys").write_text(trusted_keys)
        cloud.start(self.document)
        for edge in self.edges():
            edge.start(self.document)

    def goes_on(self, what, patience_s=PATIENCE_S):
        """Training goes on, and every edge gets updates, from now on."""
        before, versions = {e: e.activations() for e in self.edges()}, newest_version(self.cloud.state)
        wait_for(f"training goes on after: {what}", lambda: newest_version(self.cloud.state) > versions, patience_s)
        wait_for(f"updates arrive after: {what}", lambda: all(e.activations() > n for e, n in before.items()), patience_s)
        print(f"goes on after: {what}", flush=True)

    def stop(self):
        for h in reversed(list(self.hosts.values())):
            h.stop()

    def check_books(self, least):
        accepted, trained, waiting = daemon_books.books(self.cloud.state)
        print(f"accepted {accepted}, trained {trained}, still waiting {waiting}", flush=True)
        assert accepted > least and accepted == trained + waiting, "samples lost, or trained twice"


newest_version = daemon_books.newest_version
