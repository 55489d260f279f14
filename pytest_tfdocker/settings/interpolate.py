"""${NAME} in text: one scanner, two grammars (the settings' own, and Compose's)."""

import re
from collections.abc import Callable, Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BRACED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:?[-?+])?(.*)", re.DOTALL)

_DEEPEST = 20  # far above need, far below the interpreter's stack

Resolve = Callable[[str, str, str], str]
"""(name, operator, operand, itself expanded) → text; raises ValueError."""


def expand(text: str, environ: Mapping[str, str]) -> str:
    """The text with ${NAME} and ${NAME:-default} replaced; $$ is a dollar sign, $NAME stays.

    Raises ValueError, naming the variable that isn't set, or what can't be read.
    """

    def resolve(name: str, operator: str, operand: str) -> str:
        if operator == ":-":
            return environ.get(name) or operand
        if operator or operand:
            raise ValueError(f"can't read '${{{name}{operator}{operand}}}'; {_GRAMMAR}")
        if name not in environ:
            raise ValueError(
                f"{name} isn't set in the environment; set it, or write ${{{name}:-default}}"
            )
        return environ[name]

    return _scan(text, resolve, bare_names=False)


def expand_compose(text: str, environ: Mapping[str, str], unset: list[str]) -> str:
    """The text as Compose interpolates it; names that aren't set are empty, and go to `unset`.

    Raises ValueError. Source: the Compose specification, "Interpolation".
    """

    def resolve(name: str, operator: str, operand: str) -> str:
        value = environ.get(name)
        there = bool(value) if operator.startswith(":") else value is not None
        if operator.endswith("-"):
            return value or "" if there else operand
        if operator.endswith("+"):
            return operand if there else ""
        if operator.endswith("?") and not there:
            raise ValueError(f"{name} isn't set: {operand or 'it is required'}")
        if operand and not operator:
            raise ValueError(f"can't read '${{{name}{operand}}}'")
        if not there and name not in unset:
            unset.append(name)
        return value or ""

    return _scan(text, resolve, bare_names=True)


_GRAMMAR = "write ${NAME} or ${NAME:-default}, and $$ for a dollar sign"


def _scan(text: str, resolve: Resolve, *, bare_names: bool) -> str:
    out: list[str] = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        out.append(text[at:dollar])
        after = text[dollar + 1 : dollar + 2]
        name = _NAME.match(text, dollar + 1) if bare_names else None
        if after == "$":
            out.append("$")
            at = dollar + 2
        elif after == "{":
            end = _closing(text, dollar)
            out.append(_braced(text[dollar + 2 : end], resolve, bare_names=bare_names))
            at = end + 1
        elif name:
            out.append(resolve(name[0], "", ""))
            at = name.end()
        elif bare_names:
            raise ValueError(f"can't read {text[dollar : dollar + 12]!r}; {_GRAMMAR}")
        else:
            out.append("$")
            at = dollar + 1
    return "".join(out) + text[at:]


def _braced(inner: str, resolve: Resolve, *, bare_names: bool) -> str:
    match = _BRACED.fullmatch(inner)
    if match is None:
        raise ValueError(f"can't read '${{{inner}}}'; {_GRAMMAR}")
    operand = _scan(match[3], resolve, bare_names=bare_names) if match[2] else match[3]
    return resolve(match[1], match[2] or "", operand)


def _closing(text: str, dollar: int) -> int:
    """The index of the brace that closes the one behind `dollar`."""
    depth = 0
    for at in range(dollar, len(text)):
        if text[at] == "{" and text[at - 1 : at] == "$":
            depth += 1
            if depth > _DEEPEST:
                raise ValueError("'${' is nested too deeply")
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
    raise ValueError(f"'${{' isn't closed in {text[dollar : dollar + 40]!r}")
