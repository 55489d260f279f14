"""The probe's programs on the host, where the listing of an image's files stands for its disk."""

import builtins
from collections.abc import Mapping
from functools import cache
from types import CodeType, ModuleType
from typing import Any

from pytest_tfdocker import probe

PREFIX = "tfdocker_"
KEPT_FROM_THEM = ("open", "exec", "eval", "compile", "input", "print", "breakpoint")
"""They look at an image's files by `tree` alone; a slip would read the host's."""


class Loader:
    """Makes fresh modules of programs that import each other; `sys.modules` has none of them."""

    def __init__(self, **modules: object) -> None:
        """`modules`: stand in for the programs of these names."""
        self._modules: dict[str, Any] = {PREFIX + name: one for name, one in modules.items()}

    def load(self, name: str) -> Any:
        """The module; those that it imports are loaded before it."""
        module = ModuleType(PREFIX + name)
        allowed = {k: v for k, v in vars(builtins).items() if k not in KEPT_FROM_THEM}
        module.__dict__["__builtins__"] = {**allowed, "__import__": self._import}
        exec(_compiled(name), module.__dict__)  # noqa: S102 - our own text
        self._modules[module.__name__] = module
        return module

    def _import(
        self,
        name: str,
        namespace: Mapping[str, object] | None = None,
        local: Mapping[str, object] | None = None,
        fromlist: tuple[str, ...] | None = (),
        level: int = 0,
    ) -> Any:
        if name.startswith(PREFIX):
            return self._modules[name]
        return __import__(name, namespace, local, fromlist or (), level)


class Programs(Loader):
    """These programs, with `tree` in place of the one that asks the system.

    They remember what they have found, so each image needs its own.
    """

    def __init__(self, tree: object) -> None:
        """`tree`: has what probe/tree.py has."""
        super().__init__(tree=tree)
        self.environments = self.load("environments")
        self.shell = self.load("shell")
        self.resolve = self.load("resolve")
        self.distributions = self.load("distributions")
        self.rpm_data = self.load("rpm_data")


def load_sample() -> Any:
    """probe/sample.py, whose `take` reads what it is given, and no file."""
    loader = Loader()
    for name in probe.WALK:
        loader.load(name)
    return loader.load("sample")


def load_records(tree: object) -> Any:
    """probe/records.py, whose `verified` looks at files by `tree` and by what it is given."""
    loader = Loader(tree=tree)
    *others, last = probe.RECORDS[1:]
    for name in others:
        loader.load(name)
    return loader.load(last)


@cache
def _compiled(name: str) -> CodeType:
    return compile(probe.source(name), f"<{PREFIX}{name}>", "exec")
