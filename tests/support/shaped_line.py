#!/usr/bin/env python3
"""A line between two hosts that delays, loses and narrows packets, made in user space: two TUN devices whose IP
packets pass through here. TCP above it sees what it would see of a bad radio link; it needs nothing of the kernel
but TUN. Run as a program it is the line:

  shaped_line.py END_A END_B [SEED]      makes both devices, says "ready", and passes packets until its input ends

Each line of its input is a JSON object of what is to change, for both directions:
  delay_ms   one way                          0
  loss       share of packets                 0
  rate_bit   bits a second; 0 is unlimited    0
  cut        nothing passes                   false
At its end it writes how many packets it passed, lost and turned away at a full queue. The same seed loses the same
packets of the same traffic."""

import collections
import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LARGEST_PACKET = 65536
QUEUE_BYTES = 65536  # of a narrow line, like a modem's; what does not fit is lost


def open_tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


class Line:
    def __init__(self, ends, seed):
        self.ends = ends                      # two descriptors
        self.random = random.Random(seed)
        self.weather = {"delay_ms": 0.0, "loss": 0.0, "rate_bit": 0, "cut": False}
        self.under_way = []                   # (due, order, descriptor, packet)
        self.free_at = {fd: 0.0 for fd in ends}
        self.order = 0
        self.count = collections.Counter(passed=0, lost=0, turned_away=0)

    def take(self, fd, now):
        try:
            packet = os.read(fd, LARGEST_PACKET)
        except BlockingIOError:
            return False
        w = self.weather
        if w["cut"] or self.random.random() < w["loss"]:
            self.count["lost"] += 1
            return True
        leaves = now
        if w["rate_bit"]:
            begin = max(now, self.free_at[fd])
            if (begin - now) * w["rate_bit"] / 8 > QUEUE_BYTES:
                self.count["turned_away"] += 1
                return True
            leaves = self.free_at[fd] = begin + len(packet) * 8 / w["rate_bit"]
        self.order += 1
        other = self.ends[1] if fd == self.ends[0] else self.ends[0]
        heapq.heappush(self.under_way, (leaves + w["delay_ms"] / 1000, self.order, other, packet))
        return True

    def deliver(self, now):
        while self.under_way and self.under_way[0][0] <= now:
            _, _, fd, packet = heapq.heappop(self.under_way)
            if self.weather["cut"]:
                self.count["lost"] += 1
                continue
            try:
                os.write(fd, packet)
                self.count["passed"] += 1
            except OSError:   # the end is down
                self.count["lost"] += 1

    def run(self, commands):
        poll = select.poll()
        for fd in (*self.ends, commands):
            poll.register(fd, select.POLLIN)
        words = b""
        while True:
            now = time.monotonic()
            wait = max(0.0, self.under_way[0][0] - now) * 1000 if self.under_way else 1000
            for fd, _ in poll.poll(wait):
                if fd == commands:
                    piece = os.read(commands, 4096)
                    if not piece:
                        return
                    *whole, words = (words + piece).split(b"\n")
                    for line in whole:
                        self.weather.update(json.loads(line))
                        self.free_at = {end: 0.0 for end in self.ends}
                else:
                    now = time.monotonic()
                    while self.take(fd, now):
                        pass
            self.deliver(time.monotonic())


class ShapedLine:
    """The program, for tests: `become(delay_ms=200, loss=0.05)` changes the line, stop() gives its counts."""

    def __init__(self, end_a, end_b, seed=1):
        self.process = subprocess.Popen([sys.executable, "-B", __file__, end_a, end_b, str(seed)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        said = self.process.stdout.readline().strip()
        if said != "ready":
            self.process.wait()
            # Only what this host lacks is a reason to skip a test.
            raise OSError(said) if said.startswith("no TUN:") else RuntimeError(f"the line did not begin: {said!r}")

    def become(self, **weather):
        self.process.stdin.write(json.dumps(weather) + "\n")

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.counts = json.loads(self.process.stdout.read())
            self.process.wait()
        return self.counts


def main():
    try:
        ends = [open_tun(name) for name in sys.argv[1:3]]
    except OSError as e:
        print(f"no TUN: {e}")
        return 1
    line = Line(ends, int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    print("ready", flush=True)
    line.run(sys.stdin.fileno())
    print(json.dumps(line.count))
    return 0


if __name__ == "__main__":
    sys.exit(main())
