#!/usr/bin/env python3
"""Two hosts as network namespaces with a cable between them: a cloud and an edge node over CURVE. The cable is
pulled for a while, the edge gets another address, its process is killed; after each the loop goes on, and at the
end every sample that the cloud accepted is trained once or still waits.

  partition_test.py FRESHET MODELS [--away SECONDS]

--away: only a partition of so long instead, in which the line is silent and nobody is told; it prints how long the
edge takes to catch up. Needs root and `ip` (else exit status 77: skipped). Uses namespaces, addresses and processes of its own only,
and takes them away again."""

import argparse
import contextlib
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import hosts  # noqa: E402: the folder of support stands in no package
from hosts import ip, wait_for  # noqa: E402


def spooled(edge):
    """Batches that wait on the edge's disk."""
    try:
        path = edge.state / edge.node / "uplink_filter" / "spool.db"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return db.execute("select count(*) from batch").fetchone()[0]
    except sqlite3.Error:
        return -1


def accidents(net, edge):
    cloud = net.cloud
    net.lay_cable(edge)
    net.start()
    wait_for("a first update on the device", edge.activations)
    print("over CURVE between two hosts: updates arrive", flush=True)
    for seconds in (1, 12):
        ip("-n", edge.namespace, "link", "set", edge.cable, "down")
        time.sleep(seconds)
        ip("-n", edge.namespace, "link", "set", edge.cable, "up")
        net.goes_on(f"{seconds} s without a cable")
    narrow = ["tbf", "rate", "256kbit", "burst", "16kb", "latency", "400ms"]
    lines = [["ip", "netns", "exec", h.namespace, "tc", "qdisc", "replace", "dev", c, "root", *narrow]
             for h, c in ((cloud, edge.cloud_cable), (edge, edge.cable))]
    if shutil.which("tc") and all(subprocess.run(line, capture_output=True).returncode == 0 for line in lines):
        net.goes_on("a line of 256 kbit/s, both ways")
    else:
        print("left out: a narrow line (tc or its tbf is not there)", flush=True)
    ip("-n", edge.namespace, "address", "del", "10.77.0.2/24", "dev", edge.cable)
    ip("-n", edge.namespace, "address", "add", "10.77.0.9/24", "dev", edge.cable)
    net.goes_on("another address, the old connection half open")
    edge.stop(signal.SIGKILL)
    edge.start(net.document)
    net.goes_on("the edge killed")
    cloud.stop(signal.SIGKILL)
    cloud.start(net.document)
    net.goes_on("the cloud killed")


def silence(net, edge, away_s):
    net.lay_lines()
    line = net.lines[edge.node]
    net.start()
    wait_for("a first update on the device", edge.activations)
    before = spooled(edge)
    line.become(cut=True)
    print(f"cut for {away_s:.0f} s, {before} batches in the spool", flush=True)
    time.sleep(away_s)
    held = spooled(edge)
    assert held > before, f"the edge goes on spooling: {held} batches"
    versions, updates, begun = hosts.newest_version(net.cloud.state), edge.activations(), time.monotonic()
    line.become(cut=False)
    wait_for("training goes on", lambda: hosts.newest_version(net.cloud.state) > versions, 600)
    trained_s = time.monotonic() - begun
    wait_for("updates arrive", lambda: edge.activations() > updates, 600)
    updated_s = time.monotonic() - begun
    wait_for("the spool is empty", lambda: 0 <= spooled(edge) <= max(before, 4), 600)
    print(f"after {away_s:.0f} s of silence with {held} batches spooled: training goes on after {trained_s:.1f} s, an update "
          f"arrives after {updated_s:.1f} s, all that was spooled is accepted after {time.monotonic() - begun:.1f} s", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("freshet")
    p.add_argument("models")
    p.add_argument("--away", type=float, help="seconds of silence on the line, and nothing else")
    o = p.parse_args()
    try:
        with hosts.Hosts(o.freshet, o.models, ["edge"]) as net:
            edge = net.edges()[0]
            silence(net, edge, o.away) if o.away else accidents(net, edge)
            net.stop()
            net.check_books(100)
    except hosts.Hosts.Unavailable as why:
        print(f"skipped: {why}")
        return hosts.SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
