"""A Dockerfile's lines: its stages, its instructions, what they build on and copy from."""

from pytest_tfdocker.dockerfile.buildkit import needs_buildkit
from pytest_tfdocker.dockerfile.entries import as_written
from pytest_tfdocker.dockerfile.history import commands, match_history
from pytest_tfdocker.dockerfile.parse import parse
from pytest_tfdocker.dockerfile.records import Dockerfile, Heredoc, Instruction, Stage
from pytest_tfdocker.dockerfile.stages import find_stage, resolve_base, sources, stage_chain

__all__ = [
    "Dockerfile",
    "Heredoc",
    "Instruction",
    "Stage",
    "as_written",
    "commands",
    "find_stage",
    "match_history",
    "needs_buildkit",
    "parse",
    "resolve_base",
    "sources",
    "stage_chain",
]
