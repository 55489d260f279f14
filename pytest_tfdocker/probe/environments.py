# Where an image has its programs and its environments of Python.
import posixpath

import tfdocker_tree as tree

VISITED = []  # folders that a shell's text has gone to, newest first
CONDA_WITH_VALUE = (
    "-n", "--name", "-p", "--prefix", "-r", "--root-prefix", "--rc-file", "--cwd", "-a", "--attach",
    "-e", "--env",
)  # fmt: skip
DEFAULT_PATH = "/bin:/usr/bin"
CONDA_ROOTS = (
    "/opt/conda",
    "/opt/miniconda3",
    "/root/miniconda3",
    "/opt/micromamba",
    "/miniconda3",
)


def folders():
    """Where a relative path may start: a subshell's `cd` holds for that alone, so all are tried."""
    return VISITED + [tree.here()]


def visit(folder):
    path = posixpath.normpath(posixpath.join(folders()[0], tree.expanded(folder)))
    if tree.is_folder(path):
        VISITED.insert(0, path)


def absolute(path):
    return posixpath.normpath(posixpath.join(tree.here(), path))


def search_path():
    return tree.environ.get("PATH", DEFAULT_PATH).split(":")


def which(name):
    for folder in folders() if "/" in name else search_path():
        path = posixpath.join(folder or ".", name)
        if tree.is_program(path):
            return absolute(path)
    return None


def file_named(name):
    """A program, or a file that is none, by its path."""
    paths = (absolute(posixpath.join(folder, name)) for folder in folders())
    return which(name) or next(filter(tree.is_file, paths), None)


def inside(folder):
    """What a folder holds, by its path, less what is hidden."""
    return [posixpath.join(folder, name) for name in tree.names(folder) if name[:1] != "."]


def python_of(candidates):
    """The interpreter of the first environment that has one, by its folder."""
    found = (which(posixpath.join(folder, "bin", "python")) for folder in candidates)
    return next(filter(None, found), None)


def venv_beside():
    return [posixpath.join(folder, ".venv") for folder in folders()]


def uv_environments():
    chosen = tree.environ.get("UV_PROJECT_ENVIRONMENT")
    return ([absolute(chosen)] if chosen else []) + venv_beside()


def poetry_environments():
    cache = tree.environ.get("POETRY_CACHE_DIR", tree.expanded("~/.cache/pypoetry"))
    folder = tree.environ.get("POETRY_VIRTUALENVS_PATH", posixpath.join(cache, "virtualenvs"))
    return venv_beside() + inside(folder)


def pipenv_environments():
    folder = tree.environ.get("WORKON_HOME", tree.expanded("~/.local/share/virtualenvs"))
    return venv_beside() + inside(folder)


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
    return roots if name == "base" else [posixpath.join(root, "envs", name) for root in roots]


def conda_roots():
    names = ("MAMBA_ROOT_PREFIX", "CONDA_ROOT", "CONDA_PREFIX", "CONDA_DIR")
    roots = [tree.environ.get(name) for name in names]
    programs = map(which, ("conda", "mamba"))  # ROOT/bin/conda, ROOT/condabin/conda
    roots += [posixpath.dirname(posixpath.dirname(path)) for path in programs if path]
    return [root for root in roots if root] + list(CONDA_ROOTS)


def take_home(user):
    """HOME of the image's own user, on which its user site-packages hang; the inventory is root."""
    home = home_of(user.partition(":")[0])
    if home is not None:
        tree.environ["HOME"] = home


def home_of(wanted):
    """By a user's name or number, from /etc/passwd."""
    try:
        with tree.opened("/etc/passwd") as file:
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return None
    for line in lines:
        fields = line.split(":")
        if len(fields) > 5 and wanted in (fields[0], fields[2]):
            return fields[5]
    return None
