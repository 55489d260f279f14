"""`hashes`: every pin carries a hash, and what was installed has not been changed since."""

import re
from collections.abc import Iterator, Sequence

import msgspec

from pytest_tfdocker.checks.artifacts import Artifacts
from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.dependency import (
    OS_INSTALLERS,
    VCS,
    DependencyProblem,
    Installed,
    absent_part,
    cannot_compare,
    listed,
    names_of,
    none_here,
    not_followed,
    shown,
    shown_distribution,
)
from pytest_tfdocker.checks.direct import direct_url
from pytest_tfdocker.checks.elsewhere import find_elsewhere
from pytest_tfdocker.checks.pinned import loose_seeds, why_loose
from pytest_tfdocker.checks.unfit import mend_unfit, why_unfit
from pytest_tfdocker.checks.verdict import Verdict, failed, skipped
from pytest_tfdocker.checks.wording import split
from pytest_tfdocker.evidence.records import Absent, Distribution, Verification, Verified
from pytest_tfdocker.locks.declared import Declared, Requirement
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.text import HEADLINE_WIDTH, bounded, printable, shorten

HASH_WIDTH = 20
STRONG = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}", re.IGNORECASE)
"""The hashes that pip takes (pip, "Secure installs"); an MD5 proves nothing, and no file has one
that is cut short."""
SHOWN_PATHS = 5


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution that is not what was installed, or not what was to be installed."""

    one: Distribution
    wanted: str
    found: str
    paths: tuple[str, ...] = ()


def plan(image: Image, _declared: Declared) -> list[str | None]:
    """One item, where the settings ask for it."""
    return [None] if image.settings.dependencies.hashes else []


def judge(facts: Facts, _parameter: str | None) -> Verdict:
    """Fails for pins without a hash, and for files that differ from their RECORD."""
    unable = cannot_compare(facts, "the image's environment")
    if unable is not None:
        return unable
    installed = Installed(facts.evidence)
    active = installed.active(facts.declared.requirements)
    if not active:
        return none_here(facts.declared)
    if find_elsewhere(active, installed) is not None:
        return skipped("wrong environment: `parity` tells where it is")
    return _judged(facts, installed, active)


def _judged(facts: Facts, installed: Installed, active: list[Requirement]) -> Verdict:
    pins, bare = _pins(active), _without(active, installed.artifacts)
    if not pins:
        return skipped("no exact pin is declared", *bounded(not_followed(facts.declared)))
    changed = list(_changed(facts, installed, active))
    total = len(names_of(pins))
    details = (
        *bounded([_row(one, installed.artifacts) for one in bare]),
        *bounded([line for one in changed for line in _changed_rows(one)]),
        *_notes(facts, installed),
        *_mend(bare, changed, installed.artifacts),
    )
    if bare or changed:
        headline = _headline(bare, changed, total)
        return failed(headline, *details, measured=len(bare) + len(changed), budget=0)
    if not isinstance(facts.records, Verified):
        reason = facts.records.reason if facts.records else "installed files were not compared"
        first, *others = split(reason)
        return skipped(first, f"{total} of {total} pins carry a hash", *others, *details)
    headline = f"{total} of {total} pins carry a hash"
    unseen = _unseen(facts, installed)
    if unseen is not None:
        return skipped(unseen, headline, *details)
    return Verdict(outcome="passed", headline=headline, details=details, measured=0, budget=0)


def problems(facts: Facts) -> list[DependencyProblem]:
    """Of kinds `unhashed` and `modified`; none where the settings don't ask for them."""
    asked = facts.image.settings.dependencies.hashes
    if not asked or facts.declared.nothing or absent_part(facts.evidence) is not None:
        return []
    installed = Installed(facts.evidence)
    active = installed.active(facts.declared.requirements)
    found = [
        DependencyProblem(
            kind="unhashed",
            name=one.name,
            wanted=shown(one),
            source=one.source.file,
            line=one.source.line,
        )
        for one in _without(active, installed.artifacts)
    ]
    return found + [
        DependencyProblem(
            kind="modified",
            name=one.one.name,
            wanted=one.wanted,
            found=one.found,
            source=one.one.path,
        )
        for one in _changed(facts, installed, active)
    ]


def _pins(active: Sequence[Requirement]) -> list[Requirement]:
    """Those that a hash may stand behind: a commit is a hash itself, a folder has none."""
    seeds = loose_seeds(active)
    return [
        one
        for one in active
        if one.name not in seeds and why_loose(one) is None and not _has_no_archive(one)
    ]


def _has_no_archive(one: Requirement) -> bool:
    url = one.url or ""
    return url.startswith(VCS) or (bool(url) and ("://" not in url or url.startswith("file:")))


def _without(active: Sequence[Requirement], artifacts: Artifacts) -> list[Requirement]:
    """A name that one line has a hash for has one, however many other lines name it.

    That of a wheel for another platform is none of what was installed.
    """
    pins = _pins(active)
    hashed = {one.name for one in pins if any(map(_is_strong, artifacts.hashes(one)))}
    return [one for one in pins if one.name not in hashed]


def _is_strong(text: str) -> bool:
    return bool(STRONG.fullmatch(text))


def _changed(
    facts: Facts, installed: Installed, active: Sequence[Requirement]
) -> Iterator[Changed]:
    yield from _other_archives(installed, active)
    for one, told in _verified(facts, installed):
        if told.changed:
            yield Changed(
                one=one,
                wanted="as recorded when it was installed",
                found=f"{told.changed} of {told.changed + told.same} files changed since",
                paths=tuple(told.paths),
            )


