#!/usr/bin/env python3
"""A daemon whose wall clock is set forward and back by hours while it works (tests/support/wall_clock_shift.cpp):
nothing waits, expires, is sent or is trained twice because of it, and it starts again with a date long past.

  clock_jumps.py FRESHET WALL_CLOCK_SHIFT_LIBRARY
"""

import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import daemon_books  # noqa: E402: the folder of support stands in no package

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOUR = 3600
PATIENCE_S = 180


class Daemon:
    def __init__(self, freshet, library, folder):
        self.state, self.shift, self.log = folder / "state", folder / "shift", folder / "log"
        self.environment = {**os.environ, "LD_PRELOAD": library, "FRESHET_TEST_WALL_SHIFT": str(self.shift)}
        settings = folder / "settings.toml"
        settings.write_text(daemon_books.document(ROOT / "models/scenes", ["edge-1", "edge-2"], pace=10.0, refresh_samples=16))
        self.command = [freshet, "run", "-c", str(settings), "--state", str(self.state), "--log", "stderr", "--log-format", "json"]
        self.set_clock(0)

    def set_clock(self, seconds):
        with open(self.shift, "r+b" if self.shift.exists() else "wb") as f:
            f.write(struct.pack("q", seconds))

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0, "the daemon did not stop in order"

    def metrics(self):
        return daemon_books.metrics(str(self.state / "http.sock"))

    def total(self, name):
        try:
            return sum(v for n, v in self.metrics().items() if n.split("{")[0] == name)
        except OSError:
            return 0.0

    def words(self):
        return self.log.read_text(errors="replace")

    def ready(self):
        try:
            return daemon_books.page(str(self.state / "http.sock"), "/readyz")[0] == 200
        except OSError:
            return False

    def goes_on(self, what):
        updates, answered = self.words().count("is active"), self.total("freshet_device_answers_total")
        daemon_books.wait_for(f"updates arrive: {what}", lambda: self.words().count("is active") > updates + 1, PATIENCE_S)
        daemon_books.wait_for(f"answers: {what}", lambda: self.total("freshet_device_answers_total") > answered, PATIENCE_S)
        daemon_books.wait_for(f"ready: {what}", self.ready, PATIENCE_S)
        print(f"goes on: {what}", flush=True)


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="freshet-clocks-"))
    daemon = Daemon(str(pathlib.Path(sys.argv[1]).resolve()), str(pathlib.Path(sys.argv[2]).resolve()), folder)
    ok = False
    try:
        daemon.start()
        daemon.goes_on("the clock as it is")
        daemon.set_clock(6 * HOUR)
        daemon.goes_on("six hours forward")
        daemon.set_clock(-18 * HOUR)
        daemon.goes_on("a day back")
        starts, restarts = daemon.total("freshet_node_starts_total"), daemon.total("freshet_role_restarts_total")
        assert starts == 3 and restarts == 0, f"something was taken for hung: {starts} starts, {restarts} restarts"
        daemon.stop()
        # The next life begins before the last one did.
        daemon.set_clock(-400 * 24 * HOUR)
        daemon.start()
        daemon.goes_on("a restart more than a year ago")
        daemon.stop()
        days = {int(d) for d in re.findall(r'"time":"\d+-\d+-(\d+)T', daemon.words())}
        years = set(re.findall(r'"time":"(\d+)-', daemon.words()))
        assert len(days) > 1 and len(years) > 1, f"the clock did not jump: days {days}, years {years}"
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
            print("\n".join(daemon.words().splitlines()[-30:]), file=sys.stderr)
        if ok:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
