"""What a run looked up and could not reach, the host and the model; and if it ended by that."""

import re
from collections.abc import Sequence

from pytest_tfdocker.checks.endings import Ending
from pytest_tfdocker.evidence.records import Run
from pytest_tfdocker.text import one_line

_NO_NETWORK = re.compile(
    r"name resolution|Name or service not known|getaddrinfo failed|Network is unreachable"
    r"|Max retries exceeded|couldn't connect to|No address associated with hostname"
    r"|locate the file on the Hub|offline mode is enabled|[Cc]annot reach|No route to host"
    r"|nodename nor servname|dns error|Could not resolve host"
)
"""What libraries say of a host that they could not reach: glibc, urllib3, httpx, huggingface_hub,
transformers, hf-xet, curl."""

_HOST = r"(?P<host>[\w.-]+\.[a-z]{2,})"
_PATH = r"(?P<path>/[^\s'\"<>)\]]*)"
_NAME = r"(?P<model>[\w.-]+(?:/[\w.-]+)?)"
_POOL = re.compile(rf"ConnectionPool\(host='{_HOST}'.{{0,60}}?with url: {_PATH}", re.DOTALL)
_URL = re.compile(rf"https?://{_HOST}(?::\d+)?{_PATH}?")
_HUB_PATH = re.compile(rf"^/(?:api/(?:models|datasets)/)?{_NAME}/(?:resolve|tree|revision)/")
_MODEL = re.compile(rf"(?:Can't|Unable to|couldn't) load [\w ]{{0,60}}?(?:for|from) '{_NAME}'")
_HELP = ("/docs", "/models", "/install", "/settings")
"""Paths of the links in the hub's error texts, which nobody has asked for."""
HUB = "huggingface.co"


def with_look_ups(
    run: Run, ending: Ending, meaning: list[str], otherwise: Sequence[str] = ()
) -> list[str]:
    """What a run's end means: by its last error, by what it asked for in vain, or by neither.

    `meaning`: of its last error, `otherwise`: where that has none. A look-up that the run did not
    end by is only told beside it.
    """
    text = f"{run.stdout}\n{run.stderr}"
    host, what = _asked_at(ending.text, text) if _NO_NETWORK.search(text) else (None, "")
    if host is None:
        return [*(meaning or otherwise)]
    thing = f"{host} for {one_line(what, 80)}" if what else host
    told = f"asked {thing}, which this container's network does not reach"
    if not _is_of_it(ending.text):
        return [*(meaning or otherwise), f"before that it {told}"]
    lines = _mend(host, f"it {told}")
    return lines if _is_of_it(ending.last) else [*meaning, *lines]


def _is_of_it(text: str) -> bool:
    """Whether an error, that of a look-up in vain or of what it was for, is one of these."""
    return bool(_NO_NETWORK.search(text) or _MODEL.search(text))


def _asked_at(end: str, text: str) -> tuple[str | None, str]:
    """As `_asked_for`, at the end of a text; what is asked for may stand in what led there."""
    host, what = _asked_for(end)
    if host is not None and what:
        return host, what
    earlier = _asked_for(text)
    return earlier if host in (None, earlier[0]) else (host, what)


def _mend(host: str, told: str) -> list[str]:
    is_hub = host == HUB or host.endswith(f".{HUB}")
    if not is_hub:
        return [f"{told}: what it wants is not in the image"]
    return [
        f"{told}: the weights are not in the image",
        "download them while the image is built, load them by that path, and set "
        "HF_HUB_OFFLINE=1; or give the run a network (run.network)",
    ]


def _asked_for(text: str) -> tuple[str | None, str]:
    """The host, and the model or else the path; "" where that isn't told."""
    asked = [match for pattern in (_POOL, _URL) for match in pattern.finditer(text)]
    told = [(m["host"], m["path"] or "") for m in asked]
    wanted = [
        (host, path) for host, path in told if path and not (host == HUB and path.startswith(_HELP))
    ]
    for host, path in wanted:
        hub = _HUB_PATH.match(path)
        if hub:
            return host, hub["model"]
    model = _MODEL.search(text)
    if model and any(host == HUB for host, _ in told):
        return HUB, model["model"]
    if wanted:
        return wanted[0]
    return (told[0][0], "") if told else (None, "")
