"""Trees to measure with, made from a seed: the same seed gives the same names,
sizes, bytes, modes, mtimes and links on every machine. What each kind is like
was taken from real trees; the numbers are beside it.
"""

import bisect
import os
import random

# 2020-01-01: mtimes lie in the two years after it, far from any clock that runs now.
EPOCH = 1577836800

# Size of a file by its rank in a Debian 12 root with build-essential, python3, nodejs, npm, git, golang and cmake:
# 54,052 regular files, 1.215 GB. Between two points the sizes grow evenly on a logarithmic scale.
ROOTFS_SIZES = [
    (0.0, 1), (0.05, 59), (0.10, 80), (0.20, 222), (0.30, 402), (0.40, 619), (0.50, 986), (0.60, 1499), (0.70, 2548),
    (0.80, 5237), (0.90, 15442), (0.95, 37070), (0.98, 109788), (0.99, 244258), (0.993, 370000), (0.996, 760000),
    (0.998, 1900000), (0.999, 3400000), (0.9995, 5100000), (0.9998, 10200000), (1.0, 47461152),
]  # fmt: skip

# Entries in a directory, by rank, of the same tree (6,831 directories).
ROOTFS_FANOUT = [(0.0, 1), (0.25, 2), (0.5, 3), (0.75, 4), (0.9, 13), (0.95, 29), (0.99, 123), (1.0, 1816)]

# Of all entries: 86 % files, 11 % directories, 3 % symlinks; 7 names share an inode with another.
ROOTFS_ENTRIES = 62935

POOL = 32 << 20  # far more than any window of gzip and zstd's of level 3 (2 MiB): a file seldom meets itself
TEXT_SHARE = 0.92  # with this much text and the rest noise, gzip -6 leaves about 32 %


def interpolate(points, rank):
    """The value at `rank` of a curve that is given by (rank, value) points, evenly on a logarithmic scale."""
    at = max(1, bisect.bisect_left(points, (rank, 0)))
    (rank_a, a), (rank_b, b) = points[at - 1], points[min(at, len(points) - 1)]
    share = 0.0 if rank_a == rank_b else (rank - rank_a) / (rank_b - rank_a)
    return int(a * (b / a) ** share)


class Pool:
    """Bytes that compress like programs and sources do: runs of words, and between them runs of noise."""

    def __init__(self, rng, files):
        # A small tree needs no large one, and making it takes seconds.
        self.size = POOL if files > 2000 else POOL // 16
        letters = b"etaoinshrdlucmfwypvbgkjqxz_./-0123456789"
        words = [bytes(rng.choices(letters, k=rng.randint(2, 11))) + rng.choice((b" ", b" ", b"\n", b"(", b", "))
                 for _ in range(20000)]  # fmt: skip
        # Zipf: the n-th word is n times rarer than the first, as in every language; and phrases come again.
        weights = [1 / (rank + 1) for rank in range(len(words))]
        phrases = [b"".join(rng.choices(words, weights, k=rng.randint(3, 8))) for _ in range(4000)]
        total, pieces = 0, []
        while total < self.size:
            text = b"".join(rng.choices(phrases, weights[: len(phrases)], k=300) + rng.choices(words, weights, k=400))
            noise = rng.randbytes(int(len(text) * (1 - TEXT_SHARE) / TEXT_SHARE))
            pieces += [text, noise]
            total += len(text) + len(noise)
        self.bytes = memoryview(b"".join(pieces)[: self.size])

    def write(self, fd, size, rng):
        """`size` bytes from a random place of the pool, going on at another one at its end."""
        while size > 0:
            begin = rng.randrange(self.size - 4096)
            size -= os.write(fd, self.bytes[begin : begin + min(size, self.size - begin)])


def write_file(path, mode, writer):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        os.fchmod(fd, mode)
        writer(fd)
    finally:
        os.close(fd)


def date(path, rng):
    time = EPOCH + rng.randrange(2 * 365 * 86400)
    os.utime(path, (time, time), follow_symlinks=False)


