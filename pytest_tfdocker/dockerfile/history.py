"""Which line of the Dockerfile an entry of the image's history comes from."""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from pytest_tfdocker.dockerfile.entries import Entry, read_entry, runs, squeezed
from pytest_tfdocker.dockerfile.records import Dockerfile, Instruction
from pytest_tfdocker.dockerfile.stages import stage_chain
from pytest_tfdocker.dockerfile.words import split_words

_OPTIONAL = frozenset({"ONBUILD", "ARG", "SHELL", "MAINTAINER", ""})
"""BuildKit and the classic builder differ in which of these leave an entry."""
_VARIABLE = re.compile(r"\$\w+|\$\{(?:[^{}]|\{[^}]*\})*\}|\$")
_PREFIX = re.compile(r"(?:--\S+ )*[./]*")
_LIST = re.compile(r"[\[\],\s]+")
_NAME = re.compile(r"[\w./-]+")


def match_history(
    dockerfile: Dockerfile,
    target: str | None,
    history: Sequence[str],
    args: Mapping[str, str] | None = None,
    shell: Sequence[str] = (),
) -> list[int | None]:
    """The line of each entry, oldest first; all None where the history isn't this Dockerfile's.

    `shell`: as the image's config has it, () where that has none.
    """
    expected = [
        instruction
        for stage in reversed(stage_chain(dockerfile, target, args))
        for instruction in stage.instructions
    ]
    shells = _shells(expected, shell)
    lines: list[int | None] = [None] * len(history)
    at = len(history) - 1
    for instruction, own in zip(reversed(expected), reversed(shells), strict=True):
        if at >= 0 and _comes_from(read_entry(history[at]), instruction, own):
            lines[at] = instruction.line
            at -= 1
        elif instruction.keyword not in _OPTIONAL:
            return [None] * len(history)
    return lines


def commands(instruction: Instruction) -> Iterator[str]:
    """What a RUN runs, as its history may have it; the first is what a reader would call it."""
    words, documents = instruction.exec_form, instruction.heredocs
    if words is not None:
        yield " ".join(words)
    elif len(documents) == 1 and len(split_words(instruction.text)) == 1:
        # BuildKit runs the text itself, or writes it to a file where it begins with #!
        yield documents[0].text
        yield f"/dev/pipes/{documents[0].name}"
    else:
        bodies = (f"{one.text}\n{one.name}" for one in documents)
        yield "\n".join([instruction.text, *bodies])
    if documents:  # buildah's way
        yield "\n".join([instruction.text, *(one.text for one in documents)])


def _shells(instructions: Sequence[Instruction], of_image: Sequence[str]) -> list[str | None]:
    """The shell where each instruction stands; None where only the base could tell."""
    is_own = any(one.keyword == "SHELL" for one in instructions)
    shell = None if is_own else squeezed(" ".join(of_image)) or None
    found: list[str | None] = []
    for instruction in instructions:
        found.append(shell)
        if instruction.keyword == "SHELL":
            shell = squeezed(" ".join(instruction.exec_form or ())) or None
    return found


def _comes_from(entry: Entry, instruction: Instruction, shell: str | None) -> bool:
    if entry.keyword != instruction.keyword:
        return False
    if entry.keyword == "RUN":
        by_shell = instruction.exec_form is None
        return any(
            runs(entry.text, squeezed(command), shell, by_shell=by_shell)
            for command in commands(instruction)
        )
    compare = _COMPARED.get(entry.keyword)
    return compare is None or compare(entry, instruction)


def _is_copy(entry: Entry, instruction: Instruction) -> bool:
    plain = _written(instruction)
    if entry.is_nop:
        _, _, folder = entry.text.rpartition(" in ")
        words = instruction.exec_form or [word for _, word in split_words(instruction.text)]
        target = squeezed(words[-1]) if words else ""
        return "$" in target or _ends_in(folder, target)
    if instruction.heredocs:  # BuildKit puts texts behind the files, and each without its dash
        return _is_expanded(plain.rpartition(" ")[2], entry.text.rpartition(" ")[2])
    return _is_expanded(plain.lstrip("./"), _PREFIX.sub("", entry.text, count=1))


def _is_workdir(entry: Entry, instruction: Instruction) -> bool:
    plain = _written(instruction)
    return "$" in plain or _ends_in(entry.text, plain)


def _is_user(entry: Entry, instruction: Instruction) -> bool:
    return _is_expanded(_written(instruction), entry.text)


def _is_command(entry: Entry, instruction: Instruction) -> bool:
    """Of CMD and ENTRYPOINT, which stand as a list, in front of it the shell."""
    plain, text = (_LIST.sub(" ", one).strip() for one in (_written(instruction), entry.text))
    is_escaped = "\\" in plain or "\\" in text or not plain.isprintable()
    return is_escaped or text.endswith(plain)


def _has_names(entry: Entry, instruction: Instruction) -> bool:
    """Of ENV and LABEL: values may be those of variables."""
    words = [word for _, word in split_words(instruction.text)]
    if words and "=" not in words[0]:
        words = words[:1]  # the old form, of which the rest is the value
    names = [squeezed(word.partition("=")[0]) for word in words]
    known = [re.escape(name) for name in names if _NAME.fullmatch(name)]
    pattern = ".*?".join(rf"(?<![\w.-]){name}(?![\w-])" for name in known)
    look = re.match if len(known) == len(names) else re.search
    return bool(look(pattern, entry.text))


def _is_argument(entry: Entry, instruction: Instruction) -> bool:
    name = re.escape(re.split(r"[=\s]", _written(instruction), maxsplit=1)[0])
    # buildah has all arguments so far, sorted
    return bool(
        re.match(rf"(?:.* )?{name}(?![\w])" if entry.is_nop else rf"{name}(?!\w)", entry.text)
    )


_COMPARED: dict[str, Callable[[Entry, Instruction], bool]] = {
    "COPY": _is_copy,
    "ADD": _is_copy,
    "WORKDIR": _is_workdir,
    "USER": _is_user,
    "CMD": _is_command,
    "ENTRYPOINT": _is_command,
    "ENV": _has_names,
    "LABEL": _has_names,
    "ARG": _is_argument,
}
"""What is compared of an entry of the same keyword, where anything is."""


def _ends_in(folder: str, written: str) -> bool:
    """Whether the absolute folder of an entry may be what a WORKDIR writes: `./src/`, `../x`."""
    kept = posixpath.normpath(written.lstrip("/") or ".")
    while kept == ".." or kept.startswith("../"):
        kept = kept[3:]
    whole = posixpath.normpath("/" + folder.lstrip("/"))
    if written.startswith("/"):
        return whole == posixpath.normpath("/" + kept)
    return kept in {"", "."} or whole.endswith("/" + kept)


def _is_expanded(plain: str, text: str) -> bool:
    """Whether a builder, which expands variables, may have made the text of it."""
    first, *rest = _VARIABLE.split(plain)
    if not rest or not text.startswith(first):
        return not rest and text == first
    at = len(first)
    for part in rest[:-1]:
        at = text.find(part, at) + len(part)
        if at < len(part):
            return False
    return text.endswith(rest[-1]) and len(text) - len(rest[-1]) >= at


def _written(instruction: Instruction) -> str:
    words = instruction.exec_form
    return squeezed(" ".join(words) if words is not None else instruction.text)
