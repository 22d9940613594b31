"""The chart of the README: horizontal bars of wall time, one group for each piece
of work, every group on its own scale. Plain SVG: no scripts, no outside fonts,
colours for light and dark pages by media query. Same JSON, same bytes.
"""

from html import escape

from bars import middle, row_of
from report import growth_table, human_time

WIDTH = 880
LEFT = 268  # where bars begin
LONGEST = 480
LINE = 22  # from bar to bar

STYLE = """
    text { font: 12px -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: #1f2328; }
    .title { font-weight: 600; font-size: 13px; }
    .note, .time { fill: #59636e; }
    .ours { fill: #0969da; }
    .other { fill: #afb8c1; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .note, .time { fill: #9198a1; }
      .ours { fill: #4493f8; }
      .other { fill: #656c76; }
    }"""


def text(x, y, words, kind="", anchor="start"):
    return f'  <text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def page(height, title, lines):
    """A whole SVG of the charts' width and style."""
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" role="img">')  # fmt: skip
    return "\n".join([head, f"  <title>{escape(title)}</title>", f"  <style>{STYLE}\n  </style>", *lines, "</svg>", ""])


def group(title, rows, y):
    """Bars under a title at `y`, the longest of full length; `rows` are (label, value, words, ours). Gives where next goes."""
    most = max(value for _, value, _, _ in rows) or 1
    lines = [text(16, y, title, "title")]
    for label, value, words, ours in rows:
        y += LINE
        length = max(1.0, LONGEST * value / most)
        lines += [
            text(LEFT - 10, y, label, anchor="end"),
            f'  <rect x="{LEFT}" y="{y - 12}" width="{length:.1f}" height="15" rx="2" class="{"ours" if ours else "other"}"/>',
            text(f"{LEFT + length + 8:.1f}", y, words, "time"),
        ]
    return lines, y + LINE + 14


def bars_of(scenario):
    """The bars of one scenario: those that are meant for the chart, or all."""
    names = scenario["chart"] or [row["name"] for row in scenario["rows"]]
    rows = [row for row in (row_of(scenario, name) for name in names) if row]
    return [(row["name"], middle(row, "wall"), human_time(middle(row, "wall")), row["peer"] == "stave") for row in rows]


def chart(result):
    """The SVG of one result of bench/compare: the scenarios that are meant for it, or else all."""
    found = [scenario for scenario in result["places"][0]["scenarios"] if bars_of(scenario)]
    meant = [scenario for scenario in found if scenario["chart"]] or found
    machine = result["machine"]
    lines, y = [], 30
    for scenario in meant:
        more, y = group(scenario["title"], bars_of(scenario), y)
        lines += more
    where = f"wall time, median of {result['rounds']} interleaved runs; {machine['cores']} cores of {machine['processor']}"
    lines.append(text(16, y, where, "note"))
    return page(y + 18, "How long stave and others take for the same work", lines)


def growth(result):
    """The SVG of one result of bench/growth: time and memory for each file, by the number of files."""
    lines, y = [], 30
    table = growth_table(result)
    for verb in ("pack", "unpack", "diff"):
        for title, value, unit in ((f"{verb}: time for each file", "each", "µs"), (f"{verb}: peak memory", "memory", "MiB")):
            rows = [(f"{row['files']:,} files", row[verb][value], f"{row[verb][value]:.1f} {unit}", True) for row in table]
            more, y = group(title, rows, y)
            lines += more
    machine = result["machine"]
    lines.append(text(16, y, f"median of {result['rounds']} runs; {machine['cores']} cores of {machine['processor']}", "note"))
    return page(y + 18, "Time and memory of stave while a tree grows", lines)
