# The interpreter that the image's ENTRYPOINT and CMD would end in, launchers followed.
import glob
import os
import re
import shlex

HOPS = 12
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
ASSIGNMENT = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*=")
WORD = r"""(?:[^\s;&|()<>'"\\]|\\[^\n]|'[^']*'|"(?:[^"\\]|\\[\s\S])*")+"""
TOKEN = re.compile(  # of a shell's text
    r"(?P<nothing>[ \t\r]+|\\\n|(?<!\S)\#[^\n]*|(?:[0-9]*|&)[<>]+[&|]?[ \t]*(?:%s)?)"
    r"|(?P<end>[;&|()\n]+)|(?P<word>%s)" % (WORD, WORD)
)


class Unresolved(Exception):
    """The command can't be followed; the text says where."""


def which(name):
    if "/" in name:
        path = os.path.abspath(name)
        return path if os.access(path, os.X_OK) and not os.path.isdir(path) else None
    for folder in os.environ.get("PATH", os.defpath).split(":"):
        path = os.path.join(folder or ".", name)
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return os.path.abspath(path)
    return None


def interpreter(entrypoint, command):
    """Path and reason; falls back to `python`, then `python3`, on the image's PATH."""
    argv = list(entrypoint) + list(command)
    why = "the image has no ENTRYPOINT or CMD"
    if argv:
        told = ("ENTRYPOINT " if entrypoint else "CMD ") + " ".join(argv)
        try:
            return follow(argv), shorten(told)
        except Unresolved as reason:
            why = str(reason)
    for name in ("python", "python3"):
        path = which(name)
        if path:
            return path, "%s on PATH, since %s" % (name, shorten(why))
    return None, why


def shorten(text):
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:77] + "..."


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
    name = os.path.basename(argv[0])
    if ASSIGNMENT.match(argv[0]):
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
    commands = [command for command in map(without_keywords, simple_commands(text)) if command]
    if not commands:
        raise Unresolved("its shell command is empty")
    words = commands[-1]
    if words[0] == "exec":
        words = after_options(words[1:], ("-a",))
    result = []
    for word in words:
        result += arguments if word in ("$@", "$*") else [word]
    return result


def simple_commands(text):
    """Lists of words; shlex can't do it on 3.7, and takes `$#` for a comment on all."""
    commands, at = [[]], 0
    while at < len(text):
        token = TOKEN.match(text, at)
        if token is None:
            raise Unresolved("a quote is left open in its shell command")
        at = token.end()
        if token.lastgroup == "end":
            commands.append([])
        elif token.lastgroup == "word":
            commands[-1] += map(os.path.expandvars, shlex.split(token.group()))
    return commands


def without_keywords(words):
    if words and words[0] in ("fi", "done", "esac", "}", "wait"):
        return []
    while words and words[0] in ("then", "else", "do", "{", "!", "time"):
        words = words[1:]
    return words


def of_runner(name, argv):
    if "run" not in argv and name != "uvx":
        raise Unresolved("%s is not followed" % " ".join(argv[:2]))
    found = {
        "uv": uv_environments,
        "poetry": poetry_environments,
        "pipenv": pipenv_environments,
        "pdm": venv_beside,
    }.get(name)
    if name in ("conda", "mamba", "micromamba"):
        candidates = conda_environments(argv)
    elif found:
        candidates = found()
    else:
        raise Unresolved("%s is not followed" % name)
    for folder in candidates:
        path = which(os.path.join(folder, "bin", "python"))
        if path:
            return path
    if name == "poetry":  # virtualenvs.create = false, as most images have it
        return ["python"]
    raise Unresolved("the environment of `%s run` is not in the image" % name)


def venv_beside():
    return [os.path.join(os.getcwd(), ".venv")]


def uv_environments():
    chosen = os.environ.get("UV_PROJECT_ENVIRONMENT")
    return ([os.path.abspath(chosen)] if chosen else []) + venv_beside()


def poetry_environments():
    cache = os.environ.get("POETRY_CACHE_DIR", os.path.expanduser("~/.cache/pypoetry"))
    folder = os.environ.get("POETRY_VIRTUALENVS_PATH", os.path.join(cache, "virtualenvs"))
    return venv_beside() + sorted(glob.glob(os.path.join(folder, "*")))


def pipenv_environments():
    folder = os.environ.get("WORKON_HOME", os.path.expanduser("~/.local/share/virtualenvs"))
    return venv_beside() + sorted(glob.glob(os.path.join(folder, "*")))


def conda_environments(argv):
    for index, word in enumerate(argv):
        if word in ("-p", "--prefix"):
            return argv[index + 1 : index + 2]
        if word in ("-n", "--name"):
            return conda_named((argv[index + 1 : index + 2] or ["base"])[0])
    return conda_named("base")


def conda_named(name):
    roots = [
        os.environ.get(key)
        for key in ("MAMBA_ROOT_PREFIX", "CONDA_ROOT", "CONDA_PREFIX", "CONDA_DIR")
    ]
    roots += ["/opt/conda", "/opt/miniconda3", "/root/miniconda3", "/opt/micromamba", "/miniconda3"]
    roots = [root for root in roots if root]
    return roots if name == "base" else [os.path.join(root, "envs", name) for root in roots]


def of_file(argv):
    """A script by its shebang: a console script of Python, or an entry script of a shell."""
    path = which(argv[0]) or (os.path.abspath(argv[0]) if os.path.isfile(argv[0]) else None)
    if path is None:
        raise Unresolved("%s is not in the image" % argv[0])
    try:
        with open(path, "rb") as file:
            head = file.read(65536).decode("utf-8", "replace")
    except OSError as error:
        raise Unresolved("%s can't be read: %s" % (path, error.strerror))
    if not head.startswith("#!"):
        raise Unresolved("%s is no script" % path)
    first, _, body = head.partition("\n")
    if body.startswith("'''exec'"):  # pip writes this where the shebang would be too long
        return shlex.split(body.partition("\n")[0])[1:2]
    shebang = first[2:].split()
    if shebang and os.path.basename(shebang[0]) == "env":
        shebang = after_options(shebang[1:], ("-u",))
    if not shebang:
        raise Unresolved("%s has an empty shebang" % path)
    if os.path.basename(shebang[0]) in SHELLS:
        return last_command(body, argv[1:])
    return shebang
