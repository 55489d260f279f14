# A shell's text, cut into simple commands, and what these do to PATH.
import posixpath
import re
import shlex

import tfdocker_environments as environments
import tfdocker_tree as tree

ASSIGNMENT = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*=")
WORD = r"""(?:[^\s;&|()<>'"\\]|\\[^\n]|'[^']*'|"(?:[^"\\]|\\[\s\S])*")+"""
TOKEN = re.compile(
    r"(?P<nothing>[ \t\r]+|\\\n|(?<!\S)\#[^\n]*|(?:[0-9]*|&)[<>]+[&|]?[ \t]*(?:%s)?)"
    r"|(?P<end>[;&|()\n]+)|(?P<word>%s)" % (WORD, WORD)
)
VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?:(:?[-+])((?:[^{}]|\$\{\w+\})*))?\})")
CONDA = ("conda", "mamba", "micromamba")
LONGEST_VALUE = 1 << 14  # A=$A$A, forty times over, would fill any memory
MOST_VARIABLES = 256
EXPORTS = ("export", "declare", "typeset", "readonly", "local")

BROUGHT = {}  # folder on PATH → what put it there, for people


class Unresolved(Exception):
    """The command can't be followed; the text says where."""


def simple_commands(text):
    """Lists of words, each made when the ones before are taken: they may set what it expands.

    shlex can't do it on 3.7, and takes `$#` for a comment on all."""
    command, at = [], 0
    while at < len(text):
        token = TOKEN.match(text, at)
        if token is None:
            raise Unresolved("a quote is left open in its shell command")
        at = token.end()
        if token.lastgroup == "end":
            yield without_keywords(command)
            command = []
        elif token.lastgroup == "word":
            command += map(expand, shlex.split(token.group()))
    yield without_keywords(command)


def without_keywords(words):
    if words and words[0] in ("fi", "done", "esac", "}", "wait"):
        return []
    while words and words[0] in ("then", "else", "do", "{", "!", "time"):
        words = words[1:]
    return words


def expand(word):
    """$NAME, ${NAME}, ${NAME:-default} and ${NAME:+other}; what isn't set stays as it stands."""

    def value(found):
        plain, name, sign, other = found.groups()
        known = tree.environ.get(plain or name)
        if known and len(known) > LONGEST_VALUE:
            return found.group()
        if sign and sign.endswith("+"):
            return expand(other) if known else ""
        if sign:
            return known or expand(other)
        return found.group() if known is None else known

    return VARIABLE.sub(value, word, MOST_VARIABLES)


def take(words):
    """Does to PATH what a simple command does to it."""
    if words[0] in EXPORTS or all(map(ASSIGNMENT.match, words)):
        for word in filter(ASSIGNMENT.match, words):
            assign(word)
    elif words[0] in (".", "source") and len(words) > 1:
        take_sourced(words[1], words[2:])
    elif posixpath.basename(words[0]) in CONDA and words[1:2] == ["activate"]:
        activate_conda(words[2:])
    elif words[0] == "cd" and len(words) > 1:
        environments.visit(words[1])


def assign(word):
    name, _, value = word.partition("=")
    if value.endswith("$"):  # of $(command), which nobody runs here
        return
    folders = [tree.expanded(folder) for folder in value.split(":")]
    if name == "PATH":
        for folder in set(folders).difference(environments.search_path()):
            BROUGHT[posixpath.normpath(folder)] = "PATH=%s:…" % folder
    tree.environ[name] = ":".join(folders)


def take_sourced(script, arguments):
    name, folder = posixpath.basename(script), posixpath.dirname(script)
    if name == "_activate_current_env.sh":  # of the micromamba images
        activate_conda([tree.environ.get("ENV_NAME", "base")])
    elif name in ("conda.sh", "mamba.sh"):  # ROOT/etc/profile.d/conda.sh
        remember_root(posixpath.dirname(posixpath.dirname(folder)))
    elif name == "activate":
        take_activate(script, arguments)


def take_activate(script, arguments):
    """`source VENV/bin/activate`, or conda's own: `source activate ml`, `. ROOT/bin/activate ml`."""
    path = environments.file_named(tree.expanded(script)) if "/" in script else None
    if arguments or not path:
        remember_root(path and posixpath.dirname(posixpath.dirname(path)))
        if activate_conda(arguments):
            return
    if path:
        activate(posixpath.dirname(posixpath.dirname(path)))


def remember_root(folder):
    if folder:
        tree.environ.setdefault("CONDA_ROOT", folder)


def activate_conda(words):
    named = words and not words[0].startswith("-")
    find = environments.conda_named if named else environments.conda_environments
    path = environments.python_of(find(words[0] if named else words))
    if path:
        activate(posixpath.dirname(posixpath.dirname(path)))
    return path is not None


def activate(prefix):
    folder = posixpath.join(prefix, "bin")
    tree.environ["VIRTUAL_ENV"] = prefix
    tree.environ["PATH"] = ":".join([folder] + environments.search_path())
    BROUGHT[folder] = "%s activated" % prefix
