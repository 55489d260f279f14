"""The command lines of pip and uv, as far as they say what is installed and where."""

import posixpath
import re
from collections.abc import Mapping, Sequence

import msgspec

from pytest_tfdocker.dockerfile.shell import Arg

_PYTHON = re.compile(r"(python|pypy)[\d.]*")
_PIP = re.compile(r"pip[\d.]*")
_LAUNCHERS: dict[str, frozenset[str]] = {
    "sudo": frozenset({"-u", "-g"}),
    "env": frozenset({"-u"}),
    "exec": frozenset(),
    "command": frozenset(),
    "nice": frozenset({"-n"}),
    "time": frozenset(),
    "gosu": frozenset(),
}
"""Programs that run what follows, and their options that take a value."""
_RUNNERS = frozenset({"conda", "mamba", "micromamba", "uv", "poetry", "pipenv", "pdm", "hatch"})
_RUNNER_VALUES = frozenset(
    {"-n", "--name", "-p", "--prefix", "--python", "--project", "--directory"}
)

# pip 26.0 `pip install --help`, uv 0.9 `uv pip install --help`: the options that take a value
_VALUES = frozenset(
    """--abi --build-constraint --build-constraints --build-option --builds --cache-dir --cert
    --client-cert --color --config-file --config-setting --config-settings --constraint
    --constraints --default-index --dest --directory --editable --exclude-newer --exists-action
    --extra --extra-index-url --find-links --global-option --group --implementation --index
    --index-strategy --index-url --keyring-provider --link-mode --log --no-binary
    --no-build-isolation-package --only-binary --override --overrides --platform --prefix
    --prerelease --progress-bar --project --proxy --python --python-platform --python-version
    --refresh-package --reinstall-package --report --requirement --requirements --resolution
    --resume-retries --retries --root --root-user-action --src --target --timeout --torch-backend
    --trusted-host --upgrade-package --upgrade-strategy --use-deprecated --use-feature
    --wheel-dir --allow-insecure-host --exclude --fork-strategy""".split()  # noqa: SIM905
)
_SHORT_VALUES = {
    "r": "--requirement",
    "c": "--constraint",
    "e": "--editable",
    "t": "--target",
    "i": "--index-url",
    "f": "--find-links",
    "w": "--wheel-dir",
    "d": "--dest",
    "C": "--config-settings",
    "b": "--build-constraint",
    "P": "--upgrade-package",
    "p": "--python",
}


class PipCommand(msgspec.Struct, frozen=True, kw_only=True):
    """One call of pip or uv pip."""

    action: str
    """"install", "uninstall", "wheel", "download" or "sync"."""
    program: str
    """As called: "/opt/venv/bin/pip", "python", "uv"."""
    shown: str
    """"pip install", for people."""
    names: tuple[Arg, ...] = ()
    editables: tuple[Arg, ...] = ()
    files: tuple[Arg, ...] = ()
    constraints: tuple[Arg, ...] = ()
    options: dict[str, str] = {}

    @property
    def is_uv(self) -> bool:
        return self.shown.startswith("uv")


class Unread(msgspec.Struct, frozen=True):
    """A command that installs distributions in a way that isn't read here."""

    shown: str


def pip_command(args: Sequence[Arg]) -> PipCommand | Unread | None:
    """What a command installs; None where it is no installer."""
    args = unwrapped(args)
    if not args:
        return None
    program, words = args[0].text, [arg.text for arg in args]
    name = posixpath.basename(program)
    if _PYTHON.fullmatch(name):
        at = next((at for at, word in enumerate(words[1:], 1) if word == "-m"), None)
        if at is None or words[at + 1 : at + 2] not in (["pip"], ["uv"]):
            return None
        return _called(words[at + 1], program, args[at + 2 :])
    return _called(name, program, args[1:])


def unwrapped(args: Sequence[Arg]) -> Sequence[Arg]:
    """The command without the launchers in front of it."""
    while args:
        name = posixpath.basename(args[0].text)
        if name in _LAUNCHERS:
            args = _past_options(args[1:], _LAUNCHERS[name], assignments=name in {"env", "sudo"})
            args = args[1:] if name == "gosu" else args
        elif name in _RUNNERS and len(args) > 1 and args[1].text == "run":
            args = _past_options(args[2:], _RUNNER_VALUES, assignments=False)
        else:
            return args
    return args


