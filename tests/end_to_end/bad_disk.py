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
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import daemon_books  # noqa: E402: the folder of support stands in no package
from one_daemon import PATIENCE_S, Daemon, run  # noqa: E402

SKIPPED = 77
DISK_MB = 256


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def fill(path):
    """Writes until the disk is full, to the last byte."""
    with open(path, "wb", buffering=0) as f:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    f.write(b"x" * size)
            except OSError:
                pass


def story(disk):
    def told(daemon):
        daemon.start()
        daemon.goes_on("a good disk")

        said = len(daemon.words())
        fill(disk / "filler")
        daemon.says(said, "No space left", "database or disk is full", "disk is full")
        daemon_books.wait_for("not ready on a full disk", lambda: not daemon.ready(), PATIENCE_S)
        daemon.answers_on("a full disk")
        assert daemon.running()
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
        assert daemon.running()
        subprocess.run(["umount", str(daemon.state)], check=True)
        daemon.goes_on("writable again")
        daemon.stop()

        # And a start where nothing can be written at all: an error with the reason, and no life.
        said = len(daemon.words())
        mount("-o", "remount,ro", str(disk))
        daemon.start()
        assert daemon.process.wait(timeout=60) != 0
        assert "Read-only file system" in daemon.words()[said:], daemon.words()[said:]
        mount("-o", "remount,rw", str(disk))
        daemon.start()
        daemon.goes_on("a start after that")
        daemon.stop()
        daemon.check_books()
    return told


def on_own_disk(freshet, folder):
    disk = folder / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", f"size={DISK_MB}m", "freshet-test", str(disk))
    # Log and socket lie elsewhere: they are no files that a disk could be too full for.
    return run(Daemon(freshet, folder, disk / "state"), story(disk))


def main():
    freshet = str(pathlib.Path(sys.argv[1]).resolve())
    if len(sys.argv) == 3:
        return on_own_disk(freshet, pathlib.Path(sys.argv[2]))
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
