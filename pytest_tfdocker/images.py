"""The images of a run: built or found, and all that is known of them without running a program."""

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.dockerfile import Dockerfile
from pytest_tfdocker.engine.build_plain import StepSeen
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.errors import EngineError, EngineUnavailableError
from pytest_tfdocker.engine.sweep import sweep
from pytest_tfdocker.evidence.archived import recall_archived
from pytest_tfdocker.evidence.base import base_of_layers, recall_base, with_base, with_lines
from pytest_tfdocker.evidence.download import recall_download
from pytest_tfdocker.evidence.download_of_file import download_of_file
from pytest_tfdocker.evidence.image import describe_image, image_config, layers_of, platform_of
from pytest_tfdocker.evidence.inventory import recall_inventory
from pytest_tfdocker.evidence.prepare import Prepared, Unprepared, prepare, read_dockerfile
from pytest_tfdocker.evidence.records import (
    Absent,
    Base,
    Download,
    ImageEvidence,
    Verified,
    Waste,
)
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.evidence.verified import recall_verified
from pytest_tfdocker.evidence.verified_of_file import verified_of_file
from pytest_tfdocker.evidence.waste import recall_waste
from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.locks.discover import read_declared
from pytest_tfdocker.settings.schema import Image, Settings

T = TypeVar("T")
OnStep = Callable[[StepSeen], None]


class NotThereError(Exception):
    """There is no image to judge; `cause` says why."""

    def __init__(self, cause: Unprepared) -> None:
        """The text is the cause's reason."""
        super().__init__(cause.reason)
        self.cause = cause


class Compared(msgspec.Struct, frozen=True):
    """Two images that a test has laid side by side."""

    image: str
    """The name of its settings, by which its parts are found."""
    than: str
    """The same of the other."""
    called: str
    """The other, as people call it: its name in the settings, else its reference."""


