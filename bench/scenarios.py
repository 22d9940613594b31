"""What is measured: each scenario puts contenders side by side on one workload,
and says which bars stave has to pass there. docs/benchmarks.md describes them.
"""

import dataclasses
import os
import shutil
import time
import typing

import bars
import measure
import registry
import workloads
from contenders import (
    Contender,
    StaveBox,
    buildah_build,
    buildah_commit,
    check_tree,
    largest_blob,
    size_of,
    stave_pack,
    stave_unpack,
    tar_pack,
    tar_unpack,
    umoci_insert,
    umoci_layout,
    umoci_unpack,
)


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    workload: str | None
    build: typing.Callable  # Bench -> contenders
    bars: tuple = ()
    rounds: int = 0  # at least so many; short commands need more
    chart: tuple[str, ...] = ()  # contenders in the README's chart


def staves(bench, needs, make):
    """The same contender for every stave that takes part: make(label, program)."""
    return [(needs, lambda label=label, program=program: make(label, program)) for label, program in bench.staves]


# --- pack ----------------------------------------------------------------------------------------------------------


def pack_codecs(codecs):
    """A scenario: stave with each codec, and everybody else once."""

    def build(workload):
        def contenders(bench):
            tree = bench.tree(workload)
            own = [each for codec in codecs
                   for each in staves(bench, [], lambda label, program, codec=codec: stave_pack(
                       bench, f"{label} {codec or 'gzip'}", codec, tree, program))]  # fmt: skip
            return bench.those(
                *own,
                (["umoci"], lambda: umoci_insert(bench, "umoci insert", tree)),
                (["buildah"], lambda: buildah_build(bench, "buildah copy, commit", tree)),
                (["buildah"], lambda: buildah_commit(bench, "buildah commit alone", tree)),
                (["tar", "pigz"], lambda: tar_pack(bench, "tar | pigz", "pigz", tree, "pigz")),
                (["tar", "zstd"], lambda: tar_pack(bench, "tar | zstd -3 -T0", "zstd", tree, "zstd -q -3 -T0")),
                (["tar"], lambda: tar_pack(bench, "tar", "tar", tree, "")),
            )

        return contenders

    return build


PACK_ALL = pack_codecs((None, "gzip:1", "zstd", "none"))
PACK_TWO = pack_codecs((None, "zstd"))


def pack_one_file(workload, sparse):
    """One large file: only who has to be beaten there, for each writes gigabytes."""

    def contenders(bench):
        tree = bench.tree(workload)
        options = "-S" if sparse else ""
        return bench.those(
            *staves(bench, [], lambda label, program: stave_pack(bench, f"{label} gzip", None, tree, program)),
            (["umoci"], lambda: umoci_insert(bench, "umoci insert", tree)),
            (["tar", "pigz"], lambda: tar_pack(bench, "tar | pigz", "pigz", tree, "pigz", options)),
        )

    return contenders


# --- pack again ----------------------------------------------------------------------------------------------------


def file_at(tree, share):
    """A file of ordinary size (1 to 64 KiB) at `share` (0 to 1) of the tree, in the order of a layer (docs/format.md)."""
    files = []
    for here, directories, names in os.walk(tree):
        directories.sort()
        for name in sorted(names):
            path = os.path.join(here, name)
            status = os.lstat(path)
            if 1024 <= status.st_size <= 65536 and status.st_nlink == 1 and not os.path.islink(path):
                files.append(path)
    files.sort(key=lambda path: path[len(tree):].split("/"))
    return files[min(len(files) - 1, int(len(files) * share))]


def change(path, number):
    """Other bytes, another time; each number gives another content. What changed lies in the past when somebody looks."""
    with open(path, "r+b") as file:
        file.write(f"changed {number:8}\n".encode())
    time.sleep(0.05)


class Again:
    """Packing a tree whose last pack left its blobs and its cache."""

    def __init__(self, bench, label, program, codec, tree):
        self.bench, self.label, self.program, self.codec, self.tree = bench, label, program, codec, tree
        self.number = 0

    def _box(self, name):
        box = StaveBox(self.bench, f"{self.label}-{name}", self.program)
        box.clear()
        return box

    def unchanged(self):
        return self._contender("nothing", None)

    def changed(self, where, share):
        return self._contender(where + " file", file_at(self.tree, share))

    def _contender(self, what, path):
        box = self._box(what.replace(" ", "-"))
        words = box.pack_words(self.tree, self.codec)

        def prepare():
            # Brings the cache to what the tree is now, whoever changed it since; then exactly `path` is other.
            box.do(*words)
            box.do("gc", "-q")
            if path:
                self.number += 1
                change(path, self.number)

        return Contender(f"{self.label} again, {what} changed", "stave", box.command(*words), prepare, None,
                         lambda printed: self._check(printed, words), environment=box.environment)  # fmt: skip

    def _check(self, printed, words):
        """A cold pack of the same tree gives the same digest, and the layer holds the tree."""
        cold = self._box("check")
        digest = cold.do(*words)
        if digest != printed:
            raise measure.Wrong(f"printed {printed}, a cold pack prints {digest}")
        cold.check(printed, self.tree)
        workloads.remove(cold.root)


