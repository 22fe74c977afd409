"""What the tests of whole daemons share: patience, their HTTP pages, and the books of a cloud's journal and distiller."""

import contextlib
import socket
import sqlite3
import time


# Labels that the teacher is unsure of are not trained on: the books only balance where it may not be.
CLOUD = """
[device]
model = "{models}/student"
samples_per_second = {pace}
twin = false
[teacher]
model = "{models}/teacher"
[distiller]
student = "{models}/student"
refresh_samples = {refresh_samples}
steps_per_refresh = {steps}
batch = {batch}
[distiller.terms]
confidence_floor = 0.0
{more}
[[nodes]]
name = "cloud"
{listen}
"""
ROLE = '[[roles]]\nkind = "{kind}"\nnode = "{node}"\n'


def document(models, edges, listen='listen = ["ipc://cloud.sock"]', pace=20.0, refresh_samples=32, steps=2, batch=8, more=""):
    """A topology: a node of the cloud, and one of each edge with a device. It trains little: what is asked is what became of samples."""
    text = CLOUD.format(models=models, listen=listen, pace=pace, refresh_samples=refresh_samples, steps=steps,
                        batch=batch, more=more)
    for kind in ("intake", "teacher", "distiller", "compressor", "deployer", "stats"):
        text += ROLE.format(kind=kind, node="cloud")
    for number, edge in enumerate(edges, 1):
        text += f'[[nodes]]\nname = "{edge}"\n'
        text += ROLE.format(kind="device", node=edge) + f"device_id = {number}\n"
        text += ROLE.format(kind="uplink_filter", node=edge)
    return text


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


def newest_version(state):
    """Of the distiller of the daemon in `state`, running or not; 0 before the first."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{state}/cloud/distiller/distiller.db?mode=ro", uri=True)) as db:
            return db.execute("select max(file) from head").fetchone()[0] or 0
    except sqlite3.Error:
        return 0


def page(path, name):
    """One HTTP exchange over the daemon's local socket: (status, body)."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(path)
        s.sendall(f"GET {name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = b""
        while piece := s.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def metrics(path):
    values = {}
    for line in page(path, "/metrics")[1].splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            values[name] = float(value)
    return values
