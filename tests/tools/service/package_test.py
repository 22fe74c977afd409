"""The Debian package, from its making to its purge, in a root of its own: a folder with a shell and a stand-in for
systemctl that writes down what it is asked. Needs dpkg, cpack and the right to chroot; exit status 77 without them.

  package_test.py CPACK_CONFIG"""

import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import debian_package  # noqa: E402: the folder of support stands in no package

CONFIG = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
SKIPPED = 77
PATIENCE = debian_package.PATIENCE_S


def run(*command, **how):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, **how)


def why_not():
    for tool in ("dpkg", "dpkg-deb", "dpkg-shlibdeps", "cpack", "ldd", "kill"):
        if shutil.which(tool) is None:
            return f"there is no {tool}"
    if os.geteuid() != 0 or run("chroot", "/", "true").returncode != 0:
        return "installing into another root needs root"
    return ""


class Root:
    """A root file system with what maintainer scripts need, and nothing else."""

    def __init__(self, folder, systemd):
        self.path = pathlib.Path(folder)
        for name in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "run", "tmp", "var/lib/dpkg/info",
                     "var/lib/dpkg/updates", "var/lib/dpkg/triggers"):
            (self.path / name).mkdir(parents=True, exist_ok=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (self.path / name).symlink_to(f"usr/{name}")
        for name in ("status", "available"):
            (self.path / "var/lib/dpkg" / name).touch()
        (self.path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        for program in ("sh", "rm", "kill"):
            self.bring(os.path.realpath(shutil.which(program)), f"usr/bin/{program}")
        systemctl = self.path / "usr/bin/systemctl"
        systemctl.write_text('#!/bin/sh\necho "$@" >> /systemctl.log\n')
        systemctl.chmod(0o755)
        if systemd:
            (self.path / "run/systemd/system").mkdir(parents=True)

    def bring(self, program, place):
        shutil.copy2(program, self.path / place)
        for library in re.findall(r"(/\S+) \(0x", run("ldd", program).stdout):
            target = self.path / library.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                shutil.copy2(os.path.realpath(library), target)

    def dpkg(self, *arguments):
        done = run("dpkg", f"--root={self.path}", "--force-depends", "--force-confold", *arguments, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def asked(self):
        """What systemctl was asked since the last call."""
        log = self.path / "systemctl.log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def __truediv__(self, name):
        return self.path / name

    def files(self):
        return {str(p.relative_to(self.path)) for p in self.path.rglob("*") if not p.is_dir() and "var/lib/dpkg" not in str(p)}


class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="freshet-package-")
        cls.package = str(debian_package.make(CONFIG, cls.folder))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def root(self, systemd=True):
        return Root(tempfile.mkdtemp(dir=self.folder, prefix="root-"), systemd)

    def test_says_what_it_is_and_needs(self):
        field = lambda name: run("dpkg-deb", "-f", self.package, name).stdout.strip()
        self.assertEqual(field("Package"), "freshet")
        self.assertRegex(field("Version"), r"^\d+\.\d+")
        self.assertIn("libzmq5", field("Depends"))
        self.assertIn("libc6", field("Depends"))
        self.assertIn("libjemalloc2", field("Depends"))
        self.assertEqual(field("Recommends"), "libopenblas0-pthread")
        self.assertTrue(field("Maintainer") and field("Description"))

    def test_brings_files_of_root_that_nobody_else_writes(self):
        names = set()
        for line in run("dpkg-deb", "-c", self.package).stdout.splitlines():
            mode, owner, *_, name = line.split()
            names.add(name.lstrip("."))
            self.assertEqual(owner, "root/root", line)
            self.assertNotIn("s", mode.lower(), line)
            self.assertEqual((mode[5], mode[8]), ("-", "-"), f"others write: {line}")
        for name in ("/usr/bin/freshet", "/usr/bin/freshet-engine", "/usr/lib/systemd/system/freshet.service", "/etc/freshet/freshet.toml",
                     "/usr/share/man/man1/freshet.1", "/usr/share/bash-completion/completions/freshet",
                     "/usr/share/freshet/models/scenes/student/model.safetensors",
                     "/usr/share/freshet/models/scenes/teacher/model.safetensors"):
            self.assertTrue(names & {name, name + ".gz"}, f"{name} is missing")
        for place in {n.split("/")[1] for n in names if n.count("/") > 1}:
            self.assertIn(place, ("usr", "etc"))
        self.assertFalse([n for n in names if n.startswith(("/usr/include", "/usr/local")) or n.endswith((".a", ".py"))])

    def test_a_life_under_systemd(self):
        root = self.root()
        before = root.files()
        root.dpkg("-i", self.package)
        # Known to the service manager, and neither enabled nor started.
        self.assertEqual(root.asked(), ["daemon-reload"])
        self.assertEqual(stat.S_IMODE((root / "usr/bin/freshet").stat().st_mode), 0o755)
        self.assertEqual(stat.S_IMODE((root / "etc/freshet/freshet.toml").stat().st_mode), 0o644)
        self.assertEqual((root / "etc/passwd").read_text().count("\n"), 1, "its user is made for the run, by systemd")
        self.assertFalse((root / "var/lib/freshet").exists(), "as is its state folder")
        unit = root / "usr/lib/systemd/system/freshet.service"
        for path in re.findall(r"(/(?:usr|etc)/\S+)", unit.read_text()):
            self.assertTrue((root.path / path.lstrip("/")).exists() or path.endswith(".md"), f"the unit names {path}")
        checked = run(str(root / "usr/bin/freshet"), "check", str(root / "etc/freshet/freshet.toml"))
        self.assertEqual(checked.returncode, 0, checked.stdout)
        seen = run(str(root / "usr/bin/freshet"), "models", "inspect", str(root / "usr/share/freshet/models/scenes/student"))
        self.assertEqual(seen.returncode, 0, seen.stdout)
        if shutil.which("systemd-analyze"):
            verified = run("systemd-analyze", "verify", "--man=no", f"--root={root.path}", "freshet.service")
            # What else there is of a system is missing in this root; what is said of the unit itself counts.
            wrong = lambda said: [l for l in said.splitlines() if "freshet.service" in l and "not found" not in l]
            self.assertEqual(wrong(verified.stdout), [], verified.stdout)
            # It would say so: a unit with a word that means nothing.
            odd = root / "usr/lib/systemd/system/odd.service"
            odd.write_text(unit.read_text().replace("[Service]", "[Service]\nRestrt=always"))
            self.assertIn("Restrt", run("systemd-analyze", "verify", "--man=no", f"--root={root.path}", "odd.service").stdout)
            odd.unlink()

        # What an operator wrote and what the daemon kept outlive an upgrade and a removal.
        mine = root / "etc/freshet/freshet.toml"
        mine.write_text(mine.read_text() + "# mine\n")
        kept = root / "var/lib/private/freshet/revisions.db"
        kept.parent.mkdir(parents=True)
        kept.write_text("kept")
        (root / "var/lib/freshet").symlink_to("private/freshet")
        root.dpkg("-i", self.package)
        self.assertEqual(root.asked(), ["daemon-reload", "try-restart freshet.service"])
        self.assertIn("# mine", mine.read_text())
        root.dpkg("-r", "freshet")
        self.assertEqual(root.asked(), ["disable --now freshet.service", "daemon-reload"])
        for program in ("freshet", "freshet-engine"):
            self.assertFalse((root / "usr/bin" / program).exists(), program)
        self.assertFalse(unit.exists())
        self.assertIn("# mine", mine.read_text())
        self.assertEqual(kept.read_text(), "kept")
        # Installed again after a removal: goes on with both.
        root.dpkg("-i", self.package)
        self.assertIn("# mine", mine.read_text())
        root.dpkg("-r", "freshet")
        root.asked()

        root.dpkg("-P", "freshet")
        self.assertEqual(root.files() - {"systemctl.log"}, before)
        self.assertFalse((root / "var/lib/private/freshet").exists())
        self.assertFalse(os.path.lexists(root / "var/lib/freshet"))
        self.assertFalse((root / "etc/freshet").exists())

    def test_without_systemd_nobody_is_asked(self):
        root = self.root(systemd=False)
        root.dpkg("-i", self.package)
        root.dpkg("-i", self.package)
        root.dpkg("-r", "freshet")
        root.dpkg("-P", "freshet")
        self.assertEqual(root.asked(), [])
        self.assertFalse((root / "etc/freshet").exists())


if __name__ == "__main__":
    if reason := why_not():
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
