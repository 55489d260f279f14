"""The command lines of pip, uv and pip-sync, as far as they say what is installed."""

import posixpath
import re
from collections.abc import Sequence

import msgspec

from pytest_tfdocker.dockerfile.shell import Arg
from pytest_tfdocker.locks.declared import INSTALLERS
from pytest_tfdocker.locks.launchers import past_options
from pytest_tfdocker.locks.options import Options, sort
from pytest_tfdocker.locks.selection import PLAIN, Selection, canonicals

_PYTHON = re.compile(r"(python|pypy)[\d.]*(\$.*)?")
"""Its version may be a variable that isn't known: `python${VERSION} -m pip`."""
_PIP = re.compile(r"pip[\d.]*")
# The options that take a value. pip 20 to 26: cli/cmdoptions.py and commands/*.py, with every
# alias (`--default-timeout`); uv 0.9 to 0.13: `uv help pip install`, sync, uninstall, compile.
_VALUES = frozenset(
    """--abi --allow-insecure-host --build --build-constraint --build-constraints --build-dir
    --build-directory --build-option --builds --cache-dir --cert --client-cert --color
    --config-file --config-setting --config-settings --config-settings-package --constraint
    --constraints --default-index --default-timeout --dest --destination-dir
    --destination-directory --directory --editable --exclude --exclude-newer
    --exclude-newer-package --excludes --exists-action --extra --extra-index-url --find-links
    --fork-strategy --global-option --group --implementation --index --index-strategy --index-url
    --install-option --keyring-provider --link-mode --local-log --log --log-file --no-binary
    --no-build-isolation-package --no-build-package --no-binary-package --no-editable-package
    --no-sources-package --only-binary --only-final --output-format --override --overrides
    --platform --prefix --prerelease --prerelease-package
    --progress-bar --project --proxy --pypi-url --python --python-platform --python-version
    --refresh-package --reinstall-package --report --requirement --requirements
    --requirements-from-script --resolution --resume-retries --retries --root
    --root-user-action --source --source-dir --source-directory --src --target --timeout
    --torch-backend --trusted-host --uploaded-prior-to --upgrade-group --upgrade-package
    --upgrade-strategy --use-deprecated --use-feature --wheel-dir
    --pip-args --python-executable --all-releases""".split()  # noqa: SIM905
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
_SAME = {
    "--requirements": "--requirement",
    "--constraints": "--constraint",
    "--overrides": "--override",
    "--destination-dir": "--dest",
    "--destination-directory": "--dest",
}
OPTIONS = Options(values=_VALUES, short=_SHORT_VALUES, same=_SAME)
_CONDA_VERBS = frozenset({"install", "create", "env", "update", "upgrade"})
_UNREAD: dict[str, frozenset[str]] = {
    "uv": frozenset({"add"}),
    "poetry": frozenset({"add", "update"}),
    "pipenv": frozenset({"update", "upgrade"}),
    "pdm": frozenset({"install", "sync", "add", "update"}),
    "pixi": frozenset({"install", "add", "update"}),
    "rye": frozenset({"sync", "add"}),
    "flit": frozenset({"install"}),
    "conda": _CONDA_VERBS,
    "mamba": _CONDA_VERBS,
    "micromamba": _CONDA_VERBS,
    "setup.py": frozenset({"install", "develop"}),
    "mim": frozenset({"install"}),
    "conda-lock": frozenset({"install"}),
    "hatch": frozenset({"env"}),
}
"""Installers whose declarations stand in files that are not read here."""


class PipCommand(msgspec.Struct, frozen=True, kw_only=True):
    """One call of pip, uv pip or pip-sync."""

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
    overrides: tuple[Arg, ...] = ()
    """Of uv: files of requirements that stand in the place of others of the same name."""
    groups: tuple[Arg, ...] = ()
    """Of a pyproject.toml, "dev" or "PATH:dev"."""
    options: dict[str, str] = {}

    selection: Selection = PLAIN
    """Of the projects among `files`: uv's --extra and --all-extras."""

    @property
    def is_uv(self) -> bool:
        return self.shown.startswith("uv")


class Unread(msgspec.Struct, frozen=True):
    """A command that installs distributions in a way that isn't read here."""

    shown: str


def pip_command(args: Sequence[Arg]) -> PipCommand | Unread | None:
    """What a command without its launchers installs; None where it is no installer."""
    if not args:
        return None
    program = args[0].text
    name = posixpath.basename(program)
    by_variable = bool(args[0].unknown) and [one.text for one in args[1:2]] == ["-m"]
    if not _PYTHON.fullmatch(name) and not by_variable:
        return _called(name, program, args[1:])
    for at, arg in enumerate(args[1:], 1):
        if arg.text == "-m" and at + 1 < len(args):
            return _called(args[at + 1].text, program, args[at + 2 :])
        if arg.text.startswith("-m"):
            return _called(arg.text[2:], program, args[at + 1 :])
        if posixpath.basename(arg.text) == "setup.py":
            return _other("setup.py", f"{name} setup.py", args[at + 1 :])
    return None


def _called(name: str, program: str, args: Sequence[Arg]) -> PipCommand | Unread | None:
    if _PIP.fullmatch(name):
        return _pip("pip", program, args)
    if name == "pip-sync":
        return _pip_sync(program, args)
    if name == "piptools" and args and args[0].text == "sync":
        return _pip_sync(program, args[1:])
    if name == "easy_install" and args:
        return Unread(f"easy_install {args[0].text}")
    if name == "pipx" and args and args[0].text in {"install", "inject"}:
        return _tool(f"pipx {args[0].text}", args[1:])
    return _uv(program, args) if name == "uv" else _other(name, name, args)


def _uv(program: str, args: Sequence[Arg]) -> PipCommand | Unread | None:
    rest = past_options(args, _VALUES)
    if [one.text for one in rest[:2]] == ["tool", "install"]:
        return _tool("uv tool install", rest[2:])
    if rest and rest[0].text == "pip":
        return _pip("uv pip", program, [*args[: len(args) - len(rest)], *rest[1:]])
    return _other("uv", "uv", args)


def _tool(shown: str, args: Sequence[Arg]) -> Unread | None:
    """Each goes into an environment of its own; an installer there is none of the image's."""
    found = sort([Arg("install", 0), *args], OPTIONS)
    names = [re.split(r"[=<>!~@\[ ]", one.text)[0] for one in found.names]
    return None if names and INSTALLERS.issuperset(names) else Unread(shown)


def _other(name: str, shown: str, args: Sequence[Arg]) -> Unread | None:
    verb = next((arg.text for arg in past_options(args, _VALUES | {"-C", "-P"})), None)
    return Unread(f"{shown} {verb}") if verb in _UNREAD.get(name, ()) else None


def _pip_sync(program: str, args: Sequence[Arg]) -> PipCommand:
    """pip-tools' own: the files are its words, requirements.txt where there are none."""
    found = sort([Arg("sync", 0), *args], OPTIONS)
    dry = {"--dry-run": ""} if found.options.keys() & {"-n", "--dry-run"} else {}
    offset = args[0].offset if args else 0
    return PipCommand(
        action="sync",
        program=found.options.get("--python-executable", program),
        shown="pip-sync",
        files=tuple(found.names) or (Arg("requirements.txt", offset),),
        options=found.options | dry,
    )


def _pip(shown: str, program: str, args: Sequence[Arg]) -> PipCommand | None:
    found = sort(args, OPTIONS)
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
        overrides=tuple(found.lists.get("--override", [])),
        groups=tuple(found.lists.get("--group", [])),
        selection=Selection(
            extras=canonicals(one.text for one in found.lists.get("--extra", [])),
            all_extras="--all-extras" in found.options,
        ),
        options=found.options,
    )
