"""The run object, one a session: the images, and what is gathered by running their programs."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.frameworks import frameworks_with_threads, modules_to_import
from pytest_tfdocker.engine.build_plain import StepSeen
from pytest_tfdocker.evidence.gpu import collect_gpu
from pytest_tfdocker.evidence.imports import import_or_recall
from pytest_tfdocker.evidence.limits import collect_limits
from pytest_tfdocker.evidence.records import (
    Absent,
    Effective,
    Files,
    Gpu,
    ImageEvidence,
    Imports,
    Run,
    Threads,
)
from pytest_tfdocker.evidence.smoke import run_smoke, with_env
from pytest_tfdocker.evidence.supervised import Supervised
from pytest_tfdocker.evidence.threads import threads_or_recall
from pytest_tfdocker.images import Images
from pytest_tfdocker.settings import schema
from pytest_tfdocker.settings.schema import Image

T = TypeVar("T")
OnStep = Callable[[StepSeen], None]


class Session(Images):
    """The images, and what only their programs tell."""

    def __init__(self, *given: Any, **told: Any) -> None:
        """As `Images`."""
        super().__init__(*given, **told)
        self._awaited: set[str] = set()
        self._begun: dict[str, Future[Effective | Absent]] = {}

    def evidence(self, image: Image) -> ImageEvidence:
        """As of `Images`; then the limits that are waited for are asked for."""
        found = super().evidence(image)
        if image.name in self._awaited:
            self._awaited.discard(image.name)
            supervised = self._supervised(found, image, image.settings.run)
            self._begun[image.name] = self.connect().begin(lambda: collect_limits(supervised))
        return found

    def await_limits(self, image: Image) -> None:
        """Says that `effective` will be asked for: it is begun as soon as it can be.

        Its container starts while other checks judge.
        """
        if not image.is_file:
            self._awaited.add(image.name)

    def effective(self, image: Image) -> Effective | Absent:
        """The limits in force in a container started as production would."""

        def make() -> Effective | Absent:
            supervised = self.supervised(image)
            begun = self._begun.pop(image.name, None)
            return begun.result() if begun is not None else collect_limits(supervised)

        return self._once(("effective", image.name), Effective | Absent, make)

    def imports(self, image: Image) -> Imports | Absent:
        """Every module that the settings ask for, or that the image's frameworks bring."""

        def make() -> Imports | Absent:
            modules = modules_to_import(image, self.declared(image), self.evidence(image))
            return self.import_modules(image, modules)

        return self._once(("imports", image.name), Imports | Absent, make)

    def import_modules(self, image: Image, modules: list[str]) -> Imports | Absent:
        """These modules, for a test of the user's."""
        return self._once(
            ("import", image.name, *modules),
            Imports | Absent,
            lambda: import_or_recall(
                self.store,
                self.supervised(image),
                modules,
                float(image.settings.imports.timeout),
                measuring=self.measuring,
            ),
        )

    def gpu(self, image: Image) -> Gpu | Absent:
        """GPU visibility."""
        return self._once(
            ("gpu", image.name), Gpu | Absent, lambda: collect_gpu(self.supervised(image))
        )

    def threads(self, image: Image) -> Threads | Absent:
        """How many threads the image's frameworks start."""

        def make() -> Threads | Absent:
            return threads_or_recall(
                self.store,
                self.supervised(image),
                frameworks_with_threads(self.evidence(image)),
                float(image.settings.imports.timeout),
                measuring=self.measuring,
            )

        return self._once(("threads", image.name), Threads | Absent, make)

    def smoke(self, image: Image, name: str) -> Run | Absent:
        """The finished run of one smoke; peak-memory and duration share it."""
        smoke = next(one for one in image.settings.smoke if one.name == name)

        def make() -> Run | Absent:
            run = with_env(image.settings.run, smoke.env)
            supervised = self.supervised_as(image, run, cold=self._unread(image))
            with self.measuring(f"smoke {name}"):
                return run_smoke(supervised, image, smoke)

        return self._once(("smoke", image.name, name), Run | Absent, make)

    def _unread(self, image: Image) -> list[str]:
        """Under a limit weights are found unread, as on a machine that is new to the image.

        What another has read costs nothing, and a run that thrashes in production looks quick.
        """
        files = self.evidence(image).files
        is_limited = image.settings.run.memory is not None
        return files.weights if is_limited and isinstance(files, Files) else []

    def finished_smokes(self, image: Image) -> tuple[Run, ...]:
        """The smokes that this run has had so far, in the settings' order."""
        names = [smoke.name for smoke in image.settings.smoke]
        found = [self.peek(("smoke", image.name, name), Run | Absent) for name in names]
        return tuple(run for run in found if isinstance(run, Run))

    def once(self, key: tuple[str, ...], kind: Any, make: Callable[[], T]) -> T:
        """What `make` gives, made once a run by whichever worker is first; `peek` reads it."""
        return self._once(key, kind, make)

    def supervised(self, image: Image) -> Supervised:
        """Starts containers of this image as production would."""
        return self.supervised_as(image, image.settings.run)

    def supervised_as(
        self, image: Image, run: schema.Run, *, cold: Sequence[str] = ()
    ) -> Supervised:
        """Starts containers of this image with other settings; `cold` as of `Supervised`."""
        return self._supervised(self.evidence(image), image, run, cold)

    def _supervised(
        self, evidence: ImageEvidence, image: Image, run: schema.Run, cold: Sequence[str] = ()
    ) -> Supervised:
        return Supervised(
            self.connect(),
            evidence,
            run,
            run_id=self.run_id,
            keep=self.settings.keep,
            cold=cold,
            image=image,
        )

    def facts(self, image: Image, check: Check, parameter: str | None) -> Facts:
        """What one check needs. Raises NotThereError, EngineError."""
        needs = check.needs
        is_download = "download" in needs and parameter == "download"
        return Facts(
            image=image,
            declared=self.declared(image),
            evidence=self.based(image) if "base" in needs else self.evidence(image),
            imports=self.imports(image) if "imports" in needs else None,
            effective=self.effective(image) if "effective" in needs else None,
            gpu=self.gpu(image) if "gpu" in needs else None,
            threads=self.threads(image) if "threads" in needs else None,
            runs=self.finished_smokes(image) if "threads" in needs else (),
            run=self.smoke(image, parameter) if "run" in needs and parameter else None,
            download=self.download(image) if is_download else None,
            records=self.records(image) if "records" in needs else None,
        )

    @contextmanager
    def measuring(self, what: str) -> Iterator[None]:
        """The engine's one place for runs whose time and memory are measured; tells of this one."""
        waits = lambda: self._doing(f"wait for another measured run, then {what}")  # noqa: E731
        with self.turn(waits), self._doing(what):
            yield

    @contextmanager
    def turn(self, waits: Callable[[], AbstractContextManager[Any]]) -> Iterator[None]:
        """The engine's one place for a measured run; `waits` tells that another one has it."""
        engine_id = self.connect().info.get("ID") or self.connect().host
        name = "".join(c for c in str(engine_id) if c.isalnum())[:32]
        user = os.getuid() if hasattr(os, "getuid") else "user"
        lock = FileLock(Path(tempfile.gettempdir()) / f"tfdocker-{user}-{name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            with waits():
                lock.acquire()
        try:
            self.connect().settle()
            yield
        finally:
            lock.release()

    @contextmanager
    def telling(self, title: str) -> Iterator[Callable[[str, str], None]]:
        """Gives what takes a step's name and "started", then its name and how it ended.

        With "log" in their place it is a line beneath the step that goes on.
        """
        with self._building() as on_step:
            yield lambda name, state: on_step(
                StepSeen(name=name, state=state, line=name, part_of=title)
            )
