"""The files that a command writes or removes, as far as its words name them."""

import posixpath
import re
from collections.abc import Iterator, Sequence

from pytest_tfdocker.locks.calls import Call
from pytest_tfdocker.locks.copied import Moment, Write

_OUTPUTS = ("-o", "-O", "--output", "--output-file", "--output-document", "--out")
_IN_PLACE = re.compile(r"-[a-zA-Z]*i.*|--in-place.*")
_EDITORS = frozenset({"sed", "gsed", "perl", "ruby"})
_ALL_WORDS = frozenset(
    {"rm", "unlink", "truncate", "tee", "dos2unix", "sponge", "patch", "ed", "ex"}
)
_LOCKS: dict[str, tuple[str, frozenset[str]]] = {
    "uv": ("uv.lock", frozenset({"lock", "add", "remove"})),
    "poetry": ("poetry.lock", frozenset({"lock", "update", "add", "remove"})),
    "pipenv": ("Pipfile.lock", frozenset({"lock", "update", "upgrade", "uninstall"})),
}
"""What makes a lock anew."""
_LEFT_AS_IT_IS = frozenset({"--check", "--no-update", "--frozen", "--dry-run"})
_TO_THE_LAST = frozenset({"cp", "mv", "install", "ln", "rsync"})


def writes(call: Call) -> Iterator[Write]:
    """One entry a file; names with wildcards stay as they are."""
    moment = Moment(call.instruction.line, call.order)
    for name in (*call.command.writes, *_by_words([arg.text for arg in call.args])):
        path = call.path(name)
        if path != "/" and not path.startswith("/dev/"):
            yield Write(path=path, moment=moment, line=call.line)


def _by_words(words: Sequence[str]) -> Iterator[str]:
    if not words:
        return
    name, rest = posixpath.basename(words[0]), words[1:]
    plain = [word for word in rest if not word.startswith("-")]
    if name in _ALL_WORDS or (name in _EDITORS and any(map(_IN_PLACE.fullmatch, rest))):
        yield from plain
    elif name in _TO_THE_LAST and len(plain) > 1:
        yield plain[-1]
        yield from (posixpath.join(plain[-1], posixpath.basename(one)) for one in plain[:-1])
    elif name in _LOCKS and plain and plain[0] in _LOCKS[name][1]:
        if not _LEFT_AS_IT_IS.intersection(rest):
            yield _LOCKS[name][0]
    else:
        yield from _outputs(rest)
        yield from _compiled(name, rest, plain)


def _outputs(words: Sequence[str]) -> Iterator[str]:
    for at, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option in _OUTPUTS:
            yield from [value] if equals else words[at + 1 : at + 2]
        elif word.startswith("-o") and not word.startswith("--"):
            yield word[2:]


def _compiled(name: str, words: Sequence[str], plain: Sequence[str]) -> Iterator[str]:
    """pip-compile writes beside what it reads: requirements.in to requirements.txt."""
    if name == "pip-compile" or ("piptools" in words and "compile" in words):
        sources = [word for word in plain if word.endswith((".in", ".toml", ".cfg", ".py"))]
        for one in sources or ["requirements.in"]:
            yield posixpath.splitext(one)[0] + ".txt" if one.endswith(".in") else "requirements.txt"
