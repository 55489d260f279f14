"""What a requirements.txt declares, from its lines."""

from pytest_tfdocker.locks.declared import Declared, Source
from pytest_tfdocker.locks.lines import read_line


def asked(*lines, notes=()):
    """What a requirements.txt of these lines declares."""
    read = [read_line(line, Source("requirements.txt", at), {}) for at, line in enumerate(lines, 1)]
    return Declared(
        requirements=tuple(one for line in read for one in line.requirements),
        problems=tuple(line.problem for line in read if line.problem),
        sources=("requirements.txt",),
        reason="dependencies.files",
        notes=tuple(notes),
    )
