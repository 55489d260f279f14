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


class Programs:
    """Fresh modules of these programs, with `tree` in place of the one that asks the system.

    They remember what they have found, so each image needs its own. `sys.modules` has none of them.
    """

    def __init__(self, tree: object) -> None:
        """`tree`: has what probe/tree.py has."""
        self._modules: dict[str, Any] = {f"{PREFIX}tree": tree}
        self.environments = self._load("environments")
        self.shell = self._load("shell")
        self.resolve = self._load("resolve")
        self.distributions = self._load("distributions")
        self.rpm_data = self._load("rpm_data")

    def _load(self, name: str) -> Any:
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


@cache
def _compiled(name: str) -> CodeType:
    return compile(probe.source(name), f"<{PREFIX}{name}>", "exec")
