"""Each check as a function for users' own tests: the same judgement, the same text."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_tfdocker.arguments import by_of, bytes_of, check_image, other_of
from pytest_tfdocker.checks import (
    conflicts,
    gpu_visible,
    hashes,
    imports,
    limits,
    package_size,
    parity,
    peak_memory,
    pinned,
    size,
    smaller,
    threads,
)
from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.verdict import Verdict
from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.evidence.records import (
    Absent,
    Distributions,
    EngineFacts,
    ImageConfig,
    ImageEvidence,
    Interpreter,
    Run,
)
from pytest_tfdocker.images import NotThereError
from pytest_tfdocker.judged import JudgedImage
from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.locks.discover import read_declared
from pytest_tfdocker.settings import schema


def assert_image_size(
    image: JudgedImage,
    total: str | int | None = None,
    *,
    download: str | int | None = None,
    layer: str | int | None = None,
    wasted: str | int | None = None,
) -> None:
    """The image is within these budgets, each bytes or text with a unit: "3 GB"."""
    __tracebackhide__ = True
    check_image(image)
    given = {"total": total, "download": download, "layer": layer, "wasted": wasted}
    budgets: dict[str, Any] = {}
    for name, value in given.items():
        if value is not None:
            budgets[name] = bytes_of(name, value)
    if not budgets:
        raise TypeError("give a budget: total, download, layer or wasted")
    settings = _with(image.settings, size=schema.Size(**budgets))
    for name in budgets:
        _carry(_judge(image, size.CHECK, name, settings))


def assert_smaller(image: JudgedImage, than: JudgedImage | str, by: str | int) -> None:
    """The image is smaller than another by at least so much.

    `than`: another image, its name in [tool.tfdocker.images], or a tag, digest or id.
    `by`: bytes, text with a unit, "100 MB", or a share of the larger image, "30 %".
    """
    __tracebackhide__ = True
    check_image(image)
    least, name = by_of(by), other_of(than)
    try:
        evidence, other = image.evidence, image.session.other(image.settings, name)
    except (EngineError, NotThereError) as error:
        names = [one.name for one in image.session.settings.images]
        meant = f"{error}{_meant(name, names) if image.session.several else ''}"
        raise pytest.fail.Exception(meant, pytrace=False) from None
    _carry(smaller.judge(evidence, other, name, least))


def _meant(name: str, names: list[str]) -> str:
    """A line that tells of an image of the settings with a like name."""
    near = get_close_matches(name, names, n=1)
    return f"\ndid you mean {near[0]!r}, of [tool.tfdocker.images]?" if near else ""


def assert_package_size(image: JudgedImage, name: str, budget: str | int) -> None:
    """A distribution's files are within a budget: bytes, or text with a unit."""
    __tracebackhide__ = True
    check_image(image)
    settings = _with(image.settings, size=schema.Size(packages={name: bytes_of("budget", budget)}))
    parameter = package_size.CHECK.plan(settings, Declared())[0]
    _carry(_judge(image, package_size.CHECK, parameter, settings))


def assert_pinned(*files: str | Path, image: JudgedImage | None = None) -> None:
    """Every requirement of these files is an exact pin.

    With an image, its environment decides the markers, and the lines to write name its versions;
    without one, every line counts.
    """
    __tracebackhide__ = True
    if any(isinstance(file, JudgedImage) for file in files):
        raise TypeError("give the image as image=…, behind the files")
    if not files and image is None:
        raise TypeError("give a file of requirements, or an image")
    root = image.settings.root if image else Path.cwd()
    settings = _declaring(image.settings if image else _no_image(root), files)
    if image is not None:
        _carry(_judge(image, pinned.CHECK, None, settings))
        return
    _carry(pinned.CHECK.judge(_facts_of_text(settings), None))


def assert_dependency_parity(image: JudgedImage, *files: str | Path) -> None:
    """What these files declare is what is installed; without files, what the settings say."""
    __tracebackhide__ = True
    check_image(image)
    _carry(_judge(image, parity.CHECK, None, _declaring(image.settings, files)))


def assert_hashes(image: JudgedImage, *files: str | Path) -> None:
    """Every pin of these files carries a hash, and no installed file was changed since.

    Without files, what the settings say is declared.
    """
    __tracebackhide__ = True
    check_image(image)
    _carry(_judge(image, hashes.CHECK, None, _declaring(image.settings, files)))


def assert_no_conflicts(image: JudgedImage) -> None:
    """Every installed distribution's own requirements are met, and none stands twice."""
    __tracebackhide__ = True
    check_image(image)
    _carry(_judge(image, conflicts.CHECK, None, image.settings))