class Images:
    """Evidence by image and part, each once for all workers.

    Asks no engine before the first part is asked for.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        run_id: str,
        *,
        building: Callable[[], Any],
        doing: Callable[[str], Any],
    ) -> None:
        """`building` and `doing`: context managers that tell the user what goes on."""
        self.settings, self.store, self.run_id = settings, store, run_id
        self._building, self._doing = building, doing
        self._engine: Engine | EngineUnavailableError | None = None
        self._memory: dict[tuple[str, ...], Any] = {}

    def image(self, name: str) -> Image:
        """The settings of one image."""
        return next(image for image in self.settings.images if image.name == name)

    def declared(self, image: Image) -> Declared:
        """What the image's files declare. Asks no engine."""
        return self._remember(("declared", image.name), lambda: read_declared(image))

    def dockerfile(self, image: Image) -> Dockerfile | None:
        """The Dockerfile's lines; None where there is none that can be read."""

        def read() -> Dockerfile | None:
            with suppress(OSError, ValueError):
                return read_dockerfile(image)
            return None

        return self._remember(("dockerfile", image.name), read)

    def connect(self) -> Engine:
        """The engine. Raises EngineUnavailableError, without a second try in the same run."""
        if self._engine is None:
            try:
                self._engine = Engine.connect()
            except EngineUnavailableError as error:
                self._engine = error
            else:
                if self.store.claim("sweep"):
                    sweep(self._engine)
        if isinstance(self._engine, EngineUnavailableError):
            raise self._engine
        return self._engine

    def prepared(self, image: Image) -> Prepared:
        """The image, built or found once a run. Raises NotThereError."""

        def make() -> Prepared | Unprepared:
            if image.is_file:
                return self._in_file(image)
            with self._building() as on_step:
                return prepare(self.connect, self.settings.project, image, on_step)

        found = self._once(("prepared", image.name), Prepared | Unprepared, make)
        if isinstance(found, Unprepared):
            raise NotThereError(found)
        return found

    def evidence(self, image: Image) -> ImageEvidence:
        """All that is known without running the program. Raises NotThereError."""
        there = self.prepared(image)

        def make() -> ImageEvidence:
            if image.is_file:
                return self._archived(image)
            engine = self.connect()
            inspected = engine.inspect(there.id)
            inventory = recall_inventory(
                self.store,
                engine,
                there.id,
                image_config(inspected),
                run_id=self.run_id,
                platform=platform_of(inspected),
                python=image.settings.python,
                history=layers_of(engine, inspected),
                doing=self._doing,
            )
            evidence = describe_image(
                engine,
                image.name,
                there.reference,
                inspected=inspected,
                inventory=inventory,
                build=there.build,
            )
            return with_lines(evidence, image, self.dockerfile(image))

        return self._once(("evidence", image.name), ImageEvidence, make)

    def _in_file(self, image: Image) -> Prepared | Unprepared:
        """An image in a file is there where all of it can be read: whoever asks first does so."""
        try:
            found = self._once(
                ("evidence", image.name), ImageEvidence, lambda: self._archived(image)
            )
        except ArchiveError as error:
            return Unprepared(reason=str(error))
        return Prepared(reference=found.reference, id=found.id, platform=found.platform)

    def _archived(self, image: Image) -> ImageEvidence:
        found = recall_archived(self.store, image, self._doing)
        return with_lines(found, image, self.dockerfile(image))

    def based(self, image: Image) -> ImageEvidence:
        """The evidence with the inventory of its base."""
        evidence = self.evidence(image)
        if image.is_file:
            return with_base(evidence, base_of_layers(evidence, image, self.dockerfile(image)))

        def make() -> Base | Absent:
            dockerfile = self.dockerfile(image)
            return recall_base(
                self.store, self.connect(), evidence, image, dockerfile, run_id=self.run_id
            )

        return with_base(evidence, self._once(("base", image.name), Base | Absent, make))

    def waste(self, image: Image) -> Waste | Absent:
        """Which files a later layer hides. Reads all layers, once a run."""
        evidence = self.evidence(image)

        def make() -> Waste | Absent:
            return evidence.waste or recall_waste(
                self.store, self.connect(), evidence, doing=self._doing
            )

        return self._once(("waste", image.name), Waste | Absent, make)

    def other(self, image: Image, than: str) -> ImageEvidence:
        """What an image is compared with: another of the settings, by name, else by reference.

        The reports tell of it. Raises NotThereError, EngineError.
        """
        other = next((one for one in self.settings.images if one.name == than), None)
        if other is None or not self.several:
            # A name that no image of the settings can have
            other = msgspec.structs.replace(image, name=f"than {than}", given=than)
        self.store.add("compared", Compared, Compared(image.name, other.name, than))
        return self.evidence(other)

    def compared(self) -> list[Compared]:
        """What the tests of this run have laid side by side."""
        return self.store.every("compared", Compared)

    def download(self, image: Image) -> Download | Absent:
        """What a registry sends of the image, told or estimated."""
        evidence = self.evidence(image)

        def make() -> Download | Absent:
            if image.is_file:
                return download_of_file(self.store, image, evidence, self._doing)
            return recall_download(
                self.store,
                self.connect(),
                evidence,
                run_id=self.run_id,
                python=image.settings.python,
                doing=self._doing,
            )

        return self._once(("download", image.name), Download | Absent, make)

    def records(self, image: Image) -> Verified | Absent:
        """Installed files, compared with what was installed. Reads all of them, once a run."""
        evidence = self.evidence(image)

        def make() -> Verified | Absent:
            if image.is_file:
                return verified_of_file(self.store, image, evidence, self._doing)
            return recall_verified(
                self.store,
                self.connect(),
                evidence,
                run_id=self.run_id,
                python=image.settings.python,
                doing=self._doing,
            )

        return self._once(("records", image.name), Verified | Absent, make)

    def peek(self, key: tuple[str, ...], kind: Any) -> Any:
        """A part that some worker has gathered in this run; None if none has."""
        return self.store.read(" ".join(key), kind)

    def close(self) -> None:
        """Ends the connection."""
        if isinstance(self._engine, Engine):
            self._engine.close()
        self._engine = None

    def let_go(self) -> None:
        """Removes what this run has pulled, never an image that was there; and its own tags."""
        names = [image.name for image in self.settings.images]
        for name in dict.fromkeys([*names, *(one.than for one in self.compared())]):
            found = self.peek(("prepared", name), Prepared | Unprepared)
            if not isinstance(found, Prepared):
                continue
            pulled = found.reference if found.pulled and not self.settings.keep else None
            for tag in filter(None, (pulled, found.run_tag)):
                with suppress(EngineError):
                    self.connect().remove_image(tag)

    @cached_property
    def several(self) -> bool:
        """Whether ids need the image's name."""
        return len(self.settings.images) > 1

    def _remember(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        if key not in self._memory:
            self._memory[key] = make()
        found: T = self._memory[key]
        return found

    def _once(self, key: tuple[str, ...], kind: Any, make: Callable[[], T]) -> T:
        made: T = self._remember(key, lambda: self.store.once(" ".join(key), kind, make))
        return made
