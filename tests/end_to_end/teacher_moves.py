#!/usr/bin/env python3
"""Three hosts as network namespaces: a cloud, an edge and a lab, over CURVE. While the edge sends, `freshet apply` moves
the teacher from the cloud to the lab, and back; in the middle of a third move the lab's cable is pulled, and the change
is taken back as a whole. Then every sample that the cloud accepted is trained once or still waits.

  teacher_moves.py FRESHET MODELS

Needs root and `ip` (else exit status 77: skipped). Uses namespaces, addresses and processes of its own only, and
takes them away again."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import daemon_books  # noqa: E402: the folder of support stands in no package

PATIENCE_S = 180
SKIPPED = 77
TAG = f"fm{os.getpid() % 100000}"
PLACES = {"edge": "10.91.1", "lab": "10.91.2"}   # the cloud is .1 in each, the other .2
CLOUD_ADDRESS = "10.91.1.1"


def document(models, key, teacher):
    lines = ["[changes]", 'prepare_within = "30s"', 'settle = "1s"',
             "[device]", f'model = "{models}/student"', "samples_per_second = 20.0", "twin = false",
             "[teacher]", f'model = "{models}/teacher"',
             "[distiller]", f'student = "{models}/student"', "refresh_samples = 32", "steps_per_refresh = 2",
             "[distiller.terms]", "confidence_floor = 0.0",
             "[[nodes]]", 'name = "cloud"', f'listen = ["tcp://{CLOUD_ADDRESS}:5555", "ipc://cloud.sock"]', f'public_key = "{key}"',
             "[[nodes]]", 'name = "edge"']
    if teacher == "lab":
        lines += ["[[nodes]]", 'name = "lab"']
    for kind, node in [("teacher", teacher), ("device", "edge"), ("uplink_filter", "edge")] + [
            (kind, "cloud") for kind in ("intake", "distiller", "compressor", "deployer", "stats")]:
        lines += ["[[roles]]", f'kind = "{kind}"', f'node = "{node}"'] + (["device_id = 1"] if kind == "device" else [])
    return "\n".join(lines) + "\n"


def ip(*arguments, check=True):
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)


def wait_for(what, condition):
    return daemon_books.wait_for(what, condition, PATIENCE_S)


class host:
    """One namespace with a daemon's node in it."""

    def __init__(self, freshet, node, folder):
        self.freshet, self.node, self.folder = freshet, node, folder / node
        self.namespace = f"{TAG}{node}"
        self.state = self.folder / "state"
        self.process = None
        self.folder.mkdir()

    def command(self, *arguments):
        return ["ip", "netns", "exec", self.namespace, self.freshet, *map(str, arguments), "--state", str(self.state)]

    def ask(self, *arguments):
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=PATIENCE_S)

    def call(self, *arguments):
        done = self.ask(*arguments)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, arguments))}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, file):
        log = open(self.folder / "log", "a")
        # `ip netns exec` becomes the program: the process is the node itself.
        self.process = subprocess.Popen(self.command("run", "-c", file, "--node", self.node), stdout=log, stderr=log)

    def words(self):
        return (self.folder / "log").read_text(errors="replace") if (self.folder / "log").exists() else ""

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)


