"""The package under a real systemd, in namespaces of its own (tests/support/systemd_root.py): installed, started, reloaded,
killed, hung, stopped, misconfigured and purged. Exit status 77 where that takes rights or tools that are not there.

  systemd_test.py CPACK_CONFIG"""

import json
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import debian_package  # noqa: E402: the folder of support stands in no package
import systemd_root  # noqa: E402

CONFIG = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
SKIPPED = 77
STOP_WITHIN_S = 30   # TimeoutStopSec of the unit
CONFIG_PROBLEM = 3   # docs/service.md, exit status


class SystemdTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.mkdtemp(prefix="freshet-package-")
        cls.package = debian_package.make(CONFIG, cls.made)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.made, ignore_errors=True)

    def setUp(self):
        self.host = systemd_root.SystemdRoot()
        self.host.__enter__()
        self.addCleanup(self.host.__exit__)
        shutil.copy(self.package, self.host.path("/tmp/freshet.deb"))
        self.ok("dpkg", "--force-depends", "-i", "/tmp/freshet.deb")

    def ok(self, *command, timeout=systemd_root.SystemdRoot.PATIENCE):
        done = self.host.run(*command, timeout=timeout)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stdout[-3000:]}\n{self.log()}")
        return done.stdout

    def log(self):
        return self.host.run("journalctl", "--unit=freshet", "--no-pager", "--output=cat", "--lines=60").stdout

    def show(self, name):
        return self.ok("systemctl", "show", "freshet", f"--property={name}", "--value").strip()

    def main_process(self):
        return self.show("MainPID")

    def status_of(self, process):
        return dict(line.split(":\t", 1) for line in self.ok("cat", f"/proc/{process}/status").splitlines() if ":\t" in line)

    def children_of(self, process):
        return self.ok("cat", f"/proc/{process}/task/{process}/children").split()

    def drop_in(self, text):
        folder = self.host.path("/etc/systemd/system/freshet.service.d")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "test.conf").write_text("[Service]\n" + text)
        self.ok("systemctl", "daemon-reload")

    def start(self):
        # Returns when the manager was told READY=1, and not before.
        self.ok("systemctl", "enable", "--now", "freshet", timeout=300)
        self.assertEqual((self.show("ActiveState"), self.show("SubState")), ("active", "running"))

    def active_again(self, restarts):
        self.host.wait_until(lambda: self.show("NRestarts") == str(restarts) and self.show("ActiveState") == "active",
                             f"restart number {restarts}", timeout=300)

    def test_starts_confined_reloads_and_stops_in_order(self):
        self.assertEqual(self.host.run("systemctl", "is-enabled", "freshet").stdout.strip(), "disabled", "nobody asked for it yet")
        self.start()
        self.assertRegex(self.show("StatusText"), r"\S")
        launcher = self.main_process()
        nodes = self.children_of(launcher)
        self.assertGreaterEqual(len(nodes), 2)
        for process in [launcher, *nodes]:
            seen = self.status_of(process)
            self.assertNotIn("0", seen["Uid"].split(), "a user of its own")
            self.assertEqual(int(seen["CapEff"], 16), 0)
            self.assertEqual((seen["NoNewPrivs"], seen["Seccomp"]), ("1", "2"))

        def devices_heard():
            answer = self.ok("freshet", "status", "--config", "/etc/freshet/freshet.toml", "--state", "/var/lib/freshet", "--json")
            return {r["node"] for r in json.loads(answer)["roles"] if r["role"] == "device"}
        # Ready is who answers; figures come with the first reports.
        self.host.wait_until(lambda: devices_heard() == {"edge-1", "edge-2"}, "figures of both devices")

        config = self.host.path("/etc/freshet/freshet.toml")
        before = config.read_text()
        config.write_text("[links]\nnonsense = 1\n" + before)
        self.host.run("systemctl", "reload", "freshet")
        self.host.wait_until(lambda: "nonsense" in self.log(), "word about the wrong file")
        self.assertEqual((self.show("ActiveState"), self.main_process()), ("active", launcher), "all goes on as it was")
        config.write_text(before)
        self.ok("systemctl", "reload", "freshet")

        self.ok("systemctl", "stop", "freshet", timeout=STOP_WITHIN_S)
        self.assertEqual((self.show("ActiveState"), self.show("Result"), self.show("ExecMainStatus")), ("inactive", "success", "0"))

    def test_dies_hangs_and_comes_again(self):
        self.drop_in("WatchdogSec=8s\nTimeoutAbortSec=2s\n")
        self.start()
        launcher = self.main_process()
        node = self.children_of(launcher)[0]
        self.ok("kill", "-KILL", node)
        self.host.wait_until(lambda: node not in self.children_of(launcher) and len(self.children_of(launcher)) >= 2,
                             "the launcher to start the node again")
        self.assertEqual((self.main_process(), self.show("NRestarts")), (launcher, "0"), "nothing for the manager to do")

        former = [launcher, *self.children_of(launcher)]
        self.ok("kill", "-KILL", launcher)
        self.active_again(1)
        for process in former:
            self.assertNotEqual(self.host.run("test", "-d", f"/proc/{process}").returncode, 0, "left behind")

        self.ok("kill", "-STOP", self.main_process())
        self.active_again(2)
        self.assertIn("Watchdog timeout", self.ok("journalctl", "--no-pager", "--lines=400"))

    def test_a_wrong_file_is_not_tried_again_and_a_purge_leaves_nothing(self):
        config = self.host.path("/etc/freshet/freshet.toml")
        right = config.read_text()
        config.write_text("[links]\nnonsense = 1\n" + right)
        self.assertNotEqual(self.host.run("systemctl", "start", "freshet").returncode, 0)
        self.assertEqual((self.show("ActiveState"), self.show("ExecMainStatus"), self.show("NRestarts")),
                         ("failed", str(CONFIG_PROBLEM), "0"))
        self.assertIn("nonsense", self.log())

        config.write_text(right)
        self.ok("systemctl", "reset-failed", "freshet")
        self.start()
        launcher = self.main_process()
        self.ok("dpkg", "-P", "freshet")
        self.assertNotEqual(self.host.run("test", "-d", f"/proc/{launcher}").returncode, 0, "stopped before its files went")
        self.assertEqual(self.host.run("systemctl", "cat", "freshet").returncode, 1)
        for place in ("/var/lib/freshet", "/var/lib/private/freshet", "/etc/freshet", "/usr/bin/freshet", "/usr/bin/freshet-engine"):
            self.assertFalse(os.path.lexists(self.host.path(place)), place)


if __name__ == "__main__":
    if reason := "there is no cpack" if shutil.which("cpack") is None else systemd_root.why_not():
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
