#!/usr/bin/env python3
"""Prints what `pytest --tfdocker --tfdocker-json FILE` has measured, a line an image, as Markdown.

    python compare.py FILE

A ratio is to the first image. Exits with 1 where a smoke failed or didn't run: what a variant
takes that doesn't work counts for nothing.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

DASH = "–"
NOTES = {
    "download": "download: set size.download, and it is measured",
    "smallest limit": "smallest limit: run with --tfdocker-fit, which says why where it finds none",
}
"""How to come by the figures of a column that the report may lack."""


def size(value: float) -> str:
    return f"{value / 1e9:.2f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"


def memory(value: float) -> str:
    return f"{value / 2**30:.2f} GiB" if value >= 2**30 else f"{value / 2**20:.0f} MiB"


def seconds(value: float) -> str:
    return f"{value:.1f} s"


COLUMNS: dict[str, Callable[[float], str]] = {
    "image size": size,
    "download": size,
    "working peak": memory,
    "smallest limit": memory,
    "duration": seconds,
    "CPU time": seconds,
}
OF_THE_IMAGE = ("image size", "download")  # the other columns are the smoke's


class Row:
    """One smoke of one image."""

    def __init__(self, image: dict[str, Any], smoke: str | None) -> None:
        self.image, self.smoke = image["name"], smoke
        run = next((one for one in image["runs"] if one["name"] == smoke), None)
        self.broken = why_broken(image, smoke, run)
        well = run if run and not self.broken else {}
        built, fit = image["size"] or {}, well.get("fit") or {}
        self.estimated = built.get("download_source") == "estimate"
        self.limits = well.get("limits")
        self.phases = well.get("phases") or []
        self.figures = {
            "image size": built.get("total_bytes"),
            "download": built.get("download_bytes"),
            "working peak": well.get("peak_bytes"),
            "smallest limit": fit.get("smallest_bytes"),
            "duration": well.get("seconds"),
            "CPU time": well.get("cpu_seconds"),
        }

    def cells(self, rows: Sequence["Row"]) -> list[str]:
        """A text a column; the ratio is to the same smoke of the first image."""
        of_first = [row for row in rows if row.image == rows[0].image]
        of_same_smoke = [row for row in of_first if row.smoke == self.smoke]
        texts = []
        for column, form in COLUMNS.items():
            value = self.figures[column]
            text = DASH if value is None else form(value)
            if column == "download" and value is not None and self.estimated:
                text = f"≈ {text}"
            others = of_first if column in OF_THE_IMAGE else of_same_smoke
            base = others[0].figures[column] if others else None
            if self not in of_first and value is not None and base:
                text += f" ×{value / base:.2f}"
            texts.append(text)
        return texts


def why_broken(image: dict[str, Any], smoke: str | None, run: dict[str, Any] | None) -> str | None:
    """Why the figures of a smoke count for nothing; None where it ended well."""
    checks = {one["id"]: one for one in image["checks"]}
    check = checks.get(f"peak-memory[{smoke}]", {})
    build = checks.get("build", {})
    said = (check if run else {}) or (build if build.get("outcome") == "failed" else check)
    headline = said.get("message", "").partition("\n")[0]
    if run is None:
        return headline or "no smoke ran"
    if run["oom_killed"] or run["timed_out"] or run["exit_code"] not in (0, None):
        return headline or f"exit code {run['exit_code']}"
    # Over its own budget the figures are what they are.
    over = check.get("budget") and run["peak_bytes"] and run["peak_bytes"] > check["budget"]
    bad = check.get("outcome") in ("failed", "error", "warned") and not over
    return headline if bad else None


def rows_of(image: dict[str, Any]) -> list[Row]:
    """A row a smoke, in the settings' order; one row where there is none."""
    ids = (one["id"] for one in image["checks"])
    checked = [one[len("peak-memory[") : -1] for one in ids if one.startswith("peak-memory[")]
    smokes = dict.fromkeys([*checked, *(run["name"] for run in image["runs"])])
    return [Row(image, smoke) for smoke in smokes or [None]]


def table(rows: Sequence[Sequence[str]]) -> str:
    """Markdown that is aligned as text, too; the first row is the head."""
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    rule = [f"{'-' * (width - 1)}:" for width in widths]
    rule[0] = "-" * widths[0]
    lines = [rows[0], rule, *rows[1:]]
    return "\n".join(
        f"| {' | '.join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])} |"
        for line in lines
    )


def render(rows: Sequence[Row]) -> str:
    """The figures, the peaks by phase, and what is to be known about both."""
    several = len({row.smoke for row in rows if row.smoke}) > 1
    labels = [f"{row.image} {row.smoke or ''}".strip() if several else row.image for row in rows]
    lines = [[label, *row.cells(rows)] for label, row in zip(labels, rows, strict=True)]
    parts = [table([["", *COLUMNS], *lines])]
    if names := phases_of(rows):
        lines = [[label, *by_phase(row, names)] for label, row in zip(labels, rows, strict=True)]
        parts.append(table([["working peak in", *names], *lines]))
    if notes := [*notes_on(rows, labels)]:
        parts.append("\n".join(f"- {note}" for note in notes))
    return "\n\n".join(parts)


def phases_of(rows: Sequence[Row]) -> list[str]:
    """The names of all phases in the order of time: one that some runs lack stands in its place."""
    names: list[str] = []
    for row in rows:
        at = 0
        for phase in row.phases:
            if phase["name"] not in names:
                names.insert(at, phase["name"])
            at = names.index(phase["name"]) + 1
    return names


def by_phase(row: Row, names: Sequence[str]) -> list[str]:
    phases = {one["name"]: one for one in row.phases}
    return [
        f"{memory(phases[name]['peak_bytes'])}, {seconds(phases[name]['seconds'])}"
        if name in phases and phases[name]["peak_bytes"] is not None
        else DASH
        for name in names
    ]


def notes_on(rows: Sequence[Row], labels: Sequence[str]) -> list[str]:
    broken = [f"{one}: {row.broken}" for one, row in zip(labels, rows, strict=True) if row.broken]
    well = [row for row in rows if not row.broken]
    lacking = [
        note for column, note in NOTES.items() if any(row.figures[column] is None for row in well)
    ]
    if any(row.estimated for row in well):
        lacking.append("≈: compressed in part, and estimated")
    limits = {tuple(sorted(row.limits.items(), key=str)) for row in well if row.limits}
    if len(limits) > 1:
        lacking.append("the images ran under different limits: durations can't be compared")
    return broken + lacking


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: compare.py FILE   which pytest --tfdocker --tfdocker-json FILE writes")
    try:
        images = json.loads(Path(sys.argv[1]).read_text())["images"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"compare.py: {sys.argv[1]} is no report of --tfdocker-json: {error}")
    rows = [row for image in images for row in rows_of(image)]
    if not rows:
        sys.exit(f"compare.py: {sys.argv[1]} tells of no image")
    print(render(rows))
    sys.exit(any(row.broken for row in rows))


if __name__ == "__main__":
    main()
