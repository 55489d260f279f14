"""Which line of the Dockerfile an entry of the image's history comes from."""

import posixpath
import re
from collections.abc import Mapping, Sequence

from pytest_tfdocker.dockerfile.records import Dockerfile, Instruction
from pytest_tfdocker.dockerfile.stages import stage_chain

_NOP = re.compile(r"/bin/sh -c #\(nop\)\s*")
_ARGS = re.compile(r"(?:RUN )?\|\d+ ")
_KEYWORD = re.compile(r"([A-Z]+)\b\s*")
_SHELL = re.compile(r"(?:RUN )?/\S+ (?:-\S+ |pipefail )*-\S*c ")
_RUN_BY_SHELL = re.compile(r"^(RUN )?(\|\d+ .*?)?/bin/sh -c ", re.DOTALL)
_OPTIONAL = frozenset({"ONBUILD", "ARG", "SHELL", "MAINTAINER", ""})
"""BuildKit and the classic builder differ in which of these leave an entry."""
_COMPARED = frozenset({"RUN", "COPY", "ADD", "WORKDIR", "USER"})


def match_history(
    dockerfile: Dockerfile,
    target: str | None,
    history: Sequence[str],
    args: Mapping[str, str] | None = None,
) -> list[int | None]:
    """The line of each entry, oldest first; all None where the history isn't this Dockerfile's."""
    expected = [
        instruction
        for stage in reversed(stage_chain(dockerfile, target, args))
        for instruction in stage.instructions
    ]
    lines: list[int | None] = [None] * len(history)
    at = len(history) - 1
    for instruction in reversed(expected):
        if at >= 0 and _comes_from(history[at], instruction):
            lines[at] = instruction.line
            at -= 1
        elif instruction.keyword not in _OPTIONAL:
            return [None] * len(history)
    return lines


def as_written(entry: str) -> str:
    """An instruction of the history, less what the builder put round it.

    Values of build arguments are among that, and may be secret.
    """
    text = entry.strip().removesuffix("# buildkit").rstrip()
    nothing_run = text.partition("#(nop) ")[2].strip()
    return nothing_run or _RUN_BY_SHELL.sub("RUN ", text)


def _comes_from(entry: str, instruction: Instruction) -> bool:
    keyword, text = _entry(entry)
    if keyword != instruction.keyword:
        return False
    if keyword not in _COMPARED or "$" in instruction.text or instruction.heredocs:
        return True
    if _NOP.match(entry) and keyword != "USER":
        return True  # the classic builder writes checksums and absolute paths instead
    if keyword == "WORKDIR":
        return _ends_in(text, _plain(instruction))
    return text.endswith(_plain(instruction).lstrip("./"))


def _ends_in(folder: str, written: str) -> bool:
    """Whether the absolute folder of an entry may be what a WORKDIR writes: `./src/`, `../x`."""
    kept = posixpath.normpath(written.lstrip("/") or ".")
    while kept == ".." or kept.startswith("../"):
        kept = kept[3:]
    whole = posixpath.normpath("/" + folder.lstrip("/"))
    if written.startswith("/"):
        return whole == posixpath.normpath("/" + kept)
    return kept in {"", "."} or whole.endswith("/" + kept)


def _entry(entry: str) -> tuple[str, str]:
    """Keyword and text of an entry, in whichever builder's form."""
    plain = _squeezed(entry.removesuffix("# buildkit"))
    told, count = _NOP.subn("", plain, count=1)
    match = _KEYWORD.match(told)
    if count and match:
        return match.group(1), told[match.end() :]
    if _ARGS.match(plain) or _SHELL.match(plain):
        return "RUN", plain
    return (match.group(1), plain[match.end() :]) if match else ("RUN", plain)


def _plain(instruction: Instruction) -> str:
    words = instruction.exec_form
    return _squeezed(" ".join(words) if words is not None else instruction.text)


def _squeezed(text: str) -> str:
    return re.sub(r"[\s\"']+", " ", text).strip()
