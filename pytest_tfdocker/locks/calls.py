"""The commands that a RUN runs, each with its line, its folder, its variables and its user."""

import posixpath
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec

from pytest_tfdocker.dockerfile.records import Heredoc, Instruction
from pytest_tfdocker.dockerfile.shell import Arg, Command, commands
from pytest_tfdocker.dockerfile.stages import Surroundings
from pytest_tfdocker.locks.launchers import SHELLS, Launched, launched, script_in

_DEEPEST_SHELL = 5
"""`sh -c "sh -c …"` nested further is left as it stands."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One command, where it stands, and what holds there."""

    command: Command
    instruction: Instruction
    order: int
    """Its place among the commands of its instruction."""
    line_at: Callable[[int], int]
    """The Dockerfile's line of an offset, which is where a word stands."""
    args: Sequence[Arg]
    """Without the launchers in front; there may be none."""
    user: str
    unset: tuple[str, ...] = ()
    """Variables that a launcher takes away."""
    conda: str | None = None
    """Name or folder of the conda environment that a launcher enters."""
    feeds: Command | None = None
    """The command whose output is its input."""

    @property
    def line(self) -> int:
        """Of its first word."""
        return self.line_at(self.command.args[0].offset)

    @property
    def folder(self) -> str:
        return self.command.folder

    @property
    def variables(self) -> dict[str, str]:
        if "*" in self.unset:
            return {}
        seen = self.command.environment
        return {name: seen[name] for name in seen if name not in self.unset}

    def path(self, name: str) -> str:
        """The absolute path that a name means where it runs."""
        return posixpath.normpath(posixpath.join("/", self.folder, name))


def calls(instruction: Instruction, known: Surroundings) -> Iterator[Call]:
    """The commands of a RUN, in their order."""
    before, outer = None, Launched(args=())
    if instruction.exec_form is None and known.shell:
        outer = launched([Arg(word, 0) for word in known.shell])
    for order, (command, around, line_at) in enumerate(_commands(instruction, known)):
        run = launched(command.args).inside(around).inside(outer)
        yield Call(
            command=command,
            instruction=instruction,
            order=order,
            line_at=line_at,
            args=run.args,
            user=run.user or known.user,
            unset=run.unset,
            conda=run.conda,
            feeds=before if command.piped else None,
        )
        before = command


def _commands(
    instruction: Instruction, known: Surroundings
) -> Iterator[tuple[Command, Launched, Callable[[int], int]]]:
    words = instruction.exec_form
    if words:
        args = tuple(Arg(word, 0) for word in words)
        found = [Command(args=args, environment=dict(known.variables), folder=known.workdir)]
    else:
        found = commands(instruction.text, known.variables, known.escape, known.workdir)
    for command in found:
        yield from ((*one, instruction.line_at) for one in _opened(command))
    if not found or posixpath.basename(found[0].args[0].text) in SHELLS:
        for heredoc in instruction.heredocs:
            line_at = partial(_line_in, heredoc)
            yield from ((*one, line_at) for one in _in_heredoc(heredoc, known))


def _line_in(heredoc: Heredoc, offset: int) -> int:
    return heredoc.line + heredoc.text.count("\n", 0, offset)


def _in_heredoc(heredoc: Heredoc, known: Surroundings) -> Iterator[tuple[Command, Launched]]:
    """Those of a body that a shell runs; a shebang may name another program."""
    first = heredoc.text.partition("\n")[0]
    if first.startswith("#!") and not first.rstrip().endswith("sh"):
        return
    for command in commands(heredoc.text, known.variables, folder=known.workdir):
        yield from _opened(command)


def _opened(
    command: Command, around: Launched | None = None, depth: int = 0
) -> Iterator[tuple[Command, Launched]]:
    """The commands in `sh -c "…"` instead of it, each with what was launched around it."""
    outer = around or Launched(args=())
    run = launched(command.args)
    script = script_in(run.args)
    if script is None or depth > _DEEPEST_SHELL:
        yield command, outer
        return
    text, user = script
    inside = Launched(args=(), user=user).inside(run.inside(outer))
    for one in commands(text.text, command.environment, folder=command.folder):
        inner = msgspec.structs.replace(
            one,
            args=tuple(Arg(arg.text, text.offset, arg.unknown) for arg in one.args),
            condition=command.condition or one.condition,
        )
        yield from _opened(inner, inside, depth + 1)
