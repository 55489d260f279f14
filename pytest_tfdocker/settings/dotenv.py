"""Files of NAME=value, as Compose has them: the `.env` beside a file, and those of `env_file`."""

import errno
import re
from collections.abc import Mapping
from pathlib import Path

from pytest_tfdocker.settings.interpolate import expand_compose

_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][\w.-]*)[ \t]*
    (?P<set>[=:][ \t]*(?:'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<plain>[^\r\n]*)))?
    [^\r\n]*\r?$""",
    re.MULTILINE | re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read_dotenv(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Name → value; a bare name has that of the environment. Raises OSError, as reading does.

    Quoted values may have several lines; but for single quotes `${NAME}` is replaced, by what the
    environment says before what the file has said.
    """
    try:
        data = path.read_bytes()
    except ValueError as error:  # a null byte in the name
        raise OSError(errno.EINVAL, str(error)) from None
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    found: dict[str, str] = {}
    for match in _LINE.finditer(text):
        name = match["name"]
        if match["set"] is not None:
            found[name] = _value(match, {**found, **environ})
        elif name in environ and match[0].split() in ([name], ["export", name]):
            found[name] = environ[name]
    return found


def read_variables(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables for interpolation: the environment's over those of the `.env` in a folder."""
    try:
        return {**read_dotenv(folder / ".env", environ), **environ}
    except OSError:
        return {**environ}


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    if match["single"] is not None:
        return match["single"]
    value = match["double"]
    if value is None:
        value = re.sub(r"(^|\s+)#.*", "", match["plain"]).strip()
    else:
        value = re.sub(r"\\([^$])", lambda one: _ESCAPES.get(one[1], one[1]), value)
        value = value.replace(r"\$", "$$")
    try:
        return expand_compose(value, variables, [])
    except ValueError:
        return value
