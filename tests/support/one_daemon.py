"""`freshet run` with one cloud and two devices, for tests that do something to its surroundings and look whether it goes on.

Everything is bounded in time; it ends only what it started."""

import pathlib
import shutil
import signal
import subprocess
import sys

import daemon_books

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE_S = 180
STOP_S = 60


class Daemon:
    """`folder` takes the settings, the log and the socket; `state` is where the daemon keeps what it has."""

    def __init__(self, freshet, folder, state, log_format="text", environment=None):
        self.state, self.log, self.http = state, folder / "log", str(folder / "http.sock")
        self.environment = environment
        settings = folder / "settings.toml"
        settings.write_text(daemon_books.document(ROOT / "models/scenes", ["edge-1", "edge-2"], pace=10.0, refresh_samples=16,
                                                  more=f'[service]\nlisten = "unix://{self.http}"'))
        self.command = [freshet, "run", "-c", str(settings), "--state", str(state), "--log", "stderr", "--log-format", log_format]
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=STOP_S) == 0, "the daemon did not stop in order"

    def running(self):
        return self.process is not None and self.process.poll() is None

    def total(self, name):
        """Sum of a metric over its labels; 0 while nobody answers."""
        try:
            return sum(v for n, v in daemon_books.metrics(self.http).items() if n.split("{")[0] == name)
        except (OSError, IndexError, ValueError):
            return 0.0

    def answers(self):
        return self.total("freshet_device_answers_total")

    def ready(self):
        try:
            return daemon_books.page(self.http, "/readyz")[0] == 200
        except OSError:
            return False

    def words(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def updates(self):
        return self.words().count("is active")

    def answers_on(self, what):
        before = self.answers()
        daemon_books.wait_for(f"devices answer: {what}", lambda: self.answers() > before + 20, PATIENCE_S)

    def goes_on(self, what):
        """Devices answer, updates arrive, and it calls itself ready."""
        updates, answers = self.updates(), self.answers()
        daemon_books.wait_for(f"updates arrive: {what}", lambda: self.updates() > updates + 1, PATIENCE_S)
        daemon_books.wait_for(f"answers: {what}", lambda: self.answers() > answers, PATIENCE_S)
        daemon_books.wait_for(f"ready: {what}", self.ready, PATIENCE_S)
        print(f"goes on: {what}", flush=True)

    def says(self, since, *texts):
        daemon_books.wait_for(f"it says one of {texts}", lambda: any(t in self.words()[since:] for t in texts), PATIENCE_S)

    def check_books(self):
        """After a stop: what the cloud accepted is trained once or still waits."""
        accepted, trained, waiting = daemon_books.books(self.state)
        print(f"accepted {accepted}, trained {trained}, still waiting {waiting}")
        assert accepted > 50 and accepted == trained + waiting, "samples lost, or trained twice"


def run(daemon, story, folder_to_remove=None):
    """Tells the story; whatever comes of it the daemon ends, and after a failure its last words are shown."""
    done = False
    try:
        story(daemon)
        done = True
        return 0
    finally:
        if daemon.running():
            daemon.process.send_signal(signal.SIGTERM)
            daemon.process.wait(timeout=STOP_S)
        if not done:
            print("\n".join(daemon.words().splitlines()[-40:]), file=sys.stderr)
        elif folder_to_remove is not None:
            shutil.rmtree(folder_to_remove, ignore_errors=True)
