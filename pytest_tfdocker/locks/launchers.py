"""Programs that run the command behind them: `timeout 600 pip install …`."""

import posixpath
from collections.abc import Iterator, Sequence

import msgspec

from pytest_tfdocker.dockerfile.shell import Arg

SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh"})
_LAUNCHERS: dict[str, frozenset[str]] = {
    "sudo": frozenset({"-u", "-g", "--user", "--group"}),
    "doas": frozenset({"-u"}),
    "runuser": frozenset({"-u", "-g", "-G"}),
    "env": frozenset({"-u", "--unset", "-C", "--chdir"}),
    "exec": frozenset(),
    "command": frozenset(),
    "nice": frozenset({"-n"}),
    "ionice": frozenset({"-c", "-n"}),
    "time": frozenset({"-f", "-o"}),
    "timeout": frozenset({"-k", "-s", "--kill-after", "--signal"}),
    "nohup": frozenset(),
    "setsid": frozenset(),
    "stdbuf": frozenset({"-i", "-o", "-e"}),
    "gosu": frozenset(),
    "su-exec": frozenset(),
    "xvfb-run": frozenset(
        {"-e", "-f", "-n", "-p", "-s", "-w"}
        | {"--error-file", "--auth-file", "--server-num", "--server-args", "--wait"}
    ),
    "eatmydata": frozenset(),
    "tini": frozenset(),
    "dumb-init": frozenset(),
}
"""And their options that take a value."""
_FIRST_IS_A_WORD = frozenset({"timeout", "gosu", "su-exec"})
"""Launchers whose first word is a duration or a user."""
_AS_ANOTHER = frozenset({"sudo", "doas", "runuser"})
_RUNNERS = frozenset({"conda", "mamba", "micromamba", "uv", "poetry", "pipenv", "pdm", "hatch"})
_CONDAS = frozenset({"conda", "mamba", "micromamba"})
_RUNNER_VALUES = frozenset(
    """-n --name -p --prefix --python --project --directory --cwd -w --with --with-editable
    --with-requirements --env-file --extra --no-extra --group --no-group --only-group --package
    --index --default-index -i --index-url --extra-index-url -f --find-links --python-platform
    --link-mode --cache-dir --config-file""".split()  # noqa: SIM905
)


class Launched(msgspec.Struct, frozen=True, kw_only=True):
    """The command without the launchers in front of it, and what those change for it."""

    args: Sequence[Arg]
    user: str | None = None
    conda: str | None = None
    """Name or folder of the conda environment that it runs in."""
    unset: tuple[str, ...] = ()
    """Variables of the environment that it doesn't see; "*": none that were set before."""

    def inside(self, outer: "Launched") -> "Launched":
        """The same, with what a launcher further out says."""
        return msgspec.structs.replace(
            self,
            user=self.user or outer.user,
            conda=self.conda or outer.conda,
            unset=self.unset + outer.unset,
        )


def before_command(args: Sequence[Arg]) -> Sequence[Arg]:
    """Of `uv run [options] command …`: the words before the command."""
    return args[: len(args) - len(past_options(args[2:], _RUNNER_VALUES))]


def launched(args: Sequence[Arg]) -> Launched:
    """What is run in the end. A launcher without a command leaves no words."""
    found = Launched(args=args)
    while found.args and (inner := _opened(found.args)) is not None:
        found = inner.inside(found)
    return found


def past_options(
    args: Sequence[Arg], values: frozenset[str], *, assignments: bool = False
) -> Sequence[Arg]:
    """The words from the first on that is no option, none's value and no setting."""
    while args and (args[0].text.startswith("-") or (assignments and "=" in args[0].text)):
        args = args[2:] if args[0].text in values else args[1:]
    return args


def script_in(args: Sequence[Arg]) -> tuple[Arg, str | None] | None:
    """The shell text that a command runs, and as which user: `bash -lc`, `su app -c`, `eval`."""
    name = posixpath.basename(args[0].text) if args else ""
    if name == "eval" and len(args) > 1:
        return Arg(" ".join(arg.text for arg in args[1:]), args[1].offset), None
    if name in SHELLS:
        script = _behind_c(args[1:])
        return (script, None) if script else None
    if name in {"su", "runuser"}:
        return _of_su(args[1:])
    return None


def _opened(args: Sequence[Arg]) -> Launched | None:
    """What the first launcher runs; None where the first word is none."""
    name = posixpath.basename(args[0].text)
    words = [arg.text for arg in args]
    if name in _RUNNERS and words[1:2] == ["run"]:
        conda = _value(words[2:], ("-n", "--name", "-p", "--prefix")) if name in _CONDAS else None
        return Launched(args=past_options(args[2:], _RUNNER_VALUES), conda=conda)
    if name not in _LAUNCHERS or (name == "runuser" and script_in(args)):
        return None
    behind = past_options(args[1:], _LAUNCHERS[name], assignments=name in {"env", "sudo"})
    user = None
    if name in _AS_ANOTHER:
        options = words[1 : len(words) - len(behind)]
        user = _value(options, ("-u", "--user")) or "root"
    elif name in _FIRST_IS_A_WORD:
        user = None if name == "timeout" or not behind else behind[0].text.partition(":")[0]
        behind = behind[1:]
    unset = tuple(_unset(words[1 : len(words) - len(behind)])) if name == "env" else ()
    return Launched(args=behind, user=user, unset=unset)


def _unset(words: Sequence[str]) -> Iterator[str]:
    """By `env -u NAME`, `env --unset=NAME`, `env -i`."""
    for at, word in enumerate(words):
        option, _, value = word.partition("=")
        if word in {"-i", "-", "--ignore-environment"}:
            yield "*"
        elif option in {"-u", "--unset"}:
            yield value or next(iter(words[at + 1 : at + 2]), "")
        elif word.startswith("-u"):
            yield word[2:]


def _value(words: Sequence[str], names: tuple[str, ...]) -> str | None:
    """Of the first of these options, before the first word that is none."""
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in names:
            return value if equals else next(iter(words[at + 1 : at + 2]), None)
        if not word.startswith("-") and (at == 0 or words[at - 1] not in _RUNNER_VALUES):
            return None
    return None


def _behind_c(args: Sequence[Arg]) -> Arg | None:
    """Behind `-c`, `-lc`, `-exc`."""
    for at, arg in enumerate(args[:-1]):
        if arg.text.startswith("-") and not arg.text.startswith("--") and arg.text.endswith("c"):
            return args[at + 1]
        if not arg.text.startswith("-"):
            return None
    return None


def _of_su(args: Sequence[Arg]) -> tuple[Arg, str | None] | None:
    """`su app -c "…"`, `su - app -c "…"`, `su -c "…" app`."""
    words = [arg.text for arg in args]
    at = next((at for at, word in enumerate(words) if word in {"-c", "--command", "-lc"}), None)
    if at is None or at + 1 >= len(words):
        return None
    others = words[:at] + words[at + 2 :]
    user = next((word for word in others if not word.startswith("-")), "root")
    return args[at + 1], user
