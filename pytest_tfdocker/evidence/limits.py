"""The limits in force in a container of an image, started as production would."""

from pytest_tfdocker.evidence.held import held_limits, is_held
from pytest_tfdocker.evidence.records import Absent, Effective
from pytest_tfdocker.evidence.supervised import Supervised


def collect_limits(supervised: Supervised) -> Effective | Absent:
    """As the control group inside shows them."""
    if is_held(supervised):
        return held_limits(supervised)
    found = supervised.children([], wait=False)
    return found if isinstance(found, Absent) else found[0]
