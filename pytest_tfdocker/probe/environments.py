# Where an image has its programs and its environments of Python.
import glob
import os

VISITED = []  # folders that a shell's text has gone to, newest first
CONDA_WITH_VALUE = (
    "-n", "--name", "-p", "--prefix", "-r", "--root-prefix", "--rc-file", "--cwd", "-a", "--attach",
    "-e", "--env",
)  # fmt: skip
CONDA_ROOTS = (
    "/opt/conda",
    "/opt/miniconda3",
    "/root/miniconda3",
    "/opt/micromamba",
    "/miniconda3",
)


def folders():
    """Where a relative path may start: a subshell's `cd` holds for that alone, so all are tried."""
    return VISITED + [os.getcwd()]


def visit(folder):
    path = os.path.normpath(os.path.join(folders()[0], os.path.expanduser(folder)))
    if os.path.isdir(path):
        VISITED.insert(0, path)


def search_path():
    return os.environ.get("PATH", os.defpath).split(":")


def which(name):
    for folder in folders() if "/" in name else search_path():
        path = os.path.join(folder or ".", name)
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return os.path.abspath(path)
    return None


def file_named(name):
    """A program, or a file that is none, by its path."""
    paths = (os.path.abspath(os.path.join(folder, name)) for folder in folders())
    return which(name) or next(filter(os.path.isfile, paths), None)


def python_of(candidates):
    """The interpreter of the first environment that has one, by its folder."""
    found = (which(os.path.join(folder, "bin", "python")) for folder in candidates)
    return next(filter(None, found), None)


def venv_beside():
    return [os.path.join(folder, ".venv") for folder in folders()]


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


def conda_environments(words):
    """Of -n NAME or -p PREFIX; the command's own options end at its first other word."""
    words = iter(words)
    for word in words:
        if not word.startswith("-"):
            break
        option, value = split_option(word)
        if option in CONDA_WITH_VALUE and value is None:
            value = next(words, "")
        if option in ("-p", "--prefix"):
            return [value]
        if option in ("-n", "--name"):
            return conda_named(value or "base")
    return conda_named("base")


def split_option(word):
    """--name=ml and -nml as option and value; the value is None where the next word is it."""
    if word.startswith("--"):
        option, equals, value = word.partition("=")
        return option, value if equals else None
    return word[:2], word[2:].lstrip("=") or None


def conda_named(name):
    if "/" in name:
        return [name]
    roots = conda_roots()
    return roots if name == "base" else [os.path.join(root, "envs", name) for root in roots]


def conda_roots():
    names = ("MAMBA_ROOT_PREFIX", "CONDA_ROOT", "CONDA_PREFIX", "CONDA_DIR")
    roots = [os.environ.get(name) for name in names]
    programs = map(which, ("conda", "mamba"))  # ROOT/bin/conda, ROOT/condabin/conda
    roots += [os.path.dirname(os.path.dirname(path)) for path in programs if path]
    return [root for root in roots if root] + list(CONDA_ROOTS)
