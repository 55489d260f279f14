"""What is told of a requirement that nothing is declared of which fits the image."""

from collections.abc import Iterator, Sequence

from pytest_tfdocker.checks.artifacts import Misfit
from pytest_tfdocker.checks.dependency import Installed, satisfies, shown_distribution
from pytest_tfdocker.locks.declared import Requirement
from pytest_tfdocker.text import bounded, printable


def unfit_row(one: Requirement, misfit: Misfit | None) -> Iterator[str]:
    """Below what was wanted and what was found: why it can't be there."""
    if misfit is not None:
        yield f"       {why_unfit(one, misfit)}"


def why_unfit(one: Requirement, misfit: Misfit) -> str:
    """In a line, without the name."""
    if one.url:
        return f"its wheel does not fit {printable(f'{misfit.wanted}: {misfit.tags}')}"
    file = printable(one.source.file)
    return f"no wheel in {file} fits {printable(f'{misfit.wanted}: {misfit.tags}')}"


def unfit_notes(active: Sequence[Requirement], installed: Installed) -> list[str]:
    """Lines of what is there as declared, however it came: built elsewhere, or of another index."""
    return bounded(list(_unfit_notes(active, installed)))


def _unfit_notes(active: Sequence[Requirement], installed: Installed) -> Iterator[str]:
    for one in active:
        found = installed.find(one)
        if found is None or not satisfies(found.version, one.specifier):
            continue
        misfit = installed.artifacts.misfit(one)
        if misfit is not None:
            place = f"{printable(one.source.file)}:{one.source.line}"
            why = why_unfit(one, misfit)
            yield f"not judged: {shown_distribution(found)} is there, though {why} ({place})"


def mend_unfit(one: Requirement, misfit: Misfit) -> str:
    """What has the file hold one that fits."""
    wanted = printable(misfit.wanted)
    if one.url:
        place = f"{printable(one.source.file)}:{one.source.line}"
        return f"name the wheel for {wanted} at {place}, with a marker if there are several"
    name = one.source.file.rpartition("/")[2]
    if name == "uv.lock" and misfit.lacks:
        marker = f"sys_platform == 'linux' and platform_machine == '{misfit.lacks}'"
        return f'set tool.uv.required-environments = ["{marker}"] and lock again'
    if name.startswith("pylock."):
        return f"lock again for {wanted}: pip lock writes what fits where it runs"
    return f"lock {one.name} in a version, or from an index, that has a wheel for {wanted}"
