"""The command lines of `uv sync`, `uv run`, `poetry install` and `pipenv sync`."""

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from pytest_tfdocker.dockerfile.shell import Arg
from pytest_tfdocker.locks.launchers import before_command
from pytest_tfdocker.locks.options import Options, Sorted, sort
from pytest_tfdocker.locks.selection import Selection, canonicals

OFF = frozenset({"", "0", "no", "off", "false", "n", "f"})
"""Values of an environment variable that leave an option out."""
# uv 0.5 to 0.13: `uv sync --help`
_UV = Options(
    values=frozenset(
        """--allow-insecure-host --annotation-style --cache-dir --format --no-emit-package
        --output-file --prune --color --config-file --config-setting
        --config-settings-package --default-index --directory --exclude-newer
        --exclude-newer-package --extra --extra-index-url --find-links --fork-strategy --group
        --index --index-strategy --index-url --keyring-provider --link-mode --no-binary-package
        --no-build-isolation-package --no-build-package --no-editable-package --no-extra
        --env-file --no-group --no-install-package --no-sources-package --only-group --output-format
        --package --prerelease --prerelease-package --project --python --python-platform
        --refresh-package --reinstall-package --resolution --script --upgrade-group
        --upgrade-package --with --with-editable --with-requirements""".split()  # noqa: SIM905
    ),
    short={
        "C": "--config-setting",
        "P": "--upgrade-package",
        "f": "--find-links",
        "i": "--index-url",
        "o": "--output-file",
        "p": "--python",
        "w": "--with",
    },
)
# Poetry 1.0 to 2.5: `poetry install --help`
_POETRY = Options(
    values=frozenset(
        "--without --with --only --extras --project --directory --output --format".split()  # noqa: SIM905
    ),
    short={"f": "--format", "o": "--output", "E": "--extras", "P": "--project", "C": "--directory"},
)
# pipenv 2018 to 2026: `pipenv install --help`, `pipenv sync --help`
_PIPENV = Options(
    values=frozenset(
        """--categories --config-settings --editable --extra-pip-args --extras --index
        --pypi-mirror --python --requirements --resolver""".split()  # noqa: SIM905
    ),
    short={"e": "--editable", "i": "--index", "r": "--requirements"},
    same={"--requirement": "--requirements"},
)
_TOOLS: Mapping[str, tuple[Options, frozenset[str]]] = {
    "uv": (_UV, frozenset({"sync", "run"})),
    "poetry": (_POETRY, frozenset({"install", "sync"})),
    "pipenv": (_PIPENV, frozenset({"install", "sync"})),
}
"""And the verbs that install what a project's lock has."""
_EXPORTS = {"uv": "export", "poetry": "export", "pipenv": "requirements"}
_CHOOSING = frozenset(
    """--extra --no-extra --group --no-group --only-group --package --no-install-package --without
    --with --only --extras --categories""".split()  # noqa: SIM905
)


