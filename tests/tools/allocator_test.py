"""The engine allocates with jemalloc, and with our settings of it: asked of the program itself."""
import os
import subprocess
import sys

engine = os.path.join(os.path.dirname(sys.argv[1]), "freshet-engine")
done = subprocess.run([engine, "models", "--help"], env={**os.environ, "MALLOC_CONF": "stats_print:true"}, capture_output=True,
                      text=True, timeout=120)
told = done.stdout + done.stderr
for part in ["Begin jemalloc statistics", "opt.background_thread: true", "opt.oversize_threshold: 0"]:
    assert part in told, f"{part!r} is not in:\n{told[:2000]}"
