"""YAML as data, with the line of every key; the scalars are those of whoever will read the file."""

import re
from pathlib import Path

import yaml

from pytest_tfdocker.settings.source import SettingsError, shown
from pytest_tfdocker.settings.toml_lines import Path as Keys
from pytest_tfdocker.settings.units import shown_value

_MOST_NODES = 100_000  # aliases of aliases multiply: a hundred bytes can ask for gigabytes
_TOO_MANY = f"more than {_MOST_NODES:,} values in one document: split the file"

Lines = dict[Keys, int]


class Loader12(yaml.SafeLoader):
    """YAML 1.2 as Compose reads it: 1.1's `on` is no bool there, and `33:33` no number."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own shape)


class Loader11(yaml.SafeLoader):
    """YAML as Kubernetes reads it: `on`, `yes` and `y` are true, and `33:33` is text.

    Source: sigs.k8s.io/yaml, goyaml.v2/resolve.go.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012
    bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}  # noqa: RUF012


_INT = ("int", r"[-+]?(?:0|[1-9][0-9_]*)|0o?[0-7]+|0x[0-9a-fA-F]+", "-+0123456789")
_FLOAT = (
    "float",
    r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?",
    "-+.0123456789",
)
_NULL = ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""])
_MERGE = ("merge", r"<<", "<")
_BOOL_12 = ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF")
_BOOL_11 = (
    "bool",
    (r"true|True|TRUE|false|False|FALSE|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|y|Y|n|N"),
    "tTfFyYnNoO",
)
for _loader, _bool in ((Loader12, _BOOL_12), (Loader11, _BOOL_11)):
    for _tag, _pattern, _first in (_bool, _INT, _FLOAT, _NULL, _MERGE):
        _loader.add_implicit_resolver(
            f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first
        )

_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("str", "bool", "int", "float", "null")}
_TABLES = {f"tag:yaml.org,2002:{name}" for name in ("map", "seq")}
_MERGES = {"!reset", "!override"}
"""Tags by which one Compose file replaces, or takes back, what another one says."""


class Document:
    """One document: its values, and the line of every key, of lists' items too."""

    def __init__(self, data: object, lines: Lines, line: int, *, merges: bool) -> None:
        """`line`: where it begins; `merges`: whether it has Compose's tags for that."""
        self.data, self.lines, self.line, self.merges = data, lines, line, merges


def read_documents(
    path: Path, loader: type[yaml.SafeLoader], *, merges: bool = False
) -> list[Document]:
    """Every document of a file; raises SettingsError with file and line.

    `merges`: let Compose's tags for merging pass.
    """
    try:
        text = path.read_bytes().decode("utf-8")
        return _Reader(loader(text), merges=merges).read()
    except UnicodeDecodeError as error:
        raise SettingsError([f"{shown(path)}: not UTF-8 at byte {error.start}"]) from None
    except OSError as error:
        raise SettingsError([f"{shown(path)}: can't be read: {error.strerror}"]) from None
    except RecursionError:
        raise SettingsError([f"{shown(path)}: nested too deeply"]) from None
    except yaml.YAMLError as error:
        raise SettingsError([_syntax(error, path)]) from None


class _Reader:
    """Walks the nodes, which know their lines; constructed objects don't."""

    def __init__(self, loader: yaml.SafeLoader, *, merges: bool) -> None:
        self._loader = loader
        self._lines: Lines = {}
        self._left = 0
        self._checked: set[int] = set()
        self._merges = _MERGES if merges else set()
        self._has_merges = False

    def read(self) -> list[Document]:
        documents: list[Document] = []
        while self._loader.check_node():
            node = self._loader.get_node()
            if node is None:
                break
            self._lines, self._has_merges, self._left = {}, False, _MOST_NODES
            self._start = node.start_mark
            data, line = self._value(node, ()), self._start.line + 1
            documents.append(Document(data, self._lines, line, merges=self._has_merges))
        return documents

    def _value(self, node: yaml.Node, keys: Keys) -> object:
        self._left -= 1
        if self._left < 0:
            raise _TooManyError(problem=_TOO_MANY, problem_mark=self._start)
        merges = node.tag in self._merges
        self._has_merges |= merges
        if isinstance(node, yaml.ScalarNode) and (merges or node.tag in _SCALARS):
            return node.value if merges else self._scalar(node)
        if isinstance(node, yaml.MappingNode) and (merges or node.tag in _TABLES):
            return self._mapping(node, keys)
        if isinstance(node, yaml.SequenceNode) and (merges or node.tag in _TABLES):
            return [self._item(item, (*keys, index)) for index, item in enumerate(node.value)]
        raise _error(f"can't read the tag {node.tag!r}", node)

    def _scalar(self, node: yaml.ScalarNode) -> object:
        try:
            value = self._loader.construct_object(node)
            if isinstance(value, int):
                str(value)  # which Python refuses to write from 4,300 digits on, and 0x can give
        except (ValueError, LookupError):
            raise _error(f"can't read {shown_value(node.value)}", node) from None
        return value

    def _item(self, node: yaml.Node, keys: Keys) -> object:
        self._lines[keys] = node.start_mark.line + 1
        return self._value(node, keys)

    def _mapping(self, node: yaml.MappingNode, keys: Keys) -> dict[str, object]:
        self._refuse_doubles(node)
        self._loader.flatten_mapping(node)
        values: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            self._lines[*keys, key] = key_node.start_mark.line + 1
            values[key] = self._value(value_node, (*keys, key))
        return values

    def _refuse_doubles(self, node: yaml.MappingNode) -> None:
        # Behind an alias a mapping comes again, its merges already in it.
        if id(node) in self._checked:
            return
        self._checked.add(id(node))
        seen: set[str] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _error("a key must be text", key_node)
            if key_node.value in seen:
                raise _error(f"two keys are named {key_node.value!r}", key_node)
            seen.add(key_node.value)


class _TooManyError(yaml.MarkedYAMLError):
    """A document that is valid and larger than we read."""


def _error(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _syntax(error: yaml.YAMLError, path: Path) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = f"{shown(path)}:{mark.line + 1}" if mark else shown(path)
    reason = getattr(error, "problem", None) or str(error).splitlines()[0]
    wrong = "" if isinstance(error, _TooManyError) else "not valid YAML: "
    return f"{place}: {wrong}{reason}"


def dotted(keys: Keys) -> str:
    """A key as people write it, "services.app.command[0]"."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.removeprefix(".")