def pack_again(codec):
    def contenders(bench):
        tree = bench.tree("rootfs")

        def of(label, program):
            again = Again(bench, label, program, codec, tree)
            return [
                ([], lambda: stave_pack(bench, f"{label} cold", codec, tree, program)),
                ([], again.unchanged),
                ([], lambda: again.changed("first", 0.0)),
                ([], lambda: again.changed("middle", 0.5)),
                ([], lambda: again.changed("last", 1.0)),
            ]

        return bench.those(*(wanted for each in bench.staves for wanted in of(*each)))

    return contenders


def linked_copy(source, target):
    """A copy of a directory with layouts in it: blobs never change, so a link to one is a copy of it."""

    def link_or_copy(a, b):
        (os.link if "/blobs/" in a else shutil.copy2)(a, b)

    workloads.remove(target)
    shutil.copytree(source, target, copy_function=link_or_copy)


def pack_tree(bench):
    """An unpacked image, one file of it changed, becomes the image's next layer."""
    tree = bench.tree("rootfs")
    middle = file_at(tree, 0.5)[len(tree):]
    number = [0]

    def touch(target):
        number[0] += 1
        change(target + middle, number[0])

    def stave(label, program):
        base = StaveBox(bench, label + "-base", program)
        base.clear()
        base.do(*base.pack_words(tree, None, "base"))
        target = os.path.join(bench.here, label + "-tree")
        base.do("unpack", "-q", "base", target)
        box = StaveBox(bench, label + "-next", program)

        def prepare():
            linked_copy(base.root, box.root)
            touch(target)

        def check(_):
            box.do("unpack", "-q", "next", target + "-check")
            check_tree(target, target + "-check")
            workloads.remove(target + "-check")

        command = box.command("pack", "-q", "-t", "next", "--base", "base", "--tree", target)
        return Contender(f"{label} pack --tree", "stave", command, prepare, None, check, environment=box.environment)

    def umoci():
        layout = umoci_layout(bench, "umoci")
        bench.runner.run(["umoci", "insert", "--image", layout + ":new", "--tag", "base", tree, "/"])
        bundle = os.path.join(bench.here, "umoci-bundle")
        bench.runner.run(["umoci", "unpack", "--image", layout + ":base", bundle])
        fresh = os.path.join(bench.here, "umoci-next")

        def prepare():
            linked_copy(layout, fresh)
            touch(bundle + "/rootfs")

        return Contender("umoci repack", "umoci", ["umoci", "repack", "--image", fresh + ":next", bundle], prepare)

    return bench.those(*staves(bench, [], stave), (["umoci"], umoci))


# --- unpack --------------------------------------------------------------------------------------------------------


def unpack(bench):
    """The layer that umoci made and our own, each by everybody who can."""
    tree = bench.tree("rootfs")
    label, program = bench.staves[0]
    boxes = {}
    for codec in ("gzip", "zstd", "none"):
        boxes[codec] = StaveBox(bench, "own-" + codec, program)
        boxes[codec].clear()
        boxes[codec].do(*boxes[codec].pack_words(tree, codec))
    made = []
    if bench.has("umoci"):
        layout = umoci_layout(bench, "umoci")
        bench.runner.run(["umoci", "insert", "--image", layout + ":new", "--tag", "x", tree, "/"])
        foreign = largest_blob(layout)
        made += staves(bench, [], lambda label, program: stave_unpack(
            bench, f"{label}, umoci's layer", f"oci:{layout}:x", tree, program, {}, rounded=True))  # fmt: skip
        made += [
            (["umoci"], lambda: umoci_unpack(bench, "umoci unpack", layout + ":x", tree)),
            (["tar", "unpigz"], lambda: tar_unpack(bench, "tar -I unpigz", "unpigz", foreign, "unpigz")),
            (["tar", "gzip"], lambda: tar_unpack(bench, "tar -xz", "gzip", foreign, "gzip")),
        ]
    for codec, box in boxes.items():
        made += staves(bench, [], lambda label, program, codec=codec, box=box: stave_unpack(
            bench, f"{label}, own {codec} layer", "x", tree, program, box.environment))  # fmt: skip
    zstd_layer = largest_blob(boxes["zstd"].store)
    made.append((["tar", "zstd"], lambda: tar_unpack(bench, "tar -I zstd", "zstd", zstd_layer, "zstd")))
    return bench.those(*made)


