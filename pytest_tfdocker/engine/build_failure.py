"""What a builder's complaint means: a base that can't be had, a file that is not sent."""

import re
from pathlib import Path

from pytest_tfdocker.dockerfile import parse
from pytest_tfdocker.engine.build_request import BuildRequest
from pytest_tfdocker.engine.errors import BuildFailedError
from pytest_tfdocker.text import bounded

_BASE = re.compile(r"^\[internal\] load metadata for (\S+)$|^\[\d+/\d+\] FROM (?:--\S+ )?(\S+)")
"""The steps of BuildKit and of the classic builder that fetch a base, and do nothing else."""
_FRONTEND = re.compile(r"^resolve image config for docker-image://(\S+)$")
_PARSE = re.compile(r"^dockerfile parse error (?:on )?line (\d+): (.+)$", re.DOTALL)
_NOT_SENT = re.compile(
    r'failed to calculate checksum of ref \S+: "/?(.+)": not found$'
    r"|file not found in build context or excluded by \.dockerignore: stat (.+?): "
)
_NOT_IN_STAGE = re.compile(
    r'failed to calculate checksum of ref \S+: "/?(.+)": not found$'
    r"|^lstat \S+?/buildkit-mount\d+/(.+): no such file"
    r"|COPY failed: stat (.+?): file does not exist$"
)
_NO_TARGET = re.compile(
    r'target stage "(.+?)" could not be found|failed to reach build target (\S+) in Dockerfile'
)
_FROM_FLAG = re.compile(r"--from=(\S+)")
_HUB = re.compile(r"^docker\.io/(library/)?")


def explained(error: BuildFailedError, request: BuildRequest) -> BuildFailedError:
    """The same failure with a cause that a user can act on, where the builder's words show one."""
    if found := _PARSE.search(error.headline):
        return BuildFailedError(found[2].strip(), error.log, error.step, int(found[1]))
    words = _of_step(error) or _of_headline(error.headline, request)
    return error if words is None else _with_cause(error, *words)


def _of_step(error: BuildFailedError) -> tuple[str, ...] | None:
    """The cause, and what to do about it, by what the step is there for."""
    step = error.step or ""
    if found := _BASE.search(step):
        return _no_base(_HUB.sub("", found[1] or found[2]))
    if found := _FRONTEND.search(step):
        return _no_frontend(_HUB.sub("", found[1]))
    stage, missing = _FROM_FLAG.search(step), _NOT_IN_STAGE.search(error.headline)
    return (f"{stage[1]} has no /{_first(missing)}",) if stage and missing else None


def _of_headline(headline: str, request: BuildRequest) -> tuple[str, ...] | None:
    """The cause, and what to do about it, by the builder's words."""
    if found := _NO_TARGET.search(headline):
        return _no_target(_first(found), request.dockerfile)
    if found := _NOT_SENT.search(headline):
        return _not_sent(_first(found), request)
    return None


def _first(found: re.Match[str]) -> str:
    return next(group for group in found.groups() if group)


def _with_cause(error: BuildFailedError, cause: str, *advice: str) -> BuildFailedError:
    details = (*error.details, error.headline, *advice)
    return BuildFailedError(cause, error.log, error.step, error.line, details=details)


def _no_base(name: str) -> tuple[str, str]:
    pull = "`docker pull` of it" if "$" in name else f"`docker pull {name}`"
    return (
        f"can't pull {name}",
        f"{pull} must work here: check the name, `docker login` for a private "
        "registry, and the network; or name a base that the engine has",
    )


def _no_frontend(name: str) -> tuple[str, str]:
    return (
        f"can't pull {name}",
        "a `# syntax=` line asks for it: without that line the builder's own frontend is taken",
    )


def _no_target(name: str, path: Path) -> tuple[str, str]:
    stages = parse(path.read_text("utf-8", "replace")).stages
    names = ", ".join(bounded([stage.name or str(stage.index) for stage in stages]))
    return (
        f"no stage is named {name}",
        f"`target` in [tool.tfdocker.build] asks for it; the stages are {names}",
    )


def _not_sent(name: str, request: BuildRequest) -> tuple[str, str]:
    cause, context = f"{name} isn't in the build context", request.context
    if not any(letter in name for letter in "*?[") and (context / name).exists():
        # BuildKit looks for one of this Dockerfile's own first
        own = request.dockerfile.with_name(f"{request.dockerfile.name}.dockerignore")
        ignoring = own.name if own.is_file() else ".dockerignore"
        return cause, f"it is in {context}, so a line of {ignoring} leaves it out"
    return cause, f"nor is it in {context}; `context` in [tool.tfdocker] names another folder"
