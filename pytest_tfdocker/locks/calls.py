"""The commands that a RUN runs, each with its line, its folder and its variables."""

import posixpath
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec

from pytest_tfdocker.dockerfile.records import Heredoc, Instruction
from pytest_tfdocker.dockerfile.shell import Arg, Command, commands
from pytest_tfdocker.dockerfile.stages import Surroundings
from pytest_tfdocker.locks.pip_command import unwrapped

SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh"})
_DEEPEST_SHELL = 5
"""`sh -c "sh -c …"` nested further is left as it stands."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One command, where it stands, and what holds there."""

    command: Command
    instruction: Instruction
    line_at: Callable[[int], int]
    """The Dockerfile's line of an offset, which is where a word stands."""
    folder: str
    variables: dict[str, str]
    feeds: Command | None = None
    """The command whose output is its input."""

    @property
    def line(self) -> int:
        """Of its first word."""
        return self.line_at(self.command.args[0].offset)


def calls(instruction: Instruction, known: Surroundings) -> Iterator[Call]:
    """The commands of a RUN, `cd` and activated environments followed."""
    folder, variables, before = known.workdir, dict(known.variables), None
    for command, line_at in _commands(instruction, known):
        words = [arg.text for arg in command.args]
        if words[0] in {"cd", "pushd"} and len(words) > 1:
            folder = posixpath.normpath(posixpath.join(folder, words[1]))
        elif words[0] in {".", "source"} and words[-1].endswith("/bin/activate"):
            environment = posixpath.dirname(posixpath.dirname(words[-1]))
            variables["VIRTUAL_ENV"] = posixpath.join(folder, environment)
        else:
            yield Call(
                command=command,
                instruction=instruction,
                line_at=line_at,
                folder=folder,
                variables=variables | command.environment,
                feeds=before if command.piped else None,
            )
        before = command


def _commands(
    instruction: Instruction, known: Surroundings
) -> Iterator[tuple[Command, Callable[[int], int]]]:
    words = instruction.exec_form
    if words:
        found = [Command(args=tuple(Arg(word, 0) for word in words))]
    else:
        found = commands(instruction.text, known.variables, known.escape)
    for command in found:
        yield from ((one, instruction.line_at) for one in _opened(command, known))
    if not found or posixpath.basename(found[0].args[0].text) in SHELLS:
        for heredoc in instruction.heredocs:
            line_at = partial(_line_in, heredoc)
            yield from ((one, line_at) for one in _in_heredoc(heredoc, known))


def _line_in(heredoc: Heredoc, offset: int) -> int:
    return heredoc.line + heredoc.text.count("\n", 0, offset)


def _in_heredoc(heredoc: Heredoc, known: Surroundings) -> Iterator[Command]:
    """Those of a body that a shell runs; a shebang may name another program."""
    first = heredoc.text.partition("\n")[0]
    if first.startswith("#!") and not first.rstrip().endswith("sh"):
        return
    for command in commands(heredoc.text, known.variables):
        yield from _opened(command, known)


def _opened(command: Command, known: Surroundings, depth: int = 0) -> Iterator[Command]:
    """The commands in `sh -c "…"` instead of it."""
    script = _script(unwrapped(command.args))
    if script is None or depth > _DEEPEST_SHELL:
        yield command
        return
    for one in commands(script.text, known.variables | command.environment):
        inner = Command(
            args=tuple(Arg(arg.text, script.offset, arg.unknown) for arg in one.args),
            environment=one.environment,
            condition=command.condition or one.condition,
            piped=one.piped,
        )
        yield from _opened(inner, known, depth + 1)


def _script(args: Sequence[Arg]) -> Arg | None:
    """The text behind the -c of a shell: `-c`, `-lc`, `-exc`."""
    if not args or posixpath.basename(args[0].text) not in SHELLS:
        return None
    for at, arg in enumerate(args[1:-1], 1):
        if arg.text.startswith("-") and not arg.text.startswith("--") and arg.text.endswith("c"):
            return args[at + 1]
        if not arg.text.startswith("-"):
            return None
    return None
