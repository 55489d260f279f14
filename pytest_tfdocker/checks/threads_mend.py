"""What holds the threads of a framework: a variable that it reads, else the service's code."""

from pytest_tfdocker.checks.wording import origin
from pytest_tfdocker.evidence.records import FrameworkThreads
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.text import one_line

IN_CODE = {
    "onnxruntime": "SessionOptions.intra_op_num_threads = {} where its sessions are made, or "
    "onnxruntime 1.29 or newer, which reads ORT_INTRA_OP_NUM_THREADS",
}
"""Framework → how its code holds them, where a build reads no variable."""


def is_held(one: FrameworkThreads) -> bool:
    """Whether a variable that it reads is set to a number of threads."""
    return any(_number(value) > 0 for value in one.given.values())


def why_so_many(one: FrameworkThreads) -> str:
    """The variable that made it so, or that is not set."""
    if not one.reads:
        return "it reads no variable"
    name = _variable(one)
    value = one.given.get(name)
    return f"{name} is not set" if value is None else f"{name}={one_line(value, 20)} is set"


def mending(image: Image, frameworks: list[FrameworkThreads], threads: int) -> list[str]:
    """Where to set which variables, a line a place."""
    names = dict.fromkeys(_variable(one) for one in frameworks)
    in_settings = {entry.partition("=")[0] for entry in image.settings.run.env}
    above = [name for name in names if name in in_settings]
    free = [name for name in names if name not in in_settings]
    lines = []
    if above:
        there = origin(image, "run.env")
        lines.append(f"set {_assigned(above, threads)} in {there}, where it is set now")
    if free:
        lines.append(f"in the Dockerfile: ENV {_assigned(free, threads)}; or {_elsewhere(image)}")
    return lines


def _elsewhere(image: Image) -> str:
    compose, kubernetes = image.settings.compose, image.settings.kubernetes
    if kubernetes:
        return f"`env:` in {kubernetes.partition('#')[0]}"
    if compose:
        names = [compose] if isinstance(compose, str) else compose
        return f"`environment:` in {' or '.join(names)}"
    return "run.env in the settings"


def in_code(frameworks: list[FrameworkThreads], threads: int) -> list[str]:
    """What to write where no variable holds them; this check can't see whether it is written."""
    return [
        f"{one.name}: {IN_CODE[one.name].format(threads)}"
        for one in frameworks
        if one.name in IN_CODE
    ]


def _assigned(names: list[str], threads: int) -> str:
    return " ".join(f"{name}={threads}" for name in names)


def _variable(one: FrameworkThreads) -> str:
    """The one that is set and wins; else the last, which most libraries share."""
    return next((name for name in one.reads if name in one.given), one.reads[-1])


def _number(value: str) -> int:
    """Of "4", and of OpenMP's "4,2", a number a level; 0 of other texts, which hold nothing."""
    first = value.partition(",")[0].strip()
    return int(first) if first.isdecimal() else 0
