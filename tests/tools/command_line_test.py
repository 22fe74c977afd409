"""The command line as a whole: every command explains itself, the man page and the completion know all of them."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FRESHET = os.path.abspath(sys.argv.pop(1))


def freshet(*arguments):
    return subprocess.run([FRESHET, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)


def commands(*of):
    listed = freshet(*of, "--help").stdout.partition("Subcommands:\n")[2]
    return re.findall(r"^  ([a-z-]+)", listed.partition("\n\n")[0], re.M)


class CommandLineTest(unittest.TestCase):
    def test_all_that_is_promised_is_there_and_explains_itself(self):
        promised = {"run", "status", "devices", "top", "versions", "plan", "apply", "set", "history", "pause", "resume", "drain",
                    "rollback", "pin", "keys", "check", "config", "models", "pretrain", "bench"}
        self.assertEqual(promised - set(commands()), set())
        for command in commands():
            done = freshet(command, "--help")
            self.assertEqual(done.returncode, 0, command)
            self.assertEqual(freshet(command, "--no-such-option").returncode, 2, command)
        for command in ("status", "devices", "top", "versions", "plan", "apply", "set", "history", "pause", "resume", "drain",
                        "rollback", "pin"):
            self.assertIn("--json", freshet(command, "--help").stdout, command)
        for command in commands("keys"):
            self.assertIn("--json", freshet("keys", command, "--help").stdout, command)
        self.assertEqual(set(commands("models")), {"inspect", "check", "random", "quantize", "merge-adapter", "export-adapter",
                                                   "rehearsal"})
        for command in commands("models"):
            self.assertEqual(freshet("models", command, "--help").returncode, 0, command)
            self.assertEqual(freshet("models", command, "--no-such-option").returncode, 2, command)
        self.assertEqual(freshet("models", "quantize", "nowhere", "--out", "x", "--bits", "5").returncode, 2)

    def test_who_only_asks_does_not_wait_for_libtorch(self):
        def libraries(program):
            # The loader lists what it would load, and starts nothing.
            done = subprocess.run([program], env={**os.environ, "LD_TRACE_LOADED_OBJECTS": "1"}, stdout=subprocess.PIPE, text=True, timeout=60)
            return done.stdout

        self.assertIn("libcaf", libraries(FRESHET))
        self.assertNotIn("torch", libraries(FRESHET))
        self.assertIn("torch", libraries(FRESHET + "-engine"))

    def test_says_so_when_what_computes_is_not_there(self):
        with tempfile.TemporaryDirectory() as folder:
            alone = shutil.copy(FRESHET, folder)
            for command in (["models", "--help"], ["run", "--node", "cloud", "--state", f"{folder}/state"]):
                done = subprocess.run([alone, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
                self.assertEqual(done.returncode, 1, command)
                self.assertIn(f"{folder}/freshet-engine: No such file", done.stderr)

    def test_products_of_matrices_run_the_code_that_the_processor_can(self):
        flags = set(pathlib.Path("/proc/cpuinfo").read_text().partition("\nflags")[2].partition("\n")[0].split())
        if not {"avx2", "fma"} <= flags:
            self.skipTest("an old processor")

        def core(**more):
            environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
            done = subprocess.run([FRESHET, "models", "inspect", str(ROOT / "models/scenes/student")],
                                  env={**environment, "OPENBLAS_VERBOSE": "2", **more}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            return re.findall(r"Core: (\w+)", done.stderr)[-1:]

        if not core():
            self.skipTest("another BLAS")
        self.assertNotEqual(core(), ["Prescott"])
        self.assertEqual(core(OPENBLAS_CORETYPE="Prescott"), ["Prescott"], "who names one gets it")

    def test_every_exit_status_is_documented(self):
        codes = re.findall(r"exit_\w+ = (\d)", (ROOT / "tools/freshet/exit_codes.hpp").read_text())
        man = (ROOT / "tools/service/freshet.1").read_text()
        page = (ROOT / "docs/service.md").read_text()
        self.assertGreater(len(codes), 5)
        for code in codes:
            self.assertIn(f"\n.B {code}\n", man)
            self.assertIn(f"\n| {code} | ", page)

    def test_the_man_page_names_every_command(self):
        man = (ROOT / "tools/service/freshet.1").read_text()
        listed = man.partition(".SH COMMANDS")[2].partition(".SH SIGNALS")[0]
        for command in commands():
            self.assertRegex(listed, rf"\b{command}\b", command)
        for command in commands("models"):
            self.assertIn(f"models {command}", listed)
        if shutil.which("man"):
            said = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(ROOT / "tools/service/freshet.1")],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60,
                                  env=dict(os.environ, MANWIDTH="80"))
            self.assertEqual(said.stderr, "")

    @unittest.skipUnless(shutil.which("bash"), "there is no bash")
    def test_completion_offers_what_can_follow(self):
        def offered(*words):
            script = (f'source {ROOT}/tools/service/freshet.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _freshet; '
                      'printf "%s\\n" "${COMPREPLY[@]}"')
            done = subprocess.run(["bash", "-c", script, "bash", FRESHET, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, timeout=60)
            self.assertEqual(done.stderr, "")
            return done.stdout.split()
        self.assertEqual(set(commands()) - set(offered("")), set())
        self.assertEqual(offered("dr"), ["drain"])
        self.assertEqual(set(commands("keys")) - set(offered("keys", "")), set())
        self.assertIn("--based-on", offered("apply", "--b"))
        self.assertEqual(sorted(offered("run", "--log-format", "")), ["json", "text"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
