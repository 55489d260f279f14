"""`gpu-visible`: each framework of the image sees the device and runs a kernel on it."""

from collections.abc import Sequence

from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.frameworks import gpu_libraries_not_asked
from pytest_tfdocker.checks.gpu_errors import meaning_of_gpu_error
from pytest_tfdocker.checks.verdict import Verdict, failed, passed, skipped
from pytest_tfdocker.checks.wording import origin, unknown
from pytest_tfdocker.evidence.records import Gpu, GpuFramework
from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.settings.units import format_memory
from pytest_tfdocker.text import HEADLINE_WIDTH, bounded, last_lines, one_line, shorten

NO_GPU = "the engine offers no GPU"


def plan(image: Image, _declared: Declared) -> list[str | None]:
    """One item, unless the image is declared to want no GPU."""
    return [] if image.settings.gpu.expect == "none" else [None]


def judge(facts: Facts, _parameter: str | None) -> Verdict:
    """What can't be seen is a skip where a GPU is optional, a failure where it is required."""
    required = facts.image.settings.gpu.expect == "required"
    if not facts.evidence.runs_on.gpu:
        return _no_gpu(facts, required=required)
    if not isinstance(facts.gpu, Gpu):
        return unknown(facts.gpu, "GPU visibility")
    return judge_gpu(
        facts.gpu, required=required, not_asked=gpu_libraries_not_asked(facts.evidence)
    )


def judge_gpu(gpu: Gpu, *, required: bool, not_asked: Sequence[str] = ()) -> Verdict:
    """CPU builds are judged only where a GPU is required; one that gave no answer always is.

    `not_asked` are distributions that may use a GPU and that nobody has asked for it.
    """
    built = [one for one in gpu.frameworks if one.cuda is not None]
    if not gpu.visible and (required or built):
        return _no_device(gpu)
    judged = [one for one in gpu.frameworks if required or one.cuda is not None or one.silent]
    if not judged:
        return _nothing_to_see(gpu, not_asked, required=required)
    blind = [one for one in judged if not (one.sees and one.kernel_ran)]
    return _blind(gpu, blind, judged) if blind else _seen(gpu, judged)


def _no_gpu(facts: Facts, *, required: bool) -> Verdict:
    if not required:
        return skipped(NO_GPU)
    return failed(
        f"{NO_GPU}, and one is required",
        f"gpu.expect is 'required' ({origin(facts.image, 'gpu.expect')})",
        "the engine names neither an NVIDIA runtime nor CDI devices: "
        "install nvidia-container-toolkit on its host",
    )


def _no_device(gpu: Gpu) -> Verdict:
    text = gpu.error or "no device was found"
    meaning = meaning_of_gpu_error(text, built_for=None, driver=gpu.driver)
    details = [one_line(text), *([meaning] if meaning else []), *_host(gpu), *_built(gpu)]
    return failed("0 devices seen in the container", *details, measured=0)


def _nothing_to_see(gpu: Gpu, not_asked: Sequence[str], *, required: bool) -> Verdict:
    if not_asked:
        verb = "is" if len(not_asked) == 1 else "are"
        reason = f"can't tell: {', '.join(not_asked)} {verb} not asked"
        why = "only torch, tensorflow and jax are asked: a smoke shows what others do"
        return skipped(shorten(reason, HEADLINE_WIDTH), why, *_host(gpu))
    if gpu.frameworks:
        names = ", ".join(f"{one.name} {one.version}" for one in gpu.frameworks)
        return skipped(shorten(f"only CPU builds: {names}", HEADLINE_WIDTH), *_host(gpu))
    reason = "no framework in the image that could see a GPU"
    return failed(reason, *_host(gpu)) if required else skipped(reason, *_host(gpu))


def _blind(gpu: Gpu, blind: list[GpuFramework], judged: list[GpuFramework]) -> Verdict:
    first = blind[0]
    headline = f"{len(blind)} of {len(judged)}: {first.name} {_trouble(first)}"
    details = [line for one in blind for line in _story(gpu, one)]
    measured = len(judged) - len(blind)
    headline = shorten(headline, HEADLINE_WIDTH)
    return failed(headline, *details, *_host(gpu), measured=measured, budget=len(judged))


def _trouble(framework: GpuFramework) -> str:
    if framework.silent:
        return f"gave no answer: {one_line(_how_it_ended(framework)[0])}"
    if framework.cuda is None:
        return "is a CPU build"
    return "runs no kernel on the GPU" if framework.sees else "sees no GPU"


def _how_it_ended(framework: GpuFramework) -> tuple[str, str]:
    """The first line of its error, and what it has written itself."""
    first, _, written = (framework.error or "no reason was told").partition("\n")
    return first, written


def _story(gpu: Gpu, framework: GpuFramework) -> list[str]:
    text = framework.error or ("" if framework.cuda else "not compiled with CUDA")
    if framework.silent:
        told = [_build(framework), *_indented(last_lines(_how_it_ended(framework)[1], 5))]
    else:
        error = [one_line(framework.error, 160)] if framework.error else []
        told = [f"{_build(framework)}: {_trouble(framework)}", *_indented(error)]
    meaning = meaning_of_gpu_error(text, built_for=framework.cuda, driver=gpu.driver)
    return [*told, *_indented([meaning] if meaning else [])]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _seen(gpu: Gpu, judged: list[GpuFramework]) -> Verdict:
    names = ", ".join(one.name for one in judged)
    device = gpu.devices[0].name if gpu.devices else "the GPU"
    headline = shorten(f"{names} on {one_line(device)}", HEADLINE_WIDTH)
    return passed(headline, measured=len(judged), budget=len(judged))


def _build(framework: GpuFramework) -> str:
    if framework.silent:
        return f"{framework.name} {_trouble(framework)}"
    cuda = f"CUDA {framework.cuda}" if framework.cuda else "CPU"
    architectures = ", ".join(framework.architectures)
    code = f", code for {architectures}" if architectures else ""
    return f"{framework.name} {framework.version} ({cuda}{code})"


def _built(gpu: Gpu) -> list[str]:
    return [_build(framework) for framework in gpu.frameworks]


def _host(gpu: Gpu) -> list[str]:
    devices = bounded(
        f"{one_line(device.name)}, capability {device.capability}, "
        f"{format_memory(device.memory_bytes)}"
        for device in gpu.devices
    )
    return [*devices, *([f"driver {gpu.driver}"] if gpu.driver else [])]


CHECK = Check(name="gpu-visible", needs=("image", "gpu"), plan=plan, judge=judge)
