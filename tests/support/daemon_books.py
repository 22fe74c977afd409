"""What the tests of whole daemons share: patience, and the books of a cloud's journal and distiller."""

import sqlite3
import time


def wait_for(what, condition, patience_s):
    """The first true value of condition(); ends the test when none comes."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.2)
    raise SystemExit(f"not within {patience_s} s: {what}")


def books(state):
    """Samples that intake of the stopped daemon in `state` ever accepted, that were trained, and that still wait."""
    journal = sqlite3.connect(state / "cloud" / "intake" / "journal.db")
    accepted = sum(bin(bits & (2**64 - 1)).count("1") for (bits,) in journal.execute("select bits from seen"))
    pending = dict(journal.execute("select number, samples from entry"))
    student = sqlite3.connect(state / "cloud" / "distiller" / "distiller.db")
    trained = student.execute("select sum(samples) from head").fetchone()[0] or 0
    done_below = max([d for (d,) in student.execute("select done_below from journal")] or [0])
    learned = {entry for (entry,) in student.execute("select entry from learned")}
    return accepted, trained, sum(s for n, s in pending.items() if n >= done_below and n not in learned)
