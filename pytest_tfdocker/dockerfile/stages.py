"""Which stages an image is made of, and what is known of their variables and folders."""

import posixpath
from collections.abc import Iterator, Mapping

from pytest_tfdocker.dockerfile.records import Dockerfile, Instruction, Stage
from pytest_tfdocker.dockerfile.words import expand, split_words

_ENGINE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What the engine sets where the image sets no PATH; most bases do no more than repeat it."""
_PLATFORM_ARGS = ("TARGET", "BUILD")
"""TARGETARCH, BUILDPLATFORM, …: the builder sets them, no ARG is needed before FROM."""


def find_stage(dockerfile: Dockerfile, name: str | None) -> Stage | None:
    """The stage of that name or number; without a name the last, as the builder has it."""
    if name is None:
        return dockerfile.stages[-1] if dockerfile.stages else None
    return _earlier(dockerfile, name, len(dockerfile.stages))


def stage_chain(
    dockerfile: Dockerfile, target: str | None = None, args: Mapping[str, str] | None = None
) -> list[Stage]:
    """The target's stage, then each that it builds FROM, the outermost last."""
    stage = find_stage(dockerfile, target)
    known = global_variables(dockerfile, args or {})
    chain = []
    while stage is not None:
        chain.append(stage)
        stage = _earlier(dockerfile, expand(stage.base, known).text, stage.index)
    return chain


def resolve_base(
    dockerfile: Dockerfile, target: str | None = None, args: Mapping[str, str] | None = None
) -> str | None:
    """The image of the root FROM of the target's chain; None where it can't be told."""
    chain = stage_chain(dockerfile, target, args)
    if not chain:
        return None
    base = expand(chain[-1].base, global_variables(dockerfile, args or {}))
    return None if base.unknown or not base.text else base.text


def sources(
    dockerfile: Dockerfile, target: str | None = None, args: Mapping[str, str] | None = None
) -> list[Stage]:
    """The target's chain, then the stages that those copy or mount from, and theirs."""
    found: dict[int, Stage] = {}
    waiting = stage_chain(dockerfile, target, args)
    while waiting:
        stage = waiting.pop(0)
        if stage.index not in found:
            found[stage.index] = stage
            waiting.extend(_copied(dockerfile, stage, args or {}))
    return list(found.values())


def copied_stage(dockerfile: Dockerfile, stage: Stage, name: str) -> Stage | None:
    """The stage that `--from=name` means in `stage`; None for an image or a build context."""
    return _earlier(dockerfile, name, stage.index)


def mounts(instruction: Instruction) -> Iterator[dict[str, str]]:
    """The fields of each --mount, with the names that the documentation uses first."""
    short = {"src": "source", "dst": "target", "destination": "target"}
    for name, value in instruction.flags:
        if name == "mount":
            fields = (field.partition("=") for field in value.split(","))
            yield {"type": "bind"} | {short.get(key, key): text for key, _, text in fields}


def global_variables(dockerfile: Dockerfile, args: Mapping[str, str]) -> dict[str, str]:
    """What FROM lines see: the ARG before the first FROM, and the arguments given."""
    known = {name: value for name, value in args.items() if name.startswith(_PLATFORM_ARGS)}
    for instruction in dockerfile.global_args:
        for name, default in assignments(instruction, known, dockerfile.escape):
            value = args.get(name, default)
            if value is not None:
                known[name] = value
    return known


class Surroundings:
    """Variables, working directory and user, kept up to date from instruction to instruction."""

    def __init__(self, dockerfile: Dockerfile, args: Mapping[str, str]) -> None:
        self.escape = dockerfile.escape
        self.args = args
        self.globals = global_variables(dockerfile, args)
        self.variables: dict[str, str] = {"PATH": _ENGINE_PATH}
        self.workdir = "/"
        self.user = "root"
        self.shell: tuple[str, ...] = ()
        """What SHELL names, in front of the text of a RUN."""
        self._set_by_env: set[str] = set()

    def take(self, instruction: Instruction) -> None:
        """Follows an instruction that changes them."""
        if instruction.keyword == "ARG":
            self._arg(instruction)
        elif instruction.keyword == "ENV":
            self._env(instruction)
        elif instruction.keyword == "WORKDIR":
            folder = expand(instruction.text, self.variables, self.escape).text
            self.workdir = self.absolute(folder)
        elif instruction.keyword == "SHELL":
            self.shell = tuple(instruction.exec_form or ())
        elif instruction.keyword == "USER":
            name = expand(instruction.text, self.variables, self.escape).text
            self.user = name.strip().partition(":")[0]

    def absolute(self, path: str) -> str:
        """A path of the container, from the working directory, without . and .."""
        return posixpath.normpath("/" + posixpath.join(self.workdir, path).lstrip("/"))

    def _arg(self, instruction: Instruction) -> None:
        """ENV wins over ARG of the same name, whichever comes first."""
        for name, default in assignments(instruction, self.variables, self.escape):
            given = self.args.get(name, default if default is not None else self.globals.get(name))
            if given is not None and name not in self._set_by_env:
                self.variables[name] = given

    def _env(self, instruction: Instruction) -> None:
        """All values of one ENV see what was set before it."""
        for name, value in list(assignments(instruction, self.variables, self.escape)):
            self._set_by_env.add(name)
            if value is None:
                self.variables.pop(name, None)
            else:
                self.variables[name] = value


def surroundings(dockerfile: Dockerfile, stage: Stage, args: Mapping[str, str]) -> Surroundings:
    """Those at the first instruction of a stage: what its own chain has set."""
    chain = stage_chain(dockerfile, str(stage.index), args)
    known = Surroundings(dockerfile, args)
    for earlier in reversed(chain[1:]):
        for instruction in earlier.instructions:
            known.take(instruction)
    return known


def assignments(
    instruction: Instruction, variables: Mapping[str, str], escape: str
) -> Iterator[tuple[str, str | None]]:
    """Name and value of an ARG or ENV; None: no value, or one that isn't known."""
    words = split_words(instruction.text, escape)
    if instruction.keyword == "ENV" and words and "=" not in words[0][1]:
        rest = instruction.text[words[0][0] + len(words[0][1]) :].strip()
        words = [(0, f"{words[0][1]}={_quoted(rest)}")]
    for _, word in words:
        name, equals, raw = word.partition("=")
        value = expand(raw, variables, escape)
        yield name, value.text if equals and not value.unknown else None


def _quoted(text: str) -> str:
    """The old form `ENV NAME some text` takes all of the line for the value."""
    return text if text[:1] in {'"', "'"} else f'"{text}"'


def _copied(dockerfile: Dockerfile, stage: Stage, args: Mapping[str, str]) -> list[Stage]:
    stages = stage_chain(dockerfile, str(stage.index), args)[1:]
    for instruction in stage.instructions:
        names = [instruction.flag("from"), *(m.get("from") for m in mounts(instruction))]
        found = [copied_stage(dockerfile, stage, name) for name in names if name]
        stages.extend(one for one in found if one)
    return stages


def _earlier(dockerfile: Dockerfile, name: str, before: int) -> Stage | None:
    """A later stage of the same name hides an earlier one; a stage sees none below itself."""
    for stage in reversed(dockerfile.stages[:before]):
        if stage.name == name.lower() or str(stage.index) == name:
            return stage
    return None
