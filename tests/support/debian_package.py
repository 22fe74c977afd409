"""The Debian package of a build, made by cpack."""

import pathlib
import subprocess

PATIENCE_S = 540


def make(config, folder):
    """In `folder`, by the build's CPackConfig.cmake. The package's path."""
    made = subprocess.run(["cpack", "--config", config, "-G", "DEB", "-B", folder], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S)
    assert made.returncode == 0, made.stdout[-3000:]
    [package] = pathlib.Path(folder).glob("*.deb")
    return package