def _past_options(
    args: Sequence[Arg], values: frozenset[str], *, assignments: bool
) -> Sequence[Arg]:
    while args and (args[0].text.startswith("-") or (assignments and "=" in args[0].text)):
        args = args[2:] if args[0].text in values else args[1:]
    return args


def _called(name: str, program: str, args: Sequence[Arg]) -> PipCommand | Unread | None:
    words = [arg.text for arg in args]
    if name == "uv" and words[:1] == ["pip"]:
        return _pip("uv pip", program, args[1:])
    if _PIP.fullmatch(name):
        return _pip("pip", program, args)
    return _other(name, words)


def _other(name: str, words: Sequence[str]) -> Unread | None:
    """Installers whose declarations stand in files that are not read here."""
    verbs = {
        "uv": {"sync", "add"},
        "poetry": {"install", "add", "sync"},
        "pipenv": {"install", "sync"},
        "pdm": {"install", "sync", "add"},
        "conda": {"install", "create", "env"},
        "mamba": {"install", "create", "env"},
        "micromamba": {"install", "create", "env"},
        "easy_install": set(words[:1]),
    }
    verb = next((word for word in words if not word.startswith("-")), None)
    return Unread(f"{name} {verb}") if verb in verbs.get(name, ()) else None


def _pip(shown: str, program: str, args: Sequence[Arg]) -> PipCommand | None:
    found = _sorted(args)
    action = found.action
    if action not in {"install", "uninstall", "wheel", "download", "sync"}:
        return None
    return PipCommand(
        action=action,
        program=program,
        shown=f"{shown} {action}",
        names=() if action == "sync" else tuple(found.names),
        editables=tuple(found.lists.get("--editable", [])),
        files=tuple(
            found.lists.get("--requirement", []) + (found.names if action == "sync" else [])
        ),
        constraints=tuple(found.lists.get("--constraint", [])),
        options=found.options,
    )


class _Sorted:
    def __init__(self) -> None:
        self.action = ""
        self.names: list[Arg] = []
        self.lists: dict[str, list[Arg]] = {}
        self.options: dict[str, str] = {}

    def option(self, name: str, value: Arg) -> None:
        name = {"--requirements": "--requirement", "--constraints": "--constraint"}.get(name, name)
        self.lists.setdefault(name, []).append(value)
        self.options[name] = value.text


def _sorted(args: Sequence[Arg]) -> _Sorted:
    """Options apart from names; `-r x`, `-rx`, `-qr x`, `--requirement=x` are one."""
    found, waiting = _Sorted(), list(args)
    while waiting:
        arg = waiting.pop(0)
        name, inline = _option(arg)
        if name is None:
            if found.action:
                found.names.append(arg)
            else:
                found.action = arg.text
        elif inline is not None:
            found.option(name, Arg(inline, arg.offset, arg.unknown))
        elif name in _VALUES and waiting:
            found.option(name, waiting.pop(0))
        else:
            found.options[name] = ""
    return found


def _option(arg: Arg) -> tuple[str | None, str | None]:
    """The option's long name and the value in the same word."""
    text = arg.text
    if text.startswith("--"):
        name, equals, value = text.partition("=")
        return name, value if equals else None
    if not text.startswith("-") or text == "-":
        return None, None
    for at, letter in enumerate(text[1:], 1):
        if letter in _SHORT_VALUES:
            return _SHORT_VALUES[letter], text[at + 1 :].removeprefix("=") or None
    return text, None


def prefix_of(command: PipCommand, variables: Mapping[str, str]) -> str | None:
    """The folder that the command installs into; None: the interpreter's own."""
    for option in ("--target", "--prefix", "--root"):
        if option in command.options:
            return command.options[option]
    if "--user" in command.options:
        return variables.get("PYTHONUSERBASE") or f"{variables.get('HOME', '/root')}/.local"
    if "--system" in command.options:
        return None
    program = command.options.get("--python", command.program)
    if "/" in program:
        return _environment(posixpath.dirname(program))
    first = variables.get("PATH", "").partition(":")[0]
    return variables.get("VIRTUAL_ENV") or _environment(first)


def _environment(folder: str) -> str | None:
    """The environment whose bin folder this is; the system's own folders are none."""
    prefix, name = posixpath.split(folder)
    system = prefix in {"", "/", "/usr", "/usr/local"}
    return prefix if name == "bin" and not system else None
