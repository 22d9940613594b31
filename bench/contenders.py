"""Who is measured against whom: the command lines of every program, and the
state each run starts from. A contender is one command in one scenario; what has
to be there before it (an empty store, a base image) is made outside of the time.
"""

import dataclasses
import glob
import os
import re
import shlex
import shutil
import typing

import measure
import workloads


def nothing():
    """The prepare and clean of a command that needs none."""


@dataclasses.dataclass
class Contender:
    """One command line in one scenario."""

    name: str
    peer: str  # which program it stands for
    command: list[str]
    prepare: typing.Callable[[], None] = nothing  # before each run, not timed
    size: typing.Callable[[], int] | None = None  # of the result
    check: typing.Callable[[str], None] | None = None  # with what it printed, after the first run; throws Wrong
    clean: typing.Callable[[], None] = nothing  # after each run, not timed
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    exits: tuple[int, ...] = (0,)


def slug(name):
    """A contender's name as the name of a directory; skopeo takes a colon in a path for a tag."""
    return re.sub("[^a-z0-9]+", "-", name.lower())


def pipeline(text):
    """A shell command line that fails when any of its members does."""
    return ["bash", "-c", "set -euo pipefail; " + text]


def size_of(path):
    """Bytes of a file, or of all files below a directory."""
    return workloads.count(path)[1] if os.path.isdir(path) else os.stat(path).st_size


def largest_blob(layout):
    """The layer of a layout that has one."""
    return max(glob.glob(os.path.join(layout, "blobs", "sha256", "*")), key=lambda path: os.stat(path).st_size)


class StaveBox:
    """A store and a cache for stave that nobody else has."""

    def __init__(self, bench, name, program):
        self.bench = bench
        self.program = program
        self.root = os.path.join(bench.here, slug(name))
        self.store = os.path.join(self.root, "store")
        self.environment = {"STAVE_STORE": self.store, "XDG_CACHE_HOME": os.path.join(self.root, "cache")}

    def clear(self):
        workloads.remove(self.root)
        os.makedirs(self.root)

    def command(self, *words):
        return [self.program, *words]

    def do(self, *words):
        """Runs stave outside of the time; returns what it printed."""
        return self.bench.runner.ask(self.command(*words), self.environment)

    def pack_words(self, tree, codec, tag="x"):
        return ["pack", "-q", "-t", tag, *(["--compression", codec] if codec else []), "--layer", tree]

    def layer_size(self):
        return size_of(largest_blob(self.store))

    def check(self, printed, tree, tag="x"):
        """skopeo must find the digest that pack printed, and GNU tar must find `tree` in the layer."""
        runner = self.bench.runner
        if self.bench.has("skopeo"):
            # Its RepoTags would need a registry; the digest does not.
            seen = runner.ask(["skopeo", "inspect", "--format", "{{.Digest}}", f"oci:{self.store}:{tag}:latest"])
            if seen != printed:
                raise measure.Wrong(f"pack printed {printed}, skopeo says {seen}")
        check_layer(runner, largest_blob(self.store), tree)


def decompressor(layer):
    """Options for GNU tar: how to decompress `layer`, by its first bytes."""
    with open(layer, "rb") as file:
        magic = file.read(4)
    if magic[:2] == b"\x1f\x8b":
        return ["-I", "gzip"]
    return ["-I", "zstd"] if magic == b"\x28\xb5\x2f\xfd" else []


def check_layer(runner, layer, tree):
    """The tar `layer` holds the directory `tree`, entry for entry, as GNU tar sees it."""
    runner.run(["tar", *decompressor(layer), "--compare", "-v", "-f", layer, "-C", tree])
    with open(runner.out, encoding="utf-8", errors="replace") as names:
        held = sum(1 for line in names if line.rstrip("\n") not in ("./", "."))
    entries, _ = workloads.count(tree)
    if held != entries:
        raise measure.Wrong(f"the layer holds {held} entries, the tree {entries}")


def check_tree(tree, unpacked, rounded=False):
    """`unpacked` is `tree`; `rounded`: as umoci packed it."""
    found = workloads.difference(tree, unpacked, rounded)
    if found:
        raise measure.Wrong(f"not what was packed: {found}")


# --- stave ---------------------------------------------------------------------------------------------------------


def stave_pack(bench, name, codec, tree, stave):
    """A cold pack: empty store, empty cache."""
    box = StaveBox(bench, slug(name), stave)
    command = box.command(*box.pack_words(tree, codec))
    return Contender(name, "stave", command, box.clear, box.layer_size, lambda printed: box.check(printed, tree),
                     box.clear, box.environment)  # fmt: skip