def assert_importable(image: JudgedImage, *modules: str) -> None:
    """Each module and its lazy core really import."""
    __tracebackhide__ = True
    check_image(image)
    if not modules:
        raise TypeError("give the modules to import")
    image.must_run()
    session = image.session
    settings = _with(image.settings, imports=schema.Imports(modules=list(modules)))
    try:
        found = session.import_modules(image.settings, list(modules))
        facts = Facts(
            image=settings,
            declared=session.declared(image.settings),
            evidence=image.evidence,
            imports=found,
        )
    except EngineError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    for module in modules:
        _carry(imports.CHECK.judge(facts, module))


def assert_gpu_visible(image: JudgedImage) -> None:
    """Each framework of the image sees the device and runs a kernel on it."""
    __tracebackhide__ = True
    check_image(image)
    image.must_run()
    settings = _with(image.settings, gpu=schema.Gpu(expect="required"))
    _carry(_judge(image, gpu_visible.CHECK, None, settings))


def assert_limits(image: JudgedImage) -> None:
    """The limits of [tool.tfdocker.run] are those in force inside."""
    __tracebackhide__ = True
    check_image(image)
    image.must_run()
    _carry(_judge(image, limits.CHECK, None, image.settings))


def assert_threads(image: JudgedImage) -> None:
    """Frameworks start no more threads than `cpus` of [tool.tfdocker.run] allows."""
    __tracebackhide__ = True
    check_image(image)
    if image.settings.settings.run.cpus is None:
        raise TypeError("no CPU limit is set: give `cpus` in [tool.tfdocker.run]")
    image.must_run()
    _carry(_judge(image, threads.CHECK, None, image.settings))


def assert_peak_memory(run: Run, budget: str | int | None = None) -> None:
    """The run ended well, and its working peak is within a budget, else within its limit."""
    __tracebackhide__ = True
    if not isinstance(run, Run):
        raise TypeError(f"give a run: of tfdocker_run, or a service's .run; found {run!r}")
    _carry(peak_memory.judge_run(run, None if budget is None else bytes_of("budget", budget)))


def _judge(
    image: JudgedImage, check: Check, parameter: str | None, settings: schema.Image
) -> Verdict:
    """The verdict on evidence of the run, with settings of the call's own."""
    session = image.session
    try:
        facts = session.facts(image.settings, check, parameter)
    except (EngineError, NotThereError) as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    declared = (
        session.declared(image.settings) if settings is image.settings else read_declared(settings)
    )
    return check.judge(msgspec.structs.replace(facts, image=settings, declared=declared), parameter)


def _carry(verdict: Verdict) -> None:
    __tracebackhide__ = True
    if verdict.outcome in ("failed", "error"):
        pytest.fail(verdict.text)  # with the user's own line: every frame here is hidden
    if verdict.outcome == "skipped":
        # Else pytest folds the skips of many tests into one line of this file
        raise pytest.skip.Exception(verdict.headline, _use_item_location=True)


def _with(image: schema.Image, **changes: Any) -> schema.Image:
    return msgspec.structs.replace(
        image, settings=msgspec.structs.replace(image.settings, **changes)
    )


def _declaring(image: schema.Image, files: tuple[str | Path, ...]) -> schema.Image:
    """With these files as what declares; without any, what the settings say."""
    __tracebackhide__ = True
    if not files:
        return image
    paths = [str(path) for path in files]
    for path in paths:
        if not (image.root / path).is_file():
            pytest.fail(f"no file {path} in {image.root}")
    declaring = _with(image, dependencies=schema.Dependencies(files=paths))
    declared = read_declared(declaring)
    if declared.nothing:
        pytest.fail(declared.reason)
    return declaring


def _no_image(root: Path) -> schema.Image:
    return schema.Image(name="default", root=root, settings=schema.ImageSettings())


def _facts_of_text(settings: schema.Image) -> Facts:
    """Facts for a judgement of files alone: an empty environment, in which every marker holds."""
    declared = read_declared(settings)
    unmarked = [msgspec.structs.replace(one, marker=None) for one in declared.requirements]
    absent = Absent(reason="no image was given")
    evidence = ImageEvidence(
        name=settings.name,
        reference="",
        id="",
        digests=[],
        platform="",
        engine=EngineFacts(
            name="",
            version="",
            id="",
            cgroup_version="",
            store="",
            remote=False,
            cpus=0,
            memory_bytes=0,
            gpu=False,
        ),
        config=ImageConfig(),
        layers=[],
        files=absent,
        interpreter=Interpreter(
            executable="", reason="", version="", platform="", environment={}, path=[]
        ),
        distributions=Distributions(installed=[]),
        base=absent,
    )
    return Facts(
        image=settings,
        declared=msgspec.structs.replace(declared, requirements=tuple(unmarked)),
        evidence=evidence,
    )
