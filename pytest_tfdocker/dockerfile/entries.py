"""What an entry of an image's history says, in whichever builder's form."""

import re
from itertools import islice
from typing import NamedTuple

# Behind the shell that SHELL names, as BuildKit's RUN is
_NOP = re.compile(r"(?!RUN |\|)[^#]*#\(nop\)\s*")
_RUN = re.compile(r"(?:RUN )?(?:\|(\d+) )?")
_ARGUMENT = re.compile(r"(?:^|\s)\w+=")
_KEYWORD = re.compile(r"([A-Z]+)\b\s*")
_SHELL = re.compile(r"/\S+ (?:-\S+ |pipefail )*-\S*c ")
_AT_END = re.compile(rf"(?:^| ){_SHELL.pattern}$")
SHELL_LENGTH = 200
"""Of what stands in front of a command: a shell with its options is not longer."""
_FLAGS = re.compile(r"(?:--\S+ )*")
_BY_BUILDAH = re.compile(r"(?:\|\d+ .*)?/bin/sh -c (?:--\S+ )*")
"""Which writes so whatever SHELL says, and the flags of the instruction too."""


class Entry(NamedTuple):
    """One entry, taken apart."""

    keyword: str
    text: str
    """What follows the keyword, of a RUN all of it; quotes left out, since builders differ."""
    is_nop: bool
    """Of the classic builder, which writes checksums in place of names."""


def as_written(entry: str) -> str:
    """An instruction of the history, less what the builder put round it.

    Values of build arguments are among that, and may be secret: where they can't be told from the
    command, it is left out too.
    """
    text = _plain(entry)
    nothing_run = _NOP.match(text)
    if nothing_run and text[nothing_run.end() :]:
        return text[nothing_run.end() :]
    told = _RUN.match(text)
    begin, count = (told.end(), told[1]) if told else (0, None)
    if count is not None:
        named = list(islice(_ARGUMENT.finditer(text, begin - 1), int(count)))
        shell = _SHELL.search(text, named[-1].end() if named else begin)
        return f"RUN {text[shell.end() :]}" if shell else "RUN …"
    shell = _SHELL.match(text, begin)
    return f"RUN {text[shell.end() :]}" if shell else text


def read_entry(entry: str) -> Entry:
    """Keyword and text."""
    plain = squeezed(_plain(entry))
    nothing_run = _NOP.match(plain)
    told = plain[nothing_run.end() :] if nothing_run else plain
    match = _KEYWORD.match(told)
    if nothing_run and match:
        return Entry(match[1], told[match.end() :], is_nop=True)
    if match is None or match[1] == "RUN":
        return Entry("RUN", plain, is_nop=False)
    return Entry(match[1], told[match.end() :], is_nop=False)


def runs(text: str, command: str, shell: str | None, *, by_shell: bool) -> bool:
    """Whether the text of a RUN is that command, behind no more than what builders put there.

    `shell`: as SHELL names it; None where that isn't known.
    """
    if not text.endswith(command):
        return False
    before = text[: len(text) - len(command)]
    if not before.startswith("RUN ") and _BY_BUILDAH.fullmatch(before):
        return True
    before = before.removeprefix("RUN ")
    if _FLAGS.fullmatch(before):  # kaniko writes what stands in the Dockerfile
        return True
    has_arguments = before.startswith("|")
    if not by_shell:
        return has_arguments and not _SHELL.search(before)
    if shell is not None:
        return before == f"{shell} " or (has_arguments and before.endswith(f" {shell} "))
    # Of a base that sets one: `conda run -n env /bin/bash -c`
    is_shell = _AT_END.search(before[-SHELL_LENGTH:])
    return bool(is_shell) and (has_arguments or not re.search("[&;|]", before))


def squeezed(text: str) -> str:
    """Without quotes, and with one space where there are several."""
    return " ".join(re.sub(r"[\"']", "", text).split())


def _plain(entry: str) -> str:
    return entry.strip().removesuffix("# buildkit").rstrip()
