"""A verdict with its level applied, as it travels on pytest's report."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pytest_tfdocker.checks.check import check_id
from pytest_tfdocker.checks.verdict import Verdict
from pytest_tfdocker.settings.schema import Level


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """One check of one image, as it ended: "passed", "failed", "skipped", "warned" or "error"."""

    image: str
    id: str
    outcome: str
    message: str
    measured: Any = None
    budget: Any = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, which xdist can send."""
        found: dict[str, Any] = msgspec.to_builtins(self, enc_hook=_number)
        return found

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Collected":
        """The other way."""
        return msgspec.convert(values, cls)


def _number(value: object) -> object:
    """ByteSize and Seconds as plain numbers."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    raise NotImplementedError(type(value))


def level_of(levels: Mapping[str, Level], name: str, parameter: str | None) -> Level:
    """The level of one check: by its whole id, else by its name, else "fail"."""
    return levels.get(check_id(name, parameter), levels.get(name, "fail"))


def outcome_at(verdict: Verdict, level: Level) -> str:
    """What the verdict comes to: `warn` softens a failure, `require` hardens a skip."""
    if verdict.outcome == "failed" and level == "warn":
        return "warned"
    if verdict.outcome == "skipped" and level == "require":
        return "failed"
    return verdict.outcome
