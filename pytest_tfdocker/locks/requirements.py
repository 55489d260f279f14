"""requirements.txt and the files that it names, to declared requirements. No line is lost."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from pytest_tfdocker.locks.declared import Part, Problem, Requirement, Source
from pytest_tfdocker.locks.found import Inline
from pytest_tfdocker.locks.lines import Line, problem, read_line

LARGEST_FILE_BYTES = 16_000_000
MOST_LINES = 50_000
LONGEST_LINE = 256_000
"""Characters of a joined line; a pin with 140 hashes has 12,000."""

NOT_COPIED = "not copied from the build context"

_BOMS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_CODING = re.compile(rb"#.*?coding[:=]\s*([-\w.]+)")
_COMMENT = re.compile(r"(?:^|(?<=\s))#")
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)

File = Path | Inline
Nested = Callable[[File, str], File | str]
"""The file that a name in another file means, or why that can't be told."""


class Own(msgspec.Struct, frozen=True):
    """`pip install .[gpu]`: what it needs stands in its own files."""

    place: str
    """Of the command, "Dockerfile:5"."""
    text: str
    extras: tuple[str, ...]


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a file and those it includes declare; constraints are not yet applied."""

    requirements: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    applied: tuple[Requirement, ...] = ()
    """Constraints that are in `requirements` already."""
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    changed: tuple[Path, ...] = ()
    """Files of the build context that the build writes before it reads them."""
    unasked: tuple[str, ...] = ()
    """As `Declared.unasked`."""
    parts: tuple[Part, ...] = ()
    """As `Declared.parts`."""
    own: tuple["Own", ...] = ()
    """Where the project itself is installed from its folder."""


def merged(parts: Iterable[Contents]) -> Contents:
    """All of them as one, in their order."""
    every = list(parts)
    return Contents(
        requirements=tuple(one for part in every for one in part.requirements),
        constraints=tuple(one for part in every for one in part.constraints),
        applied=tuple(one for part in every for one in part.applied),
        problems=tuple(one for part in every for one in part.problems),
        notes=tuple(one for part in every for one in part.notes),
        sources=tuple(one for part in every for one in part.sources),
        changed=tuple(one for part in every for one in part.changed),
        unasked=tuple(one for part in every for one in part.unasked),
        parts=tuple(one for part in every for one in part.parts),
        own=tuple(one for part in every for one in part.own),
    )


def read_requirements(
    path: File,
    root: Path,
    *,
    installed_by: str | None = None,
    variables: Mapping[str, str] | None = None,
    nested: Nested | None = None,
    constraint: bool = False,
    asked_by: Source | None = None,
    dockerfile: str = "Dockerfile",
) -> Contents:
    """A file and those that it includes. Files are named relative to `root`; raises nothing.

    `asked_by` is the line that names the file: a file that isn't there is that line's problem.
    `dockerfile` is the name for what stands in the Dockerfile itself.
    """
    reader = _Reader(root, installed_by, variables or {}, nested or beside, dockerfile)
    return reader.read(path, asked_by, constraint=constraint)


def beside(parent: File, name: str) -> File | str:
    """By pip's own rule: a name in a file is relative to that file."""
    return NOT_COPIED if isinstance(parent, Inline) else parent.parent / name


