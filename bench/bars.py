"""The bars that stave has to pass: each compares medians and says in words what
it asks and what was found.
"""

import dataclasses
import typing

from measure import median

# --- reading rows of a result: {"name", "samples": [{"wall", ...}]} ------------------------------------------------


def row_of(scenario, name):
    return next((row for row in scenario["rows"] if row["name"] == name), None)


def middle(row, what):
    """The median of one figure of a row, or None when it has none."""
    values = [sample[what] for sample in row["samples"] if sample[what] is not None]
    return median(values) if values else None


@dataclasses.dataclass(frozen=True)
class Bar:
    text: str
    rows: tuple[str, ...]  # contenders it needs
    judge: typing.Callable  # (scenario, row...) -> (met, found)

    def apply(self, scenario):
        """{"bar", "met", "found"}; met is None where somebody it needs did not take part."""
        rows = [row_of(scenario, name) for name in self.rows]
        if None in rows:
            return {"bar": self.text, "met": None, "found": "not measured"}
        met, found = self.judge(scenario, *rows)
        return {"bar": self.text, "met": met, "found": found}


def faster(subject, peer, factor, aim=None):
    """`subject` takes at most 1/factor of the time of `peer`."""

    def judge(_, ours, theirs):
        ratio = middle(theirs, "wall") / middle(ours, "wall")
        return ratio >= factor, f"{ratio:.2f} times"

    aimed = f" (aim: {aim:g})" if aim else ""
    return Bar(f"{subject}: at least {factor:g} times as fast as {peer}{aimed}", (subject, peer), judge)


def size(subject, peer, factor):
    """The result of `subject` is at most `factor` times as large as that of `peer`."""

    def judge(_, ours, theirs):
        ratio = middle(ours, "size") / middle(theirs, "size")
        return ratio <= factor, f"{ratio:.3f} times"

    return Bar(f"{subject}: at most {factor:g} times the size of {peer}", (subject, peer), judge)


def seconds(subject, limit):
    def judge(_, ours):
        wall = middle(ours, "wall")
        return wall <= limit, f"{wall * 1e3:.1f} ms"

    return Bar(f"{subject}: at most {limit * 1e3:g} ms", (subject,), judge)


def rate(subject, limit):
    """Bytes of the workload a second."""

    def judge(scenario, ours):
        speed = scenario["workload"]["bytes"] / middle(ours, "wall")
        return speed >= limit, f"{speed / 1e6:.0f} MB/s"

    return Bar(f"{subject}: at least {limit / 1e6:g} MB/s", (subject,), judge)


def memory(base, each):
    """Peak memory is at most `base` and `each` bytes for every entry of the workload."""

    def bar(subject):
        def judge(scenario, ours):
            limit = base + each * (scenario["workload"] or {"entries": 0})["entries"]
            # The worst of all runs: a peak is a promise, not an average.
            peak = max(sample["memory"] for sample in ours["samples"])
            return peak <= limit, f"{peak / 2**20:.1f} MiB of {limit / 2**20:.1f}"

        return Bar(f"{subject}: at most {base >> 20} MiB and {each} bytes a file", (subject,), judge)

    return bar