class ProjectCommand(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a tool that installs a project from its lock."""

    tool: str
    """"uv", "poetry" or "pipenv"."""
    shown: str
    """"uv sync", for people."""
    selection: Selection
    exact: bool
    """Whether it takes away what is not asked for."""
    without: frozenset[str] = frozenset()
    """Distributions that are left out, by canonical name."""
    names: tuple[Arg, ...] = ()
    editables: tuple[Arg, ...] = ()
    files: tuple[Arg, ...] = ()
    """Requirement files that pipenv takes in."""
    options: dict[str, str] = {}
    unknown: Arg | None = None
    """A value that chooses what is installed, and isn't known here."""


def project_command(args: Sequence[Arg], variables: Mapping[str, str]) -> ProjectCommand | None:
    """What a command without its launchers installs of a project; None where it is none of these.

    `variables`: what it sees.
    """
    tool, rest = _tool(args)
    if tool is None:
        return None
    if tool == "uv" and [one.text for one in rest[:1]] == ["run"]:
        rest = before_command(args)[1:]
    options, verbs = _TOOLS[tool]
    found = sort(rest, options)
    if found.action not in verbs or (found.action == "run" and not _syncs(found, variables)):
        return None
    return _command(tool, rest, found, variables)


def export_command(args: Sequence[Arg], variables: Mapping[str, str]) -> ProjectCommand | None:
    """What `uv export`, `poetry export` or `pipenv requirements` takes of a lock, if it is one."""
    tool, rest = _tool(args)
    if tool is None:
        return None
    found = sort(rest, _TOOLS[tool][0])
    if found.action != _EXPORTS[tool]:
        return None
    command = _command(tool, rest, found, variables)
    if tool == "poetry":  # it leaves out every group that isn't named
        selection = msgspec.structs.replace(command.selection, default_groups=False)
        command = msgspec.structs.replace(command, selection=selection)
    return command


def _command(
    tool: str, words: Sequence[Arg], found: Sorted, variables: Mapping[str, str]
) -> ProjectCommand:
    chosen = [one for name in _CHOOSING for one in found.lists.get(name, [])]
    return ProjectCommand(
        tool=tool,
        shown=f"{tool} {found.action}",
        selection=_SELECTED[tool](found, variables),
        exact=_is_exact(tool, found),
        without=canonicals(
            [*_values(found, "--no-install-package"), *_values(found, "--no-emit-package")]
        ),
        names=tuple(found.names),
        editables=tuple(found.lists.get("--editable", [])),
        files=tuple(found.lists.get("--requirements", [])),
        options=found.options,
        unknown=next((one for one in [*chosen, *_bare(tool, words, found)] if one.unknown), None),
    )


def _bare(tool: str, words: Sequence[Arg], found: Sorted) -> list[Arg]:
    """Words that may turn out to be options: pipenv alone takes names."""
    names = [] if tool == "pipenv" else found.names
    return [*names, *(one for one in words if one.text.startswith("--") and "=" not in one.text)]


def is_set(variables: Mapping[str, str], name: str) -> bool:
    """Whether a variable of the environment turns something on."""
    return variables.get(name, "").lower() not in OFF


def _tool(args: Sequence[Arg]) -> tuple[str | None, Sequence[Arg]]:
    """By its name, or as a module of Python's."""
    if not args:
        return None, args
    name, words = posixpath.basename(args[0].text), [arg.text for arg in args]
    if re.fullmatch(r"python[\d.]*", name) and "-m" in words[1:-1]:
        at = words.index("-m", 1) + 1
        return (words[at], args[at + 1 :]) if words[at] in _TOOLS else (None, args)
    return (name, args[1:]) if name in _TOOLS else (None, args)


def _syncs(found: Sorted, variables: Mapping[str, str]) -> bool:
    """Whether `uv run` installs the project first, as it does unless it is told not to."""
    told = found.options.keys() & {"--no-sync", "--no-project", "--isolated", "--script", "-s"}
    return not (told or is_set(variables, "UV_NO_SYNC") or is_set(variables, "UV_NO_PROJECT"))


def _is_exact(tool: str, found: Sorted) -> bool:
    if tool == "uv":
        return "--exact" in found.options or (
            found.action == "sync" and "--inexact" not in found.options
        )
    if tool == "poetry":
        return found.action == "sync" or "--sync" in found.options
    return "--clean" in found.options


def _uv(found: Sorted, variables: Mapping[str, str]) -> Selection:
    options = found.options
    only = [*_values(found, "--only-group"), *(["dev"] if "--only-dev" in options else [])]
    no_default = "--no-default-groups" in found.options or is_set(variables, "UV_NO_DEFAULT_GROUPS")
    said = [one for one in options if one in {"--dev", "--no-dev", "--only-dev"}]
    no_dev = said[-1] == "--no-dev" if said else is_set(variables, "UV_NO_DEV")
    dev = ["dev"] if "--dev" in options and not no_dev else []
    no_groups = [*_values(found, "--no-group"), *variables.get("UV_NO_GROUP", "").split()]
    return Selection(
        project=not only,
        extras=canonicals(_values(found, "--extra")),
        all_extras="--all-extras" in found.options,
        without_extras=canonicals(_values(found, "--no-extra")),
        groups=canonicals([*only, *dev, *_values(found, "--group")]),
        all_groups="--all-groups" in found.options,
        default_groups=not (only or no_default),
        without_groups=canonicals([*no_groups, *(["dev"] if no_dev else [])]),
        members=not _leaves_out("workspace", found, variables),
        local=not _leaves_out("local", found, variables),
        packages=canonicals(_values(found, "--package")),
        all_packages="--all-packages" in found.options,
    )


def _leaves_out(what: str, found: Sorted, variables: Mapping[str, str]) -> bool:
    told = found.options.keys() & {f"--no-install-{what}", f"--no-emit-{what}"}
    return bool(told) or is_set(variables, f"UV_NO_INSTALL_{what.upper()}")


def _poetry(found: Sorted, _variables: Mapping[str, str]) -> Selection:
    only = _split(found, "--only") + (["main"] if "--no-dev" in found.options else [])
    without = _split(found, "--without")
    more = _split(found, "--with") + (["dev"] if "--dev" in found.options else [])
    if "--only-root" in found.options:
        return Selection(project=False)
    extras = canonicals(_split(found, "--extras"))
    all_extras = "--all-extras" in found.options
    if only:
        asked = canonicals(only)
        return Selection(
            project="main" in asked, extras=extras, all_extras=all_extras, groups=asked
        )
    return Selection(
        project="main" not in without,
        extras=extras,
        all_extras=all_extras,
        groups=canonicals(more),
        all_groups="--all-groups" in found.options,
        default_groups=True,
        without_groups=canonicals(without),
    )


def _pipenv(found: Sorted, variables: Mapping[str, str]) -> Selection:
    """A Pipfile calls two of the categories other than its lock does."""
    options = found.options
    if "--dev-only" in options:  # of `pipenv requirements`
        return Selection(project=False, groups=frozenset({"develop"}))
    dev = bool(options.keys() & {"--dev", "-d"}) or is_set(variables, "PIPENV_DEV")
    named = _split(found, "--categories") or _words(variables.get("PIPENV_CATEGORIES", ""))
    if not named and not dev:
        named = _words(variables.get("PIPENV_DEFAULT_CATEGORIES", ""))
    every = "--all" in options
    if named and not every:
        as_in_lock = {"packages": "default", "dev-packages": "develop"}
        asked = canonicals(as_in_lock.get(one, one) for one in named)
        return Selection(project="default" in asked, groups=asked)
    groups = [*(["develop"] if dev else []), *_split(found, "--extras")]
    return Selection(groups=canonicals(groups), all_groups=every)


_SELECTED = {"uv": _uv, "poetry": _poetry, "pipenv": _pipenv}


def _values(found: Sorted, option: str) -> Iterable[str]:
    return [one.text for one in found.lists.get(option, [])]


def _split(found: Sorted, option: str) -> list[str]:
    """Of an option whose one value may hold several: by commas or white space."""
    return [one for text in _values(found, option) for one in _words(text)]


def _words(text: str) -> list[str]:
    return [one for one in re.split(r"[,\s]+", text) if one]