def _other_archives(installed: Installed, active: Sequence[Requirement]) -> Iterator[Changed]:
    """By direct_url.json: an archive of a URL, whose hash is another than the declared."""
    for requirement in active:
        found = installed.find(requirement) if requirement.url else None
        direct = direct_url(found) if found else None
        hashes = list(installed.artifacts.hashes(requirement))
        if found is None or direct is None or not hashes:
            continue
        theirs = {f"{name}:{digest}" for name, digest in direct.hashes.items()}
        same_kind = {one for one in hashes if one.split(":")[0] in direct.hashes}
        if same_kind and not theirs & same_kind:
            wanted, seen = min(same_kind), min(theirs)
            yield Changed(one=found, wanted=wanted, found=seen)


def _verified(facts: Facts, installed: Installed) -> Iterator[tuple[Distribution, Verification]]:
    """What is judged: neither the base image's, unless asked for, nor the OS's."""
    if not isinstance(facts.records, Verified):
        return
    for one in installed.every:
        told = facts.records.distributions.get(one.path)
        if told is not None and one.shadowed_by is None and not _left_out(one, facts, installed):
            yield one, told


def _unseen(facts: Facts, installed: Installed) -> str | None:
    """Why what was not compared may have been changed; None where all that is judged was."""
    told = [verification for _, verification in _verified(facts, installed)]
    count = sum(one.unread + one.late for one in told)
    if count:
        return f"{count} installed files could not be compared with their RECORD"
    bare = _without_record(facts, installed)
    return "no distribution has a RECORD to compare with" if bare and not told else None


def _without_record(facts: Facts, installed: Installed) -> list[Distribution]:
    known = facts.records.distributions if isinstance(facts.records, Verified) else {}
    return [
        one
        for one in installed.by_name.values()
        if one.path not in known and not _left_out(one, facts, installed)
    ]


def _left_out(one: Distribution, facts: Facts, installed: Installed) -> bool:
    of_base = facts.image.settings.dependencies.base == "allow" and installed.from_base(one)
    return of_base or one.installer in OS_INSTALLERS


def _headline(bare: Sequence[Requirement], changed: Sequence[Changed], total: int) -> str:
    parts, names = [], names_of(bare)
    if names:
        parts.append(f"{len(names)} of {total} pins {'has' if len(names) == 1 else 'have'} no hash")
    if changed:
        noun = "distribution" if len(changed) == 1 else "distributions"
        parts.append(f"{len(changed)} {noun} modified")
    told = [*names, *(shown_distribution(one.one) for one in changed)]
    return shorten(f"{', '.join(parts)}: {', '.join(told)}", HEADLINE_WIDTH)


def _row(one: Requirement, artifacts: Artifacts) -> str:
    misfit, hashes = artifacts.misfit(one), list(artifacts.hashes(one))
    why = f" ({_why_weak(hashes[0])})" if hashes else ""
    why = f" ({why_unfit(one, misfit)})" if misfit else why
    return f"{printable(one.source.file)}:{one.source.line} {shown(one)}{why}"


def _why_weak(text: str) -> str:
    name = printable(text.partition(":")[0])
    if name not in ("sha256", "sha384", "sha512"):
        return f"only {name}"
    return f"{shorten(printable(text), HASH_WIDTH)} is no {name.upper()}"


def _changed_rows(one: Changed) -> Iterator[str]:
    yield f"wanted {shown_distribution(one.one)} {printable(one.wanted)}"
    yield f"found  {printable(one.found)}, in {printable(one.one.location)}"
    yield from (f"       {printable(path)}" for path in one.paths[:SHOWN_PATHS])


def _notes(facts: Facts, installed: Installed) -> Iterator[str]:
    if isinstance(facts.records, Absent):
        yield f"not compared with their RECORD: {printable(split(facts.records.reason)[0])}"
    told = [verification for _, verification in _verified(facts, installed)]
    if told:
        same = sum(one.same for one in told)
        noun = "distribution" if len(told) == 1 else "distributions"
        yield f"compared with RECORD: {len(told)} {noun}, {same} files are as installed"
        bare = [shown_distribution(one) for one in _without_record(facts, installed)]
        if bare:
            yield f"not compared: {len(bare)} without a RECORD: {listed(bare)}"
    for count, why in (
        (sum(one.shared for one in told), "are those of another distribution that has them too"),
        (sum(one.gone for one in told), "are gone"),
        (sum(one.unread for one in told), "can't be read"),
        (sum(one.late for one in told), "were not compared: time was up"),
    ):
        if count:
            yield f"not judged: {count} files that RECORD lists {why}"
    of_base = sum(installed.from_base(one) for one in installed.every)
    if of_base and facts.image.settings.dependencies.base == "allow":
        yield f"not judged: {of_base} distributions that came with the base image"
    yield from bounded(not_followed(facts.declared))


def _mend(
    bare: Sequence[Requirement], changed: Sequence[Changed], artifacts: Artifacts
) -> Iterator[str]:
    for one in bare[:1]:
        misfit = artifacts.misfit(one)
        if misfit is not None:
            yield f"mend: {mend_unfit(one, misfit)}"
        elif one.inline:
            yield f"mend: declare {one.name} in a requirements file, with --hash"
        elif one.source.is_lock:
            yield "mend: lock again with a version of the tool that writes hashes"
        else:
            yield (
                "mend: write hashes into it, "
                "by pip-compile --generate-hashes or uv pip compile --generate-hashes"
            )
    for other in changed[:1]:
        name = printable(other.one.name)
        if other.paths:
            yield (
                f"mend: install {name} anew; what writes into site-packages afterwards "
                "(sed, strip, COPY) belongs into a build of its own"
            )
        else:
            yield f"mend: lock {name} again, or install the archive that was locked"


CHECK = Check(name="hashes", needs=("image", "base", "records"), plan=plan, judge=judge)
