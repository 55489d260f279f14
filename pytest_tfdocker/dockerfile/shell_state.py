"""What a shell remembers from command to command: variables, environment, folder."""

import posixpath
from collections.abc import Mapping, Sequence

_ACTIVATES = frozenset({"conda", "mamba", "micromamba", ".", "source"})
"""Of conda's environments by name: `conda activate x`, `source activate x`."""


class ShellState:
    """Kept up to date by the commands that change it; a subshell gets a copy."""

    def __init__(self, variables: Mapping[str, str], folder: str) -> None:
        self.variables = dict(variables)
        self.exported = set(variables)
        self.folder = folder
        self._before: list[str] = []

    def copy(self) -> "ShellState":
        """One whose changes don't reach this one."""
        made = ShellState(self.variables, self.folder)
        made.exported = set(self.exported)
        return made

    def environment(self) -> dict[str, str]:
        """The variables that a command sees."""
        return {name: self.variables[name] for name in self.exported & self.variables.keys()}

    def assign(self, name: str, value: str | None, *, export: bool = False) -> None:
        """Sets a variable; None: its value isn't known from here on."""
        if export:
            self.exported.add(name)
        if value is None:
            self.variables.pop(name, None)
        else:
            self.variables[name] = value

    def follow(self, words: Sequence[str]) -> None:
        """Takes in what `cd`, `activate` and their like do."""
        name, last = words[0], words[-1]
        if name in {"cd", "pushd"} and len(words) > 1:
            self._enter(self._before[-1] if last == "-" and self._before else last)
        elif name == "unset":
            for word in words[1:]:
                self.assign(word, None)
        elif name == "popd" and self._before:
            self.folder = self._before.pop()
        elif "activate" in words[1:2] and name in _ACTIVATES:
            self.assign("CONDA_DEFAULT_ENV", (*words[2:], "base")[0], export=True)
        elif name in {".", "source"} and posixpath.basename(last) == "activate":
            self._activate(posixpath.dirname(posixpath.dirname(last)))

    def _enter(self, folder: str) -> None:
        self._before.append(self.folder)
        self.folder = posixpath.normpath(posixpath.join(self.folder, folder))

    def _activate(self, environment: str) -> None:
        whole = posixpath.normpath(posixpath.join(self.folder, environment))
        self.assign("VIRTUAL_ENV", whole, export=True)
        self.assign("PATH", f"{whole}/bin:{self.variables.get('PATH', '')}", export=True)