def make_rootfs(root, entries, rng):
    """A tree like a Debian root: `entries` in all, deep and shallow directories, few large and many small files."""
    pool = Pool(rng, entries)
    directories = [root]
    populated = files = 0  # directories that have their entries; files so far
    wanted_files = int(entries * 54052 / ROOTFS_ENTRIES)
    # Sizes by rank and shuffled, rather than drawn: every seed makes the same number of bytes, the tail included.
    ranks = [(number + 0.5) / wanted_files for number in range(wanted_files)]
    rng.shuffle(ranks)
    made, last_file = 0, None
    while made < entries - 1:
        here = directories[populated]
        populated += 1
        for _ in range(interpolate(ROOTFS_FANOUT, rng.random()) + (populated < 20) * 8):
            if made >= entries - 1:
                break
            made += 1
            kind = rng.random()
            name = f"{here}/{rng.choice(('lib', 'node', 'py', 'go', 'x', 'README'))}{made:x}"
            if kind < 0.108 or populated + 2 > len(directories):
                os.mkdir(name, 0o755)
                directories.append(name)
            elif kind < 0.141 and last_file:
                os.symlink(os.path.basename(last_file), name)
                date(name, rng)
            elif kind < 0.1412 and last_file:
                os.link(last_file, name)
            else:
                rank = ranks[files % len(ranks)]
                files += 1
                mode = 0o755 if rng.random() < 0.06 else 0o644
                write_file(name, mode, lambda fd, rank=rank: pool.write(fd, interpolate(ROOTFS_SIZES, rank), rng))
                date(name, rng)
                last_file = name
    # umoci 0.4.7 leaves the padding off the last file of what it inserts, which GNU tar takes for a cut archive: so the
    # last entry is a directory, as /var/tmp is in a real root.
    directories.append(f"{root}/zz")
    os.mkdir(directories[-1])
    for directory in reversed(directories):
        os.chmod(directory, 0o755)
        date(directory, rng)


def make_small(root, files, size, rng):
    """`files` files of `size` bytes of text, a hundred in a directory and a hundred directories in one.

    Size 0: up to 120 bytes each, and one in four empty.
    """
    pool = Pool(rng, files)
    directories = [root]
    for number in range(files):
        if number % 100 == 0:
            if number % 10000 == 0:
                upper = f"{root}/d{number // 10000:04}"
                os.mkdir(upper, 0o755)
                directories.append(upper)
            here = f"{upper}/d{number // 100 % 100:02}"
            os.mkdir(here, 0o755)
            directories.append(here)
        name = f"{here}/f{number:07}"
        length = size or max(0, rng.randrange(-40, 121))
        write_file(name, 0o644, lambda fd, length=length: pool.write(fd, length, rng))
        date(name, rng)
    for directory in reversed(directories):
        os.chmod(directory, 0o755)
        date(directory, rng)


def make_random(root, size, rng):
    """One file of `size` bytes that does not compress."""

    def noise(fd):
        left = size
        while left > 0:
            left -= os.write(fd, rng.randbytes(min(left, 1 << 20)))

    write_file(f"{root}/random", 0o644, noise)
    date(f"{root}/random", rng)
    date(root, rng)


def make_zeros(root, size, rng):
    """One file that is a hole of `size` bytes."""
    write_file(f"{root}/zeros", 0o644, lambda fd: os.truncate(fd, size))
    date(f"{root}/zeros", rng)
    date(root, rng)


# What make-tree can make: name, what --count and --size are when not given, and how.
KINDS = {
    "rootfs": (ROOTFS_ENTRIES, 0, lambda root, count, size, rng: make_rootfs(root, count, rng)),
    "8k": (8000, 8192, make_small),
    "small": (100000, 1024, make_small),
    "tiny": (10000, 0, make_small),
    "random": (1, 2 << 30, lambda root, count, size, rng: make_random(root, size, rng)),
    "zeros": (1, 2 << 30, lambda root, count, size, rng: make_zeros(root, size, rng)),
}


def make(kind, root, seed, count=None, size=None):
    """Makes the directory `root`, which must not exist."""
    default_count, default_size, maker = KINDS[kind]
    os.mkdir(root, 0o755)
    os.chmod(root, 0o755)
    maker(root, default_count if count is None else count, default_size if size is None else size, random.Random(seed))
