#!/usr/bin/env python3
"""Changes a running daemon's topology again and again while its devices send, then stops it and counts: what
intake accepted is trained into the student once, or still waits in the journal; nothing else.

  changes_under_load.py FRESHET MODELS [--keep DIR]

Talks to its own daemon only, over sockets in a folder of its own, and ends only that."""

import argparse
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

PATIENCE_S = 240


def wait_for(what, condition):
    return daemon_books.wait_for(what, condition, PATIENCE_S)


def document(models, devices, teachers=("cloud",), token_share=1.0, score="min_entropy", codec="dwc", logit_kd=1.0,
             filters=1, replicas=1, refresh=32, budget="450B"):
    """A topology of one cloud node, teachers where they are wanted, and devices on one edge node."""
    lines = [
        "[device]", f'model = "{models}/student"', "samples_per_second = 40.0", "twin = false",
        "source.samples_per_phase = 200",
        "[teacher]", f'model = "{models}/teacher"',
        "[distiller]", f'student = "{models}/student"', f"refresh_samples = {refresh}", "steps_per_refresh = 2", "batch = 8",
        "[distiller.terms]", f"logit_kd = {logit_kd}", "confidence_floor = 0.0",
        "[compressor]", f'codec = "{codec}"',
        "[uplink_filter]", f"token_share = {token_share}", f'scores = ["{score}"]', f'budget_bytes_per_sample = "{budget}"',
        "[[nodes]]", 'name = "cloud"', 'listen = ["ipc://cloud.sock"]',
    ]
    for kind in ("intake", "distiller", "compressor", "deployer", "stats"):
        lines += ["[[roles]]", f'kind = "{kind}"', 'node = "cloud"']
    for node in teachers:
        if node != "cloud":
            lines += ["[[nodes]]", f'name = "{node}"']
        lines += ["[[roles]]", 'kind = "teacher"', f'node = "{node}"', f"replicas = {replicas}"]
    lines += ["[[nodes]]", 'name = "edge"']
    for d in range(1, devices + 1):
        lines += ["[[roles]]", 'kind = "device"', 'node = "edge"', f'name = "device-{d}"', f"device_id = {d}"]
    for f in range(1, filters + 1):
        lines += ["[[roles]]", 'kind = "uplink_filter"', 'node = "edge"', f'name = "filter-{f}"']
    return "\n".join(lines) + "\n"


class daemon:
    def __init__(self, freshet, folder):
        self.freshet = freshet
        self.folder = folder
        self.state = folder / "state"
        self.count = 0
        self.process = None

    def write(self, text):
        self.count += 1
        path = self.folder / f"topology-{self.count}.toml"
        path.write_text(text)
        return str(path)

    def start(self, text):
        self.file = self.write(text)
        self.log = open(self.folder / "daemon.log", "a")
        self.process = subprocess.Popen([self.freshet, "run", "-c", self.file, "--state", str(self.state)],
                                        stdout=self.log, stderr=self.log)

    def call(self, *arguments):
        done = subprocess.run([self.freshet, *arguments, "--state", str(self.state)], capture_output=True, text=True,
                              timeout=PATIENCE_S)
        return done.returncode, done.stdout, done.stderr

    def apply(self, text, expected=0):
        status, said, told = self.call("apply", self.write(text))
        if status != expected:
            raise SystemExit(f"apply ended with {status}, not {expected}:\n{said}{told}")
        return said + told

    def figures(self):
        status, said, _ = self.call("status", "--json")
        return json.loads(said) if status == 0 else None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def nodes(self):
        """Process ids of this daemon's nodes: its own children."""
        out = {}
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in children:
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"--node" in command:
                out[command[command.index(b"--node") + 1].decode()] = int(pid)
        return out


def trained(figures):
    """Samples that the distiller has taken into training, in all its lives."""
    return find(figures, "trained_samples") or 0


def find(value, key):
    if isinstance(value, dict):
        if key in value and isinstance(value[key], (int, float)):
            return value[key]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            found = find(item, key)
            if found is not None:
                return found
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("freshet")
    parser.add_argument("models")
    parser.add_argument("--keep")
    options = parser.parse_args()
    folder = pathlib.Path(options.keep or tempfile.mkdtemp(prefix="freshet-changes-"))
    folder.mkdir(parents=True, exist_ok=True)
    models = str(pathlib.Path(options.models).resolve())
    d = daemon(str(pathlib.Path(options.freshet).resolve()), folder)
    base = dict(devices=2)
    try:
        d.start(document(models, **base))
        wait_for("a first version", lambda: trained(d.figures() or {}) > 0)

        steps = [
            ("a device more", dict(base, devices=3, filters=1)),
            ("a filter for each", dict(base, devices=3, filters=3)),
            ("a device less", dict(base, devices=2, filters=1)),
            ("three teachers", dict(base, replicas=3)),
            ("one teacher", dict(base)),
            ("the teacher in a process of its own", dict(base, teachers=("lab",))),
            ("another score", dict(base, teachers=("lab",), score="entropy")),
            ("other terms of the loss", dict(base, teachers=("lab",), score="entropy", logit_kd=0.5)),
            ("another codec", dict(base, teachers=("lab",), score="entropy", logit_kd=0.5, codec="dense4")),
            ("other budgets", dict(base, teachers=("lab",), token_share=0.5, budget="200B", refresh=48)),
            ("back to the beginning", dict(base)),
        ]
        for what, change in steps:
            before = trained(d.figures() or {})
            d.apply(document(models, **change))
            wait_for(f"training goes on after: {what}", lambda: trained(d.figures() or {}) > before)
            print(f"applied: {what}", flush=True)

        said = d.apply(document(models, **base).replace('"stats"', '"statz"'), expected=3)
        assert "did you mean stats?" in said, said
        print("refused: a bad file, with what is wrong", flush=True)

        # A node that dies in the middle: fully applied or fully reverted.
        for victim in ("edge", "cloud"):
            asked = subprocess.Popen([d.freshet, "apply", d.write(document(models, **dict(base, token_share=0.9 if victim == "edge" else 0.8,
                                                                                     replicas=2))),
                                      "--state", str(d.state)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            time.sleep(0.5)
            os.kill(d.nodes()[victim], signal.SIGKILL)
            asked.communicate(timeout=PATIENCE_S)
            def ended():
                status, said, _ = d.call("history", "--json")
                if status != 0:
                    return None
                last = json.loads(said)["revisions"][0]
                return last["state"] if last["state"] in ("applied", "reverted") else None
            print(f"{victim} killed in the middle: {wait_for('the change ends', ended)}", flush=True)
            before = trained(d.figures() or {})
            wait_for("training goes on", lambda: trained(d.figures() or {}) > before)

        status = d.stop()
        assert status == 0, f"the daemon ended with {status}"
        accepted, learned, waiting = daemon_books.books(d.state)
        print(f"accepted {accepted}, trained {learned}, still waiting {waiting}")
        assert accepted > 500, "too little load to say anything"
        assert accepted == learned + waiting, f"{accepted - learned - waiting} samples lost (or, if negative, trained twice)"
    except BaseException:
        sys.stdout.flush()
        for log in sorted(folder.glob("state/*/log")) + [folder / "daemon.log"]:
            if log.exists():
                print(f"--- {log}", *log.read_text(errors="replace").splitlines()[-25:], sep="\n", file=sys.stderr)
        raise
    finally:
        if d.process and d.process.poll() is None:
            d.process.kill()
            d.process.wait()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