def stave_unpack(bench, name, image, tree, stave, environment, rounded=False):
    """`image` becomes a directory; it must be `tree` when that is given."""
    target = os.path.join(bench.here, slug(name) + "-out")

    def clean():
        workloads.remove(target)
        workloads.remove(target + ".stave")

    check = (lambda _: check_tree(tree, target, rounded)) if tree else None
    return Contender(name, "stave", [stave, "unpack", "-q", image, target], clean, None, check, clean, environment)


# --- the others ----------------------------------------------------------------------------------------------------


def umoci_layout(bench, name):
    """An OCI layout with an empty image `new` in it: what umoci builds on."""
    path = os.path.join(bench.here, name)
    workloads.remove(path)
    bench.runner.run(["umoci", "init", "--layout", path])
    bench.runner.run(["umoci", "new", "--image", path + ":new"])
    return path


def umoci_insert(bench, name, tree):
    template = umoci_layout(bench, "umoci-template")
    layout = os.path.join(bench.here, "umoci-insert")

    def prepare():
        workloads.remove(layout)
        shutil.copytree(template, layout)

    command = ["umoci", "insert", "--image", layout + ":new", "--tag", "x", tree, "/"]
    return Contender(name, "umoci", command, prepare, lambda: size_of(largest_blob(layout)),
                     clean=lambda: workloads.remove(layout))  # fmt: skip


def umoci_unpack(bench, name, image, tree):
    target = os.path.join(bench.here, slug(name) + "-out")
    clean = lambda: workloads.remove(target)  # noqa: E731
    return Contender(name, "umoci", ["umoci", "unpack", "--image", image, target], clean, None,
                     lambda _: check_tree(tree, target + "/rootfs", rounded=True), clean)  # fmt: skip


def buildah_words(bench):
    root = os.path.join(bench.here, "buildah")
    words = ["buildah", "--root", root + "/root", "--runroot", root + "/run", "--storage-driver", bench.buildah_driver()]
    return root, " ".join(shlex.quote(word) for word in words)


def buildah_build(bench, name, tree):
    """from scratch, copy, commit: what a build of one COPY does. Left alone, it would leave gzip to a later push."""
    root, buildah = buildah_words(bench)
    layout = root + "/layout"
    command = pipeline(f"c=$({buildah} from scratch); {buildah} copy -q \"$c\" {shlex.quote(tree)} / >/dev/null; "
                       f"{buildah} commit -q --disable-compression=false \"$c\" oci:{shlex.quote(layout)}:x")  # fmt: skip
    clean = lambda: bench.remove_buildah(root)  # noqa: E731
    return Contender(name, "buildah", command, clean, lambda: size_of(largest_blob(layout)), None, clean)


def buildah_commit(bench, name, tree):
    """The commit alone, of a container that has the tree already."""
    root, buildah = buildah_words(bench)
    layout = root + "/layout"

    def prepare():
        bench.remove_buildah(root)
        bench.runner.run(pipeline(f"c=$({buildah} from --name c scratch); "
                                  f"{buildah} copy -q \"$c\" {shlex.quote(tree)} / >/dev/null"))  # fmt: skip

    command = pipeline(f"{buildah} commit -q --disable-compression=false c oci:{shlex.quote(layout)}:x")
    clean = lambda: bench.remove_buildah(root)  # noqa: E731
    return Contender(name, "buildah", command, prepare, lambda: size_of(largest_blob(layout)), None, clean)


def tar_pack(bench, name, peer, tree, through, options=""):
    """GNU tar, and what compresses its stream."""
    out = os.path.join(bench.here, "tar-out-" + peer)
    remove = lambda: workloads.remove(out)  # noqa: E731
    pipe = f" | {through}" if through else ""
    command = pipeline(f"tar -C {shlex.quote(tree)} {options} -c .{pipe} > {shlex.quote(out)}")
    return Contender(name, peer, command, remove, lambda: size_of(out), None, remove)


def tar_unpack(bench, name, peer, layer, through):
    target = os.path.join(bench.here, "tar-in-" + peer)

    def fresh():
        workloads.remove(target)
        os.mkdir(target)

    program = ["-I", through] if through else []
    return Contender(name, peer, ["tar", *program, "-xf", layer, "-C", target], fresh, None, None,
                     lambda: workloads.remove(target))  # fmt: skip
