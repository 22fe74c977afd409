#!/usr/bin/env python3
"""A daemon whose wall clock is set forward and back by hours while it works (tests/support/wall_clock_shift.cpp):
nothing waits, expires, is sent or is trained twice because of it, and it starts again with a date long past.

  clock_jumps.py FRESHET WALL_CLOCK_SHIFT_LIBRARY
"""

import os
import pathlib
import re
import struct
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from one_daemon import Daemon, run  # noqa: E402: the folder of support stands in no package

HOUR = 3600


def set_clock(shift, seconds):
    with open(shift, "r+b" if shift.exists() else "wb") as f:
        f.write(struct.pack("q", seconds))


def story(shift):
    def told(daemon):
        daemon.start()
        daemon.goes_on("the clock as it is")
        set_clock(shift, 6 * HOUR)
        daemon.goes_on("six hours forward")
        set_clock(shift, -18 * HOUR)
        daemon.goes_on("a day back")
        starts, restarts = daemon.total("freshet_node_starts_total"), daemon.total("freshet_role_restarts_total")
        assert starts == 3 and restarts == 0, f"something was taken for hung: {starts} starts, {restarts} restarts"
        daemon.stop()
        # The next life begins before the last one did.
        set_clock(shift, -400 * 24 * HOUR)
        daemon.start()
        daemon.goes_on("a restart more than a year ago")
        daemon.stop()
        days = {int(d) for d in re.findall(r'"time":"\d+-\d+-(\d+)T', daemon.words())}
        years = set(re.findall(r'"time":"(\d+)-', daemon.words()))
        assert len(days) > 1 and len(years) > 1, f"the clock did not jump: days {days}, years {years}"
        daemon.check_books()
    return told


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="freshet-clocks-"))
    freshet, library = (str(pathlib.Path(a).resolve()) for a in sys.argv[1:3])
    shift = folder / "shift"
    set_clock(shift, 0)
    environment = {**os.environ, "LD_PRELOAD": library, "FRESHET_TEST_WALL_SHIFT": str(shift)}
    return run(Daemon(freshet, folder, folder / "state", log_format="json", environment=environment), story(shift), folder)


if __name__ == "__main__":
    sys.exit(main())