def pack_unpack(workload):
    """Memory: one large file there and back."""

    def contenders(bench):
        tree = bench.tree(workload)
        _, program = bench.staves[0]
        box = StaveBox(bench, "own", program)
        box.clear()
        box.do(*box.pack_words(tree, None))
        # check_tree would read a hole of 20 GB twice to say that it is empty.
        judged = tree if workload != "zeros-20g" or bench.options.short else None
        return bench.those(
            *staves(bench, [], lambda label, program: stave_pack(bench, f"{label} pack", None, tree, program)),
            *staves(bench, [], lambda label, program: stave_unpack(
                bench, f"{label} unpack", "x", judged, program, box.environment)),
        )  # fmt: skip

    return contenders


# --- diff, copy, start ---------------------------------------------------------------------------------------------


def diff_record(bench):
    tree = bench.tree("rootfs")

    def stave(label, program):
        box = StaveBox(bench, label, program)
        box.clear()
        box.do(*box.pack_words(tree, None))
        target = os.path.join(bench.here, label + "-tree")
        box.do("unpack", "-q", "x", target)
        return Contender(f"{label} diff IMAGE TREE", "stave", box.command("diff", "-q", "x", target),
                         check=expect_nothing, environment=box.environment)  # fmt: skip

    return bench.those(*staves(bench, [], stave))


def expect_nothing(printed):
    """What `diff` says about equal trees, as its summary or in silence."""
    if printed and not printed.startswith("0 added, 0 removed, 0 modified"):
        raise measure.Wrong(f"equal trees differ: {printed[:200]}")


def diff_trees(bench):
    tree = bench.tree("rootfs")
    other = os.path.join(bench.here, "copy")
    bench.runner.run(["cp", "-a", tree, other])
    return bench.those(
        *staves(bench, [], lambda label, program: Contender(
            f"{label} diff A B", "stave", [program, "diff", "-q", tree, other], check=expect_nothing)),
        # It calls device nodes different whatever they are, and says so by 1.
        (["diff"], lambda: Contender("diff -rq", "diff", ["diff", "-rq", "--no-dereference", tree, other], exits=(0, 1))),
    )  # fmt: skip


def copy(bench):
    tree = bench.tree("rootfs")
    _, program = bench.staves[0]
    box = StaveBox(bench, "own", program)
    box.clear()
    digest = box.do(*box.pack_words(tree, None))

    def contender(name, peer, words, environment, target):
        def check(_):
            if bench.has("skopeo"):
                seen = bench.runner.ask(["skopeo", "inspect", "--format", "{{.Digest}}", "oci-archive:" + target])
                if seen != digest:
                    raise measure.Wrong(f"{seen} arrived for {digest}")

        remove = lambda: workloads.remove(target)  # noqa: E731
        return Contender(name, peer, words, remove, lambda: size_of(target), check, remove, environment)

    def stave(label, program):
        target = os.path.join(bench.here, label + ".tar")
        return contender(f"{label} copy", "stave", [program, "copy", "-q", "x", "oci-archive:" + target],
                         box.environment, target)  # fmt: skip

    target = os.path.join(bench.here, "skopeo.tar")
    skopeo = ["skopeo", "copy", "-q", f"oci:{box.store}:x:latest", f"oci-archive:{target}:x:latest"]
    return bench.those(*staves(bench, [], stave),
                       (["skopeo"], lambda: contender("skopeo copy", "skopeo", skopeo, {}, target)))  # fmt: skip


def start(bench):
    return bench.those(
        *staves(bench, [], lambda label, program: Contender(f"{label} version", "stave", [program, "version"])),
        (["umoci"], lambda: Contender("umoci --version", "umoci", ["umoci", "--version"])),
        (["skopeo"], lambda: Contender("skopeo --version", "skopeo", ["skopeo", "--version"])),
        (["buildah"], lambda: Contender("buildah --version", "buildah", ["buildah", "--version"])),
        (["tar"], lambda: Contender("tar --version", "tar", ["tar", "--version"])),
    )


