"""One Compose file as data, with the line of every key."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from pytest_tfdocker.settings.interpolate import expand_compose
from pytest_tfdocker.settings.source import SettingsError, shown
from pytest_tfdocker.settings.toml_lines import Path as Keys
from pytest_tfdocker.settings.toml_lines import line_of

_MOST_NODES = 100_000  # aliases of aliases multiply: a hundred bytes can ask for gigabytes


class ComposeFile(msgspec.Struct, frozen=True, kw_only=True):
    """A Compose file, not yet interpolated."""

    path: Path
    name: str
    """As the settings name it."""
    data: dict[str, Any]
    lines: dict[Keys, int]

    @property
    def services(self) -> dict[str, Any]:
        """The services by name."""
        services = self.data.get("services")
        return services if isinstance(services, dict) else {}

    def line(self, keys: Keys) -> int:
        """The line of a key, else of the nearest one around it."""
        return line_of(self.lines, keys) or 1

    def where(self, keys: Keys) -> str:
        """What a problem starts with, "compose.yaml:9: services.app.cpus"."""
        return f"{shown(self.path)}:{self.line(keys)}: {dotted(keys)}"


def dotted(keys: Keys) -> str:
    """A key as people write it, "services.app.command[0]"."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.removeprefix(".")


def read_file(path: Path, name: str) -> ComposeFile:
    """The file's data and lines; raises SettingsError with file and line."""
    try:
        data, lines = _Reader(path.read_bytes().decode("utf-8")).read()
    except UnicodeDecodeError as error:
        raise SettingsError([f"{shown(path)}: not UTF-8 at byte {error.start}"]) from None
    except OSError as error:
        raise SettingsError([f"{shown(path)}: can't be read: {error.strerror}"]) from None
    except RecursionError:
        raise SettingsError([f"{shown(path)}: nested too deeply"]) from None
    except yaml.YAMLError as error:
        raise SettingsError([_syntax(error, path)]) from None
    if not isinstance(data, dict) or not isinstance(data.get("services"), dict):
        raise SettingsError([f"{shown(path)}: not a Compose file: it has no table 'services'"])
    return ComposeFile(path=path, name=name, data=data, lines=lines)


def read_variables(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables for interpolation: the environment's over those of the .env beside a file."""
    try:
        text = (path.parent / ".env").read_bytes().decode("utf-8", "replace")
    except OSError:
        return dict(environ)
    variables: dict[str, str] = {}
    for line in text.splitlines():
        match = re.fullmatch(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*", line)
        if match:
            variables[match[1]] = _dotenv_value(match[2], {**variables, **environ})
    return {**variables, **environ}


def _dotenv_value(text: str, variables: Mapping[str, str]) -> str:
    quoted = re.match(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"", text)
    if quoted and quoted[1] is not None:
        return quoted[1]
    value = quoted[2] if quoted else re.sub(r"(^|\s+)#.*", "", text)
    try:
        return expand_compose(value, variables, [])
    except ValueError:
        return value


class _Loader(yaml.SafeLoader):
    """YAML 1.2 as Compose reads it: 1.1's `on` is no bool there, and `33:33` no number."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own shape)


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)|0o?[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first
    )

_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("str", "bool", "int", "float", "null")}
_TABLES = {f"tag:yaml.org,2002:{name}" for name in ("map", "seq")}


class _Reader:
    """Walks the nodes, which know their lines; constructed objects don't."""

    def __init__(self, text: str) -> None:
        self._loader = _Loader(text)
        self._lines: dict[Keys, int] = {}
        self._left = _MOST_NODES
        self._checked: set[int] = set()

    def read(self) -> tuple[Any, dict[Keys, int]]:
        node = self._loader.get_single_node()
        return (self._value(node, ()) if node else None), self._lines

    def _value(self, node: yaml.Node, keys: Keys) -> Any:
        self._left -= 1
        if self._left < 0:
            raise _error("too many values", node)
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            return self._scalar(node)
        if isinstance(node, yaml.MappingNode) and node.tag in _TABLES:
            return self._mapping(node, keys)
        if isinstance(node, yaml.SequenceNode) and node.tag in _TABLES:
            return [self._item(item, (*keys, index)) for index, item in enumerate(node.value)]
        raise _error(f"can't read the tag {node.tag!r}", node)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            return self._loader.construct_object(node)
        except (ValueError, LookupError):
            raise _error(f"can't read {node.value!r}", node) from None

    def _item(self, node: yaml.Node, keys: Keys) -> Any:
        self._lines[keys] = node.start_mark.line + 1
        return self._value(node, keys)

    def _mapping(self, node: yaml.MappingNode, keys: Keys) -> dict[str, Any]:
        self._refuse_doubles(node)
        self._loader.flatten_mapping(node)
        values: dict[str, Any] = {}
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


def _error(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _syntax(error: yaml.YAMLError, path: Path) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = f"{shown(path)}:{mark.line + 1}" if mark else shown(path)
    reason = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"{place}: not valid YAML: {reason}"
