"""The chart of the README: horizontal bars of wall time, one group for each piece
of work, every group on its own scale. Plain SVG: no scripts, no outside fonts,
colours for light and dark pages by media query. Same JSON, same bytes.
"""

from html import escape

from bars import middle, row_of
from report import human_time

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


def group(scenario, y):
    """The lines of one piece of work whose title is at `y`, and where the next one begins."""
    names = scenario["chart"] or [row["name"] for row in scenario["rows"]]
    rows = [row for row in (row_of(scenario, name) for name in names) if row]
    slowest = max(middle(row, "wall") for row in rows)
    lines = [text(16, y, scenario["title"], "title")]
    for row in rows:
        y += LINE
        wall = middle(row, "wall")
        length = max(1.0, LONGEST * wall / slowest)
        kind = "ours" if row["peer"] == "stave" else "other"
        lines += [
            text(LEFT - 10, y, row["name"], anchor="end"),
            f'  <rect x="{LEFT}" y="{y - 12}" width="{length:.1f}" height="15" rx="2" class="{kind}"/>',
            text(f"{LEFT + length + 8:.1f}", y, human_time(wall), "time"),
        ]
    return lines, y + LINE + 14


def chart(result):
    """The SVG of one result of bench/compare: the scenarios that are meant for it, or else all."""
    found = result["places"][0]["scenarios"]
    meant = [scenario for scenario in found if scenario["chart"]] or found
    machine = result["machine"]
    lines, y = [], 30
    for scenario in meant:
        more, y = group(scenario, y)
        lines += more
    where = f"wall time, median of {result['rounds']} interleaved runs; {machine['cores']} cores of {machine['processor']}"
    lines.append(text(16, y, where, "note"))
    return page(y + 18, "How long stave and others take for the same work", lines)
