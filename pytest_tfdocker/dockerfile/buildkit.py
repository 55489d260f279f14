"""What of a Dockerfile the classic builder does not know."""

from pytest_tfdocker.dockerfile.records import Dockerfile, Instruction

_FLAGS = {
    "RUN": ("mount", "network", "security", "device"),
    "COPY": ("link", "chmod", "parents", "exclude"),
    "ADD": ("link", "chmod", "checksum", "keep-git-dir", "unpack", "exclude"),
}


def needs_buildkit(dockerfile: Dockerfile) -> tuple[int, str] | None:
    """Line and reason of the first instruction that only BuildKit can build."""
    for instruction in dockerfile.instructions:
        reason = _reason(instruction)
        if reason:
            return instruction.line, reason
    return None


def _reason(instruction: Instruction) -> str | None:
    if instruction.heredocs:
        return f"{instruction.keyword} <<{instruction.heredocs[0].name}"
    for name, _ in instruction.flags:
        if name in _FLAGS.get(instruction.keyword, ()):
            return f"{instruction.keyword} --{name}"
    return None
