"""The words of a command line: options apart from names, however they are written."""

from collections.abc import Mapping, Sequence

import msgspec

from pytest_tfdocker.dockerfile.shell import Arg


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a program's options are."""

    values: frozenset[str]
    """Those that take a value, in their long form where they have one."""
    short: Mapping[str, str] = {}
    """Letter → long form, of those that take a value."""
    same: Mapping[str, str] = {}
    """Another name → the one that they are kept under."""


class Sorted:
    """An action, names, and options."""

    def __init__(self) -> None:
        self.action = ""
        """The first word that is no option: "install"."""
        self.names: list[Arg] = []
        self.lists: dict[str, list[Arg]] = {}
        """Option → its values."""
        self.options: dict[str, str] = {}
        """Option → its last value; "" of one without."""

    def option(self, name: str, value: Arg) -> None:
        self.lists.setdefault(name, []).append(value)
        self.options[name] = value.text


def sort(args: Sequence[Arg], told: Options) -> Sorted:
    """`-r x`, `-rx`, `-qr x`, `--requirement=x` are one."""
    found, waiting = Sorted(), list(args)
    while waiting:
        arg = waiting.pop(0)
        name, inline = _option(arg, told)
        if name is None:
            if found.action:
                found.names.append(arg)
            else:
                found.action = arg.text
        elif inline is not None:
            found.option(told.same.get(name, name), Arg(inline, arg.offset, arg.unknown))
        elif name in told.values and waiting:
            found.option(told.same.get(name, name), waiting.pop(0))
        else:
            found.options[name] = ""
    return found


def _option(arg: Arg, told: Options) -> tuple[str | None, str | None]:
    """The option's long name and the value in the same word."""
    text = arg.text
    if text.startswith("--"):
        name, equals, value = text.partition("=")
        return name, value if equals else None
    if not text.startswith("-") or text == "-":
        return None, None
    for at, letter in enumerate(text[1:], 1):
        if letter in told.short:
            return told.short[letter], text[at + 1 :].removeprefix("=") or None
    return text, None
