"""By what is kept for later runs that a start of the image has told."""

import msgspec

from pytest_tfdocker.evidence.supervised import Supervised


def started_key(what: str, supervised: Supervised, programs_hash: str) -> str:
    """What the outcome of a start hangs on: image, engine, interpreter, and how it was started."""
    settings = msgspec.json.encode([supervised.settings, supervised.env], enc_hook=_number)
    evidence = supervised.evidence
    return (
        f"{what} {evidence.id} {evidence.runs_on.id} {supervised.python} "
        f"{programs_hash} {settings.decode()}"
    )


def _number(value: object) -> object:
    """ByteSize and Seconds as JSON holds them."""
    return float(value) if isinstance(value, float) else int(str(value))
