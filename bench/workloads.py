"""What is packed: each workload is a directory below the work directory, made
when the first scenario asks for it and removed when the next one is asked for,
so that memory (most of this runs on tmpfs) holds one at a time.
"""

import os
import shutil
import stat
import subprocess
import sys

import measure

SEED = 1

# kind of tree (bench/trees.py), what it is, count and size (None: what its kind says), and those of the short form.
WORKLOADS = {
    "rootfs": ("rootfs", "a root file system with compilers", None, None, 600, None),
    "8k": ("8k", "8,000 files of 8 KiB", None, None, 200, None),
    "small": ("small", "100,000 files of 1 KiB", None, None, 500, None),
    "random": ("random", "one file of 2 GiB that does not compress", None, None, None, 3 << 20),
    "zeros": ("zeros", "one file of 2 GiB, a hole", None, None, None, 8 << 20),
    "zeros-20g": ("zeros", "one file of 20 GiB, a hole", None, 20 << 30, None, 64 << 20),
}

# The real thing, where it can be had. apt and dpkg stay in; what they cached goes.
PACKAGES = "build-essential,python3,nodejs,npm,git,golang,cmake"
MMDEBSTRAP = ["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", "--mode=root", "bookworm"]


def remove(path):
    """Removes a file or a whole tree, if it is there."""
    if os.path.isdir(path) and not os.path.islink(path):
        # rm is five times as fast as shutil.rmtree on 60,000 files, and is not confused by modes.
        subprocess.run(["rm", "-rf", "--one-file-system", path], check=True)
    elif os.path.lexists(path):
        os.unlink(path)


def make_tree(kind, path, count=None, size=None):
    """Runs bench/make-tree. Not in this process: its memory would count as that of everything we start (measure.py)."""
    program = os.path.join(os.path.dirname(os.path.realpath(__file__)), "make-tree")
    command = [sys.executable, program, "--like", kind, "--seed", str(SEED), path]
    command += ["--count", str(count)] if count is not None else []
    command += ["--size", str(size)] if size is not None else []
    if subprocess.run(command, check=False).returncode != 0:
        raise measure.Wrong(f"no tree: {' '.join(command)}")


def count(root):
    """(entries below `root`, bytes of its files as stat says them)."""
    entries = size = 0
    for here, directories, files in os.walk(root):
        entries += len(directories) + len(files)
        for name in files:
            status = os.lstat(os.path.join(here, name))
            if stat.S_ISREG(status.st_mode):
                size += status.st_size
    return entries, size


def same_contents(a, b):
    with open(a, "rb") as left, open(b, "rb") as right:
        while True:
            block = left.read(1 << 20)
            if block != right.read(1 << 20):
                return False
            if not block:
                return True


def difference(a, b, rounded=False):
    """The first thing in which two trees differ, in words, or None. Says nothing about the time of the root.

    mtimes are compared by whole seconds; `rounded` allows the next one, since umoci rounds where others cut off.

    The judge over what was packed and unpacked, so it shares nothing with the programs that are measured.
    """
    stack = [""]
    while stack:
        inside = stack.pop()
        names = sorted(os.listdir(a + inside))
        if names != sorted(os.listdir(b + inside)):
            return f"{inside or '/'} has other names in it"
        for name in names:
            path = f"{inside}/{name}"
            left, right = os.lstat(a + path), os.lstat(b + path)
            for aspect in ("st_mode", "st_uid", "st_gid", "st_rdev"):
                if getattr(left, aspect) != getattr(right, aspect):
                    return f"{path}: {aspect} {getattr(left, aspect)} is now {getattr(right, aspect)}"
            if int(right.st_mtime) - int(left.st_mtime) not in ((0, 1) if rounded else (0,)):
                return f"{path}: mtime {left.st_mtime} is now {right.st_mtime}"
            if stat.S_ISDIR(left.st_mode):
                stack.append(path)
            elif stat.S_ISLNK(left.st_mode) and os.readlink(a + path) != os.readlink(b + path):
                return f"{path} points elsewhere"
            elif stat.S_ISREG(left.st_mode):
                if left.st_nlink != right.st_nlink:
                    return f"{path}: {left.st_nlink} names are now {right.st_nlink}"
                if left.st_size != right.st_size or not same_contents(a + path, b + path):
                    return f"{path} has other contents"
    return None


class Workloads:
    """Makes one workload at a time below `work`."""

    def __init__(self, work, rootfs, short, say):
        self.work = work
        self.short = short
        self.origin = {}  # name of the workload -> where it came from, for the JSON
        self._rootfs = rootfs
        self._say = say
        self._here = None

    def get(self, name):
        """The path of the workload; whichever was there before is removed."""
        path = os.path.join(self.work, "tree-" + name)
        if self._here != name:
            self.drop()
            self._say(f"making the tree '{name}'")
            kind, _, size_count, size, short_count, short_size = WORKLOADS[name]
            if name == "rootfs" and self._rootfs and not self.short:
                self._real_rootfs(path)
            else:
                make_tree(kind, path, *((short_count, short_size) if self.short else (size_count, size)))
                self.origin[name] = f"bench/make-tree --like {kind} --seed {SEED}"
            self._here = name
        return path

    def drop(self):
        if self._here:
            remove(os.path.join(self.work, "tree-" + self._here))
        self._here = None

    def facts(self, name):
        entries, size = count(self.get(name))
        return {"name": name, "title": WORKLOADS[name][1], "entries": entries, "bytes": size, "from": self.origin[name]}

    def _real_rootfs(self, path):
        """A copy of the given directory or tarball; the tarball is made first when it is not there."""
        given = self._rootfs
        self.origin["rootfs"] = "given directory"
        if os.path.isdir(given):
            # A copy: some scenarios change files, and what is measured must be in memory.
            subprocess.run(["cp", "-a", given, path], check=True)
            return
        if not os.path.exists(given) and not self._bootstrap(given):
            make_tree("rootfs", path)
            self.origin["rootfs"] = f"bench/make-tree --like rootfs --seed {SEED}"
            return
        self.origin["rootfs"] = f"mmdebstrap --variant=minbase --include={PACKAGES} bookworm"
        os.mkdir(path)
        if subprocess.run(["tar", "-C", path, "--xattrs", "--xattrs-include=*", "-xpf", given], check=False).returncode:
            raise measure.Wrong(f"{given} is no tarball that tar can unpack; remove it to have it made anew")

    def _bootstrap(self, tarball):
        if os.geteuid() != 0 or shutil.which("mmdebstrap") is None:
            self._say("no root file system: mmdebstrap needs root and its package; made one of the same statistics instead")
            return False
        self._say(f"making {tarball} with mmdebstrap; some minutes, once")
        os.makedirs(os.path.dirname(os.path.abspath(tarball)), exist_ok=True)
        partial = tarball + ".partial.tar"
        if subprocess.run([*MMDEBSTRAP, partial], check=False, stdout=2).returncode != 0:
            remove(partial)
            self._say("mmdebstrap failed; made a tree of the same statistics instead")
            return False
        os.rename(partial, tarball)
        return True
