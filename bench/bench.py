"""One benchmark under way: where it works, who takes part, what was skipped. It
owns the work directory and leaves nothing behind, however it ends.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import measure
import workloads

PROGRAMS = ["umoci", "buildah", "skopeo", "tar", "pigz", "unpigz", "gzip", "zstd", "diff", "docker-registry"]
ROOM = 10 << 30  # bytes that the full form needs: the tree, a copy, an unpacked one, and layers of it


def say(text):
    print(text, file=sys.stderr, flush=True)


def stop_on_signals():
    """SIGTERM and SIGHUP end us as Ctrl-C does, through every finally; a command that hangs is an error."""

    def interrupt(number, _frame):
        raise KeyboardInterrupt(signal.Signals(number).name)

    def too_long(_number, _frame):
        raise measure.Wrong("took more than an hour")

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    signal.signal(signal.SIGALRM, too_long)


def work_directory(given, room):
    """A fresh directory below `given`; without it in memory where there is `room`, else where temporary files go."""
    if given is None:
        memory = "/dev/shm"
        fits = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= room
        given = memory if fits else tempfile.gettempdir()
        if not fits:
            say(f"{memory} has no room for {room >> 30} GiB: working in {given}; times will hold its disk")
    os.makedirs(given, exist_ok=True)
    return tempfile.mkdtemp(prefix="stave-bench-", dir=given)


class Bench:
    """Used as a context: the work directory is there inside and gone after."""

    def __init__(self, options, parent=None, room=ROOM):
        self.options = options
        self.staves = [self._stave(text) for text in options.stave]
        self.work = work_directory(parent or options.work, room)
        self.here = self.work  # directory of the scenario that runs
        self.skips = []  # what was left out, and why
        for name in ("home", "tmp", "run"):
            os.mkdir(os.path.join(self.work, name), 0o700)
        # Only what commands need: neither locale nor configuration of who runs this counts.
        path = os.environ.get("PATH", "/usr/bin:/bin")
        self.runner = measure.Runner(self.work, {
            "PATH": path, "HOME": self.work + "/home", "LC_ALL": "C.UTF-8", "TMPDIR": self.work + "/tmp",
            "XDG_RUNTIME_DIR": self.work + "/run", "XDG_CACHE_HOME": self.work + "/home/cache",
        })  # fmt: skip
        self.programs = {name: self.runner.path_of(name) for name in PROGRAMS}
        self.workloads = workloads.Workloads(self.work, options.rootfs, options.short, say)
        self.at_leave = []  # what ends with the scenario that runs: servers
        self._driver = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end_scenario()
        self.unmount(self.work)
        workloads.remove(self.work)

    def _stave(self, text):
        """(label, path) of `PATH` or `LABEL=PATH`."""
        label, _, path = text.rpartition("=")
        if not os.access(path, os.X_OK):
            raise measure.Wrong(f"no stave at {path}: build it (make build), or say where with --stave")
        return label or "stave", os.path.abspath(path)

    def has(self, program):
        return self.programs.get(program) is not None

    def tree(self, name):
        return self.workloads.get(name)

    def those(self, *wanted):
        """The contenders that can take part; each of `wanted` is (programs it needs, function that makes it)."""
        made = []
        for needs, make in wanted:
            missing = [name for name in needs if not self.has(name)]
            contender = None if missing else make()
            if missing:
                self.skip(f"{' and '.join(missing)} not installed")
            elif re.search(self.options.peers, contender.name):
                made.append(contender)
        return made

    def skip(self, reason):
        if reason not in self.skips:
            self.skips.append(reason)
            say(f"  skipped: {reason}")

    def enter(self, scenario):
        """A fresh directory for a scenario, in `here`."""
        self.here = os.path.join(self.work, scenario)
        os.mkdir(self.here)

    def _end_scenario(self):
        while self.at_leave:
            self.at_leave.pop()()

    def leave(self):
        self._end_scenario()
        self.unmount(self.here)
        workloads.remove(self.here)
        self.here = self.work

    def buildah_driver(self):
        """overlay, buildah's default, where it works in here; else vfs."""
        if self._driver is None:
            probe = self.here + "/buildah-probe"
            words = f"buildah --root {probe}/root --runroot {probe}/run --storage-driver overlay"
            try:
                self.runner.run(["bash", "-c", f"c=$({words} from scratch) && {words} mount $c && {words} umount $c"])
                self._driver = "overlay"
            except measure.Wrong:
                self._driver = "vfs"
            self.remove_buildah(probe)
        return self._driver

    def remove_buildah(self, root):
        self.unmount(root)
        workloads.remove(root)

    def unmount(self, below):
        """buildah mounts its storage; what is mounted cannot be removed."""
        with open("/proc/self/mounts", encoding="utf-8", errors="replace") as mounts:
            places = [line.split(" ")[1] for line in mounts]
        for place in reversed(places):
            if place.startswith(below + "/"):
                subprocess.run(["umount", "-l", place], check=False)
