"""Paths into a JSON document: of JSONPath (RFC 9535) what names one value, $.a.b[0]['c'][-1]."""

import re

Step = str | int
"""A member's name, or an index; a negative one counts from the end."""

_STEP = re.compile(
    r"""\.(?P<name>[^\W\d]\w*)"""
    r"""|\[(?P<index>0|-?[1-9][0-9]*)\]"""
    r"""|\[(?P<quote>['"])(?P<quoted>(?:(?!(?P=quote)|\\).|\\['"\\])*)(?P=quote)\]""",
    re.DOTALL,
)
_LONGEST_INDEX = 16
"""The digits of 2**53 - 1, the largest of the RFC."""


def parse_path(text: str) -> list[Step]:
    """The steps of a path. Raises ValueError, whose text says where it can't be read."""
    if not text.startswith("$"):
        raise ValueError(f"{text!r} is no path: it starts with '$', as $.label or $[0]['score']")
    steps: list[Step] = []
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None or len(found["index"] or "") > _LONGEST_INDEX:
            raise ValueError(
                f"{text!r} can't be read from {text[at:]!r} on: after '$' come .name, ['any name'] "
                "and [0]; [-1] is the last"
            )
        steps.append(_step(found))
        at = found.end()
    return steps


def _step(found: re.Match[str]) -> Step:
    if found["index"] is not None:
        return int(found["index"])
    if found["name"] is not None:
        return found["name"]
    return re.sub(r"\\(.)", r"\1", found["quoted"])
