#!/usr/bin/env python3
"""A daemon whose disk fills to the last byte while it works, and then turns read-only: devices answer on, what is
wrong is said, and everything goes on by itself once there is room again. At the end every sample that the
cloud accepted is trained once or still waits.

  bad_disk.py FRESHET

The disk is a file system in memory of its own (256 MB), mounted in a mount namespace of this test. Needs root and `unshare`
(else exit status 77: skipped)."""

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

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77
PATIENCE_S = 180
DISK_MB = 256


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


class Daemon:
    def __init__(self, freshet, disk, folder):
        self.state, self.log = disk / "state", folder / "log"
        # The socket lies elsewhere: it is no file that a disk could be too full for.
        settings = folder / "settings.toml"
        service = f'[service]\nlisten = "unix://{folder}/http.sock"'
        settings.write_text(daemon_books.document(ROOT / "models/scenes", ["edge-1", "edge-2"], pace=10.0, refresh_samples=16, more=service))
        self.http = str(folder / "http.sock")
        self.command = [freshet, "run", "-c", str(settings), "--state", str(self.state), "--log", "stderr"]

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def total(self, name):
        try:
            return sum(v for n, v in daemon_books.metrics(self.http).items() if n.split("{")[0] == name)
        except (OSError, IndexError, ValueError):
            return 0.0

    def words(self):
        return self.log.read_text(errors="replace")

    def updates(self):
        return self.words().count("is active")

    def ready(self):
        try:
            return daemon_books.page(self.http, "/readyz")[0] == 200
        except OSError:
            return False

    def answers_on(self, what):
        before = self.total("freshet_device_answers_total")
        daemon_books.wait_for(f"devices answer: {what}", lambda: self.total("freshet_device_answers_total") > before + 20, PATIENCE_S)

    def goes_on(self, what):
        updates = self.updates()
        daemon_books.wait_for(f"updates arrive: {what}", lambda: self.updates() > updates + 1, PATIENCE_S)
        daemon_books.wait_for(f"ready: {what}", self.ready, PATIENCE_S)
        print(f"goes on: {what}", flush=True)

    def says(self, since, *texts):
        daemon_books.wait_for(f"it says one of {texts}", lambda: any(t in self.words()[since:] for t in texts), PATIENCE_S)


def fill(path):
    """Writes until the disk is full, to the last byte."""
    with open(path, "wb", buffering=0) as f:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    f.write(b"x" * size)
            except OSError:
                pass


def run(freshet, folder):
    disk = folder / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", f"size={DISK_MB}m", "freshet-test", str(disk))
    daemon = Daemon(freshet, disk, folder)
    ok = False
    try:
        daemon.start()
        daemon.goes_on("a good disk")

        said = len(daemon.words())
        fill(disk / "filler")
        daemon.says(said, "No space left", "database or disk is full", "disk is full")
        daemon_books.wait_for("not ready on a full disk", lambda: not daemon.ready(), PATIENCE_S)
        daemon.answers_on("a full disk")
        assert daemon.process.poll() is None
        print("a full disk is said, not ready, and devices answer on", flush=True)
        time.sleep(1.5)
        (disk / "filler").unlink()
        daemon.goes_on("room again, and nobody did anything")

        # What is opened from now on is read-only; what is open (the databases) stays writable, as nothing short of a
        # broken disk would change that.
        said = len(daemon.words())
        mount("--bind", str(daemon.state), str(daemon.state))
        mount("-o", "remount,bind,ro", str(daemon.state))
        daemon.says(said, "Read-only file system")
        daemon.answers_on("a read-only disk")
        time.sleep(1.5)
        assert daemon.process.poll() is None
        subprocess.run(["umount", str(daemon.state)], check=True)
        daemon.goes_on("writable again")

        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(timeout=60) == 0, "the daemon did not stop in order"
        # And a start where nothing can be written at all: an error with the reason, and no life.
        said = len(daemon.words())
        mount("-o", "remount,ro", str(disk))
        daemon.start()
        assert daemon.process.wait(timeout=60) != 0
        assert "Read-only file system" in daemon.words()[said:], daemon.words()[said:]
        mount("-o", "remount,rw", str(disk))
        daemon.start()
        daemon.goes_on("a start after that")
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(timeout=60) == 0, "the daemon did not stop in order"
        accepted, trained, waiting = daemon_books.books(daemon.state)
        print(f"accepted {accepted}, trained {trained}, still waiting {waiting}")
        assert accepted > 50 and accepted == trained + waiting, "samples lost, or trained twice"
        ok = True
        return 0
    finally:
        if daemon.process.poll() is None:
            daemon.process.send_signal(signal.SIGTERM)
            daemon.process.wait(timeout=60)
        if not ok:
            print("\n".join(daemon.words().splitlines()[-40:]), file=sys.stderr)


def main():
    freshet = str(pathlib.Path(sys.argv[1]).resolve())
    if len(sys.argv) == 3:
        return run(freshet, pathlib.Path(sys.argv[2]))
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        print("skipped: needs root and mount namespaces")
        return SKIPPED
    folder = tempfile.mkdtemp(prefix="freshet-disk-")
    try:
        # In a namespace of its own: its mounts go with it, whatever happens.
        return subprocess.run(["unshare", "--mount", "--propagation", "private", sys.executable, "-B", __file__, freshet, folder]).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
