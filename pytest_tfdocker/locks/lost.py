"""Installs that no copy takes to the image for certain, and copies that may do so all the same."""

import posixpath
import re
from collections.abc import Iterable

from pytest_tfdocker.dockerfile.records import Dockerfile, Stage
from pytest_tfdocker.dockerfile.stages import surroundings
from pytest_tfdocker.locks.copied import CopiedFiles
from pytest_tfdocker.locks.places import Place
from pytest_tfdocker.locks.reach import Edge, Reach, Taken, below, taken

_SYSTEM = re.compile(r"/(usr|etc|var|lib|lib64|bin|sbin|boot|srv/www)(/.*)?")
_FILE = re.compile(r".*[^/.][^/]*\.[A-Za-z]\w{0,5}(\.\d+)*")
_OTHER = frozenset(
    """assets bin .cache checkpoints data dataset datasets fonts huggingface include licenses locale
    migrations model models nltk_data node_modules public sbin share static templates tokenizer
    tokenizers weights wheel wheelhouse wheels www""".split()  # noqa: SIM905
)
"""Folders that hold no installed distributions, whatever is in them."""
_OTHER_LAST = frozenset(
    """build config conf dist doc docs etc html libs out output release scripts src target
    tests""".split()  # noqa: SIM905
)
"""Folders that hold none themselves; an environment may stand in them."""

_ENVIRONMENT = re.compile(
    r"\.?(v?env|packages|deps|vendor|install|local|conda|python|site).*|.*env"
)
"""Names that tell of one although it stands among sources."""


class Lost:
    """Knows every install of the Dockerfile, before any is judged."""

    def __init__(self, dockerfile: Dockerfile, files: CopiedFiles, reach: Reach) -> None:
        self.dockerfile = dockerfile
        self.files = files
        self.reach = reach
        self.arrived: dict[int, set[Place]] = {}
        self.unread: set[int] = set()
        """Stages with an installer that isn't read: what is copied may be its work."""

    def fill(self, index: int, places: Iterable[Place]) -> None:
        """Remembers what a stage installs or builds, and every stage that gets it."""
        for at, place in self.reach.spread(index, places):
            self.arrived.setdefault(at, set()).add(place)

    def leave_unread(self, index: int) -> None:
        """Notes an installer that isn't read, for its stage and those that build on it."""
        self.unread |= {at for at, _ in self.reach.spread(index, [""])}

    def copy_of(self, index: int, places: Iterable[Place]) -> Edge | None:
        """The first copy that may hold what a stage installs, where none does for certain."""
        states = self.reach.spread(index, places)
        edges = [
            (edge, place)
            for at, place in sorted(states, key=lambda state: (state[0], state[1] or ""))
            for edge in self.reach.edges.get(at, [])
        ]
        return next((edge for edge, place in edges if self._may_hold(edge, place)), None)

    def _may_hold(self, edge: Edge, place: Place) -> bool:
        if edge.is_base:
            return False
        others = self.arrived.get(edge.origin, set())
        if any(taken(edge.source, one) is Taken.ALL for one in others):
            return False
        if taken(edge.source, place) is Taken.PART:
            return True
        known = any(one and below(one, edge.source) for one in others)
        return not known and edge.origin not in self.unread and not self._is_other(edge)

    def _is_other(self, edge: Edge) -> bool:
        """Whether a path clearly holds something else than an environment."""
        path, words = edge.source, edge.source.lower().split("/")
        named = _OTHER.intersection(words) or words[-1] in _OTHER_LAST
        if named or {"bin", "sbin"}.intersection(edge.target.split("/")):
            return True
        if _FILE.fullmatch(path) or _SYSTEM.fullmatch(path):
            return True
        stage = self.dockerfile.stages[edge.origin]
        return self.files.holds(path, stage) or self._is_source(path, stage)

    def _is_source(self, path: str, stage: Stage) -> bool:
        """Whether it is a working directory, or stands in one and isn't named for packages."""
        known = surroundings(self.dockerfile, stage, self.files.args)
        folders = {known.workdir}
        for instruction in stage.instructions:
            known.take(instruction)
            folders.add(known.workdir)
        inside = any(below(folder, path) for folder in folders - {"/"})
        return path in folders or (inside and not _ENVIRONMENT.fullmatch(posixpath.basename(path)))