def shown_path(path: Path, root: Path) -> str:
    """The path as the user names it: relative to the root where it is below."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except (ValueError, OSError, RuntimeError):
        return path.as_posix()


class _Reader:
    """Reads a file once, however often and in whatever circle others include it."""

    def __init__(
        self,
        root: Path,
        installed_by: str | None,
        variables: Mapping[str, str],
        nested: Nested,
        dockerfile: str,
    ) -> None:
        self.root = root
        self.installed_by = installed_by
        self.variables = variables
        self.nested = nested
        self.dockerfile = dockerfile
        self.seen: set[tuple[File, bool]] = set()

    def read(self, path: File, asked_by: Source | None, *, constraint: bool) -> Contents:
        """Includes are walked with a list, not by recursion: chains may be of any length."""
        found: list[Contents] = []
        waiting = [(path, asked_by, constraint)]
        while waiting:
            path, asked_by, constraint = waiting.pop(0)
            key = (_identity(path), constraint)
            if key not in self.seen:
                self.seen.add(key)
                contents, includes = self._file(path, asked_by, constraint=constraint)
                found.append(contents)
                waiting = includes + waiting
        return merged(found)

    def _file(
        self, path: File, asked_by: Source | None, *, constraint: bool
    ) -> tuple[Contents, list[tuple[File, Source | None, bool]]]:
        text: str | _Unreadable
        if isinstance(path, Inline):
            name, first, text = self.dockerfile, path.line, path.text
        else:
            name, first, text = shown_path(path, self.root), 1, _text(path)
        if isinstance(text, _Unreadable):
            source = asked_by or Source(name, 1, self.installed_by)
            return Contents(problems=(problem(source, name, text.reason),), sources=(name,)), []
        included = _Included(self.nested, path, constraint=constraint)
        lines: list[Line] = []
        for number, body in _joined(text):
            source = Source(name, number + first - 1, self.installed_by)
            line = self._line(number, body, source)
            lines += [line, *included.take(line, body, source)]
        requirements = tuple(one for line in lines for one in line.requirements)
        return Contents(
            sources=(f"{name}:{first}" if isinstance(path, Inline) else name,),
            requirements=() if constraint else requirements,
            constraints=requirements if constraint else (),
            problems=tuple(line.problem for line in lines if line.problem),
            notes=tuple(note for line in lines for note in line.notes),
        ), included.files

    def _line(self, number: int, body: str, source: Source) -> Line:
        if number > MOST_LINES:
            return Line(problem=problem(source, "", f"more than {MOST_LINES} lines: not read"))
        if len(body) > LONGEST_LINE:
            return Line(problem=problem(source, body, f"a line of {len(body)} characters"))
        return read_line(body, source, self.variables)


class _Included:
    """The files that the lines of one file name, each with its line."""

    def __init__(self, nested: Nested, parent: File, *, constraint: bool) -> None:
        self.nested = nested
        self.parent = parent
        self.constraint = constraint
        self.files: list[tuple[File, Source | None, bool]] = []

    def take(self, line: Line, body: str, source: Source) -> Iterator[Line]:
        """Gives what is to be told of those that can't be read."""
        for asked, limits in ((line.includes, self.constraint), (line.constraints, True)):
            for one in asked:
                if _REMOTE.match(one):
                    reason = "stands on the network, and is not read"
                    yield Line(problem=problem(source, body, reason))
                    continue
                file = self.nested(self.parent, one)
                if isinstance(file, str):
                    yield Line(notes=(f"{source} {one}: {file}",))
                else:
                    self.files.append((file, source, limits))


def _identity(path: File) -> File:
    if isinstance(path, Inline):
        return path
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):
        return path.absolute()


class _Unreadable(msgspec.Struct, frozen=True):
    reason: str


def _text(path: Path) -> str | _Unreadable:
    try:
        if not path.is_file():
            return _Unreadable("a folder" if path.is_dir() else _absence(path))
        if path.stat().st_size > LARGEST_FILE_BYTES:
            return _Unreadable(f"{path.stat().st_size} bytes: too large for a requirements file")
        return _decoded(path.read_bytes())
    except (OSError, ValueError, RuntimeError) as error:
        return _Unreadable(getattr(error, "strerror", None) or str(error))


def _absence(path: Path) -> str:
    return "not a regular file" if path.exists() else "no such file"


def _decoded(data: bytes) -> str:
    """By its byte order mark, its coding line, as UTF-8; any byte has a meaning in Latin-1."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    names = [
        match.group(1).decode() for match in map(_CODING.match, data.split(b"\n")[:2]) if match
    ]
    for encoding in (*names, "utf-8"):
        try:
            return data.decode(encoding)
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Line number and text of each joined line that holds more than a comment.

    A line ends where an editor ends it; form feeds and Unicode separators don't count.
    """
    first, parts = 0, list[str]()
    for number, raw in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        if number > MOST_LINES + 1:
            break
        first = first if parts else number
        comment = raw.lstrip().startswith("#")
        if raw.endswith("\\") and not comment:
            parts.append(raw[:-1])
            continue
        # pip ends a continuation at a comment line, and drops the comment
        yield from _body(first, "".join([*parts, "" if comment else raw]))
        parts = []
    yield from _body(first, "".join(parts))


def _body(number: int, text: str) -> Iterator[tuple[int, str]]:
    match = _COMMENT.search(text)
    body = (text[: match.start()] if match else text).strip()
    if body:
        yield number, body
