"""`import[MODULE]` and `import[undeclared]`: modules and their lazy cores really import."""

import re

from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.frameworks import (
    UNDECLARED,
    declared_frameworks,
    installed_frameworks,
    left_out_by,
    requirements_of,
    undeclared_frameworks,
)
from pytest_tfdocker.checks.import_errors import hides_an_error, meaning_of
from pytest_tfdocker.checks.user_errors import user_meaning
from pytest_tfdocker.checks.verdict import Verdict, error, failed, passed, skipped
from pytest_tfdocker.checks.wording import origin, unknown
from pytest_tfdocker.evidence.records import Absent, Import, Imports, Interpreter
from pytest_tfdocker.evidence.started import started_as
from pytest_tfdocker.locks.declared import Declared, Requirement
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.settings.units import format_memory, format_seconds
from pytest_tfdocker.text import HEADLINE_WIDTH, bounded, last_lines, one_line, shorten

_MODULE_OF_TYPE = re.compile(r"^(?:\w+\.)+(?=[A-Z]\w*:)")
"""The headline has no room for it; "in full" below has."""
_FRAME = re.compile(r"Traceback |During handling of|The above exception")


def plan(image: Image, declared: Declared) -> list[str | None]:
    """The modules set; else the frameworks declared, and one item for those that are not."""
    modules = image.settings.imports.modules
    if modules is not None:
        return list(dict.fromkeys(modules))
    return [*declared_frameworks(declared), UNDECLARED]


def judge(facts: Facts, parameter: str | None) -> Verdict:
    """One module, or every framework that is installed but declared nowhere."""
    if parameter == UNDECLARED and facts.image.settings.imports.modules is None:
        return _judge_undeclared(facts)
    return judge_module(facts, parameter or "")


def judge_module(facts: Facts, module: str) -> Verdict:
    """Whether one module imports, with no error hidden in a warning."""
    left_out = left_out_by(module, facts.declared, facts.evidence)
    if left_out and facts.image.settings.imports.modules is None:
        return skipped("its marker leaves it out of this image", _declared_at(left_out))
    if not isinstance(facts.imports, Imports):
        return unknown(facts.imports, "what imports")
    tried = facts.imports.modules.get(module)
    if tried is None:
        return error(f"{shorten(module, 40)} was not tried")
    return _judge_import(facts, tried)


def _judge_import(facts: Facts, tried: Import) -> Verdict:
    if tried.oom_killed:
        return _out_of_memory(facts, tried)
    if not tried.ok:
        return _broken(facts, tried)
    hidden = [warning for warning in tried.warnings if hides_an_error(warning)]
    if hidden:
        return _hidden(facts, tried, hidden)
    return passed(_figures(tried), measured=tried.seconds)


def _broken(facts: Facts, tried: Import) -> Verdict:
    text = tried.error or "the process ended before the import did"
    headline = shorten(_message(text), HEADLINE_WIDTH)
    started = started_as(facts.image.settings.run, facts.evidence.config, facts.image.origins)
    meaning = user_meaning(text, started) or meaning_of(text)
    shown = [] if one_line(text) == headline else ["in full:", *_indented(last_lines(text, 20))]
    return failed(
        headline,
        *([meaning] if meaning else []),
        *_context(facts, tried),
        *shown,
        measured=tried.seconds,
    )


def _message(text: str) -> str:
    """The error from its type on, on one line, whether or not a traceback stands before it."""
    lines = text.split("\n")
    starts = (i for i, line in enumerate(lines) if line[:1].strip() and not _FRAME.match(line))
    return _MODULE_OF_TYPE.sub("", one_line("\n".join(lines[next(starts, 0) :])))


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _out_of_memory(facts: Facts, tried: Import) -> Verdict:
    limit = tried.memory_limit_bytes
    under = "" if limit is None else f" under {format_memory(limit)}"
    more_than = "what there is" if limit is None else format_memory(limit)
    killed = "a child was killed" if tried.ok else "killed by SIGKILL"
    return failed(
        f"out of memory{under}, {killed}",
        f"importing {tried.name} takes more than {more_than}, before any model is loaded",
        f"imports are judged under the limits of run.memory ({origin(facts.image, 'run.memory')}), "
        "as production has them: raise it there",
        *_context(facts, tried),
    )


def _hidden(facts: Facts, tried: Import, hidden: list[str]) -> Verdict:
    meaning = meaning_of(hidden[0])
    return failed(
        shorten(f"imports, but warns: {one_line(hidden[0])}", HEADLINE_WIDTH),
        *([meaning] if meaning else []),
        *_context(facts, tried),
        "in full:",
        *_indented([line for warning in hidden[:3] for line in last_lines(warning, 5)]),
        measured=tried.seconds,
    )


def _judge_undeclared(facts: Facts) -> Verdict:
    if isinstance(facts.evidence.distributions, Absent):
        return unknown(facts.evidence.distributions, "what is installed")
    if not installed_frameworks(facts.evidence):
        return skipped("no ML framework is installed")
    modules = undeclared_frameworks(facts.declared, facts.evidence)
    judged = [(module, judge_module(facts, module)) for module in modules]
    for outcome in ("failed", "error"):
        bad = [(module, verdict) for module, verdict in judged if verdict.outcome == outcome]
        if bad:
            return _told(bad, len(judged))
    return passed(
        f"{len(judged)} installed without being declared: {', '.join(modules)}"
        if judged
        else "no framework is installed that isn't declared",
        measured=len(judged),
    )


def _told(bad: list[tuple[str, Verdict]], tried: int) -> Verdict:
    outcome = bad[0][1].outcome
    headline = f"{len(bad)} of {tried}: {bad[0][0]}: {bad[0][1].headline}"
    lines = [
        line
        for module, verdict in bad
        for line in (f"{module}: {verdict.headline}", *_indented(list(verdict.details)))
    ]
    details = (*lines, "installed, though no requirement names it")
    return Verdict(outcome=outcome, headline=shorten(headline, HEADLINE_WIDTH), details=details)


def _context(facts: Facts, tried: Import) -> list[str]:
    lines = bounded(map(_declared_at, requirements_of(tried.name, facts.declared)), 3)
    interpreter = facts.evidence.interpreter
    if isinstance(interpreter, Interpreter):
        reason = one_line(interpreter.reason)
        lines.append(f"on {interpreter.executable} {interpreter.version} ({reason})")
    return lines


def _declared_at(requirement: Requirement) -> str:
    marker = f"; {requirement.marker}" if requirement.marker else ""
    text = f"{requirement.name}{requirement.specifier}{marker}"
    return f"declared: {one_line(text, 80)} at {requirement.source}"


def _figures(tried: Import) -> str:
    memory = "" if tried.rss_bytes is None else f", {format_memory(tried.rss_bytes)} resident"
    return f"{format_seconds(tried.seconds)}{memory}"


CHECK = Check(name="import", needs=("image", "imports"), plan=plan, judge=judge)
