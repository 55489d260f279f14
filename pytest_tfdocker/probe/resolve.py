# The interpreter that the image's ENTRYPOINT and CMD would end in, launchers followed.
import posixpath
import re
import shlex

import tfdocker_environments as environments
import tfdocker_shell as shell
import tfdocker_tree as tree
from tfdocker_environments import which
from tfdocker_shell import Unresolved

HOPS = 12
TOLD_WIDTH = 80
PYTHON = re.compile(r"^(?:python|pypy)[0-9.]*$")
SHELLS = ("sh", "bash", "dash", "ash", "zsh")
# Launchers that start the rest of their arguments, with the options that take a value.
WRAPPERS = {
    "tini": ("-p", "-e"),
    "tini-static": ("-p", "-e"),
    "docker-init": ("-p", "-e"),
    "catatonit": (),
    "dumb-init": ("-r", "--rewrite"),
    "nice": ("-n",),
    "stdbuf": ("-i", "-o", "-e"),
    "exec": ("-a",),
    "nohup": (),
    "setsid": (),
    "ionice": ("-c", "-n"),
    "opentelemetry-instrument": (),
    "ddtrace-run": (),
}
USER_SWITCHERS = ("gosu", "su-exec", "chroot")


def chosen(plan):
    """Path and reason of the interpreter: that of the settings, else the one found."""
    if plan["python"]:
        return which(plan["python"]), "python = %s of the settings" % plan["python"]
    return interpreter(plan["entrypoint"], plan["command"])


def interpreter(entrypoint, command):
    """Path and reason; falls back to `python`, then `python3`, on PATH, then conda's base."""
    argv = list(entrypoint) + list(command)
    why = "the image has no ENTRYPOINT or CMD"
    if argv:
        told = ("ENTRYPOINT " if entrypoint else "CMD ") + " ".join(argv)
        try:
            path = follow(argv)
            note = brought_by(path)
            return path, shorten(told, max(40, TOLD_WIDTH - len(note))) + note
        except Unresolved as reason:
            why = str(reason)
    for name in ("python", "python3"):
        path = which(name)
        if path:
            return path, "%s on PATH%s, since %s" % (name, brought_by(path), shorten(why))
    path = environments.python_of(environments.conda_named("base"))
    return path, "conda's base, since %s" % shorten(why) if path else why


def brought_by(path):
    """What the shells followed have done to PATH, as far as the interpreter hangs on it."""
    told = shell.BROUGHT.get(posixpath.dirname(path))
    return ", " + told if told else ""


def shorten(text, width=TOLD_WIDTH):
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 3] + "..."


def follow(argv):
    for _ in range(HOPS):
        if not argv:
            raise Unresolved("the command is empty")
        step = one_step(argv)
        if isinstance(step, str):
            return step
        argv = step
    raise Unresolved("the command goes through more than %d launchers" % HOPS)


def one_step(argv):
    """The interpreter's path, or the command that this one starts."""
    name = posixpath.basename(argv[0])
    if shell.ASSIGNMENT.match(argv[0]):
        shell.assign(argv[0])
        return argv[1:]
    if PYTHON.match(name):
        path = which(argv[0])
        if path is None:
            raise Unresolved("%s is not in the image" % argv[0])
        return path
    if name in WRAPPERS:
        return after_options(argv[1:], WRAPPERS[name])
    if name in USER_SWITCHERS:
        return argv[2:]
    if name == "env":
        return after_options(argv[1:], ("-u", "--unset", "-C"))
    if name in SHELLS:
        return of_shell(argv)
    if name in ("uv", "uvx", "poetry", "pipenv", "conda", "mamba", "micromamba", "pdm", "hatch"):
        return of_runner(name, argv)
    return of_file(argv)


def after_options(argv, with_value):
    while argv and argv[0].startswith("-"):
        if argv[0] == "--":
            return argv[1:]
        argv = argv[2:] if argv[0] in with_value else argv[1:]
    return argv


def of_shell(argv):
    words = iter(enumerate(argv[1:], 1))
    for index, word in words:
        if word[:1] not in ("-", "+"):
            return of_file(argv[index:])
        if word.startswith("-") and not word.startswith("--") and "c" in word:
            if index + 1 >= len(argv):
                raise Unresolved("%s -c has no command" % argv[0])
            return last_command(argv[index + 1], argv[index + 3 :])
        if word[-1:] in ("o", "O") and not word.startswith("--"):  # -euo pipefail
            next(words, None)
    raise Unresolved("%s starts an interactive shell" % argv[0])


def last_command(text, arguments):
    """The last simple command of a shell text: what a container's shell waits for."""
    last = []
    for words in shell.simple_commands(text):
        if words:
            shell.take(words)
            last = words
    if not last:
        raise Unresolved("its shell command is empty")
    if last[0] == "exec":
        last = after_options(last[1:], ("-a",))
    result = []
    for word in last:
        result += arguments if word in ("$@", "$*") else [word]
    return result


def of_runner(name, argv):
    if "run" not in argv and name != "uvx":
        raise Unresolved("%s is not followed" % " ".join(argv[:2]))
    found = {
        "uv": environments.uv_environments,
        "poetry": environments.poetry_environments,
        "pipenv": environments.pipenv_environments,
        "pdm": environments.venv_beside,
    }.get(name)
    if name in shell.CONDA:
        candidates = environments.conda_environments(without_run(argv[1:]))
    elif found:
        candidates = found()
    else:
        raise Unresolved("%s is not followed" % name)
    path = environments.python_of(candidates)
    if path:
        return path
    if name == "poetry":  # virtualenvs.create = false, as most images have it
        return ["python"]
    raise Unresolved("the environment of `%s run` is not in the image" % name)


def without_run(words):
    at = words.index("run")
    return words[:at] + words[at + 1 :]


def of_file(argv):
    """A script by its shebang: a console script of Python, or an entry script of a shell."""
    path = environments.file_named(argv[0])
    if path is None:
        raise Unresolved("%s is not in the image" % argv[0])
    try:
        with tree.opened(path) as file:
            head = file.read(65536).decode("utf-8", "replace").replace("\0", "")
    except OSError as error:
        raise Unresolved("%s can't be read: %s" % (path, error.strerror))
    if not head.startswith("#!"):
        raise Unresolved("%s is no script" % path)
    first, _, body = head.partition("\n")
    if body.startswith("'''exec'"):  # pip writes this where the shebang would be too long
        try:
            return shlex.split(body.partition("\n")[0])[1:2]
        except ValueError:
            raise Unresolved("%s names no interpreter" % path)
    shebang = first[2:].split()
    if shebang and posixpath.basename(shebang[0]) == "env":
        shebang = after_options(shebang[1:], ("-u",))
    if not shebang:
        raise Unresolved("%s has an empty shebang" % path)
    if posixpath.basename(shebang[0]) in SHELLS:
        return last_command(body, argv[1:])
    return shebang
