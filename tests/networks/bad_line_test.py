#!/usr/bin/env python3
"""Lines as they are, between namespaces with a shaped line (tests/support/shaped_line.py) for each edge:

  bad_line_test.py FRESHET MODELS            200 ms each way and 5 % of the packets lost, both ways: updates go on,
                                             the books balance
  bad_line_test.py FRESHET MODELS --slow     of three edges one is on a line of 16 kbit/s: the others get each
                                             version as soon as without it

Needs root, `ip` and TUN devices (else exit status 77: skipped)."""

import argparse
import pathlib
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import hosts  # noqa: E402: the folder of support stands in no package
from hosts import wait_for  # noqa: E402

LOSS = 0.05


def lossy(freshet, models, updates):
    with hosts.Hosts(freshet, models, ["edge"]) as net:
        edge = net.edges()[0]
        net.lay_lines()
        net.lines["edge"].become(delay_ms=200, loss=LOSS)
        begun = time.monotonic()
        net.start()
        for n in range(1, updates + 1):
            wait_for(f"update {n} on the device", lambda: edge.activations() >= n)
            print(f"update {n} after {time.monotonic() - begun:.1f} s", flush=True)
        net.stop()
        net.check_books(50)
        counts = net.lines["edge"].stop()
        share = counts["lost"] / (counts["lost"] + counts["passed"])
        print(f"packets: {counts}, {share:.1%} lost", flush=True)
        assert LOSS / 2 < share < 2 * LOSS, "the line was not what it should be"


class Watch:
    """When each version was committed by the cloud, and when each edge answered with it."""

    def __init__(self, net):
        self.net, self.made, self.active = net, {}, {e.node: {} for e in net.edges()}
        self.read = {e.node: 0 for e in net.edges()}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over.wait(0.02):
            now = time.monotonic()
            self.made.setdefault(hosts.newest_version(self.net.cloud.state), now)
            for e in self.net.edges():
                text = e.words()
                whole = text[: text.rfind("\n") + 1]
                for line in whole[self.read[e.node]:].splitlines():
                    if line.endswith("is active"):
                        self.active[e.node].setdefault(int(line.split("version ")[1].split()[0]), now)
                self.read[e.node] = len(whole)

    def stop(self):
        self.over.set()
        self.thread.join()

    def delays(self, edges, since):
        """Seconds from the commit of a version that came after `since` to its activity on the last of these edges."""
        out = []
        for version, made in self.made.items():
            times = [self.active[e].get(version) for e in edges]
            if made >= since and all(times):
                out.append(max(times) - made)
        return out


def slow(freshet, models, versions):
    with hosts.Hosts(freshet, models, ["edge-1", "edge-2", "edge-3"]) as net:
        net.lay_lines()
        for line in net.lines.values():
            line.become(delay_ms=20)
        net.start(pace=4.0, refresh_samples=16)
        for e in net.edges():
            wait_for(f"a first update on {e.node}", e.activations)
        watch = Watch(net)
        try:
            others, figures = ["edge-1", "edge-2"], {}
            for name, rate in (("all fast", 0), ("one on 16 kbit/s", 16000)):
                net.lines["edge-3"].become(rate_bit=rate)
                since = time.monotonic()
                wait_for(f"{versions} versions: {name}", lambda: len(watch.delays(others, since)) >= versions)
                figures[name] = statistics.median(watch.delays(others, since))
                print(f"{name}: the others have a version {figures[name]:.2f} s after its commit, median of "
                      f"{len(watch.delays(others, since))}; the third took {len(watch.delays(['edge-3'], since))}", flush=True)
        finally:
            watch.stop()
        before, after = figures.values()
        # A machine that others use adds tenths; a version of the slow device takes ten times as long.
        assert after < 1.5 * before + 0.5, f"{after:.2f} s with a slow device, {before:.2f} s without"
        net.stop()
        net.check_books(30)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("freshet")
    p.add_argument("models")
    p.add_argument("--slow", action="store_true")
    p.add_argument("--updates", type=int, default=3, help="until then, or for so many in each half")
    o = p.parse_args()
    try:
        (slow if o.slow else lossy)(o.freshet, o.models, o.updates)
    except hosts.Hosts.Unavailable as why:
        print(f"skipped: {why}")
        return hosts.SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
