"""From the JSON of a benchmark to tables: aligned for a terminal, or Markdown for
the README. Only the JSON counts, so the same file gives the same text.
"""

from bars import middle
from measure import median


def human_time(seconds):
    return f"{seconds * 1e3:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def human_bytes(size):
    if size is None:
        return ""
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 1 << power:
            return f"{size / (1 << power):.1f} {unit}"
    return f"{size} B"


def cells(scenario, row, floor):
    """What a table says of one contender: times, memory, size, and how many times as long as the scenario's first."""
    first = scenario["rows"][0]
    memory = max(sample["memory"] for sample in row["samples"])
    wall = middle(row, "wall")
    cpu = middle(row, "user") + middle(row, "system")
    walls = [sample["wall"] for sample in row["samples"]]
    return [
        row["name"],
        human_time(wall),
        f"{human_time(min(walls))} to {human_time(max(walls))}",
        human_time(cpu),
        ("≤ " if memory <= floor else "") + human_bytes(memory),
        human_bytes(middle(row, "size")),
        f"{wall / middle(first, 'wall'):.2f}",
    ]


HEADER = ["", "wall", "from, to", "CPU", "memory", "size", "ratio"]


def aligned(rows, indent="  "):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        texts = [text.ljust(width) if not column else text.rjust(width)
                 for column, (text, width) in enumerate(zip(row, widths))]  # fmt: skip
        yield indent + "  ".join(texts).rstrip()


def verdict(bar):
    return {True: "met   ", False: "MISSED", None: "      "}[bar["met"]]


def about(result):
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(result["versions"].items()))
    return [
        f"{machine['cores']} cores of {machine['processor']}, {human_bytes(machine['memory'])}, {machine['kernel']}, "
        f"{machine['system']}",
        versions,
    ]


def workload_line(workload):
    if not workload:
        return ""
    return f": {workload['entries']:,} entries, {human_bytes(workload['bytes'])} ({workload['from']})"


def text(result):
    """The tables as lines of text."""
    floor = result["machine"]["memory_floor"]
    for place in result["places"]:
        yield f"on {place['file_system']}{' (a disk: no bars)' if place['disk'] else ''}"
        for scenario in place["scenarios"]:
            yield ""
            yield scenario["title"] + workload_line(scenario["workload"])
            yield from aligned([HEADER] + [cells(scenario, row, floor) for row in scenario["rows"]])
            for bar in scenario["bars"]:
                yield f"    {verdict(bar)} {bar['bar']}: {bar['found']}"
        yield ""
    yield from about(result)
    for reason in result["skips"]:
        yield f"skipped: {reason}"
    every = [bar["met"] for place in result["places"] for scenario in place["scenarios"] for bar in scenario["bars"]]
    if every:
        yield f"bars: {every.count(True)} met, {every.count(False)} missed, {every.count(None)} not measured"


def markdown_rows(place, floor, only_chart):
    """One table; with `only_chart` of those contenders that are in the chart."""
    yield "| work | | wall | CPU | memory | size | times as long |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for scenario in place["scenarios"]:
        title = scenario["title"]
        for row in scenario["rows"]:
            if only_chart and row["name"] not in scenario["chart"]:
                continue
            name, wall, _, *rest = cells(scenario, row, floor)
            shown = f"**{name}**" if row["peer"] == "stave" else name
            yield f"| {title} | {in_cell(shown)} | {wall} | " + " | ".join(rest) + " |"
            title = ""


def markdown_bars(place):
    yield "| work | bar | found | |"
    yield "|---|---|---:|---|"
    for scenario in place["scenarios"]:
        for bar in scenario["bars"]:
            mark = {True: "met", False: "**missed**", None: ""}[bar["met"]]
            yield f"| {scenario['title']} | {in_cell(bar['bar'])} | {bar['found']} | {mark} |"


def in_cell(words):
    return words.replace("|", "\\|")


def markdown(result, what):
    """A block for a document. what: chart (the README's), all, bars, or disk (all of what ran on a disk)."""
    wanted = [place for place in result["places"] if place["disk"] == (what == "disk")]
    for place in wanted:
        if what == "bars":
            yield from markdown_bars(place)
        else:
            yield from markdown_rows(place, result["machine"]["memory_floor"], what == "chart")
        yield ""
    yield "<sub>" + "; ".join(about(result)) + f". Medians of {result['rounds']} runs.</sub>"


# --- bench/growth --------------------------------------------------------------------------------------------------


def growth_table(result):
    """Rows {"files", "pack": {"wall" (s), "each" (microseconds a file), "memory" (MiB)}, "unpack", "diff"}."""
    rows = []
    for size in result["growth"]:
        row = {"files": size["files"]}
        for verb, samples in size["work"].items():
            wall = median([sample["wall"] for sample in samples])
            memory = max(sample["memory"] for sample in samples)
            row[verb] = {"wall": wall, "each": wall / size["files"] * 1e6, "memory": memory / 2**20}
        rows.append(row)
    return rows


def growth(result):
    """The table of bench/growth as lines of Markdown, which is aligned enough to read in a terminal.

    Memory grows by so many bytes for each file more than in the first row: what every process takes is not in it.
    """
    rows = growth_table(result)
    first = rows[0]
    yield "| files | work | time | for each file | peak memory | for each file more |"
    yield "|---:|---|---:|---:|---:|---:|"
    for verb in ("pack", "unpack", "diff"):
        for row in rows:
            more = row["files"] - first["files"]
            grown = (row[verb]["memory"] - first[verb]["memory"]) * 2**20 / more if more else None
            yield (f"| {row['files']:>9,} | {verb:6} | {human_time(row[verb]['wall']):>8} | {row[verb]['each']:6.1f} µs "
                   f"| {row[verb]['memory']:7.1f} MiB | {f'{grown:.0f} bytes' if grown is not None else '':>9} |")  # fmt: skip
    yield ""
    yield from about(result)
