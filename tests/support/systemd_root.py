"""A systemd of its own: /lib/systemd/systemd as the first process of fresh namespaces, on a copy-on-write view of this
machine's file system. Nothing outside is touched, no network is reached, and all of it is gone at the end.
Needs root, overlayfs, cgroup v2 and systemd itself; why_not() says what is missing."""

import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

SYSTEMD = "/lib/systemd/systemd"
PR_SET_PDEATHSIG = 1
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

BOOT = r"""
set -e
base=$1; root=$base/root
mount --make-rprivate /
mkdir -p $root $base/over
mount -t tmpfs tmpfs $base/over
mkdir $base/over/upper $base/over/work
mount -t overlay overlay -o lowerdir=/,upperdir=$base/over/upper,workdir=$base/over/work $root
mount -t proc proc $root/proc
# Settings of the kernel are the machine's, not the root's: read only, and what would change them is not started.
mount --bind $root/proc/sys $root/proc/sys
mount -o remount,bind,ro $root/proc/sys
mount -t sysfs -o ro sysfs $root/sys
if [ -e $root/proc/sysrq-trigger ]; then mount --bind /dev/null $root/proc/sysrq-trigger; fi
mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
mount -t tmpfs tmpfs $root/dev
for name in %s; do touch $root/dev/$name; mount --bind /dev/$name $root/dev/$name; done
mkdir $root/dev/pts $root/dev/shm
mount -t tmpfs tmpfs $root/dev/shm
mount -t devpts devpts $root/dev/pts -o newinstance,ptmxmode=0666
ln -s pts/ptmx $root/dev/ptmx
ln -s /proc/self/fd $root/dev/fd
mount -t tmpfs tmpfs $root/run
mount -t tmpfs tmpfs $root/tmp
rm -f $root/etc/fstab
: > $root/etc/machine-id
# Of the machine's own services none is started here.
rm -rf $root/etc/systemd/system
mkdir -p $root/etc/systemd/system
ln -s /dev/null $root/etc/systemd/system/systemd-modules-load.service
cd $root
mkdir -p outside
pivot_root . outside
umount -l /outside
ip link set lo up
exec setpriv --bounding-set -sys_module,-sys_time,-sys_rawio,-sys_boot env -i container=freshet PATH=/usr/sbin:/usr/bin:/sbin:/bin %s --system --unit=basic.target --log-target=journal --show-status=false
""" % (" ".join(DEVICES), SYSTEMD)


def cgroup_mount():
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return pathlib.Path(place)
    return None


def why_not():
    if not os.access(SYSTEMD, os.X_OK):
        return "there is no systemd"
    for tool in ("unshare", "nsenter", "pivot_root", "setpriv", "ip", "mount"):
        if shutil.which(tool) is None:
            return f"there is no {tool}"
    if os.geteuid() != 0:
        return "namespaces and mounts need root"
    if "overlay" not in pathlib.Path("/proc/filesystems").read_text() or cgroup_mount() is None:
        return "there is no overlayfs or no cgroup v2"
    try:
        with SystemdRoot():
            return ""
    except (OSError, RuntimeError, subprocess.SubprocessError) as failed:
        return f"systemd does not boot in namespaces here: {failed}"


class SystemdRoot:
    PATIENCE = 60

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="freshet-systemd-")
        self.cgroup = cgroup_mount() / os.path.basename(self.folder)
        self.log = open(os.path.join(self.folder, "boot.log"), "w+")
        self.outer = None
        kill_with_parent = ctypes.CDLL(None).prctl

        def in_the_child():
            kill_with_parent(PR_SET_PDEATHSIG, signal.SIGKILL)   # whatever ends this test ends the root
            (self.cgroup / "cgroup.procs").write_text(str(os.getpid()))

        try:
            self.cgroup.mkdir()
            self.outer = subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--net", "--cgroup",
                                           "sh", "-c", BOOT, "boot", self.folder],
                                          stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=in_the_child)
            self.wait_until(self.booted, "systemd to boot")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.outer is not None:
            self.outer.kill()   # its child, the first process, goes with it, and every process of the namespace with that
            self.outer.wait()
        self.log.close()
        for _ in range(100 if self.cgroup.exists() else 0):
            try:
                for below in sorted((p for p in self.cgroup.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts)):
                    below.rmdir()
                self.cgroup.rmdir()
                break
            except OSError:
                time.sleep(0.1)
        shutil.rmtree(self.folder, ignore_errors=True)

    def booted(self):
        if self.outer.poll() is not None:
            self.log.seek(0)
            raise RuntimeError(self.log.read().strip()[-500:] or f"exit status {self.outer.returncode}")
        children = pathlib.Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children").read_text().split()
        if not children:
            return False
        self.first = int(children[0])
        return os.readlink(f"/proc/{self.first}/exe").endswith("/systemd") and self.run("systemctl", "is-active", "basic.target").returncode == 0

    def run(self, *command, timeout=PATIENCE):
        """In the root, as its root."""
        return subprocess.run(["nsenter", "--target", str(self.first), "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup",
                               "--root", "--wd", *command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)

    def path(self, name):
        """Of a file of the root, as seen from outside."""
        return pathlib.Path(f"/proc/{self.first}/root") / str(name).lstrip("/")

    def wait_until(self, condition, what, timeout=PATIENCE):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.2)
        raise RuntimeError(f"no {what} within {timeout} s")