def main():
    if os.geteuid() != 0 or shutil.which("ip") is None or ip("netns", "add", f"{TAG}cloud", check=False).returncode != 0:
        print("skipped: needs root, ip, and network namespaces")
        return SKIPPED
    freshet, models = (str(pathlib.Path(p).resolve()) for p in sys.argv[1:3])
    folder = pathlib.Path(tempfile.mkdtemp(prefix="freshet-moves-"))
    hosts = []
    try:
        cloud = host(freshet, "cloud", folder)
        edge, lab = host(freshet, "edge", folder), host(freshet, "lab", folder)
        hosts += [cloud, edge, lab]
        ip("-n", cloud.namespace, "link", "set", "lo", "up")
        for h in (edge, lab):
            ip("netns", "add", h.namespace)
            ours, theirs = f"{TAG}{h.node[0]}0", f"{TAG}{h.node[0]}1"
            if ip("link", "add", ours, "netns", cloud.namespace, "type", "veth", "peer", "name", theirs, "netns", h.namespace,
                  check=False).returncode != 0:
                print("skipped: no virtual cables here")
                return SKIPPED
            for namespace, cable, address in ((cloud.namespace, ours, ".1/24"), (h.namespace, theirs, ".2/24")):
                ip("-n", namespace, "address", "add", PLACES[h.node] + address, "dev", cable)
                ip("-n", namespace, "link", "set", cable, "up")
            ip("-n", h.namespace, "link", "set", "lo", "up")
            ip("-n", h.namespace, "route", "replace", "default", "via", PLACES[h.node] + ".1")

        made = lambda h: json.loads(h.call("keys", "new", h.node, "--json"))["public_key"]
        key = made(cloud)
        here, away = folder / "here.toml", folder / "away.toml"
        here.write_text(document(models, key, "cloud"))
        away.write_text(document(models, key, "lab"))
        for h in (edge, lab):
            cloud.call("keys", "enrol", h.node, made(h), "-c", away)
        cloud.call("keys", "new", "--artefacts", "-c", here)
        trusted = edge.state / "edge" / "device"
        trusted.mkdir(parents=True, mode=0o700)
        (trusted / "trusted_keys").touch(mode=0o600)
        (trusted / "trusted_keys").write_text(cloud.call("keys", "list", "--artefacts", "-c", here))
        cloud.start(here)
        edge.start(here)

        def role(name):
            done = cloud.ask("status", "--json")
            roles = json.loads(done.stdout)["roles"] if done.returncode == 0 else []
            return next((r for r in roles if r["role"] == name and not r.get("silent")), None)
        version = lambda: (role("distiller") or {"stats": {}})["stats"].get("version", 0)
        updates = lambda: edge.words().count("is active")
        wait_for("a first update on the device", lambda: updates() > 0)

        def goes_on(what, node):
            wait_for(f"the teacher works in the {node}", lambda: (role("teacher") or {}).get("node") == node)
            before, seen = version(), updates()
            wait_for(f"training goes on: {what}", lambda: version() > before)
            wait_for(f"updates arrive: {what}", lambda: updates() > seen)
            print(f"goes on: {what}", flush=True)

        lab.start(away)
        print(cloud.call("apply", away).strip().splitlines()[-1], flush=True)
        goes_on("the teacher has moved to the lab", "lab")
        print(cloud.call("apply", here).strip().splitlines()[-1], flush=True)
        lab.stop()
        goes_on("the teacher is back in the cloud", "cloud")

        # Nobody is in the lab: the change waits for it, and is taken back as a whole.
        lab.start(away)
        ip("-n", lab.namespace, "link", "set", f"{TAG}l1", "down")
        failed = cloud.ask("apply", away)
        assert failed.returncode == 7, f"{failed.returncode} {failed.stdout}{failed.stderr}"
        assert "lab" in failed.stderr, failed.stderr
        print("taken back:", failed.stderr.strip().splitlines()[-1], flush=True)
        goes_on("the move was taken back", "cloud")
        ip("-n", lab.namespace, "link", "set", f"{TAG}l1", "up")
        ip("-n", lab.namespace, "route", "replace", "default", "via", PLACES["lab"] + ".1")
        print(cloud.call("apply", away).strip().splitlines()[-1], flush=True)
        goes_on("with its cable again, the lab teaches", "lab")

        for h in (edge, lab, cloud):
            h.stop()
        accepted, trained, waiting = daemon_books.books(cloud.state)
        print(f"accepted {accepted}, trained {trained}, still waiting {waiting}")
        assert accepted > 100 and accepted == trained + waiting, "samples lost, or trained twice"
        return 0
    except BaseException:
        for h in hosts:
            print(f"--- {h.node}", *h.words().splitlines()[-25:], sep="\n", file=sys.stderr)
        raise
    finally:
        for h in hosts:
            if h.process and h.process.poll() is None:
                h.process.kill()
                h.process.wait()
        for name in ("edge", "lab", "cloud"):
            ip("netns", "del", f"{TAG}{name}", check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
