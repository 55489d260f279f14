"""What is printed and stored of a run: three stars in place of secrets, and no lone surrogate."""

import json
import re
from typing import Any

from pytest_tfdocker.text import encodable

_SECRET_LENGTH, _WORD_LENGTH = 8, 4
_NAMES = frozenset({"name", "killed_in", "killed", "processes"})
"""Keys of a record that hold names, of phases and of processes, which settings and texts go by."""
_BEFORE = (
    r"(\A|[\W_]|\\[abfnrtv]|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}|\x1b\[[0-9;]*m)"
)
"""What a word may stand behind: also what is written for one character, and a colour."""


class Mask:
    """Values taken from the environment by name, which are never printed nor stored."""

    def __init__(self, values: list[str]) -> None:
        """Long values are masked wherever they stand, those from four characters on as words.

        LOG_LEVEL=info would else take "information" apart. Shorter ones are no secret.
        """
        secret = [value for value in values if len(value) >= _WORD_LENGTH]
        within_json = [json.dumps(value)[1:-1] for value in secret]
        every = sorted({*secret, *within_json}, key=len, reverse=True)
        self._patterns = [_pattern(value) for value in every]

    def __call__(self, text: str) -> str:
        """The text with every such value as ***, and fit for UTF-8.

        A service's JSON may hold one half of a surrogate pair, which UTF-8 can't.
        """
        for pattern in self._patterns:
            text = pattern.sub(r"\1***", text)
        return encodable(text)

    def throughout(self, told: Any) -> Any:
        """A report of the probe with every text in it masked, but for names; all fit for UTF-8."""
        if isinstance(told, str):
            return self(told)
        if isinstance(told, list):
            return [self.throughout(one) for one in told]
        if isinstance(told, dict):
            return {
                key: encodable(value) if key in _NAMES else self.throughout(value)
                for key, value in told.items()
            }
        return told


def _pattern(value: str) -> re.Pattern[str]:
    """A value with what is kept before it; letters and digits of any kind make a word longer."""
    is_word = len(value) < _SECRET_LENGTH
    before = _BEFORE if is_word and value[0].isalnum() else "()"
    after = r"(?![^\W_])" if is_word and value[-1].isalnum() else ""
    return re.compile(f"{before}{re.escape(value)}{after}")
