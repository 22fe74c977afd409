"""The daemon as a whole, as a service manager and an operator see it: a stand-in for systemd listens, nodes hang and die,
signals come. Bounds are generous: nothing depends on how fast the machine is. Ends only what it started."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
FRESHET = os.path.abspath(sys.argv.pop(1))
PATIENCE = 120

CONFIG = """
[service]
answer_within = "2s"
hung_after = "6s"
[device]
model = "{models}/student"
samples_per_second = 4.0
[teacher]
model = "{models}/teacher"
[distiller]
student = "{models}/student"
[[nodes]]
name = "cloud"
listen = ["ipc://cloud.sock"]
[[nodes]]
name = "edge"
[[roles]]
kind = "device"
node = "edge"
[[roles]]
kind = "uplink_filter"
node = "edge"
""" + "".join(f'[[roles]]\nkind = "{kind}"\nnode = "cloud"\n'
              for kind in ["intake", "teacher", "distiller", "compressor", "deployer", "stats"])


def parent_of(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


class Daemon:
    def __init__(self, folder, *more, config=CONFIG, watchdog_s=None):
        self.state = os.path.join(folder, "state")
        self.file = os.path.join(folder, "f.toml")
        os.makedirs(self.state, exist_ok=True)
        self.write(config)
        if "--node" in more:
            # A launcher makes them by itself; a node alone is given them.
            subprocess.run([FRESHET, "keys", "new", "--artefacts", "-c", self.file, "--state", self.state], cwd=folder,
                           check=True, stdout=subprocess.DEVNULL)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = f"freshet-daemon-test-{os.getpid()}-{time.monotonic_ns()}"
        self.manager.bind("\0" + name)
        environment = dict(os.environ, NOTIFY_SOCKET="@" + name)
        if watchdog_s:
            environment["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))
        self.log_path = os.path.join(folder, "log")
        self.log = open(self.log_path, "wb")
        self.process = subprocess.Popen([FRESHET, "run", "-c", self.file, "--state", self.state, "--log", "stderr",
                                         "--log-format", "json", *more], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        self.said = []
        self.heard = 0

    def write(self, config):
        pathlib.Path(self.file).write_text(config.format(models=ROOT / "models/scenes"))

    def listen(self, seconds):
        """What is said within a time, oldest first."""
        got, until = [], time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.manager.settimeout(left)
            try:
                got.append(self.manager.recv(65536).decode())
            except socket.timeout:
                break
        self.said += got
        return got

    def hear(self, word):
        """Waits until a line begins with `word`, in order: what came before it was heard too."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            while self.heard < len(self.said):
                self.heard += 1
                for line in self.said[self.heard - 1].splitlines():
                    if line.startswith(word):
                        return line
            if self.process.poll() is not None:
                break
            self.listen(0.2)
        raise AssertionError(f"{word} was not said; said: {self.said}; log: {self.words()}")

    def words(self):
        return pathlib.Path(self.log_path).read_text(errors="replace")

    def get(self, path):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(os.path.join(self.state, "http.sock"))
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            answer = b""
            while piece := s.recv(65536):
                answer += piece
        head, _, body = answer.decode().partition("\r\n\r\n")
        return int(head.split()[1]), body

    def node(self, name):
        for line in self.words().splitlines()[::-1]:
            text = json.loads(line)["text"] if line.startswith("{") else ""
            if text.startswith(f"node {name} runs as process "):
                pid = int(text.split()[-1])
                assert parent_of(pid) == self.process.pid
                return pid
        raise AssertionError(f"no process of {name}")

    def until(self, what):
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if what():
                return
            self.listen(0.2)
        raise AssertionError(f"did not come true; log: {self.words()}")

    def end(self, *signals):
        for number in signals:
            self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()   # its nodes die with it
            self.process.wait()
        self.manager.close()
        self.log.close()


class DaemonTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="freshet-daemon-")
        self.daemons = []

    def tearDown(self):
        for daemon in self.daemons:
            daemon.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *more, **how):
        self.daemons.append(Daemon(self.folder, *more, **how))
        return self.daemons[-1]

    def test_a_whole_life(self):
        d = self.start(watchdog_s=4)
        d.hear("READY=1")
        d.hear("WATCHDOG=1")
        d.until(lambda: d.get("/readyz")[0] == 200)
        status, body = d.get("/readyz?verbose")
        self.assertIn("[+]role cloud/teacher ok\n", body)
        self.assertIn("[+]disk ok\n", body)
        self.assertEqual(d.get("/livez"), (200, "ok\n"))
        self.assertIn("freshet_node_up{node=\"edge\"} 1\n", d.get("/metrics")[1])

        # A node that hangs: late, then replaced. No sign of life in between, and one again after.
        hung = d.node("edge")
        os.kill(hung, signal.SIGSTOP)
        d.until(lambda: d.get("/livez")[0] == 503)
        self.assertIn("[-]node edge has not answered for", d.get("/readyz?verbose")[1])
        d.listen(0.1)
        self.assertNotIn("WATCHDOG=1\n", d.listen(1.0))
        d.until(lambda: f"its process {hung} is killed" in d.words())
        d.heard = len(d.said)
        d.hear("WATCHDOG=1")
        d.until(lambda: d.get("/readyz")[0] == 200)
        self.assertNotEqual(d.node("edge"), hung)

        # One that is killed is started again, and metrics say how often.
        os.kill(d.node("cloud"), signal.SIGKILL)
        d.until(lambda: "freshet_node_starts_total{node=\"cloud\"} 2\n" in d.get("/metrics")[1])

        # Reload: framed for the manager; what is right is applied, problems are told and change nothing.
        d.write(CONFIG.replace("samples_per_second = 4.0", "samples_per_second = 5.0"))
        d.process.send_signal(signal.SIGHUP)
        self.assertTrue(d.hear("RELOADING=1"))
        d.hear("READY=1")
        d.until(lambda: "f.toml is applied" in d.words())
        d.write(CONFIG.replace("samples_per_second = 4.0", "samples_per_second = -1"))
        d.process.send_signal(signal.SIGHUP)
        d.until(lambda: "f.toml:7:22: device.samples_per_second: -1" in d.words() and "all goes on as it is" in d.words())

        self.assertEqual(d.end(signal.SIGTERM), 0)
        self.assertIn("STOPPING=1\nSTATUS=stopping\n", d.listen(1.0))
        self.assertFalse(os.path.exists(os.path.join(d.state, "http.sock")))
        self.assertFalse(os.path.exists(os.path.join(d.state, "launcher.sock")))
        for line in d.words().splitlines():
            self.assertEqual({"time", "level", "node", "text"} - set(json.loads(line)), set(), line)

    def test_a_node_alone(self):
        d = self.start("--node", "cloud", watchdog_s=2)
        d.hear("READY=1")
        d.hear("WATCHDOG=1")
        d.process.send_signal(signal.SIGHUP)
        d.hear("RELOADING=1")
        d.until(lambda: "is applied" in d.words())   # the same file again
        self.assertTrue(os.path.exists(os.path.join(d.state, "cloud/http.sock")), "its socket lies in its own folder")
        self.assertEqual(d.end(signal.SIGTERM), 0)

    def test_a_second_signal_does_not_wait(self):
        d = self.start("--node", "cloud", config=CONFIG.replace('listen = ["ipc', 'stop_within = "10m"\nlisten = ["ipc'))
        d.hear("READY=1")
        # Stopped while the first signal comes, so that both are there when it goes on.
        d.process.send_signal(signal.SIGSTOP)
        d.process.send_signal(signal.SIGTERM)
        d.process.send_signal(signal.SIGINT)
        self.assertEqual(d.end(signal.SIGCONT), 6)

    def test_a_node_that_does_not_stop_is_killed_within_the_bound(self):
        d = self.start(config=CONFIG.replace("hung_after = \"6s\"", "hung_after = \"1h\""))
        d.hear("READY=1")
        os.kill(d.node("edge"), signal.SIGSTOP)
        begun = time.monotonic()
        self.assertEqual(d.end(signal.SIGTERM), 6)
        self.assertLess(time.monotonic() - begun, 60)

    def test_exit_codes(self):
        def code(*arguments, **how):
            return subprocess.run([FRESHET, *arguments], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  timeout=PATIENCE, **how)
        wrong = os.path.join(self.folder, "wrong.toml")
        pathlib.Path(wrong).write_text('[service]\nlisten = "0.0.0.0:80"\n')
        self.assertEqual(code("--version").returncode, 0)
        self.assertEqual(code("run", "--no-such-option").returncode, 2)
        self.assertEqual(code("rum").returncode, 2)
        refused = code("check", wrong)
        self.assertEqual(refused.returncode, 3)
        self.assertIn(b"wrong.toml:2:", refused.stderr)
        self.assertIn(b"insecure = true", refused.stderr)
        self.assertEqual(code("run", "-c", wrong).returncode, 3)
        self.assertEqual(code("status", "--state", self.folder).returncode, 4)
        self.assertEqual(code("run", "--state", "/proc/nothing").returncode, 1)
        # Its models are not there: every node says so at once, and trying again changes nothing.
        lost = os.path.join(self.folder, "lost.toml")
        pathlib.Path(lost).write_text(CONFIG.format(models=self.folder))
        self.assertEqual(code("run", "-c", lost, "--state", os.path.join(self.folder, "s")).returncode, 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
