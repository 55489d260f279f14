"""Lifelines are this process's alone: a child that a user's test forks would hold them open too."""

import os

_held: set[int] = set()


def hold(fd: int) -> None:
    """From now on a forked child has /dev/null in this descriptor's place."""
    _held.add(fd)


def let_go(fd: int) -> None:
    """To be called before the descriptor is closed, since its number will be another's."""
    _held.discard(fd)


def _in_child() -> None:
    if not _held:
        return
    null = os.open(os.devnull, os.O_RDWR)
    for fd in _held:
        os.dup2(null, fd, inheritable=False)
    os.close(null)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