def all_scenarios():
    """In the order of their workloads, so that each is made once."""
    memory = bars.memory(64 << 20, 300)
    return [
        Scenario("start", "stave version", None, start, (bars.seconds("stave version", 0.003),), rounds=101),
        Scenario("pack", "pack a root file system", "rootfs", PACK_ALL("rootfs"), (
            bars.size("stave gzip", "umoci insert", 1.0),
            bars.faster("stave gzip", "umoci insert", 1.0, aim=1.25),
            bars.faster("stave gzip", "buildah copy, commit", 2.5),
            bars.faster("stave gzip", "tar | pigz", 2.0),
            bars.faster("stave gzip:1", "umoci insert", 2.0),
            bars.size("stave gzip:1", "umoci insert", 1.08),
            bars.faster("stave zstd", "tar | zstd -3 -T0", 1.0),
            bars.size("stave zstd", "tar | zstd -3 -T0", 1.03),
            memory("stave gzip"), memory("stave zstd"),
        ), chart=("stave gzip", "stave gzip:1", "stave zstd", "umoci insert", "buildah copy, commit", "tar | pigz",
                  "tar | zstd -3 -T0")),
        Scenario("again-gzip", "pack it again, gzip", "rootfs", pack_again(None), (
            bars.seconds("stave again, nothing changed", 0.3),
            *(bars.faster(f"stave again, {where} file changed", "stave cold", 8.0)
              for where in ("first", "middle", "last")),
        ), chart=("stave cold", "stave again, nothing changed", "stave again, first file changed",
                  "stave again, middle file changed", "stave again, last file changed")),
        Scenario("again-zstd", "pack it again, zstd", "rootfs", pack_again("zstd"), (
            bars.seconds("stave again, nothing changed", 0.3),
            *(bars.faster(f"stave again, {where} file changed", "stave cold", 3.0)
              for where in ("first", "middle", "last")),
        )),
        Scenario("tree", "one file changed after unpack: the next layer", "rootfs", pack_tree, (
            bars.faster("stave pack --tree", "umoci repack", 10.0),
        ), chart=("stave pack --tree", "umoci repack")),
        Scenario("unpack", "unpack it", "rootfs", unpack, (
            bars.faster("stave, umoci's layer", "umoci unpack", 4.0),
            bars.faster("stave, umoci's layer", "tar -I unpigz", 2.0),
            bars.faster("stave, own gzip layer", "stave, umoci's layer", 1.0),
            memory("stave, umoci's layer"), memory("stave, own gzip layer"), memory("stave, own zstd layer"),
        ), chart=("stave, umoci's layer", "umoci unpack", "tar -I unpigz", "stave, own gzip layer",
                  "stave, own zstd layer", "tar -I zstd")),
        Scenario("diff-record", "diff of an image and its unpacked tree", "rootfs", diff_record, (
            bars.seconds("stave diff IMAGE TREE", 0.5),
        )),
        Scenario("diff-trees", "diff of two equal trees", "rootfs", diff_trees, (
            bars.faster("stave diff A B", "diff -rq", 3.0),
        ), chart=("stave diff A B", "diff -rq")),
        Scenario("copy", "copy an image into an archive", "rootfs", copy, chart=("stave copy", "skopeo copy")),
        Scenario("push", "push an image of 1 GB in 12 layers", None, registry.push, (
            bars.faster("stave copy", "skopeo copy", 2.0), bars.memory(64 << 20, 0)("stave copy"),
        ), chart=("stave copy", "skopeo copy")),
        Scenario("pull", "pull it", None, registry.pull, (
            bars.faster("stave copy", "skopeo copy", 2.0), bars.memory(64 << 20, 0)("stave copy"),
        ), chart=("stave copy", "skopeo copy")),
        Scenario("pack-8k", "pack 8,000 files", "8k", PACK_TWO("8k")),
        Scenario("pack-small", "pack 100,000 files of 1 KiB", "small", PACK_TWO("small")),
        Scenario("pack-random", "pack 2 GB that do not compress", "random", pack_one_file("random", False), (
            bars.faster("stave gzip", "umoci insert", 3.0),
            bars.rate("stave gzip", 700e6),
            memory("stave gzip"),
        ), chart=("stave gzip", "umoci insert", "tar | pigz")),
        Scenario("memory-random", "memory: 2 GB that do not compress, there and back", "random", pack_unpack("random"), (
            memory("stave pack"), memory("stave unpack"),
        )),
        Scenario("pack-zeros", "pack 2 GB of zeros", "zeros", pack_one_file("zeros", True), (memory("stave gzip"),)),
        Scenario("memory-zeros", "memory: 20 GB of zeros, there and back", "zeros-20g", pack_unpack("zeros-20g"), (
            memory("stave pack"), memory("stave unpack"),
        )),
    ]  # fmt: skip
